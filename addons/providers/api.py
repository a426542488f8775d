"""What a provider plugin offers: a manifest (data) and a class that overrides little. This is all that plugins import.

A provider that is only data needs no class of its own: `Provider` reads everything from the manifest. Sources:
design.md (Words, decisions 6, 14, 15), requirements.md ("What a provider plugin offers").
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import httpx

from addons.login.flow import Flow
from addons.login.steps import Steps
from addons.providers import limit_headers, oauth_grant, quota_endpoint
from addons.providers.endpoints import ENDPOINTS, join
from addons.providers.header_profile import HeaderProfile
from addons.providers.limit_headers import LimitHeaders
from addons.providers.quota import Quota
from addons.providers.quota_endpoint import QuotaEndpoint
from addons.vault.credential import Credential
from addons.vault.oauth import OAuth, RefreshError
from addons.vault.tokens import Token
from translators import registry
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.request import Request
from translators.canonical.target import Target
from translators.protocol import Protocol

Json = dict[str, Any]
Headers = list[tuple[str, str]]

_PLACE = re.compile(r"\{(\w+)\}")
_REMEMBERED_TARGETS = 500  # clients name models as they please


class Operation(StrEnum):
    """What a client asks of a backend."""

    GENERATE = "generate"
    COUNT_TOKENS = "count_tokens"
    MODELS = "models"
    PASS = "pass"  # noqa: S105 - any other endpoint of the protocol, forwarded as it is


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """Corrects what an upstream's error means: all given conditions must hold. `contains` is compared in lower case,
    `message` is the whole text, in lower case: what ends a credential must not match words of the client's that an
    error repeats.

    `scope`: whom a rate limit is about, where its headers do not tell: "request" (nobody rests), "model" or "account".
    Of a refusal "request" says that another token would change nothing: no login is renewed for it.
    `out_of_service`: the account is closed or the secret revoked for good (design.md, decision 5)."""

    kind: ErrorKind
    status: int | None = None
    code: str | None = None
    contains: str | None = None
    message: str | None = None
    scope: str = ""
    out_of_service: bool = False

    def fits(self, error: ErrorInfo) -> bool:
        return (
            (self.status is None or self.status == error.status)
            and (self.code is None or self.code in (error.code, error.type))
            and (self.contains is None or self.contains in error.message.lower())
            and (self.message is None or self.message == error.message.strip().lower())
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """A provider as data; each built-in one is a `manifest.toml`.

    `models` are shell patterns of the models it serves ("*" = any name), `known_models` names worth listing.
    `auth_header` and `auth_prefix` say how a single secret is sent; `auth_headers` names, for a protocol, another
    header that takes it bare. `base_urls` holds, for a protocol, another base URL than `base_url`; `{name}` in either
    stands for a setting of the credential. `targets` are (pattern, overrides of `Target`), all that match apply in
    order; one with `protocol` among its overrides is for that protocol alone. `errors` correct what errors mean, the
    first that fits; `limits` name the headers that tell of rate limits. `dropped_headers` are patterns of client
    headers that the service cannot bear. `lists_models`: asking it for its models is cheap. `env` names the environment
    variables that official tools keep the secret in. `oauth` says how a login's token is renewed, for a provider whose
    credentials are logins: its secret is then what `addons/pool/refresh.py` keeps, and what a request sees as the
    credential's secret is the access token. `login` are the ways to sign in to it, the first of them the usual one;
    `login_note` is said where there is none. `header_profile` is the folder's `headers.toml`: what identifies the
    official client. `pacing` holds the settings of addons/pool/limits.py that hold where the credential has none of its
    own (decision 8). `reads_quota`: `Provider.quotas` asks the service, by default as `quota` describes it.
    `credential_schema` is JSON Schema with `secret` and `settings` properties.
    """

    id: str
    name: str
    protocols: tuple[str, ...]
    description: str = ""
    version: str = "1"
    aliases: tuple[str, ...] = ()
    group: str = "api_key"  # the UI's group: oauth, api_key, other
    status: str = "active"
    terms: str = ""
    terms_url: str = ""
    base_url: str = ""
    base_urls: dict[str, str] = field(default_factory=dict)
    auth_header: str = ""
    auth_prefix: str = ""
    auth_headers: dict[str, str] = field(default_factory=dict)
    dropped_headers: tuple[str, ...] = ()
    lists_models: bool = False
    env: tuple[str, ...] = ()
    oauth: OAuth | None = None
    login: tuple[Flow, ...] = ()
    login_note: str = ""
    header_profile: HeaderProfile | None = None
    pacing: Json = field(default_factory=dict)
    reads_quota: bool = False
    needs_secret: bool = True
    subscription: bool = False
    models: tuple[str, ...] = ("*",)
    known_models: tuple[str, ...] = ()
    targets: tuple[tuple[str, Json], ...] = ()
    errors: tuple[ErrorRule, ...] = ()
    limits: tuple[LimitHeaders, ...] = ()
    quota: tuple[QuotaEndpoint, ...] = ()
    credential_schema: Json = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """What is to be sent to the backend, in the backend's protocol.

    `path` and `query` are the client's own, for `Operation.PASS` and pass-through; `headers` those of the client that
    may be forwarded (same protocol) or those the translated body needs. `conversation` is the key of the conversation
    ("" where none is known), `origin` the client's protocol. `received` are all headers of the client as they came, to
    know it by: what of them may be forwarded is in `headers`.
    """

    operation: Operation
    protocol: str
    model: str
    stream: bool
    body: bytes
    method: str = "POST"
    path: str = ""
    query: str = ""
    headers: Headers = field(default_factory=list)
    translated: bool = False
    conversation: str = ""
    origin: str = ""
    received: Headers = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an upstream answered, for whoever judges an error by more than its text: header names in lower case."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(slots=True)
class Upstream:
    """A request ready to go out. `notes` say what was changed or dropped on the way, for the audit."""

    method: str
    url: str
    headers: Headers
    body: bytes
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class LocalAnswer:
    """The answer of a provider that needs no network, in the protocol that `Provider.protocol` named."""

    status: int
    headers: Headers
    body: bytes


class UnavailableError(Exception):
    """A credential cannot be used now; `info` says why, in the common vocabulary (what `acquire` raises)."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(info.message)
        self.info = info


class Provider:
    """One service. Stateless towards requests; the same object serves all credentials of the provider.

    `reads_request`: choosing a protocol takes more of a request than its `origin` and `model`; where it does not, the
    request need not be decoded for it.
    """

    reads_request = True

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        #: what the manifest says by protocol and model: every request asks
        self._targets: tuple[Manifest, dict[tuple[str, str], Target]] = manifest, {}
        #: whether `told` is worth asking for an answer's headers
        self.tells_limits = bool(manifest.limits) or type(self).told is not Provider.told

    # -- choosing

    def serves(self, model: str, credential: Credential) -> bool:
        """Whether this credential can be asked for `model` (the backend's name for it)."""
        excluded = credential.settings.get("excluded_models") or ()
        if any(fnmatch.fnmatchcase(model, pattern) for pattern in excluded):
            return False
        patterns = credential.settings.get("served_models") or self.manifest.models
        return any(fnmatch.fnmatchcase(model.lower(), pattern.lower()) for pattern in patterns)

    def models(self, credential: Credential) -> Sequence[str]:
        """Names worth offering to a client that asks for a list."""
        listed = credential.settings.get("served_models") or self.manifest.known_models
        names = [name for name in listed if "*" not in name]
        return [*names, *(name for name in credential.settings.get("models") or {} if "*" not in name)]

    def limited_as(self, model: str) -> str:
        """The name under which the limits of `model` are kept: models that share their limits have the same one, which
        is also that of `Quota.model`."""
        return model

    def protocol(self, model: str, credential: Credential, request: Request | None = None) -> str:
        """The protocol id to speak for this model; `request` helps where one service has two dialects."""
        return self.manifest.protocols[0]

    def wire(self, protocol: str) -> Protocol:
        """The codec of a protocol that it speaks. A plugin's provider keeps those that its version came with, so that
        an update changes nothing for exchanges under way. Raises UnknownProtocolError."""
        return registry.get(protocol)

    def passes(self, operation: Operation, headers: Mapping[str, str], body: Json) -> bool:
        """Whether a client that speaks a protocol of the service's may be passed on as it is; where not, it is put into
        the manifest's first one. `headers` are the client's, by lower-case name."""
        return True

    def target(self, protocol: str, model: str, credential: Credential) -> Target:
        """What the model can take: the protocol's defaults, then every matching row of the manifest."""
        manifest, known = self._targets
        if manifest is not self.manifest or len(known) >= _REMEMBERED_TARGETS:
            _, known = self._targets = self.manifest, {}
        target = known.get((protocol, model))
        if target is None:
            target = known[protocol, model] = self._listed_target(protocol, model)
        own = credential.settings.get("target")
        return replace(target, **own) if isinstance(own, dict) else target

    def _listed_target(self, protocol: str, model: str) -> Target:
        target = Target(protocol=protocol, model=model, provider=self.manifest.id)
        for pattern, overrides in self.manifest.targets:
            if overrides.get("protocol", protocol) == protocol and fnmatch.fnmatchcase(model.lower(), pattern):
                target = replace(target, **overrides)
        return target

    # -- asking

    async def acquire(self, credential: Credential) -> Credential:
        """The credential as it is to be used, before every attempt: where a secret has first to be exchanged for a
        token, with that token in it, and all that `refresh` needs. Cheap when nothing is due. Raises UnavailableError.
        """
        return credential

    async def renew(self, token: Token, credential: Credential, client: httpx.AsyncClient) -> Token:
        """A new token for one that expires: one POST through `client`, by default OAuth's refresh grant as the manifest
        describes it. When and how often, under which lock and what becomes of the answer is decided by
        addons/pool/refresh.py. Raises RefreshError."""
        if self.manifest.oauth is None:
            raise RefreshError("this provider has no logins", final=True)
        headers = self.identity("refresh", credential)
        return await oauth_grant.renew(self.manifest.oauth, token, credential, client, headers)

    def login_steps(self, flow: Flow, draft: Credential, client: httpx.AsyncClient) -> Steps:
        """A login by one of the manifest's flows; `draft` is the credential that comes of it, without its secret.
        Where the service is odd, of a class that overrides the odd step."""
        return Steps(flow, self.manifest.oauth, draft, client, self.identity("login", draft))

    async def enrol(self, credential: Credential, client: httpx.AsyncClient) -> Json:
        """Settings that the service knows and the owner need not type (a project, an account's name), learned once
        when a credential is added or logged in; `credential` is ready for use. Raises UnavailableError where the
        account cannot be used at all, and says why."""
        return {}

    async def quotas(self, credential: Credential, client: httpx.AsyncClient) -> Sequence[Quota]:
        """What is left of the account's limits, asked of the service; `credential` is ready for use. Only called where
        the manifest says `reads_quota`. Raises UnavailableError or httpx.HTTPError. The setting `quota_url` goes before
        the manifest's addresses."""
        protocol = self.manifest.protocols[0]
        base, headers = self.base_url(protocol, credential), self.auth_headers(credential, protocol)
        return await quota_endpoint.ask(self.manifest.quota, base, headers, client, credential.setting("quota_url"))

    def again(self, credential: Credential, error: ErrorInfo) -> Credential | None:
        """After that failure of `credential` (as it was sent): what to ask with once more before anybody else, at
        another of the service's own addresses or with what is to be learned anew; None = nothing. What comes back must
        show that it was tried, so that this ends."""
        return None

    def base_url(self, protocol: str, credential: Credential) -> str:
        """The credential's for that protocol or for all, else the provider's; without a slash at its end."""
        own = credential.settings.get("base_urls")
        base = own.get(protocol) if isinstance(own, dict) else None
        if not isinstance(base, str) or not base:
            base = credential.setting("base_url") or self.manifest.base_urls.get(protocol) or self.manifest.base_url
        return _filled(base.rstrip("/"), credential)

    def url(self, call: Call, credential: Credential) -> str:
        """Where the call goes: the credential's base URL joined by the protocol's rule (decision 15)."""
        base = self.base_url(call.protocol, credential)
        query = f"?{call.query}" if call.query and not call.translated else ""
        if call.operation is Operation.PASS:
            return join(call.protocol, base, call.path) + query
        path, own_query = ENDPOINTS[call.protocol].path(call.operation.value, call.stream)
        path = path.format(model=quote(call.model, safe="/.:@-_"))
        return join(call.protocol, base, path) + (own_query if call.translated else query)

    def auth_headers(self, credential: Credential, protocol: str = "") -> Headers:
        """The headers that carry the secret; the setting `auth` names another one, or is `bearer`."""
        if not credential.secret:
            return []
        chosen = credential.setting("auth")
        if chosen == "bearer":
            return [("Authorization", "Bearer " + credential.secret)]
        bare = chosen or self.manifest.auth_headers.get(protocol)
        if bare:
            return [(bare, credential.secret)]
        return (
            [(self.manifest.auth_header, self.manifest.auth_prefix + credential.secret)]
            if self.manifest.auth_header
            else []
        )

    def identity(self, purpose: str, credential: Credential, **facts: str) -> Headers:
        """What the official client would say of itself in a call of that purpose: generate, count_tokens, models,
        refresh, or a provider's own word. `facts` fill places of the header profile beside those of the machine."""
        profile = self.manifest.header_profile
        return [] if profile is None else profile.headers(purpose, credential, facts)

    def build(self, call: Call, credential: Credential) -> Upstream:
        """The request as it goes out: address, the call's headers, the secret, the credential's extra headers.

        Raises TranslationError for a request that this service's terms or its wire do not allow: the next candidate is
        tried, and the client told why if there is none.
        """
        headers = list(call.headers)
        if dropped := self.manifest.dropped_headers:
            headers = [h for h in headers if not any(fnmatch.fnmatchcase(h[0].lower(), name) for name in dropped)]
        ours = self.auth_headers(credential, call.protocol)
        if call.translated:  # an official client that speaks for itself keeps its own
            ours += self.identity(call.operation.value, credential)
        extra = credential.settings.get("headers")
        if isinstance(extra, dict):
            ours += [(str(name), str(value)) for name, value in extra.items()]
        replaced = {name.lower() for name, _ in ours}
        headers = [(name, value) for name, value in headers if name.lower() not in replaced]
        return Upstream(call.method, self.url(call, credential), headers + ours, call.body)

    async def answer(self, call: Call, credential: Credential) -> LocalAnswer | None:
        """The answer itself, from a provider that needs no network; None = ask the upstream."""
        return None

    # -- judging

    def told(self, headers: Mapping[str, str], model: str, now: float) -> list[Quota]:
        """The limits that an answer's headers tell; names in lower case, `now` in seconds since 1970."""
        rows = self.manifest.limits
        return limit_headers.read(rows, headers, model, now) if rows else []

    def judge(self, error: ErrorInfo, answer: Answer | None = None) -> ErrorInfo:
        """The error as it is meant: the first matching rule of the manifest corrects its kind. `answer` is what it was
        read from, None for an event in a stream."""
        for rule in self.manifest.errors:
            if rule.fits(error):
                error.kind = rule.kind
                error.scope, error.out_of_service = rule.scope, rule.out_of_service
                break
        return error

    async def refresh(self, credential: Credential) -> Credential | None:
        """A credential with a fresh token, or None where there is nothing to refresh."""
        return None


def _filled(base: str, credential: Credential) -> str:
    """`base` with each `{name}` replaced by that setting; one that is not set stays, and no address comes of it."""
    if "{" not in base:
        return base
    return _PLACE.sub(lambda found: quote(credential.setting(found[1], found[0]), safe="{}.:@-_"), base)


#: What a provider's module exports as `create`, if it needs a class of its own.
Factory = Callable[[Manifest], Provider]
