"""`proxycast profiles`: named choices of credentials, one of them active."""

from __future__ import annotations

from typing import Any

import click
import tomlkit
from tomlkit import TOMLDocument

from addons.cli.context import USAGE_ERROR, Context, fail, fit_name, guarded, json_option, pass_context, show
from addons.config.edit import edit, table
from addons.pool.strategies import STRATEGIES


@click.group()
def profiles() -> None:
    """Profiles: which credentials answer, in which order, asked for which model."""


def parse_use(text: str) -> list[str | list[str]]:
    """`a,b,c` in order; `a+b,c` makes a and b equals."""
    entries: list[str | list[str]] = []
    for part in text.split(","):
        names = [name.strip() for name in part.split("+") if name.strip()]
        if not names:
            fail(f"--use takes credential names, comma separated, not {text!r}", USAGE_ERROR)
        entries.append(names[0] if len(names) == 1 else names)
    return entries


@profiles.command()
@click.argument("name", callback=fit_name)
@click.option("--use", required=True, metavar="CREDENTIAL[,CREDENTIAL…]", help="In order; join equals with +.")
@click.option("--model", help="Ask for this model whatever the client asked for.")
@click.option(
    "--map", "pairs", multiple=True, metavar="PATTERN=MODEL", help="Override by pattern or Claude Code family."
)
@click.option(
    "--strategy",
    type=click.Choice(sorted(STRATEGIES)),
    default="priority",
    show_default=True,
    help=f"How equals share the work: {', '.join(STRATEGIES)}.",
)
@click.option("--take-over", is_flag=True, help="Let a provider's other accounts do the work of one that is banned.")
@pass_context
@guarded
def add(
    context: Context,
    name: str,
    use: str,
    model: str | None,
    pairs: tuple[str, ...],
    strategy: str,
    take_over: bool,
) -> None:
    """Make a profile, or replace one of that name."""
    entries = parse_use(use)
    known = context.state.credentials
    for credential in [n for entry in entries for n in ([entry] if isinstance(entry, str) else entry)]:
        if credential not in known and credential != "demo":
            fail(f"there is no credential {credential!r}: see `proxycast credentials list`")
    overrides = {}
    for pair in pairs:
        pattern, separator, target = pair.partition("=")
        if not separator or not target:
            fail(f"--map takes PATTERN=MODEL, not {pair!r}", USAGE_ERROR)
        overrides[pattern] = target

    def change(document: TOMLDocument) -> None:
        profile = tomlkit.table()
        profile["use"] = entries
        if model:
            profile["model"] = model
        if overrides:
            profile["models"] = overrides
        if strategy != "priority":
            profile["strategy"] = strategy
        if take_over:
            profile["take_over"] = True
        table(document, "profiles")[name] = profile

    context.home.ensure()
    edit(context.home.config, change)


@profiles.command("use")
@click.argument("name")
@pass_context
@guarded
def activate(context: Context, name: str) -> None:
    """Make a profile the active one; running gateways follow at once."""
    context.home.ensure()

    def change(document: TOMLDocument) -> None:
        document["active_profile"] = name  # tomlkit puts a new top-level value above the first table

    try:
        context.settings().profile(name)
    except KeyError:
        fail(f"there is no profile {name!r}: see `proxycast profiles list`")
    edit(context.home.config, change)


@profiles.command("list")
@json_option
@pass_context
@guarded
def list_profiles(context: Context, as_json: bool) -> None:
    """List the profiles; the active one is marked."""
    settings = context.settings()
    rows: list[dict[str, Any]] = []
    names = list(settings.profiles)
    if settings.active_profile not in names:
        names.append(settings.active_profile)
    for name in names:
        profile = settings.profile(name)
        use = ["+".join(entry) if isinstance(entry, list) else entry for entry in profile.use]
        rows.append(
            {
                "active": name == settings.active_profile,
                "name": name,
                "use": use or ([] if as_json else ["(all that serve the model)"]),
                "model": profile.model,
                "models": profile.models,
                "strategy": profile.strategy,
            }
        )
    show(rows, as_json=as_json, empty="")


@profiles.command()
@click.argument("name")
@pass_context
@guarded
def remove(context: Context, name: str) -> None:
    """Remove a profile that is not active."""
    settings = context.settings()
    if name == settings.active_profile:
        fail(f"{name!r} is active: `proxycast profiles use OTHER` first")
    if name not in settings.profiles:
        fail(f"there is no profile {name!r}: see `proxycast profiles list`")
    pinned = [key.name for key in context.state.keys if key.profile == name]
    if pinned:
        fail(f"the client key {pinned[0]!r} is pinned to {name!r}: `proxycast keys remove {pinned[0]}` first")

    def change(document: TOMLDocument) -> None:
        table(document, "profiles").remove(name)

    edit(context.home.config, change)
