"""`proxycast keys`: the keys that clients present to the gateway."""

from __future__ import annotations

import time

import click

from addons.cli.context import Context, check_profile, fit_name, guarded, json_option, pass_context, show
from addons.vault import keys as client_keys


@click.group()
def keys() -> None:
    """Client keys: what a client presents to the gateway."""


@keys.command()
@click.argument("name", callback=fit_name)
@click.option("--profile", help="Send this key's requests through that profile, whichever is active.")
@pass_context
@guarded
def create(context: Context, name: str, profile: str | None) -> None:
    """Make a key and print it. It is shown this once: only its hash is kept."""
    check_profile(context, profile)
    key = client_keys.generate()
    context.state.add_key(name, key, profile)
    click.echo(key)


@keys.command("list")
@json_option
@pass_context
@guarded
def list_keys(context: Context, as_json: bool) -> None:
    """List the keys by name."""
    rows = [
        {
            "name": key.name,
            "profile": key.profile,
            "enabled": key.enabled,
            "created": time.strftime("%Y-%m-%d %H:%M", time.localtime(key.created)),
        }
        for key in context.state.keys
    ]
    show(rows, as_json=as_json, empty="no client key yet: `proxycast keys create NAME` makes one")


@keys.command()
@click.argument("name")
@pass_context
@guarded
def remove(context: Context, name: str) -> None:
    """Remove a key; clients that use it are refused from now on."""
    context.state.remove_key(name)


@keys.command()
@click.argument("name")
@pass_context
@guarded
def disable(context: Context, name: str) -> None:
    """Refuse a key until it is enabled again."""
    context.state.enable_key(name, False)


@keys.command()
@click.argument("name")
@pass_context
@guarded
def enable(context: Context, name: str) -> None:
    """Accept a disabled key again."""
    context.state.enable_key(name, True)
