"""`proxycast credentials`: the accounts and keys that answer."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from typing import Any

import click

from addons.cli.context import USAGE_ERROR, Context, fail, guarded, json_option, pass_context, show
from addons.cli.questions import parse_settings, read_secret, unfit
from addons.pool.quotas import QuotaStore
from addons.pool.standing import Standing, State
from addons.vault.credential import Credential, masked, shown_settings
from addons.vault.store import NotFoundError

#: What a narrow terminal does without; a disabled one shows by its state.
_SPARE = ("enabled", "weight", "priority", "settings", "secret")


@click.group()
def credentials() -> None:
    """Credentials: the keys and accounts of providers."""


@credentials.command("list")
@json_option
@pass_context
@guarded
def list_credentials(context: Context, as_json: bool) -> None:
    """List credentials; secrets are masked."""
    standings = _standings(context)
    rows = [_row(credential, standings) for credential in context.state.credentials.values()]
    rows += [
        {**dict.fromkeys(_row(Credential("", ""), {})), "name": n, "cause": p, "states": []}
        for n, p in context.state.problems.items()
    ]
    if as_json:
        _add_quotas(context, rows)
    else:
        rows = [{column: value for column, value in row.items() if column != "states"} for row in rows]
    empty = "no credential yet: `proxycast credentials add PROVIDER --name NAME` adds one"
    show(rows, as_json=as_json, empty=empty, spare=_SPARE)


@credentials.command("show")
@click.argument("name")
@json_option
@pass_context
@guarded
def show_credential(context: Context, name: str, as_json: bool) -> None:
    """Show one credential; its secret is masked."""
    _show_one(context, name, as_json=as_json)


@credentials.command()
@click.argument("name")
@click.option(
    "--set", "pairs", multiple=True, metavar="FIELD=VALUE", help="Change a setting; an empty value removes it."
)
@click.option("--priority", type=int, help="Lower is tried first.")
@click.option("--weight", type=click.IntRange(min=1), help="Its share among equals.")
@click.option("--secret", "new_secret", is_flag=True, help="Read a new secret from standard input.")
@json_option
@pass_context
@guarded
def edit(
    context: Context,
    name: str,
    pairs: tuple[str, ...],
    priority: int | None,
    weight: int | None,
    new_secret: bool,
    as_json: bool,
) -> None:
    """Change a credential."""
    credential = get(context, name)
    service = context.providers.get(credential.provider)
    given = {**credential.settings, **parse_settings(pairs, service.manifest)}
    settings = {field: value for field, value in given.items() if value != ""}
    if pairs and (lack := unfit(service, settings)):
        fail(f"{lack}; nothing was changed", USAGE_ERROR)
    secret = credential.secret
    if new_secret:
        secret = read_secret(service.manifest.credential_schema.get("properties", {}).get("secret", {}))
        if not secret:
            fail("there is no secret on standard input: the one that is kept stays", USAGE_ERROR)
    changed = replace(
        credential,
        settings=settings,
        priority=credential.priority if priority is None else priority,
        weight=credential.weight if weight is None else weight,
        secret=secret,
    )
    context.state.update_credential(changed, secret=new_secret)
    if new_secret or changed.setting("creds_file_path") != credential.setting("creds_file_path"):
        context.standings.forget(name)  # what was learned is of the other secret
    say_out_of_service(context, name)
    _tell(context, name, as_json=as_json)


def _switch(context: Context, name: str, *, enabled: bool) -> None:
    context.state.update_credential(replace(get(context, name), enabled=enabled), secret=False)


@credentials.command()
@click.argument("name")
@json_option
@pass_context
@guarded
def enable(context: Context, name: str, as_json: bool) -> None:
    """Use a credential again: one that was disabled, or that its provider put out of service."""
    _switch(context, name, enabled=True)
    context.standings.forget(name)
    _tell(context, name, as_json=as_json)


@credentials.command()
@click.argument("name")
@json_option
@pass_context
@guarded
def disable(context: Context, name: str, as_json: bool) -> None:
    """Leave a credential alone until it is enabled."""
    _switch(context, name, enabled=False)
    _tell(context, name, as_json=as_json)


@credentials.command()
@click.argument("name")
@json_option
@pass_context
@guarded
def remove(context: Context, name: str, as_json: bool) -> None:
    """Remove a credential and its secret. A file of another tool that it names is left alone."""
    if name not in {*context.state.credentials, *context.state.problems}:
        get(context, name)  # says that it is not there; one that cannot be opened can be removed
    context.state.remove_credential(name)
    context.standings.forget(name)
    store = QuotaStore(context.home.state)
    store.forget(name)
    store.close()
    for profile_name, profile in context.settings().profiles.items():
        if name in profile.credentials():
            click.echo(f"note: profile {profile_name!r} still names it and goes on with the others", err=True)
    if as_json:
        click.echo(json.dumps({"removed": name}))


def get(context: Context, name: str) -> Credential:
    """Raises NotFoundError, with what to do."""
    try:
        return context.state.credentials[name]
    except KeyError:
        problem = context.state.problems.get(name)
        raise NotFoundError(problem or f"there is no credential {name!r}: see `proxycast credentials list`") from None


def say_out_of_service(context: Context, name: str) -> None:
    """A change of a setting, or a test that goes well, does not end that: its owner does."""
    if any(standing.state is State.OUT_OF_SERVICE for standing in _standings(context).get(name, [])):
        advice = f"`proxycast credentials enable {name}` ends that"
        click.echo(f"note: gateways know {name} as out of service; {advice}", err=True)


def _show_one(context: Context, name: str, *, as_json: bool) -> None:
    rows = [_row(get(context, name), _standings(context))]
    if as_json:
        _add_quotas(context, rows)
        show(rows, as_json=True, empty="")
        return
    states = rows[0].pop("states")
    show(rows, as_json=False, empty="", spare=_SPARE[:3])
    if len(states) > 1:
        click.echo()
        show(states, as_json=False, empty="")


def _tell(context: Context, name: str, *, as_json: bool) -> None:
    """What a credential is like now, for scripts that ask."""
    if as_json:
        _show_one(context, name, as_json=True)


def _add_quotas(context: Context, rows: list[dict[str, Any]]) -> None:
    """To each row what its service last told of its limits, times as seconds since 1970."""
    store = QuotaStore(context.home.state)
    told: dict[str, list[dict[str, Any]]] = {}
    for name, quota in store.load():
        told.setdefault(name, []).append(asdict(quota))
    store.close()
    for row in rows:
        row["quota"] = told.get(row["name"], [])


def _standings(context: Context) -> dict[str, list[Standing]]:
    """What gateways learned of each credential that does not simply work."""
    found: dict[str, list[Standing]] = {}
    for name, standing in context.standings.load(time.time()):
        found.setdefault(name, []).append(standing)
    return found


def _row(credential: Credential, standings: dict[str, list[Standing]]) -> dict[str, Any]:
    """A state of the whole credential comes before those of single models; `states` are all of them."""
    known = sorted(standings.get(credential.name, []), key=lambda standing: standing.model is not None)
    if not credential.enabled:
        known = [Standing(State.DISABLED)]
    states = [_state(standing) for standing in known or [Standing(State.ACTIVE)]]
    first = states[0]
    state = f"{first['state']} ({first['model']})" if first["model"] else first["state"]
    return {
        "name": credential.name,
        "provider": credential.provider,
        "secret": masked(credential.secret) if credential.secret else None,
        "settings": shown_settings(credential.settings),
        "priority": credential.priority,
        "weight": credential.weight,
        "enabled": credential.enabled,
        "state": f"{state}, {len(states) - 1} more" if len(states) > 1 else state,
        "until": first["until"],
        "cause": first["cause"],
        "states": states,
    }


def _state(standing: Standing) -> dict[str, Any]:
    """`model` None = the whole credential."""
    until = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(standing.until)) if standing.until else None
    return {"state": standing.state.value, "model": standing.model, "until": until, "cause": standing.cause or None}
