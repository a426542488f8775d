"""`proxycast providers`: the services that a credential can belong to."""

from __future__ import annotations

import json
from typing import Any

import click

from addons.cli.context import Context, guarded, json_option, pass_context, show
from addons.providers.api import Manifest


@click.group()
def providers() -> None:
    """Providers: the services that can answer, with their terms, models and credential fields."""


def fields(manifest: Manifest) -> list[dict[str, Any]]:
    """What a credential of this provider consists of, as a person is asked for it."""
    required = manifest.credential_schema.get("required", [])
    return [
        {
            "field": name,
            "required": name in required,
            "meaning": field.get("title", ""),
            "values": field.get("enum", []),
            "given": "on standard input" if name == "secret" else f"--set {name}=…",
        }
        for name, field in manifest.credential_schema.get("properties", {}).items()
    ]


def summary(manifest: Manifest) -> dict[str, Any]:
    return {
        "id": manifest.id,
        "name": manifest.name,
        "kind": manifest.group,
        "status": manifest.status,
        "protocols": list(manifest.protocols),
        "models": list(manifest.models),
        "description": manifest.description,
        "base_url": manifest.base_url or None,
    }


def _first(status: str) -> str:
    """The part of a status that fits into a table."""
    return status.partition(";")[0].partition(" (")[0]


@providers.command("list")
@click.option("--presets", is_flag=True, help="Also those that are data alone: presets, and config.toml's own.")
@json_option
@pass_context
@guarded
def list_providers(context: Context, presets: bool, as_json: bool) -> None:
    """List the providers."""
    found = [*context.providers, *(context.providers.presets() if presets else ())]
    rows = [summary(provider.manifest) for provider in found]
    if not as_json:
        rows = [{name: row[name] for name in ("id", "name", "kind", "status", "protocols")} for row in rows]
        rows = [{**row, "status": _first(row["status"])} for row in rows]
    show(rows, as_json=as_json, empty="")


@providers.command("show")
@click.argument("provider")
@json_option
@pass_context
@guarded
def show_provider(context: Context, provider: str, as_json: bool) -> None:
    """Show one provider: its terms, the models it serves, what a credential needs."""
    manifest = context.providers.get(provider).manifest
    found = {
        **summary(manifest),
        "known_models": list(manifest.known_models),
        "aliases": list(manifest.aliases),
        "env": list(manifest.env),
        "subscription": manifest.subscription,
        "terms": manifest.terms,
        "terms_url": manifest.terms_url or None,
        "logins": [{"flow": flow.id, "kind": flow.kind.value, "title": flow.title} for flow in manifest.login],
        "login_note": manifest.login_note or None,
        "fields": fields(manifest),
    }
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for name, value in found.items():
        if name not in ("fields", "logins") and value not in (None, "", []):
            text = ", ".join(value) if isinstance(value, list) else str(value)
            click.echo(f"{name.replace('_', ' '):<14}{text}")
    for flow in manifest.login:
        click.echo(f"{'login':<14}--flow {flow.id} ({flow.kind.value}) {flow.title}".rstrip())
    for field in fields(manifest):
        values = f": {' or '.join(field['values'])}" if field["values"] else ""
        need = "needed" if field["required"] else "if wanted"
        click.echo(f"{'credential':<14}{field['field']} ({need}, {field['given']}) {field['meaning']}{values}")
