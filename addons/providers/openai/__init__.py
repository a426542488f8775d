"""The OpenAI API: the one thing that is not data is which of its two dialects to speak."""

from __future__ import annotations

import re

from addons.providers.api import Manifest, Provider
from addons.vault.credential import Credential
from translators.canonical.request import ReasoningMode, Request

#: Settings value → protocol id (design.md, Promises: `--set api=chat|responses`).
DIALECTS = {"chat": "openai_chat", "responses": "openai_responses"}

#: openai_chat.md §2, the trap: these answer 400 on chat when tools meet reasoning.
_REFUSES_ON_CHAT = re.compile(r"gpt-5\.[4-9]|gpt-[6-9]")


class OpenAI(Provider):
    def protocol(self, model: str, credential: Credential, request: Request | None = None) -> str:
        """The dialect set by the user; else the client's own, except where chat would refuse (decision 14)."""
        chosen = DIALECTS.get(credential.setting("api"))
        if chosen is not None:
            return chosen
        if request is None or request.origin != "openai_chat":
            return "openai_responses"
        reasons = request.reasoning.mode is not ReasoningMode.OFF and request.reasoning.effort != "none"
        if request.tools and reasons and _REFUSES_ON_CHAT.match(model):
            return "openai_responses"
        return "openai_chat"


def create(manifest: Manifest) -> Provider:
    return OpenAI(manifest)
