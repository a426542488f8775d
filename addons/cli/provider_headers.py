"""`proxycast providers headers`: what a provider's official client says of itself, as it is sent from this machine."""

from __future__ import annotations

import json
import re
from typing import Any

import click

from addons.cli.context import Context, fail, guarded, json_option, pass_context, show
from addons.providers.header_profile import HeaderProfile, HeaderProfileError, HeaderRow, parse
from addons.vault.credential import Credential

_PLACE = re.compile(r"\{(\w+)\}")


@click.command()
@click.argument("provider")
@json_option
@pass_context
@guarded
def headers(context: Context, provider: str, as_json: bool) -> None:
    """Show the identifying headers that go with calls to PROVIDER.

    They are shown as they are sent from this machine, each with its source; a {place} is filled when a call is made.
    They are data: a newer file of yours, PROXYCAST_HOME/headers/ID.toml, goes before the one that comes with ProxyCast.
    """
    manifest = context.providers.get(provider).manifest
    profile = manifest.header_profile
    if profile is None:
        fail(f"{manifest.name} is told nothing that identifies a client")
    facts = profile.facts(Credential("", manifest.id))
    rows = [_row(row, facts) for row in profile.data.rows if _fits(row, facts)]
    file, problem = str(profile.users_file), _problem(profile)
    used = profile.users_file.is_file() and problem is None
    if as_json:
        found: dict[str, Any] = {
            "provider": manifest.id,
            "updated": profile.data.updated or None,
            "file": file,
            "file_used": used,
            "problem": problem,
            "facts": facts,
            "headers": rows,
        }
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    show(rows, as_json=False, empty="it sends none")
    whose = f"your own {file}" if used else f"ProxyCast's own; a newer one of yours would be {file}"
    click.echo(f"\nknown to be true on {profile.data.updated or 'no day'} ({whose})", err=True)
    if problem is not None:
        click.echo(f"proxycast: {file} is not used: {problem}", err=True)


def _fits(row: HeaderRow, facts: dict[str, str]) -> bool:
    """Whether it may be sent from this machine; what only a call tells is left open."""
    return all(name not in facts or facts[name] == wanted for name, wanted in row.when.items())


def _row(row: HeaderRow, facts: dict[str, str]) -> dict[str, Any]:
    return {
        "header": row.name,
        "value": _PLACE.sub(lambda place: facts.get(place[1]) or place[0], row.value),
        "calls": list(row.purposes) or ["all"],
        "source": row.source,
    }


def _problem(profile: HeaderProfile) -> str | None:
    """Why the user's own file cannot be used."""
    try:
        parse(profile.users_file.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, HeaderProfileError) as error:
        return str(error)
    return None
