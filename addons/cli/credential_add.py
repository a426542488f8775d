"""`proxycast credentials add`: the questions are the provider's own."""

from __future__ import annotations

import json
import sys

import click

from addons.cli import questions
from addons.cli.checking import check, no_check_option
from addons.cli.context import USAGE_ERROR, Context, fail, fit_name, guarded, json_option, pass_context
from addons.vault.credential import Credential


def _name(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    return None if value is None else fit_name(context, parameter, value)


@click.command()
@click.argument("provider")
@click.option("--name", callback=_name, help="What you call it; asked for on a terminal, else required.")
@click.option("--base-url", help="The same as --set base_url=URL.")
@click.option("--set", "pairs", multiple=True, metavar="FIELD=VALUE", help="A setting; may be given several times.")
@click.option("--priority", type=int, default=100, show_default=True, help="Lower is tried first.")
@click.option("--weight", type=click.IntRange(min=1), default=1, show_default=True, help="Its share among equals.")
@click.option("--accept-terms", is_flag=True, help="Agree to the terms of a login.")
@no_check_option
@json_option
@pass_context
@guarded
def add(
    context: Context,
    provider: str,
    name: str | None,
    base_url: str | None,
    pairs: tuple[str, ...],
    priority: int,
    weight: int,
    accept_terms: bool,
    no_check: bool,
    as_json: bool,
) -> None:
    """Add a credential of PROVIDER. The secret is read from standard input.

    On a terminal, what is not given is asked for. Any credential may have the settings base_url, models,
    served_models, excluded_models, headers, target, proxy_url, ca_file, timeouts, max_concurrent,
    requests_per_minute, min_interval and reserve; `proxycast providers show PROVIDER` lists the provider's own.
    """
    service = context.providers.get(provider)
    manifest = service.manifest
    asked = questions.interactive()
    if name is None:
        if not asked:
            fail("--name is needed: what you call it", USAGE_ERROR)
        name = click.prompt("Name", default=manifest.id, value_proc=_checked_name, err=True)
    if base_url:
        pairs = (*pairs, f"base_url={base_url}")
    settings = {field: value for field, value in questions.parse_settings(pairs, manifest).items() if value != ""}
    if asked:
        settings = {f: value for f, value in questions.ask_settings(manifest, settings).items() if value != ""}
    properties = manifest.credential_schema.get("properties", {})
    if lack := questions.unfit(service, settings):
        fail(lack, USAGE_ERROR)
    questions.acknowledge(manifest, accepted=accept_terms)
    secret = questions.read_secret(properties["secret"]) if "secret" in properties else ""
    if not secret and manifest.needs_secret and not settings.get("creds_file_path"):
        fail(
            f"{provider} needs a secret on standard input, e.g. `printenv KEY | proxycast credentials add …`",
            USAGE_ERROR,
        )
    context.state.add_credential(Credential(name, manifest.id, secret, settings, priority=priority, weight=weight))
    click.echo(f"added {name} ({manifest.name})", err=True)
    problem = None if no_check else check(context, service, name, settings)
    if as_json:
        click.echo(json.dumps({"name": name, "provider": manifest.id, **({"problem": problem} if problem else {})}))
    if problem is not None:
        sys.exit(1)


def _checked_name(value: str) -> str:
    try:
        return fit_name(click.get_current_context(), click.Argument(["name"]), value)
    except click.BadParameter as error:
        raise click.UsageError(error.message) from None
