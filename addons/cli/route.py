"""`proxycast route`: who would answer a model, in which order, and why."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import click

from addons.cli.context import Context, fail, guarded, json_option, pass_context, show
from addons.pool import candidates
from addons.pool.candidates import Candidate
from addons.pool.lists import Listed
from addons.pool.pool import Pool
from addons.pool.standing import Standing, State


@click.group()
def route() -> None:
    """Routing, explained."""


@route.command()
@click.argument("model")
@click.option("--profile", help="As a client whose key is pinned to that profile; else the active one.")
@json_option
@pass_context
@guarded
def explain(context: Context, model: str, profile: str | None, as_json: bool) -> None:
    """Who would be asked for MODEL, in order, for which model, and why.

    The order is that of a gateway with a new conversation, by what gateways on this home have learned: those that rest
    come last, those out of service have no place. What a conversation stays with comes first there; and strategies go
    by what a gateway was asked so far.
    """
    settings = context.settings()
    name = profile or settings.active_profile
    try:
        chosen = settings.profile(name)
    except KeyError:
        fail(f"there is no profile {name!r}: see `proxycast profiles list`")
    try:
        credentials, locked = context.state.credentials, context.state.problems
        found = Listed(candidates.find(name, chosen, model, credentials, context.providers, locked))
    except candidates.NoCandidateError as error:
        fail(str(error))
    pool, now = Pool(context.standings), time.time()
    ordered, _ = pool.order(
        found, strategy=chosen.strategy, take_over=chosen.take_over, conversation="", keep=0, now=now
    )
    rows = [_row(number, one.candidate, one.standing, now) for number, one in enumerate(ordered, 1)]
    placed = {row["credential"] for row in rows}
    for candidate in found:
        if candidate.name in placed:
            continue
        standing = pool.standings.of(candidate.name, candidate.limited, now)
        if standing is None or standing.state is not State.OUT_OF_SERVICE:
            candidate = replace(candidate, why="its provider banned another account, whose work it does not do")
        rows.append(_row(None, candidate, standing, now))
    show(rows, as_json=as_json, empty="", spare=("protocol", "provider", "at"))


def _row(number: int | None, candidate: Candidate, standing: Standing | None, now: float) -> dict[str, Any]:
    manifest = candidate.provider.manifest
    return {
        "order": number,
        "credential": candidate.name,
        "provider": manifest.id,
        "asked_for": candidate.model,
        "protocol": candidate.provider.protocol(candidate.model, candidate.credential),
        "at": candidate.credential.setting("base_url", manifest.base_url) or None,
        "why": candidate.why,
        "state": "active" if standing is None else _state(standing, now),
        "cause": standing.cause if standing is not None and standing.cause else None,
    }


def _state(standing: Standing, now: float) -> str:
    if standing.state is State.COOLING:
        return f"{standing.state} for {standing.until - now:.0f} s"
    return standing.state.value
