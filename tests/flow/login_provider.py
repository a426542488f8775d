"""A script beside proxycast.py: registers a provider with logins, as a plugin will."""

from __future__ import annotations

from mitmproxy import ctx

from addons.providers.api import Manifest, Provider
from addons.vault.oauth import OAuth

MANIFEST = Manifest(
    id="login",
    name="A service with logins",
    protocols=("anthropic",),
    auth_header="Authorization",
    auth_prefix="Bearer ",
    oauth=OAuth("https://unused.example/token", client_id="client", format="claude_code"),
)


def running() -> None:
    services = ctx.master.addons.get("dispatch")._services
    services.providers.register(Provider(MANIFEST))
