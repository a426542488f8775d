"""`proxycast version`: this and what it stands on, for bug reports."""

from __future__ import annotations

import json
import platform
from importlib import metadata

import click

from addons.cli.context import json_option

PACKAGES = ("proxycast", "mitmproxy", "datasette", "cryptography")


def versions() -> dict[str, str]:
    found = {name: metadata.version(name) for name in PACKAGES}
    return {**found, "python": platform.python_version(), "system": platform.platform(terse=True)}


@click.command("version")
@json_option
def version(as_json: bool) -> None:
    """Versions of ProxyCast, Python, mitmproxy and Datasette."""
    found = versions()
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(f"{n:<13}{v}" for n, v in found.items()))
