"""The steps of a login as its flow describes them; a provider whose service is odd overrides the odd one.

`Provider.login_steps` makes the object; addons/login/run.py calls its steps in order: `begin`, then for a browser
`authorize_url` → `code` → `exchange`, for a device code `ask_device` → `poll` …, for a pasted secret `redeem`; at last
`finish`. All raise LoginError.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from addons.login import pkce
from addons.login.errors import ClientSecretError, LoginError
from addons.login.flow import Flow
from addons.providers import outbound
from addons.vault import oauth
from addons.vault.credential import Credential
from addons.vault.oauth import OAuth, RefreshError
from addons.vault.tokens import Json, Token, json_object

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
#: Fields of a token answer that are of no use later.
_PASSING = ("expires_in", "token_type")
_LONGEST_TEXT = 300
#: Bytes of one answer.
LARGEST = 1 << 20


class UnreachableError(LoginError):
    """Nobody answered, or somebody else did; it may be tried again."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a service answered: `data` is {} where that was no JSON object."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    data: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class Callback:
    """What the browser brought, or was pasted: its path and query."""

    path: str
    query: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Device:
    """A device login that waits for its user; `interval` and `expires_in` in seconds, `answer` what told it."""

    code: str = field(repr=False)
    user_code: str
    url: str
    complete_url: str
    interval: float
    expires_in: float
    answer: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pending:
    """The user is not done; `slower`: the service wants to be asked less often."""

    slower: bool = False


class Steps:
    """One login under way. `draft` is the credential without its secret: its settings go before the flow's addresses
    (decision 15). `extra` goes into the login beside what the token answer says."""

    def __init__(
        self,
        flow: Flow,
        form: OAuth | None,
        draft: Credential,
        client: httpx.AsyncClient,
        identity: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.flow, self.draft, self.client = flow, draft, client
        self.form = flow.token_form(form)
        self.identity = {name.lower(): value for name, value in identity}
        self.client_id = draft.setting("client_id", self.form.client_id)
        self.client_secret = draft.setting("client_secret")
        self.verifier = pkce.verifier() if flow.pkce else ""
        self.state = pkce.state()
        self.redirect_uri = ""
        self.extra: Json = {}
        self.settings: Json = {}

    # -- what a provider overrides

    async def begin(self) -> None:
        """Before all else: a registration of this client for one."""
        if self.flow.needs_client_secret and not self.client_secret:
            raise ClientSecretError(
                f"its client secret is needed: {self.flow.needs_client_secret}; or give it with --set client_secret=…"
            )

    def authorize_url(self) -> str:
        """What the browser opens."""
        fields = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self.flow.scopes),
            "state": self.state,
            **self._challenge(),
        }
        named = _renamed(fields, self.flow.authorize) | dict(self.flow.query)
        base = self.address("authorize_url", self.flow.authorize_url)
        return base + ("&" if "?" in base else "?") + urlencode(named)

    def code(self, callback: Callback) -> str:
        """The code in what came back; its `state` was checked, where it had to have one."""
        code = callback.query.get("code", "")
        if not code:
            raise LoginError("there is no code in what came back")
        return code

    async def exchange(self, code: str) -> Token:
        """The login for a code."""
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "code_verifier": self.verifier,
        }
        return self.token(await self.post(self.token_url, {**self.named(fields), **self.flow.parameters}, login=True))

    async def ask_device(self) -> Device:
        """Begin a device login."""
        flow = self.flow
        fields = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": " ".join(flow.scopes),
            **self._challenge(),
        }
        url = self.address("device_url", flow.device_url)
        reply = await self.post(url, {**self.named(fields), **flow.device_parameters})
        told = {name: reply.data.get(self._answered(name)) for name in ("device_code", "user_code", "interval")}
        code, user_code = told["device_code"], told["user_code"]
        if reply.status >= 300 or not isinstance(code, str) or not code:
            raise self.refusal(reply)
        address = reply.data.get(self._answered("verification_uri")) or reply.data.get("verification_url")
        unit = 0.001 if flow.milliseconds else 1.0
        return Device(
            code=code,
            user_code=printable(user_code),
            url=printable(address or flow.verification_url),
            complete_url=printable(reply.data.get(self._answered("verification_uri_complete"))),
            interval=_number(told["interval"], flow.interval / unit) * unit,
            expires_in=_number(reply.data.get(self._answered("expires_in")), flow.timeout / unit) * unit,
            answer=reply.data,
        )

    async def poll(self, device: Device) -> Token | Pending:
        """Ask once whether the user is done. Raises UnreachableError for what may pass."""
        fields = {
            "grant_type": DEVICE_GRANT,
            "device_code": device.code,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "code_verifier": self.verifier,
        }
        url = self.address("poll_url", self.flow.poll_url) if self.flow.poll_url else self.token_url
        reply = await self.post(url, {**self.named(fields), **self.flow.parameters}, login=True)
        return self.waiting(reply) or self.token(reply)

    async def redeem(self, secret: str) -> Token:
        """The login for what its user pasted."""
        raise LoginError("this provider takes no such secret")

    async def finish(self, token: Token) -> Token:
        """What else a login needs before it can be kept."""
        return token

    # -- tools

    @property
    def token_url(self) -> str:
        return self.address("token_url", self.form.token_url)

    def address(self, setting: str, default: str) -> str:
        """An address of the flow's; a setting of the credential goes before it."""
        url = self.draft.setting(setting, default)
        if not outbound.is_safe(url):
            raise LoginError(f"a login does not go to {url or 'nowhere'}: set {setting} to an https address")
        return url

    def named(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Standard fields by the service's names for them; empty ones are left out."""
        return _renamed(fields, self.flow.request)

    async def post(self, url: str, fields: Mapping[str, Any], *, login: bool = False) -> Reply:
        """A POST as the flow sends them, `login`: to where tokens come from. Raises UnreachableError."""
        headers = {"accept": "application/json"}
        if self.form.basic and login:
            pair = f"{quote(self.client_id, safe='')}:{quote(self.client_secret, safe='')}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        if self.form.body == "json":
            headers["content-type"], body = "application/json", json.dumps(dict(fields)).encode()
        else:
            headers["content-type"], body = "application/x-www-form-urlencoded", urlencode(fields).encode()
        return await self.send("POST", url, headers | self.identity, body)

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """Any request of a login; redirects are not followed. Raises UnreachableError."""
        if not outbound.is_safe(url):
            raise LoginError(f"a login does not go to {url or 'nowhere'}")
        content = bytearray()
        try:
            async with self.client.stream(method, url, headers=dict(headers), content=body) as answer:
                async for chunk in answer.aiter_bytes():
                    content += chunk
                    if len(content) > LARGEST:
                        raise UnreachableError(f"{url.partition('?')[0]} answered with more than a login takes")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise UnreachableError(f"{url.partition('?')[0]} cannot be reached: {reason}") from None
        told = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(answer.status_code, told, bytes(content), json_object(content))

    def waiting(self, reply: Reply) -> Pending | None:
        """Whether a poll's reply means that the user is not done. Raises UnreachableError for what may pass."""
        code = self.error_code(reply)
        if code in self.flow.slow_down:
            return Pending(slower=True)
        if code in self.flow.pending or reply.status in self.flow.pending_statuses:
            return Pending()
        if reply.status >= 500 or not reply.data:
            raise UnreachableError(f"the service answered HTTP {reply.status}")
        granted = reply.data.get(self.form.answer.get("access_token", "access_token"))
        return Pending() if reply.status < 300 and not granted and not code else None

    def token(self, reply: Reply) -> Token:
        """The login in a token answer, without what is of no use later."""
        try:
            token = oauth.renewed(self.form, Token(), reply.status, reply.headers, reply.body, time.time())
        except RefreshError:
            raise self.refusal(reply) from None
        wanted = {setting: token.extra.get(name) for setting, name in self.flow.settings.items()}
        self.settings |= {setting: value for setting, value in wanted.items() if value not in (None, "")}
        dropped = {self.form.answer.get(name, name) for name in _PASSING}
        extra = {
            name: value
            for name, value in token.extra.items()
            if value is not None and (name in self.flow.keep or (not self.flow.keep and name not in dropped))
        }
        return replace(token, extra=extra)

    def error_code(self, reply: Reply) -> str:
        """The error that a reply names, "" where there is none."""
        error = reply.data.get(self._answered("error"))
        if isinstance(error, dict):
            error = error.get("code") or error.get("type")
        return error if isinstance(error, str) else ""

    def refusal(self, reply: Reply) -> LoginError:
        """What the service said instead of what was wanted."""
        inner = reply.data.get("error")
        message = inner.get("message") if isinstance(inner, dict) else None
        words = [self.error_code(reply), reply.data.get("code"), reply.data.get("error_description"), message]
        words.append(reply.data.get("message"))
        said = ": ".join(dict.fromkeys(printable(word) for word in words if isinstance(word, str) and word))
        return LoginError(f"the service answered HTTP {reply.status}{': ' + said if said else ''}")

    def _answered(self, name: str) -> str:
        return self.form.answer.get(name, name)

    def _challenge(self) -> dict[str, str]:
        if not self.verifier:
            return {}
        return {"code_challenge": pkce.challenge(self.verifier), "code_challenge_method": "S256"}


def printable(text: Any) -> str:
    """What a service said, fit for a terminal."""
    return "".join(c for c in text if c.isprintable())[:_LONGEST_TEXT] if isinstance(text, str) else ""


def _renamed(fields: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {named: value for name, value in fields.items() if value and (named := names.get(name, name))}


def _number(value: Any, otherwise: float) -> float:
    """Seconds as a number or a text (codex.md §2)."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return otherwise
    return number if 0 < number < 1e9 else otherwise
