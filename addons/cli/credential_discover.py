"""`proxycast credentials discover`: the keys and logins that are on this machine already."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from addons.cli import questions
from addons.cli.checking import check, no_check_option
from addons.cli.context import USAGE_ERROR, Context, fail, guarded, json_option, pass_context, show
from addons.vault.credential import Credential, masked, shown_settings
from addons.vault.discovery import Found, Machine, Readiness, find


@click.command()
@click.option(
    "--env-file",
    "env_files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Look into a .env file, too; may be given several times.",
)
@click.option("--add", "adding", is_flag=True, help="Add what is ready: asks for each on a terminal, else adds all.")
@click.option("--only", multiple=True, metavar="NAME", help="With --add: these alone, by the names that are listed.")
@click.option("--accept-terms", is_flag=True, help="Agree to the terms of logins.")
@no_check_option
@json_option
@pass_context
@guarded
def discover(
    context: Context,
    env_files: tuple[Path, ...],
    adding: bool,
    only: tuple[str, ...],
    accept_terms: bool,
    no_check: bool,
    as_json: bool,
) -> None:
    """Find the keys and logins that official clients have left: files, settings, environment variables.

    Looked at are Claude Code, Codex, Gemini CLI, Qwen Code, iFlow, Kiro and the usual variables. Nothing is added,
    sent or changed unless --add is given. A login stays in its tool's file, which is shared with the tool.
    """
    machine = Machine(Path.home(), os.environ)
    try:
        found = find(machine, context.providers, context.state.credentials.values(), env_files)
    except OSError as error:
        fail(f"cannot read {error.filename}: {error.strerror}")
    unknown = [name for name in only if name not in {one.name for one in found}]
    if unknown:
        fail(f"nothing named {unknown[0]!r} was found")
    refused: list[str] = []
    added = [one for one in found if adding and _wanted(one, only) and _add(context, one, accept_terms, refused)]
    for one in added if not no_check else ():
        check(context, context.providers.get(one.provider), one.name, one.settings)
    if not adding or as_json:
        rows = [_row(one, added=one in added) for one in found]
        if not as_json:
            rows = [{k: v for k, v in row.items() if k not in ("kind", "settings", "added")} for row in rows]
        show(rows, as_json=as_json, empty="nothing was found", spare=("tool", "secret", "place"))
    if not adding and not as_json and any(one.readiness is Readiness.READY for one in found):
        click.echo("\n`proxycast credentials discover --add` adds what is ready; it asks for each", err=True)
    if adding and not added:
        click.echo("nothing was added", err=True)
    if refused:
        fail(f"the terms of {', '.join(refused)} must be agreed to: --accept-terms", USAGE_ERROR)


def _wanted(found: Found, only: tuple[str, ...]) -> bool:
    return found.readiness is Readiness.READY and (not only or found.name in only)


def _add(context: Context, found: Found, accepted: bool, refused: list[str]) -> bool:
    """Whether it was added. On a terminal each is asked for; where nobody is, `refused` gets those whose terms nobody
    agreed to."""
    manifest = context.providers.get(found.provider).manifest
    text = f"Add {found.name} ({manifest.name}, {found.kind}, from {found.place})?"
    if questions.interactive() and not click.confirm(text, err=True):
        return False
    if not questions.agreed(manifest, accepted=accepted):
        if not questions.interactive():
            refused.append(found.name)
        return False
    context.state.add_credential(Credential(found.name, manifest.id, found.secret, found.settings))
    click.echo(f"added {found.name} ({manifest.name})", err=True)
    return True


def _row(found: Found, *, added: bool) -> dict[str, Any]:
    return {
        "name": found.name,
        "state": found.readiness.value,
        "tool": found.tool,
        "kind": found.kind,
        "provider": found.provider,
        "secret": masked(found.secret) if found.secret else None,
        "place": found.place,
        "settings": shown_settings(found.settings),
        "note": found.note or None,
        "added": added,
    }
