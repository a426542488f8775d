"""`proxycast credentials`: the accounts and keys that answer."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from typing import Any

import click

from addons.cli.context import USAGE_ERROR, Context, fail, fit_name, guarded, json_option, pass_context, show
from addons.pool.standing import Standing, State
from addons.vault.credential import Credential, masked
from addons.vault.store import NotFoundError

#: What a credential of any provider may have set (addons/vault/credential.py, addons/providers/api.py).
COMMON_SETTINGS = frozenset(
    ("base_url", "models", "served_models", "excluded_models", "headers", "target", "proxy_url", "ca_file")
)


@click.group()
def credentials() -> None:
    """Credentials: the keys and accounts of providers."""


def parse_settings(pairs: tuple[str, ...]) -> dict[str, Any]:
    """`field=value` pairs; a value that is JSON is taken as such. Exits with a usage error for anything else."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            fail(f"--set takes field=value, not {pair!r}", USAGE_ERROR)
        try:
            settings[name] = json.loads(value) if value[:1] in "[{" or value in ("true", "false") else value
        except ValueError:
            settings[name] = value
    return settings


def read_secret(title: str) -> str:
    """The secret from standard input, or asked for without echo on a terminal; never from the command line."""
    if sys.stdin.isatty():
        secret = str(click.prompt(title, hide_input=True, default="", show_default=False)).strip()
    else:
        secret = sys.stdin.read().strip()
    if not secret.startswith("{") and not (secret.isascii() and secret.isprintable()):
        fail("the secret must be one line of plain characters, or JSON with several fields", USAGE_ERROR)
    return secret


@credentials.command()
@click.argument("provider")
@click.option("--name", callback=fit_name, required=True, help="What you call it.")
@click.option("--base-url", help="The same as --set base_url=URL.")
@click.option("--set", "pairs", multiple=True, metavar="FIELD=VALUE", help="A setting; may be given several times.")
@click.option("--priority", type=int, default=100, show_default=True, help="Lower is tried first.")
@pass_context
@guarded
def add(
    context: Context, provider: str, name: str, base_url: str | None, pairs: tuple[str, ...], priority: int
) -> None:
    """Add a credential of PROVIDER. The secret is read from standard input."""
    found = context.providers.get(provider)
    settings = parse_settings(pairs)
    if base_url:
        settings["base_url"] = base_url
    properties = found.manifest.credential_schema.get("properties", {})
    missing = [f for f in found.manifest.credential_schema.get("required", []) if f != "secret" and f not in settings]
    if missing:
        fail(f"{provider} needs --set {missing[0]}=… ({properties.get(missing[0], {}).get('title', '')})", USAGE_ERROR)
    for field, value in settings.items():
        if field not in properties and field not in COMMON_SETTINGS:
            click.echo(f"note: {found.manifest.name} has no setting {field!r} that we know; it is kept", err=True)
        allowed = properties.get(field, {}).get("enum")
        if allowed and value not in allowed:
            fail(f"{field} must be one of {', '.join(allowed)}, not {value!r}", USAGE_ERROR)
    secret = read_secret(properties.get("secret", {}).get("title", "Secret")) if "secret" in properties else ""
    if not secret and found.manifest.needs_secret:
        fail(
            f"{provider} needs a secret on standard input, e.g. `printenv KEY | proxycast credentials add …`",
            USAGE_ERROR,
        )
    context.state.add_credential(Credential(name, found.manifest.id, secret, settings, priority=priority))
    click.echo(f"added {name} ({found.manifest.name})", err=True)


@credentials.command("list")
@json_option
@pass_context
@guarded
def list_credentials(context: Context, as_json: bool) -> None:
    """List credentials; secrets are masked."""
    standings = _standings(context)
    rows = [_row(credential, standings) for credential in context.state.credentials.values()]
    rows += [
        {**dict.fromkeys(_row(Credential("", ""), {})), "name": n, "cause": p}
        for n, p in context.state.problems.items()
    ]
    show(rows, as_json=as_json, empty="no credential yet: `proxycast credentials add PROVIDER --name NAME` adds one")


@credentials.command("show")
@click.argument("name")
@json_option
@pass_context
@guarded
def show_credential(context: Context, name: str, as_json: bool) -> None:
    """Show one credential; its secret is masked."""
    show([_row(_get(context, name), _standings(context))], as_json=as_json, empty="")


@credentials.command()
@click.argument("name")
@click.option(
    "--set", "pairs", multiple=True, metavar="FIELD=VALUE", help="Change a setting; an empty value removes it."
)
@click.option("--priority", type=int, help="Lower is tried first.")
@click.option("--secret", "new_secret", is_flag=True, help="Read a new secret from standard input.")
@pass_context
@guarded
def edit(context: Context, name: str, pairs: tuple[str, ...], priority: int | None, new_secret: bool) -> None:
    """Change a credential."""
    credential = _get(context, name)
    settings = {**credential.settings, **parse_settings(pairs)}
    settings = {field: value for field, value in settings.items() if value != ""}
    context.state.update_credential(
        replace(
            credential,
            settings=settings,
            priority=credential.priority if priority is None else priority,
            secret=read_secret("Secret") if new_secret else credential.secret,
        )
    )


def _switch(context: Context, name: str, *, enabled: bool) -> None:
    context.state.update_credential(replace(_get(context, name), enabled=enabled))


@credentials.command()
@click.argument("name")
@pass_context
@guarded
def enable(context: Context, name: str) -> None:
    """Use a credential again: one that was disabled, or that its provider put out of service."""
    _switch(context, name, enabled=True)
    context.standings.forget(name)


@credentials.command()
@click.argument("name")
@pass_context
@guarded
def disable(context: Context, name: str) -> None:
    """Leave a credential alone until it is enabled."""
    _switch(context, name, enabled=False)


@credentials.command()
@click.argument("name")
@pass_context
@guarded
def remove(context: Context, name: str) -> None:
    """Remove a credential and its secret."""
    context.state.remove_credential(name)
    context.standings.forget(name)
    for profile_name, profile in context.settings().profiles.items():
        if name in profile.credentials():
            click.echo(f"note: profile {profile_name!r} still names it and goes on with the others", err=True)


def _get(context: Context, name: str) -> Credential:
    try:
        return context.state.credentials[name]
    except KeyError:
        problem = context.state.problems.get(name)
        raise NotFoundError(problem or f"there is no credential {name!r}: see `proxycast credentials list`") from None


def _standings(context: Context) -> dict[str, list[Standing]]:
    """What gateways learned of each credential that does not simply work."""
    found: dict[str, list[Standing]] = {}
    for name, standing in context.standings.load(time.time()):
        found.setdefault(name, []).append(standing)
    return found


def _row(credential: Credential, standings: dict[str, list[Standing]]) -> dict[str, Any]:
    """A state of the whole credential comes before one of a single model."""
    known = sorted(standings.get(credential.name, []), key=lambda standing: standing.model is not None)
    standing = known[0] if known else Standing(State.ACTIVE)
    state = standing.state.value if credential.enabled else State.DISABLED.value
    until = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(standing.until)) if standing.until else None
    return {
        "name": credential.name,
        "provider": credential.provider,
        "secret": masked(credential.secret) if credential.secret else None,
        "settings": credential.settings,
        "priority": credential.priority,
        "enabled": credential.enabled,
        "state": f"{state} ({standing.model})" if standing.model else state,
        "until": until,
        "cause": standing.cause or None,
    }
