"""Services that speak OpenAI's dialects: Chat Completions unless the credential says otherwise."""

from __future__ import annotations

from addons.providers.api import Manifest, Provider
from addons.vault.credential import Credential
from translators.canonical.request import Request

DIALECTS = {"chat": "openai_chat", "responses": "openai_responses"}


class OpenAICompatible(Provider):
    reads_request = False

    def protocol(self, model: str, credential: Credential, request: Request | None = None) -> str:
        return DIALECTS.get(credential.setting("api"), "openai_chat")


def create(manifest: Manifest) -> Provider:
    return OpenAICompatible(manifest)
