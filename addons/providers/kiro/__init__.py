"""Kiro: logins of every kind and API keys, the profile that requests need, addresses by region and generation
(kiro.md)."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx

from addons.login.flow import Flow
from addons.login.steps import Steps
from addons.providers import outbound
from addons.providers.api import (
    Answer,
    Call,
    Headers,
    Json,
    Manifest,
    Operation,
    Provider,
    UnavailableError,
    Upstream,
)
from addons.providers.kiro import control, limits, renewal
from addons.providers.kiro.account import Account, Method
from addons.providers.kiro.control import Control
from addons.providers.kiro.dialect import LEGACY
from addons.providers.kiro.login import STEPS, OidcSteps
from addons.providers.kiro.models import kiro_id
from addons.providers.kiro.profiles import Profiles
from addons.providers.kiro.wire import WIRES
from addons.providers.quota import Quota
from addons.vault.credential import Credential
from addons.vault.tokens import Token
from translators import jsonio, registry
from translators.canonical.errors import ErrorInfo, ErrorKind, TranslationError
from translators.canonical.request import Request
from translators.canonical.target import Target

#: What ids of conversations are made in; any fixed UUID does.
_NAMESPACE = uuid.UUID("6f1c2a52-3c55-5f0e-9d0e-2f3b6a3f9c11")
_PATIENCE = 15.0  # seconds for an answer of the control plane
#: §8: how the texts of a locked account begin; the user id in them is the service's own.
_SUSPENDED = re.compile(r"Your User ID \([\w.:-]{1,128}\) temporarily is suspended\.")
#: §8: texts about the profile that we sent.
_PROFILE = ("profileArn is required for this request.", "Invalid profileArn.")


class Kiro(Provider):
    reads_request = False

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest)
        self._profiles = Profiles(self._ask_profile)

    # -- choosing

    def protocol(self, model: str, credential: Credential, request: Request | None = None) -> str:
        return Account.of(credential).dialect.id

    def limited_as(self, model: str) -> str:
        """One model has many names; its limits are its own."""
        return kiro_id(model)

    def target(self, protocol: str, model: str, credential: Credential) -> Target:
        """Facts of the model by the service's name for it."""
        return super().target(protocol, kiro_id(model), credential)

    # -- asking

    async def acquire(self, credential: Credential) -> Credential:
        """With the account's profile among the settings, which every request names (§4)."""
        account = Account.of(credential)
        if account.arn or account.dialect is LEGACY:
            return credential
        arn = await self._profiles.arn(credential)
        return replace(credential, settings={**credential.settings, "profile_arn": arn})

    async def renew(self, token: Token, credential: Credential, client: httpx.AsyncClient) -> Token:
        facts = Account.of(credential, token.extra).facts("refresh")
        return await renewal.renew(token, credential, client, self.identity("refresh", credential, **facts))

    def login_steps(self, flow: Flow, draft: Credential, client: httpx.AsyncClient) -> Steps:
        """By the CLI's ways, as the CLI."""
        steps = STEPS[flow.id]
        method = Method.IDC if steps is OidcSteps else Method.SOCIAL
        identity = self.identity("refresh", draft, client="cli", method=method.value)
        return steps(flow, self.manifest.oauth, draft, client, identity)

    async def enrol(self, credential: Credential, client: httpx.AsyncClient) -> Json:
        """The profile where the login tells none, the account's address and its plan."""
        found: Json = {}
        account = Account.of(credential)
        if not account.login.get("profile_arn") and account.dialect is not LEGACY:
            found["profile_arn"] = await self._control(credential, client).profile()
            credential = replace(credential, settings={**credential.settings, **found})
        try:
            return {**found, **limits.account(await self._control(credential, client).usage())}
        except UnavailableError as error:
            if error.info.out_of_service or error.info.kind is ErrorKind.AUTHENTICATION:
                raise
            return found  # an account that may not ask for its usage may do all else

    async def quotas(self, credential: Credential, client: httpx.AsyncClient) -> Sequence[Quota]:
        return limits.quotas(await self._control(credential, client).usage(), time.time())

    def base_url(self, protocol: str, credential: Credential) -> str:
        return credential.setting("base_url", Account.of(credential).runtime).rstrip("/")

    def url(self, call: Call, credential: Credential) -> str:
        if call.operation is Operation.MODELS:
            return control.models_url(credential)
        if call.operation is not Operation.GENERATE:
            raise TranslationError("Kiro has no such endpoint.", kind=ErrorKind.NOT_FOUND)
        base = self.base_url(call.protocol, credential)
        return f"{base}/generateAssistantResponse" if call.protocol == LEGACY.id else f"{base}/"

    def identity(self, purpose: str, credential: Credential, **facts: str) -> Headers:
        known = {**Account.of(credential).facts(purpose), **facts}
        return super().identity(purpose, credential, **known)

    def build(self, call: Call, credential: Credential) -> Upstream:
        upstream = super().build(call, credential)
        if call.operation is Operation.GENERATE:
            upstream.body = jsonio.dumps(_completed(jsonio.loads(call.body), call.conversation, credential))
        return upstream

    # -- judging

    def judge(self, error: ErrorInfo, answer: Answer | None = None) -> ErrorInfo:
        """The manifest's rules, and what no rule can say: whose fault a wrong profile is, how a ban reads that comes
        without its reason."""
        error = super().judge(error, answer)
        if error.status == 403 and _SUSPENDED.match(error.message):
            error.kind, error.out_of_service = ErrorKind.PERMISSION, True
        elif error.status == 403 and (error.code or "").startswith("UNAUTHORIZED_"):
            error.kind = ErrorKind.NOT_FOUND  # not for this account; a renewed token would not change that
        elif error.status == 400 and error.message in _PROFILE:
            # A request of the client's is not at fault, and another account's profile is another.
            error.kind, error.status = ErrorKind.SERVER, 502
            error.message += " The account's profile has changed: sign in again, or set profile_arn."
        return error

    # -- within

    async def _ask_profile(self, credential: Credential) -> str:
        try:
            async with outbound.client(credential, _PATIENCE) as client:
                return await self._control(credential, client).profile()
        except (httpx.HTTPError, OSError) as error:
            text = f"{credential.name}: Kiro cannot be asked for its profile: {error or type(error).__name__}"
            raise UnavailableError(ErrorInfo(ErrorKind.SERVER, text, 502)) from error

    def _control(self, credential: Credential, client: httpx.AsyncClient) -> Control:
        headers = [*self.auth_headers(credential), *self.identity("control", credential)]
        return Control(credential, client, headers, self.judge)


def _completed(body: dict[str, Any], conversation: str, credential: Credential) -> dict[str, Any]:
    """With what belongs to the account and the conversation: the profile; ids that stay the same as long as the
    conversation does (§6: caches keep to them), that of the continuation as long as the user's turn does. The CLI calls
    its conversations sessions."""
    account = Account.of(credential)
    state = body["conversationState"]
    known = uuid.uuid5(_NAMESPACE, f"{credential.name}\x1f{conversation}") if conversation else uuid.uuid4()
    entries = [*state.get("history", ()), state["currentMessage"]]
    turns = sum("userInputMessage" in entry and not _has_results(entry["userInputMessage"]) for entry in entries)
    ids = {"conversationId": str(known), "agentContinuationId": str(uuid.uuid5(known, str(turns)))}
    if account.client == "cli" and account.dialect is not LEGACY:
        ids["conversationId"] = ids["rootConversationId"] = f"sess_{known}"
    body = {**body, "conversationState": {**ids, **state}}
    return {"profileArn": account.arn, **body} if account.sends_arn else body


def _has_results(message: dict[str, Any]) -> bool:
    return "toolResults" in message.get("userInputMessageContext", {})


def create(manifest: Manifest) -> Provider:
    for wire in WIRES:
        registry.register(wire)
    return Kiro(manifest)
