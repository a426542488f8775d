"""`proxycast export` and `proxycast import`: settings, credentials and client keys in one file under a passphrase."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sized
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from addons.cli.context import USAGE_ERROR, Context, fail, guarded, pass_context
from addons.config.edit import write_private
from addons.config.sample import sample
from addons.config.store import parse
from addons.vault.credential import Credential
from addons.vault.keys import ClientKey
from addons.vault.sealed import SealError, seal, unseal

SHORTEST = 8  # characters


def _passphrase(*, confirm: bool) -> str:
    """Asked for on a terminal, else the first line of standard input; never from the command line."""
    if sys.stdin.isatty():
        return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm))
    return sys.stdin.readline().rstrip("\r\n")


def _count(credentials: Sized, keys: Sized) -> str:
    return f"config.toml, credentials ({len(credentials)}), client keys ({len(keys)})"


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@pass_context
@guarded
def export(context: Context, file: Path) -> None:
    """Write settings, credentials and client keys to a new FILE, encrypted under a passphrase.

    The passphrase is asked for, or read from standard input; there is no export without one.
    """
    store = context.state
    credentials = store.credentials
    if store.problems:
        fail(f"{next(iter(store.problems.values()))}; nothing was exported")
    passphrase = _passphrase(confirm=True)
    if len(passphrase) < SHORTEST:
        fail(f"the passphrase must have at least {SHORTEST} characters", USAGE_ERROR)
    content = {
        "config": context.home.config.read_text("utf-8") if context.home.config.exists() else "",
        "credentials": [asdict(credential) for credential in credentials.values()],
        "keys": [asdict(key) for key in store.keys],
    }
    sealed = seal(json.dumps(content), passphrase)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror}")
    with os.fdopen(descriptor, "w", encoding="ascii") as output:
        output.write(sealed + "\n")
    click.echo(f"exported to {file}: {_count(credentials, content['keys'])}", err=True)


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Replace what has the same name here, and config.toml.")
@pass_context
@guarded
def import_(context: Context, file: Path, replace: bool) -> None:
    """Take over settings, credentials and client keys from a FILE that `export` wrote.

    Nothing is changed when something of the same name is here already, unless --replace is given.
    """
    try:
        content: dict[str, Any] = json.loads(unseal(file.read_text("utf-8"), _passphrase(confirm=False)))
    except SealError as error:
        fail(str(error))
    except (OSError, UnicodeDecodeError) as error:
        fail(f"cannot read {file}: {error}")
    credentials = [Credential(**row) for row in content["credentials"]]
    keys = [ClientKey(**row) for row in content["keys"]]
    config, path, store = str(content["config"]), context.home.config, context.state
    parse(config, path)
    ours = path.read_text("utf-8") if path.exists() else ""
    clashes = [f"credential {one.name!r}" for one in credentials if one.name in store.credentials]
    clashes += [f"credential {one.name!r}" for one in credentials if one.name in store.problems]
    clashes += [f"client key {key.name!r}" for key in keys if any(key.name == here.name for here in store.keys)]
    clashes += ["config.toml"] if ours not in ("", sample(), config) else []
    if clashes and not replace:
        fail(f"here already: {', '.join(clashes)}; --replace replaces them. Nothing was changed")
    others = [
        one.name for one in credentials if (here := store.credentials.get(one.name)) and here.secret != one.secret
    ]
    store.take_over(credentials, keys)
    for name in others:
        context.standings.forget(name)  # what was learned is of the other secret
    if config != ours:
        write_private(path, config)
    click.echo(f"imported: {_count(credentials, keys)}", err=True)
