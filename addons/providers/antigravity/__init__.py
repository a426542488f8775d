"""Antigravity: what Google's agent IDE talks to; Gemini, Claude and gpt-oss by a Google login (antigravity.md)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import httpx

from addons.providers.antigravity import limits, models
from addons.providers.antigravity.envelope import enveloped
from addons.providers.antigravity.wire import Antigravity, AntigravityClaude
from addons.providers.api import Answer, Call, Manifest, Operation, Provider, UnavailableError
from addons.providers.code_assist.discovery import Dialect
from addons.providers.code_assist.provider import InternalApi
from addons.providers.installed import Installation
from addons.providers.quota import Quota
from addons.vault.credential import Credential
from translators import jsonio, registry
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.request import Request
from translators.canonical.target import Target

#: Said beside a 404, which also a client that reports an old version gets (§3, §8).
UNKNOWN_MODEL = "Antigravity has no such model for this account, or not for the client version that was reported"


class AntigravityProvider(InternalApi):
    product = "Antigravity"
    #: Where the application's code is; the secret stands in the part that signs in.
    installation = Installation(
        folders=(
            "/usr/share/antigravity/resources/app",
            "/opt/[Aa]ntigravity/resources/app",
            "~/.local/share/[Aa]ntigravity/resources/app",
            "/Applications/Antigravity.app/Contents/Resources/app",
            "~/Applications/Antigravity.app/Contents/Resources/app",
            "~/AppData/Local/Programs/Antigravity/resources/app",
        ),
        files=("out/main.js", "extensions/antigravity/**/*.js", "extensions/antigravity/bin/*"),
    )
    #: Production, behind the daily host (§2).
    fallbacks = ("https://cloudcode-pa.googleapis.com",)
    # §4: the same call is repeated until it is done, 5 × 2 s.
    dialect = Dialect(
        service="Antigravity",
        load={"metadata": {"ideType": "ANTIGRAVITY"}},
        onboard={},
        tier_field="tier_id",
        sends_project=False,
        polls_operation=False,
        polls=5,
        pause=2.0,
    )

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest)
        self._successors: dict[str, str] = {}  # of models that the service has renamed

    # -- choosing

    def protocol(self, model: str, credential: Credential, request: Request | None = None) -> str:
        return AntigravityClaude.id if models.is_claude(model) else Antigravity.id

    def target(self, protocol: str, model: str, credential: Credential) -> Target:
        return super().target(protocol, self.live(model), credential)

    def limited_as(self, model: str) -> str:
        return models.group(model)

    def live(self, model: str) -> str:
        """The name that the service knows."""
        name = models.live(model)
        return self._successors.get(name, name)

    # -- asking

    def dialect_of(self, credential: Credential) -> Dialect:
        """With the version that the client reports."""
        profile = self.manifest.header_profile
        version = profile.facts(credential).get("version", "") if profile is not None else ""
        metadata = {"ide_type": "ANTIGRAVITY", "ide_version": version, "ide_name": "antigravity"}
        return replace(self.dialect, onboard={"metadata": metadata})

    def method(self, call: Call) -> str:
        return "fetchAvailableModels" if call.operation is Operation.MODELS else super().method(call)

    def body(self, call: Call, credential: Credential) -> bytes:
        if call.operation is Operation.MODELS:
            return jsonio.dumps({"project": self.project(credential)})
        if call.operation is Operation.COUNT_TOKENS:
            return call.body
        return enveloped(
            call.body,
            self.live(call.model),
            self.project(credential),
            call.conversation,
            credits_too=credential.settings.get("use_credits") is True,
        )

    async def quotas(self, credential: Credential, client: httpx.AsyncClient) -> Sequence[Quota]:
        project = {"project": self.project(credential)}
        known = await self._ask(credential, client, "fetchAvailableModels", project)
        self._successors = limits.successors(known)
        found = limits.of_models(known, time.time())
        try:
            summary = await self._ask(credential, client, "retrieveUserQuotaSummary", project)
        except UnavailableError:  # for people alone
            return found
        return [*found, *limits.of_groups(summary, time.time())]

    def judge(self, error: ErrorInfo, answer: Answer | None = None) -> ErrorInfo:
        error = super().judge(error, answer)
        if error.kind is ErrorKind.NOT_FOUND and error.status == 404 and UNKNOWN_MODEL not in error.message:
            error.message = f"{error.message} ({UNKNOWN_MODEL})"
        return error


def create(manifest: Manifest) -> Provider:
    registry.register(Antigravity())
    registry.register(AntigravityClaude())
    return AntigravityProvider(manifest)
