"""iFlow: an account's API key, by the login of iFlow CLI, a cookie, or given; signed requests (iflow.md)."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
import uuid

import httpx

from addons.login.flow import Flow, Kind
from addons.login.steps import Steps
from addons.providers.api import Call, Headers, Json, Manifest, Operation, Provider, UnavailableError
from addons.providers.identified import Identified
from addons.providers.iflow import account, body, renewal
from addons.providers.iflow.account import AccountError
from addons.providers.iflow.login import OAUTH_TOKEN, BrowserSteps, CookieSteps
from addons.vault.credential import Credential
from addons.vault.oauth import RefreshError
from addons.vault.tokens import Token
from translators.canonical.errors import ErrorInfo, ErrorKind

_SESSION = re.compile(r"session-[0-9a-f-]{36}")


class Iflow(Identified):
    agent = "iFlowCLI/"

    async def acquire(self, credential: Credential) -> Credential:
        if credential.secret and credential.secret == _login(credential).get(OAUTH_TOKEN):
            text = f"{credential.name}: the account's API key could not be fetched; it is tried again"
            raise UnavailableError(ErrorInfo(ErrorKind.SERVER, text, 503, code="login_not_renewed"))
        return credential

    async def renew(self, token: Token, credential: Credential, client: httpx.AsyncClient) -> Token:
        how = self.manifest.oauth
        if how is None:
            raise RefreshError("this provider has no logins", final=True)
        if token.extra.get(account.KIND) == account.COOKIE:
            asking, making = self._browser(credential)
            return await renewal.by_cookie(token, credential, client, asking, making)
        return await renewal.by_token(how, token, credential, client, self.identity("refresh", credential))

    async def enrol(self, credential: Credential, client: httpx.AsyncClient) -> Json:
        """The account's e-mail address; a key alone does not tell it."""
        token = _login(credential).get(OAUTH_TOKEN)
        if not isinstance(token, str) or credential.setting("account"):
            return {}
        try:
            known = await account.user_info(token, credential, client)
        except AccountError as error:
            raise UnavailableError(ErrorInfo(ErrorKind.AUTHENTICATION, str(error))) from None
        return {"account": known.email} if known.email else {}

    def login_steps(self, flow: Flow, draft: Credential, client: httpx.AsyncClient) -> Steps:
        if flow.kind is not Kind.SECRET:
            return BrowserSteps(flow, self.manifest.oauth, draft, client)
        steps = CookieSteps(flow, self.manifest.oauth, draft, client)
        steps.asking, steps.making = self._browser(draft)
        return steps

    def mended(self, body_: Json, call: Call) -> Json:
        return body.mended(body_, call.model)

    def signed(self, call: Call, credential: Credential, sent: dict[str, str]) -> Headers:
        """iFlow CLI's signature, also for iFlow CLI: its own was made with the key of the gateway."""
        if call.operation is not Operation.GENERATE:
            return []
        own = sent.get("session-id", "") if not call.translated else ""
        session = own if _SESSION.fullmatch(own) else _session(call.conversation)
        facts = {"session": session, "timestamp": str(round(time.time() * 1000))}
        text = f"{sent.get('user-agent', '')}:{facts['session']}:{facts['timestamp']}"
        signature = hmac.new(credential.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        accepts = self.identity("stream", credential) if call.stream else []
        return [*accepts, *self.identity("signed", credential, **facts, signature=signature)]

    def _browser(self, credential: Credential) -> tuple[Headers, Headers]:
        return self.identity("api_key", credential), self.identity("new_api_key", credential)


def _login(credential: Credential) -> Json:
    login = credential.settings.get("login")
    return login if isinstance(login, dict) else {}


def _session(conversation: str) -> str:
    """In the form of a random UUID, and always the same for a conversation; a request of none is one of its own."""
    if not conversation:
        return f"session-{uuid.uuid4()}"
    digest = hashlib.sha256(f"proxycast iflow {conversation}".encode()).digest()
    return f"session-{uuid.UUID(bytes=digest[:16], version=4)}"


def create(manifest: Manifest) -> Provider:
    return Iflow(manifest)
