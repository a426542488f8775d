"""What every command needs: the home, its state, the providers; and faults as one line that says what to do."""

from __future__ import annotations

import asyncio
import functools
import json
import re
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from addons.config.home import Home
from addons.config.settings import Settings
from addons.config.store import ConfigError, ConfigStore
from addons.plugins.host import PluginHost
from addons.pool.standing_store import StandingStore
from addons.providers.registry import Registry, UnknownProviderError, built_in
from addons.vault.cipher import VaultError
from addons.vault.store import DuplicateError, NotFoundError, StateStore

USAGE_ERROR = 2
WIDE = 240  # columns, where the output is no terminal
PLUGIN_SECONDS = 5.0  # for executable plugins to end


_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}")


def fit_name(_: click.Context, parameter: click.Parameter, value: str) -> str:
    """Callback of parameters that name a new thing: fit for command lines, tables and TOML keys alike."""
    if _NAME.fullmatch(value):
        return value
    raise click.BadParameter("a name has up to 64 letters, digits and . _ @ -, and begins with a letter, digit or _")


class Context:
    """Opened lazily: `--help` touches no file."""

    def __init__(self) -> None:
        self.home = Home.find()
        self._plugins: PluginHost | None = None

    @functools.cached_property
    def state(self) -> StateStore:
        self.home.ensure()
        return StateStore(self.home.state, self.home.vault_key)

    @functools.cached_property
    def standings(self) -> StandingStore:
        self.home.ensure()
        return StandingStore(self.home.state)

    @functools.cached_property
    def providers(self) -> Registry:
        registry = built_in()
        registry.add_custom(lambda: self.settings().providers)
        self._plugins = PluginHost(self.home.plugins, registry)
        self._plugins.load()  # what is wrong with one: `plugins list`
        return registry

    def run[T](self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it in an event loop of its own; executable plugins that were started for it end with it."""

        async def whole() -> T:
            try:
                return await work()
            finally:
                if self._plugins is not None:
                    await self._plugins.close(PLUGIN_SECONDS)

        return asyncio.run(whole())

    def settings(self) -> Settings:
        return ConfigStore(self.home.config).load()


pass_context = click.make_pass_decorator(Context, ensure=True)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")


def fail(message: str, code: int = 1) -> NoReturn:
    """End with one line on standard error."""
    click.echo(f"proxycast: {message}", err=True)
    sys.exit(code)


def check_profile(context: Context, profile: str | None) -> None:
    """End with a line where a key is to be pinned to a profile that is not there."""
    if profile is None:
        return
    try:
        context.settings().profile(profile)
    except KeyError:
        fail(f"there is no profile {profile!r}: `proxycast profiles add {profile} --use CREDENTIAL` makes one")


def guarded[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    """Turn the faults a user can mend into one line and a non-zero exit."""

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (ConfigError, VaultError, DuplicateError, NotFoundError, UnknownProviderError) as error:
            fail(str(error.args[0] if error.args else error))
        except BrokenPipeError:
            raise  # click ends quietly: nobody reads any more
        except (OSError, sqlite3.Error) as error:
            fail(f"cannot use {Home.find().path}: {error}")

    return wrapper


def show(rows: list[dict[str, Any]], *, as_json: bool, empty: str, spare: Sequence[str] = ()) -> None:
    """Rows as a table, or as JSON. `empty` is said when there are none. `spare` names the columns that a narrow
    terminal does without, the first one first."""
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        click.echo(empty, err=True)
        return
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    cells = [{column: _harmless(_cell(value)) for column, value in row.items()} for row in rows]
    columns = list(rows[0])
    for column in spare if sys.stdout.isatty() else ():
        if _width(columns, cells) > console.width:
            columns.remove(column)
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in cells:
        table.add_row(*(Text(row[column]) for column in columns))  # Text: what is in them is no markup
    console.print(table)


def _width(columns: list[str], cells: list[dict[str, str]]) -> int:
    """What the table takes up if nothing is folded."""
    widths = [max(map(cell_len, [column, *(row[column] for row in cells)])) for column in columns]
    return sum(widths) + 2 * (len(widths) - 1)


def _cell(value: Any) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value))
        case dict():
            return ", ".join(f"{key}={item}" for key, item in value.items())
        case _:
            return str(value)


def _harmless(text: str) -> str:
    """What a service said of an error may hold anything, also what a terminal obeys."""
    return "".join(char if char.isprintable() else " " for char in text)
