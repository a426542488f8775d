"""Qwen by the login of Qwen Code: the host that the login names, DashScope's headers and fields (qwen.md)."""

from __future__ import annotations

import time

from addons.providers.api import Answer, Call, Headers, Json, Manifest, Provider
from addons.providers.identified import Identified
from addons.providers.qwen import body, errors, resource
from addons.vault.credential import Credential
from translators.canonical.errors import ErrorInfo

_SAME = "X-DashScope-UserAgent"


class Qwen(Identified):
    agent = "QwenCode/"

    def base_url(self, protocol: str, credential: Credential) -> str:
        """The owner's setting, else what the login names (§4). Raises TranslationError for a host that is not the
        service's."""
        login = credential.settings.get("login")
        named = login.get("resource_url") if isinstance(login, dict) else None
        if credential.setting("base_url") or not isinstance(named, str) or not named:
            return super().base_url(protocol, credential)
        return resource.base_url(named)

    def mended(self, body_: Json, call: Call) -> Json:
        return body.mended(body_, call.model, translated=call.translated)

    def signed(self, call: Call, credential: Credential, sent: dict[str, str]) -> Headers:
        """Both user agents are the same string, also when Qwen Code itself says another version than the profile."""
        agent = sent.get("user-agent", "")
        return [(_SAME, agent)] if sent.get(_SAME.lower()) != agent else []

    def judge(self, error: ErrorInfo, answer: Answer | None = None) -> ErrorInfo:
        return errors.judged(super().judge(error, answer), time.time())


def create(manifest: Manifest) -> Provider:
    return Qwen(manifest)
