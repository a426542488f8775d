"""Services that speak several public protocols: the client's own where they can, so that nothing need be translated."""

from __future__ import annotations

from addons.providers.api import Provider
from addons.vault.credential import Credential
from translators.canonical.request import Request

#: Settings value → protocol id (design.md, Promises: `--set api=chat|responses`).
DIALECTS = {
    "chat": "openai_chat",
    "responses": "openai_responses",
    "anthropic": "anthropic",
    "gemini": "gemini",
}


class SeveralProtocols(Provider):
    """The setting `api` decides; else the client's own protocol, where it is one of the manifest's; else the first."""

    reads_request = False

    def protocol(self, model: str, credential: Credential, request: Request | None = None) -> str:
        offered = self.manifest.protocols
        chosen = DIALECTS.get(credential.setting("api"))
        if chosen in offered:
            return chosen
        return request.origin if request is not None and request.origin in offered else offered[0]
