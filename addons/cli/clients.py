"""`proxycast client`: points coding agents at the gateway in their own configuration files, and back."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import httpx

from addons.cli.context import USAGE_ERROR, Context, check_profile, fail, guarded, json_option, pass_context, show
from addons.clients import pointing
from addons.clients.documents import DocumentError
from addons.clients.kept import KeptClients, Pointed
from addons.clients.known import CLIENTS, Edit, KnownClient, Place, Target
from addons.vault import keys as client_keys
from addons.vault.cipher import VaultError
from addons.vault.store import NotFoundError

ASK_SECONDS = 5.0
#: Shown in the place of a client key.
HIDDEN = "(its key)"

client_argument = click.argument("name", metavar="CLIENT", type=click.Choice(list(CLIENTS)))


@click.group()
def client() -> None:
    """Clients: point a coding agent at the gateway, in its own configuration file, and back."""


@client.command("list")
@json_option
@pass_context
@guarded
def list_clients(context: Context, as_json: bool) -> None:
    """List the clients that are known, whether they are installed, and where they are pointed."""
    place = _place()
    with closing(_kept(context)) as kept:
        key_names = kept.key_names()
        rows = [
            {
                "client": known.name,
                "installed": shutil.which(known.command),
                "connected": _state(kept, known.name),
                "base_url": pointing.value(*known.address(place)),
                "client_key": key_names.get(known.name),
                "file": str(known.address(place)[0]),
            }
            for known in CLIENTS.values()
        ]
    show(rows, as_json=as_json, empty="")


@client.command()
@client_argument
@click.option("--profile", help="Send this client's requests through that profile, whichever is active.")
@click.option(
    "--model", "models", multiple=True, help="The model that it asks for; repeated for those it may choose among."
)
@click.option("--url", help="The gateway's root, where the client reaches it by another name than this machine does.")
@click.option("--dry-run", is_flag=True, help="Show what would stand in which file, and change nothing.")
@json_option
@pass_context
@guarded
def connect(
    context: Context,
    name: str,
    profile: str | None,
    models: tuple[str, ...],
    url: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Point CLIENT at the gateway, with a client key of its own.

    What stood there is kept, encrypted, for `proxycast client disconnect`. A client that is connected already is
    connected anew. It works whether or not the gateway runs.
    """
    known, place = CLIENTS[name], _place()
    check_profile(context, profile)
    root = _root(url) if url else context.settings().gateway.url
    key = client_keys.generate()
    if dry_run:
        target = Target(root, HIDDEN, models or (("MODEL",) if known.wants_models else ()))
        edits = known.edits(place, target)
        _guarded_files(lambda: pointing.plan(edits))
        _report(known, root, None, pointing.due(edits), as_json)
        return
    with closing(_kept(context)) as kept:
        before = kept.get(name)
        if before is not None:
            _restore(context, kept, before)
        key_name = _free_name(name, {made.name for made in context.state.keys})
        context.state.add_key(key_name, key, profile)
        try:
            target = Target(root, key, models or (_offered(root, key, name) if known.wants_models else ()))
            edits = pointing.due(known.edits(place, target))
            changes = _guarded_files(lambda: pointing.plan(edits))
            kept.put(Pointed(name, key_name, time.time(), pointing.kept(changes), tuple(edits)))
            try:
                _guarded_files(lambda: pointing.write(changes))
            except BaseException:
                kept.remove(name)
                raise
        except BaseException:
            context.state.remove_key(key_name)
            raise
    shown = [replace(edit, value=_hide(edit.value, key)) for edit in edits]
    _report(known, root, key_name, shown, as_json)


@client.command()
@click.argument("name", metavar="[CLIENT]", required=False, type=click.Choice(list(CLIENTS)))
@click.option("--all", "everyone", is_flag=True, help="All that are connected.")
@click.option("--forget", is_flag=True, help="Leave its files as they are: only its key and what was kept go.")
@json_option
@pass_context
@guarded
def disconnect(context: Context, name: str | None, everyone: bool, forget: bool, as_json: bool) -> None:
    """Put CLIENT's files back as they were, and remove its client key.

    A file that nobody has changed since is put back to the byte; in another one only our values are, and those that
    somebody has changed stay.
    """
    if (name is None) != everyone:
        fail("name a client, or say --all: see `proxycast client list`", USAGE_ERROR)
    rows = []
    with closing(_kept(context)) as kept:
        connected = kept.key_names()
        if name is not None and name not in connected:
            fail(f"{name} is not connected: see `proxycast client list`")
        for one in connected if name is None else (name,):
            if forget:
                kept.remove(one)
                _drop_key(context, connected[one])
                rows.append({"client": one, "left": [], "files": []})
                continue
            pointed = kept.get(one)
            assert pointed is not None
            left = _restore(context, kept, pointed)
            rows.append({"client": one, "left": left, "files": [file.path for file in pointed.files]})
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        click.echo(f"{CLIENTS[str(row['client'])].title} is {'forgotten' if forget else 'as it was'}.")
        for line in row["left"]:
            click.echo(f"  left as it is: {line}", err=True)
    if not rows:
        click.echo("no client is connected", err=True)


def _place() -> Place:
    return Place(Path.home(), os.environ)


def _kept(context: Context) -> KeptClients:
    state = context.state  # makes the file, for its owner alone
    return KeptClients(context.home.state, state.own_cipher)


def _state(kept: KeptClients, name: str) -> str:
    try:
        pointed = kept.get(name)
    except VaultError:
        return "what stood there cannot be opened"
    if pointed is None:
        return "no"
    return "yes" if not pointing.due(pointed.edits) else "changed since"


def _root(url: str) -> str:
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or path.endswith("/v1"):
        fail(f"the gateway's root is like http://127.0.0.1:8999, without /v1, not {url!r}", USAGE_ERROR)
    return f"{parts.scheme}://{parts.netloc}{path}"


def _free_name(wanted: str, taken: set[str]) -> str:
    names = (wanted if number == 1 else f"{wanted}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _offered(root: str, key: str, name: str) -> tuple[str, ...]:
    """The models that a running gateway lists for that key."""
    try:
        answer = httpx.get(f"{root}/v1/models", headers={"authorization": f"Bearer {key}"}, timeout=ASK_SECONDS)
        answer.raise_for_status()
        found = tuple(str(model["id"]) for model in answer.json()["data"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        fail(
            f"{name} must be told its models, and {root} did not list any ({error}): start it, or name one with --model"
        )
    if not found:
        fail(f"{name} must be told its models, and {root} has none to list: name one with --model")
    return found


def _hide(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _hide(inner, key) for name, inner in value.items()}
    return HIDDEN if value == key else value


def _restore(context: Context, kept: KeptClients, pointed: Pointed) -> list[str]:
    left = _guarded_files(lambda: pointing.restore(pointed))
    kept.remove(pointed.name)
    _drop_key(context, pointed.key_name)
    return left


def _drop_key(context: Context, key_name: str) -> None:
    with suppress(NotFoundError):  # its user may have removed it
        context.state.remove_key(key_name)


def _guarded_files[T](work: Callable[[], T]) -> T:
    try:
        return work()
    except DocumentError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot change {error.filename}: {error.strerror}")


def _report(known: KnownClient, root: str, key_name: str | None, edits: list[Edit], as_json: bool) -> None:
    stronger = [variable for variable in known.stronger if os.environ.get(variable)]
    if as_json:
        rows = [{"file": str(edit.file), "key": ".".join(edit.keys), "value": edit.value} for edit in edits]
        found = {"client": known.name, "url": root, "client_key": key_name, "set": rows, "stronger": stronger}
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    if key_name is None:
        click.echo(f"{known.title} would be pointed at {root}:")
    else:
        click.echo(f"{known.title} is pointed at {root} with the client key {key_name}.")
    for file in dict.fromkeys(edit.file for edit in edits):
        click.echo(f"  {file}")
        for edit in edits:
            if edit.file != file:
                continue
            if edit.value is None:
                click.echo(f"    {edit.keys[-1]} taken out")
            else:
                click.echo(f"    {'.'.join(edit.keys)} = {json.dumps(edit.value, ensure_ascii=False)}")
    if known.note:
        click.echo(f"  note: {known.note}")
    if key_name is not None:
        click.echo(f"Back: proxycast client disconnect {known.name}")
    for variable in stronger:
        click.echo(f"proxycast: {variable} is set in this shell and wins over the file: unset it", err=True)
