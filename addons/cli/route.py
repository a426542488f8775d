"""`proxycast route`: who would answer a model, in which order, and why."""

from __future__ import annotations

import click

from addons.cli.context import Context, fail, guarded, json_option, pass_context, show
from addons.pool import candidates


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

    What a running gateway knows beside the configuration may change the order: the credential that a conversation
    stays with comes first, those that rest after a rate limit come last.
    """
    settings = context.settings()
    name = profile or settings.active_profile
    try:
        chosen = settings.profile(name)
    except KeyError:
        fail(f"there is no profile {name!r}: see `proxycast profiles list`")
    try:
        found = candidates.find(name, chosen, model, context.state.credentials, context.providers)
    except candidates.NoCandidateError as error:
        fail(str(error))
    rows = [
        {
            "order": number,
            "credential": candidate.name,
            "provider": candidate.provider.manifest.id,
            "asked_for": candidate.model,
            "protocol": candidate.provider.protocol(candidate.model, candidate.credential),
            "at": candidate.credential.setting("base_url", candidate.provider.manifest.base_url) or None,
            "why": candidate.why,
        }
        for number, candidate in enumerate(found, 1)
    ]
    show(rows, as_json=as_json, empty="")
