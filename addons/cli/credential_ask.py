"""`proxycast credentials test`, `models` and `quota`: what a credential's service says now."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from typing import Any

import click

from addons.cli.context import USAGE_ERROR, Context, fail, guarded, json_option, pass_context, show
from addons.cli.credentials import get, say_out_of_service
from addons.pool.quotas import QuotaStore, Seen
from addons.pool.refresh import Refresher
from addons.providers import asking
from addons.providers.api import Provider, UnavailableError
from addons.providers.quota import Quota
from addons.providers.registry import UnknownProviderError
from addons.vault.credential import Credential


async def _ready(context: Context, name: str) -> tuple[Provider, Credential]:
    """The credential as a request would get it: with a token that can be sent. Raises UnavailableError."""
    credential = get(context, name)
    provider = context.providers.get(credential.provider)
    refresher = Refresher(context.state, context.home.path)
    try:
        return provider, await provider.acquire(await refresher.acquire(provider, credential))
    finally:
        await refresher.close(asking.PATIENCE)


@click.command()
@click.argument("name")
@click.option("--model", help="Which model to ask; by default the first that it is known or says to have.")
@json_option
@pass_context
@guarded
def test(context: Context, name: str, model: str | None, as_json: bool) -> None:
    """Send one small request with a credential and say what happened. Exits with 1 when it did not go well."""

    async def work() -> asking.Outcome:
        provider, credential = await _ready(context, name)
        return await asking.try_out(provider, credential, model or await _a_model(provider, credential))

    try:
        outcome = context.run(work)
    except UnavailableError as error:
        _unavailable(name, error, as_json=as_json)
    problem = outcome.error
    if as_json:
        report: dict[str, Any] = {
            "name": name,
            "ok": problem is None,
            "model": outcome.model,
            "protocol": outcome.protocol,
            "url": outcome.url or None,
            "status": outcome.status,
            "seconds": round(outcome.seconds, 3),
            "answer": outcome.text if problem is None else None,
            "error": None if problem is None else {"kind": problem.kind.value, "message": problem.message},
        }
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    elif problem is None:
        click.echo(f"{name}: {outcome.model} answered in {outcome.seconds:.1f} s: {outcome.text or '(no text)'}")
    else:
        status = f" (HTTP {outcome.status})" if outcome.status else ""
        click.echo(f"proxycast: {name}: {outcome.model}: {problem.kind.value}: {problem.message}{status}", err=True)
    if problem is not None:
        sys.exit(1)
    say_out_of_service(context, name)


async def _a_model(provider: Provider, credential: Credential) -> str:
    known = [name for name in provider.models(credential) if "*" not in name]
    overrides = [str(model) for model in (credential.settings.get("models") or {}).values()]
    try:
        listed = [] if overrides or known else await asking.models(provider, credential)
    except UnavailableError as error:
        fail(f"which model is to be asked? {error}; give --model", USAGE_ERROR)
    models = [*overrides, *known, *listed]
    return models[0] if models else fail("it lists no models: give --model", USAGE_ERROR)


@click.command()
@click.argument("name")
@json_option
@pass_context
@guarded
def models(context: Context, name: str, as_json: bool) -> None:
    """List the models that a credential's service says to have, as far as the credential serves them."""

    async def work() -> tuple[list[str], str]:
        """→ (models, why it is not the service that names them)."""
        provider, credential = await _ready(context, name)
        try:
            found, told = await asking.models(provider, credential), ""
        except UnavailableError as error:
            found, told = list(provider.models(credential)), str(error)
            if not found:
                raise
        return [model for model in found if provider.serves(model, credential)], told

    try:
        found, told = context.run(work)
    except UnavailableError as error:
        _unavailable(name, error, as_json=as_json)
    if as_json:
        report = {"name": name, "listed": not told, "models": found, "note": told or None}
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
        return
    if told:
        click.echo(f"{told.rstrip('.')}; ProxyCast knows of:", err=True)
    for model in found:
        click.echo(model)


async def _tell(context: Context, name: str) -> tuple[list[Seen], str]:
    """→ (what the service says is left now, why it does not)."""
    try:
        provider, credential = await _ready(context, name)
        return [(name, told) for told in await asking.quotas(provider, credential)], ""
    except UnavailableError as error:
        return [], str(error) if str(error).startswith(f"{name}:") else f"{name}: {error}"


def _ask_all(context: Context, name: str | None) -> list[Seen]:
    """What services say that can be asked; those that do not answer are named on standard error."""
    asked = [get(context, name)] if name is not None else [c for c in context.state.credentials.values() if c.enabled]
    known: list[str] = []
    for credential in asked:
        with contextlib.suppress(UnknownProviderError):
            if context.providers.get(credential.provider).manifest.reads_quota:
                known.append(credential.name)

    async def work() -> list[tuple[list[Seen], str]]:
        return await asyncio.gather(*(_tell(context, one) for one in known))

    answers = context.run(work)
    for _, problem in answers:
        if problem:
            click.echo(f"proxycast: {problem}", err=True)
    return [seen for found, _ in answers for seen in found]


@click.command()
@click.argument("name", required=False)
@click.option("--live/--no-live", default=True, help="Ask the services that have an address for it; that is usual.")
@json_option
@pass_context
@guarded
def quota(context: Context, name: str | None, live: bool, as_json: bool) -> None:
    """Show what is left of a credential's limits, or of all: as its service says now, or last told a gateway."""
    if name is not None:
        get(context, name)
    context.home.ensure()
    store = QuotaStore(context.home.state)
    if live:
        store.save(_ask_all(context, name))
    rows = [_quota_row(credential, seen) for credential, seen in store.load(name)]
    store.close()
    show(rows, as_json=as_json, empty="nothing is known yet: services tell with their answers, and some never do")


def _quota_row(credential: str, seen: Quota) -> dict[str, Any]:
    return {
        "name": credential,
        "model": seen.model,
        "counts": seen.counts,
        "remaining": _rounded(seen.remaining),
        "limit": None if seen.limit is None else _rounded(seen.limit),
        "resets": _moment(seen.resets),
        "seen": _moment(seen.seen),
        "source": seen.source,
    }


def _rounded(value: float) -> float:
    return round(value, 2) if value % 1 else round(value)


def _moment(at: float) -> str | None:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) if at else None


def _unavailable(name: str, error: UnavailableError, *, as_json: bool) -> Any:
    if not as_json:
        fail(f"{name}: {error}" if not str(error).startswith(f"{name}:") else str(error))
    report = {"name": name, "ok": False, "error": {"kind": error.info.kind.value, "message": str(error)}}
    click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    sys.exit(1)
