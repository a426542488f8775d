"""new-api: all public protocols below one root, whichever of their bases was pasted (apikey_backends.md §8)."""

from __future__ import annotations

from addons.providers.api import Manifest, Provider
from addons.providers.several import SeveralProtocols
from addons.vault.credential import Credential


class NewApi(SeveralProtocols):
    def base_url(self, protocol: str, credential: Credential) -> str:
        """The root, with `/v1` for the OpenAI dialects alone."""
        base = super().base_url(protocol, credential)
        root = base.removesuffix("/v1beta").removesuffix("/v1")
        return root + "/v1" if protocol.startswith("openai") else root


def create(manifest: Manifest) -> Provider:
    return NewApi(manifest)
