"""Gemini Code Assist: what Gemini CLI's "Login with Google" talks to (gemini_code_assist.md)."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import httpx

from addons.providers.api import Call, Manifest, Operation, Provider
from addons.providers.code_assist import quotas
from addons.providers.code_assist.discovery import Dialect
from addons.providers.code_assist.provider import InternalApi
from addons.providers.gemini_oauth.wire import CodeAssist, enveloped
from addons.providers.installed import Installation
from addons.providers.quota import Quota
from addons.vault.credential import Credential
from translators import registry

_METADATA = {"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"}


class GeminiOAuth(InternalApi):
    product = "Gemini CLI"
    installation = Installation(
        command="gemini",
        package="@google/gemini-cli",
        # The bundle of newer versions; the package that older ones have the login's code in, inside or beside.
        files=(
            "bundle/*.js",
            "dist/src/code_assist/oauth2.js",
            "node_modules/@google/gemini-cli-core/dist/src/code_assist/oauth2.js",
            "**/*.js",
        ),
    )
    # §4: the operation is polled by its name every 5 s; a request waits a minute for it at most.
    dialect = Dialect(
        service="Gemini Code Assist",
        load={"metadata": _METADATA},
        onboard={"metadata": _METADATA},
        tier_field="tierId",
        sends_project=True,
        polls_operation=True,
        polls=12,
        pause=5.0,
    )

    def hint(self, credential: Credential) -> str:
        """Where no project is set, the one that the official client takes (§4, 2)."""
        names = ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT_ID")
        told = next((os.environ[name] for name in names if os.environ.get(name)), "")
        return credential.setting("project") or ("" if told.isdigit() else told)

    def body(self, call: Call, credential: Credential) -> bytes:
        if call.operation is Operation.COUNT_TOKENS:
            return call.body
        return enveloped(
            call.body,
            call.model,
            self.project(credential),
            call.conversation,
            credits_too=credential.settings.get("use_credits") is True,
        )

    async def quotas(self, credential: Credential, client: httpx.AsyncClient) -> Sequence[Quota]:
        answer = await self._ask(credential, client, "retrieveUserQuota", {"project": self.project(credential)})
        return quotas.of_buckets(answer, "retrieveUserQuota", time.time())


def create(manifest: Manifest) -> Provider:
    registry.register(CodeAssist())
    return GeminiOAuth(manifest)
