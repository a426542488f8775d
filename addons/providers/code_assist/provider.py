"""The provider that both services are: calls, the login's client secret, the account, and what follows a refusal."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx

from addons.login.flow import Flow
from addons.login.steps import Steps
from addons.providers import outbound
from addons.providers.api import Answer, Call, Headers, Manifest, Operation, Provider, Upstream
from addons.providers.code_assist import account, errors
from addons.providers.code_assist.account import Account
from addons.providers.code_assist.accounts import Accounts
from addons.providers.code_assist.client_secret import ClientSecrets
from addons.providers.code_assist.discovery import DISCOVERY, Asker, Dialect, unavailable
from addons.providers.installed import Installation
from addons.vault.credential import Credential
from addons.vault.oauth import OAuth, RefreshError
from addons.vault.tokens import Token
from translators.canonical.errors import ErrorInfo, ErrorKind, TranslationError
from translators.canonical.request import Request

Json = dict[str, Any]

#: Seconds for one call that is not a client's request.
PATIENCE = 20.0
#: Seconds until an installed client is looked for again.
NO_SECRET = 60.0
USERINFO = "https://www.googleapis.com/oauth2/v2/userinfo"

#: Codes of a login that could not be renewed (addons/pool/refresh.py): nothing was sent.
_OF_THE_LOGIN = ("login_expired", "login_not_renewed")

# What a credential that is being used carries beside its owner's settings.
FOUND = "found_project"
HOST = "host_in_use"
SOUGHT_ANEW = "project_sought_anew"


class GoogleLogin(Steps):
    """`find` gives the client secret of the user's own installation, where the owner set none."""

    def __init__(
        self,
        flow: Flow,
        form: OAuth | None,
        draft: Credential,
        client: httpx.AsyncClient,
        identity: Headers,
        *,
        find: Callable[[str], Awaitable[str]],
    ) -> None:
        super().__init__(flow, form, draft, client, identity)
        self._find = find

    async def begin(self) -> None:
        if not self.client_secret and (found := await self._find(self.client_id)):
            self.client_secret = found
            self.extra["client_secret"] = found  # kept with the login: renewing it is not bound to that installation
        await super().begin()


class InternalApi(Provider):
    """`dialect` says how the account is asked for; `installation` where the official client is that has the client
    secret; `fallbacks` are hosts after the manifest's."""

    reads_request = False
    dialect: Dialect
    installation: Installation
    product = ""  # the official client's name
    fallbacks: tuple[str, ...] = ()

    def __init__(self, manifest: Manifest, secrets: ClientSecrets | None = None) -> None:
        super().__init__(manifest)
        self._secrets = secrets or ClientSecrets()
        self._accounts = Accounts(self._find)

    def protocol(self, model: str, credential: Credential, request: Request | None = None) -> str:
        return self.manifest.protocols[0]

    # -- the account

    async def acquire(self, credential: Credential) -> Credential:
        """With the project, where its owner set none. Raises UnavailableError."""
        own = credential.setting("project")
        if account.is_numeric(own):
            text = f"project {own} is a number: the project's id is wanted (gcloud projects list shows it)"
            raise unavailable(credential.name, text)
        if own:
            return credential
        known = await self._accounts.of(credential)
        return replace(credential, settings={**credential.settings, FOUND: known.project})

    async def enrol(self, credential: Credential, client: httpx.AsyncClient) -> Json:
        """`account` (an e-mail) and `plan`. The project is not among them: it is asked for where it is needed, so that
        a setting of that name is always its owner's."""
        found = await self._accounts.of(credential)
        told = {"account": await self._email(credential, client), "plan": found.tier}
        return {name: value for name, value in told.items() if value}

    def login_steps(self, flow: Flow, draft: Credential, client: httpx.AsyncClient) -> Steps:
        form = self.manifest.oauth
        return GoogleLogin(flow, form, draft, client, self.identity("login", draft), find=self._client_secret)

    async def renew(self, token: Token, credential: Credential, client: httpx.AsyncClient) -> Token:
        """Google's plain grant, with the client secret of the installed client where its owner set none."""
        if not credential.secret_field("client_secret") and not credential.setting("client_secret"):
            assert self.manifest.oauth is not None
            secret = await self._client_secret(credential.setting("client_id", self.manifest.oauth.client_id))
            if not secret:
                text = (
                    f"the client secret of {self.product} is needed for this login, and no installed {self.product} "
                    f"was found: install it, or `proxycast credentials edit {credential.name} --set client_secret=…`"
                )
                raise RefreshError(text, retry_after=NO_SECRET)
            credential = replace(credential, settings={**credential.settings, "client_secret": secret})
        return await super().renew(token, credential, client)

    async def _client_secret(self, client_id: str) -> str:
        """Of the user's own installation, "" where there is none."""
        return await asyncio.to_thread(self._secrets.find, client_id, self.installation)

    def dialect_of(self, credential: Credential) -> Dialect:
        return self.dialect

    def hint(self, credential: Credential) -> str:
        """The project that the owner named."""
        return credential.setting("project")

    def project(self, credential: Credential) -> str:
        return credential.setting("project") or credential.setting(FOUND)

    # -- calls

    def hosts(self, credential: Credential) -> list[str]:
        """In the order in which they are tried; an owner's `base_url` stands alone, or before `fallback_url`."""
        own = credential.setting("base_url")
        found = [own, credential.setting("fallback_url")] if own else [self.manifest.base_url, *self.fallbacks]
        return [host.rstrip("/") for host in found if host]

    def base_url(self, protocol: str, credential: Credential) -> str:
        hosts, used = self.hosts(credential), credential.settings.get(HOST)
        return hosts[used if isinstance(used, int) and used < len(hosts) else 0]

    def url(self, call: Call, credential: Credential) -> str:
        return f"{self.base_url(call.protocol, credential)}/v1internal:{self.method(call)}"

    def method(self, call: Call) -> str:
        """With its query. Raises TranslationError for what the service has no call for."""
        match call.operation:
            case Operation.GENERATE:
                return "streamGenerateContent?alt=sse" if call.stream else "generateContent"
            case Operation.COUNT_TOKENS:
                return "countTokens"
        raise TranslationError(f"{self.manifest.name} has no such endpoint.", kind=ErrorKind.NOT_FOUND)

    def build(self, call: Call, credential: Credential) -> Upstream:
        upstream = super().build(call, credential)
        upstream.method = "POST"  # of everything, also of a list that others get
        if not any(name.lower() == "content-type" for name, _ in upstream.headers):
            upstream.headers.append(("content-type", "application/json"))
        upstream.headers = self.identified(upstream.headers, call.operation.value, call.model, credential)
        upstream.body = self.body(call, credential)
        return upstream

    def identified(self, headers: Headers, purpose: str, model: str, credential: Credential) -> Headers:
        """`headers` with those that name the official client, which also tells the model."""
        ours = self.identity(purpose, credential, model=model)
        replaced = {name.lower() for name, _ in ours}
        return [(name, value) for name, value in headers if name.lower() not in replaced] + ours

    @abstractmethod
    def body(self, call: Call, credential: Credential) -> bytes:
        """The envelope with the request in it."""

    # -- failures

    def judge(self, error: ErrorInfo, answer: Answer | None = None) -> ErrorInfo:
        return super().judge(errors.classify(error), answer)

    def again(self, credential: Credential, error: ErrorInfo) -> Credential | None:
        """At the next host, for what may be the host's; with the project found out anew, once, for what may be the
        project's."""
        if error.type == DISCOVERY or error.out_of_service or error.code in _OF_THE_LOGIN:
            return None
        used = credential.settings.get(HOST, 0)
        hosts_fault = error.kind in (ErrorKind.SERVER, ErrorKind.OVERLOADED) or error.status == 404
        if (hosts_fault or errors.is_capacity(error)) and used + 1 < len(self.hosts(credential)):
            return replace(credential, settings={**credential.settings, HOST: used + 1})
        refused = error.status == 403 and error.kind is ErrorKind.PERMISSION
        if refused and credential.setting(FOUND) and not credential.settings.get(SOUGHT_ANEW):
            self._accounts.forget(credential)
            return replace(credential, settings={**credential.settings, SOUGHT_ANEW: True})
        return None

    # -- within

    async def _find(self, credential: Credential) -> Account:
        async with self._client(credential) as client:
            return await self._asker(credential, client).find(self.dialect_of(credential), self.hint(credential))

    def _client(self, credential: Credential) -> httpx.AsyncClient:
        try:
            return outbound.client(credential, PATIENCE)
        except OSError as error:
            raise unavailable(credential.name, f"its ca_file cannot be used: {error}", ErrorKind.SERVER, 502) from None

    def _asker(self, credential: Credential, client: httpx.AsyncClient) -> Asker:
        return Asker(
            client,
            credential.name,
            self.hosts(credential),
            self._headers("load", credential),
            self._headers("onboard", credential),
        )

    def _headers(self, purpose: str, credential: Credential) -> Headers:
        given: Headers = [("content-type", "application/json"), ("accept", "application/json")]
        return [*given, *self.auth_headers(credential), *self.identity(purpose, credential)]

    async def _email(self, credential: Credential, client: httpx.AsyncClient) -> str:
        """The account's name for people; "" where nobody says."""
        told = account.email_of(credential.settings.get("login"))
        url = credential.setting("userinfo_url", USERINFO)
        if told or not outbound.is_safe(url):
            return told
        try:
            answer = await client.get(url, headers=self.auth_headers(credential))
            found = answer.json() if answer.status_code == httpx.codes.OK else {}
        except (httpx.HTTPError, ValueError):
            return ""
        email = found.get("email") if isinstance(found, dict) else None
        return email if isinstance(email, str) else ""

    async def _ask(self, credential: Credential, client: httpx.AsyncClient, method: str, body: Json) -> Json:
        """One call beside the client's requests. Raises UnavailableError."""
        if not self.project(credential):
            raise unavailable(credential.name, "it has no project yet", ErrorKind.SERVER, 503)
        headers = self._headers("load", credential)
        return await self._asker(credential, client).call("POST", f":{method}", headers, body)
