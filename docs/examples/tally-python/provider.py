"""Tally as a provider of ProxyCast: its signature, which is all that manifest.toml cannot say."""

from __future__ import annotations

from addons.plugins.folder import Plugin
from addons.providers.api import Call, Manifest, Provider, UnavailableError, Upstream
from addons.vault.credential import Credential
from translators.canonical.errors import ErrorInfo, ErrorKind

from .signing import signature


class Tally(Provider):
    """`client` is what Tally's own pages call whoever asks: a setting in config.json."""

    def __init__(self, manifest: Manifest, client: str) -> None:
        super().__init__(manifest)
        self._client = client

    async def acquire(self, credential: Credential) -> Credential:
        """Before every attempt. What is wrong with a credential is said here; then the next candidate is asked."""
        if not credential.secret_field("key_id") or not credential.secret_field("key"):
            raise UnavailableError(ErrorInfo(ErrorKind.AUTHENTICATION, "the key has two parts: key_id and key"))
        return credential

    def build(self, call: Call, credential: Credential) -> Upstream:
        """The request as it goes out; what is signed must not change any more afterwards."""
        upstream = super().build(call, credential)
        upstream.headers += [
            ("x-tally-signature", signature(credential.secret_field("key"), upstream.method, upstream.body)),
            ("x-tally-client", self._client),
        ]
        return upstream

    def auth_headers(self, credential: Credential, protocol: str = "") -> list[tuple[str, str]]:
        """The key's id; the key itself is never sent."""
        return [("Authorization", "Bearer " + credential.secret_field("key_id"))]


def create(manifest: Manifest, plugin: Plugin) -> Provider:
    """`plugin.config.settings` are those of config.json, `plugin.data` is a folder of its own."""
    return Tally(manifest, str(plugin.config.settings.get("client", "proxycast")))
