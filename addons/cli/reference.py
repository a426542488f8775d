"""Writes docs/cli.md and docs/configuration.md from the commands and the settings themselves: `scripts/docs`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from addons.cli.main import main as root
from addons.config import sample

DOCS = Path(__file__).resolve().parents[2] / "docs"

_CLI_HEAD = """\
# The `proxycast` command

This page is written by `scripts/docs` from the command itself.

Everything is kept in `PROXYCAST_HOME` (default `~/.proxycast`). The commands work whether or not the gateway runs, and
a running gateway follows every change at once. `--json` prints what a script would read. Exit status: 0 when all went
well, 1 when it did not (one line on standard error says why and what to do), 2 for a wrong use of the command. Secrets
are read from standard input, never from the command line.
"""

_CONFIGURATION_HEAD = """\
# Configuration

This page is written by `scripts/docs` from `addons/config/settings.py`.

`PROXYCAST_HOME/config.toml` holds everything that is not secret. The first `scripts/run` writes it with all settings
commented out. Edit it by hand or with the command: comments and order stay. A running gateway reads it again when it
changes, but for what is marked "read at start"; a broken edit keeps the settings before, and `proxycast run`,
`proxycast doctor` and `/health` say what is wrong. Unknown names are refused, so that a typing error is noticed. Times
are in seconds, sizes in bytes.

Beside it: `state.db` (credentials, encrypted; client keys, hashed), `audit.db`. The folder is 0700, the files 0600. The
key that opens the credentials is in the system keyring where there is one when the first secret is added (entry
`proxycast`), else in `vault.key` beside `state.db`: back it up with it, or use `proxycast export`, which needs neither
to be restored. `proxycast doctor` says where it is. The choice is kept in `state.db`.

| environment variable | meaning |
|---|---|
| `PROXYCAST_HOME` | where all this is kept, instead of `~/.proxycast` |
| `PROXYCAST_KEY` | a client key with which `proxycast doctor` sends a request |
| `PROXYCAST_GITHUB_API` | a server of GitHub's API that `proxycast plugins` asks, instead of `https://api.github.com` |
| `PYTHON_KEYRING_BACKEND` | `keyring.backends.null.Keyring` uses no system keyring |
"""


def cli() -> str:
    """docs/cli.md."""
    return "\n".join([_CLI_HEAD, *_command(root, "proxycast")])


def configuration() -> str:
    """docs/configuration.md."""
    parts = [_CONFIGURATION_HEAD]
    for table in [*sample.tables(), *sample.named_tables()]:
        title = f"`[{table.name}]`" if table.name else "Above the first table"
        parts += [f"## {title}\n", f"{table.meaning}\n"]
        if table.rows:
            parts.append("| setting | default | meaning |\n|---|---|---|")
            parts += [f"| `{row.name}` | {_default(row)} | {_cell(row.meaning)} |" for row in table.rows]
            parts.append("")
    return "\n".join([*parts, "## Examples\n", "```toml", *_examples(), "```", ""])


def _default(row: sample.Row) -> str:
    return f"`{row.default}`" if row.default else "–"


def _examples() -> Iterator[str]:
    for line in sample.EXAMPLES.splitlines():
        text = line.removeprefix("#")
        yield text[5:] if text.startswith("     ") else f"#{text}" if text.strip() else ""


def _command(command: click.Command, path: str) -> Iterator[str]:
    """A section for a command, then one for each command below it."""
    context = click.Context(command, info_name=path)
    if path != "proxycast":
        yield f"{'#' * (path.count(' ') + 1)} `{path}`\n"
    if not isinstance(command, click.Group):
        yield f"    {' '.join([path, *command.collect_usage_pieces(context)])}\n"
        yield inspect.cleandoc(command.help or "") + "\n"
    elif path != "proxycast":
        yield inspect.cleandoc(command.help or "") + "\n"
    if command.epilog:
        yield inspect.cleandoc(command.epilog) + "\n"
    options = [option for option in command.params if isinstance(option, click.Option) and option.name != "version"]
    if options and not isinstance(command, click.Group):
        yield "| option | meaning |\n|---|---|"
        for option in options:
            yield f"| {_option(option)} | {_meaning(option)} |"
        yield ""
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from _command(child, f"{path} {name}")


def _option(option: click.Option) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    value = "" if option.is_flag else f" {option.metavar or (option.name or '').upper()}"
    return f"`{names}{value}`"


def _meaning(option: click.Option) -> str:
    text = _cell(option.help or "")
    if option.required:
        text += " Required."
    return text + (f" Default: `{option.default}`." if option.show_default else "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    DOCS.mkdir(exist_ok=True)
    (DOCS / "cli.md").write_text(cli(), encoding="utf-8")
    (DOCS / "configuration.md").write_text(configuration(), encoding="utf-8")


if __name__ == "__main__":
    main()
