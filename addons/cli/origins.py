"""`proxycast origins`: the web origins that may call the gateway (design.md, decision 10)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import click
import tomlkit
from tomlkit import TOMLDocument

from addons.cli.context import USAGE_ERROR, Context, fail, guarded, json_option, pass_context, show
from addons.config.edit import edit, table


@click.group()
def origins() -> None:
    """Web origins: pages and apps that may call the gateway from a browser or a web view."""


def parse_origin(text: str) -> str:
    """An origin as browsers send it: scheme, host, port; `app://obsidian.md` and `*` too. Exits for anything else."""
    if text == "*":
        return text
    parts = urlsplit(text.rstrip("/"))
    if not parts.scheme or not parts.netloc or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        fail(f"an origin is like https://example.com:8443 or app://obsidian.md, not {text!r}", USAGE_ERROR)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _change(context: Context, change: Callable[[list[str]], None]) -> None:
    def apply(document: TOMLDocument) -> None:
        access = table(document, "access")
        if "origins" not in access:
            access["origins"] = tomlkit.array()
        change(access["origins"])

    context.home.ensure()
    edit(context.home.config, apply)


@origins.command()
@click.argument("origin")
@pass_context
@guarded
def allow(context: Context, origin: str) -> None:
    """Let ORIGIN call the gateway (it still needs a client key). `*` means any: every page that you visit."""
    wanted = parse_origin(origin)

    def add(allowed: list[str]) -> None:
        if wanted not in allowed:
            allowed.append(wanted)

    _change(context, add)


@origins.command()
@click.argument("origin")
@pass_context
@guarded
def deny(context: Context, origin: str) -> None:
    """Refuse ORIGIN again."""
    wanted = parse_origin(origin)
    if wanted not in context.settings().access.origins:
        fail(f"{wanted} is not on the list: see `proxycast origins list`")
    _change(context, lambda allowed: allowed.remove(wanted))


@origins.command("list")
@json_option
@pass_context
@guarded
def list_origins(context: Context, as_json: bool) -> None:
    """List the origins that may call the gateway."""
    rows = [{"origin": origin} for origin in context.settings().access.origins]
    show(rows, as_json=as_json, empty="no web origin is allowed; `proxycast origins allow ORIGIN` allows one")
