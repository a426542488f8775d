"""Finds out an account's tier and project: `loadCodeAssist`, and `onboardUser` where it has none yet.

Sources: gemini_code_assist.md §4, antigravity.md §4. No project of anybody else is ever used in place of one that
cannot be found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from addons.providers import outbound
from addons.providers.api import Headers, UnavailableError
from addons.providers.code_assist import account, errors
from addons.providers.code_assist.account import Account
from translators import jsonio
from translators.canonical.errors import ErrorInfo, ErrorKind

Json = dict[str, Any]

#: `ErrorInfo.type` of what is raised here: it is no answer to the client's request.
DISCOVERY = "discovery"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a service wants to be asked. `load` and `onboard` are bodies; in `onboard` stands the tier under `tier_field`
    (and the project, but for the free tier, if `sends_project`). `polls_operation`: the operation is asked for by its
    name, else the call is repeated. At most `polls` times, `pause` seconds apart."""

    service: str
    load: Json
    onboard: Json
    tier_field: str
    sends_project: bool
    polls_operation: bool
    polls: int
    pause: float


@dataclass(frozen=True, slots=True)
class Asker:
    """Posts for one credential, named `name`: `hosts` in their order, `headers` of purpose load and onboard."""

    client: httpx.AsyncClient
    name: str
    hosts: Sequence[str]
    load_headers: Headers
    onboard_headers: Headers

    async def find(self, dialect: Dialect, hint: str) -> Account:
        """The account; `hint` is a project for one that the service names none for. Raises UnavailableError."""
        try:
            answer = await self.call("POST", ":loadCodeAssist", self.load_headers, _load(dialect, hint))
        except UnavailableError as error:
            # An organisation behind VPC service controls: the official client takes it for standard and carries on.
            if errors.has_reason(error.info, errors.SECURITY_POLICY) and hint:
                return Account(hint, account.STANDARD)
            raise
        loaded = account.read(answer)
        if (why := account.refusal(loaded, self.name, dialect.service)) is not None:
            why.type = DISCOVERY
            raise UnavailableError(why)
        if loaded.tier and (loaded.project or hint):
            return Account(loaded.project or hint, loaded.name)
        if loaded.tier and dialect.sends_project:  # its owner's to name; Antigravity makes one by onboarding
            raise unavailable(self.name, no_project(self.name, dialect.service))
        made = await self._onboarded(dialect, loaded.offered, hint)
        return Account(made or hint, loaded.name or loaded.offered)

    async def _onboarded(self, dialect: Dialect, tier: str, hint: str) -> str:
        """The project that the account gets with its tier."""
        body = {dialect.tier_field: tier, **dialect.onboard}
        if dialect.sends_project and tier != account.FREE:  # with it, the free tier answers "Precondition Failed"
            if not hint:
                raise unavailable(self.name, no_project(self.name, dialect.service))
            body |= {"cloudaicompanionProject": hint}
            body["metadata"] = {**body["metadata"], "duetProject": hint}
        answer = await self.call("POST", ":onboardUser", self.onboard_headers, body)
        for _ in range(dialect.polls):
            if answer.get("done") is True:
                break
            await asyncio.sleep(dialect.pause)
            name = answer.get("name")
            if dialect.polls_operation and isinstance(name, str) and name:
                answer = await self.call("GET", f"/{name}", self.onboard_headers, None)
            else:
                answer = await self.call("POST", ":onboardUser", self.onboard_headers, body)
        if answer.get("done") is not True:
            text = f"{self.name}: {dialect.service} has not finished setting up the account; try again in a minute"
            raise unavailable(self.name, text, ErrorKind.SERVER, 503)
        if isinstance(answer.get("error"), dict):
            raise unavailable(self.name, f"{self.name}: onboarding failed: {answer['error'].get('message')}")
        found = account.project_in(answer.get("response"))
        if not found and not hint:
            raise unavailable(self.name, no_project(self.name, dialect.service))
        return found

    async def call(self, method: str, path: str, headers: Headers, body: Json | None) -> Json:
        """One call, at the next host where one cannot be reached, does not know it or fails. Raises UnavailableError,
        classified (errors.py)."""
        last: UnavailableError | None = None
        for host in self.hosts:
            try:
                return await self._call_at(host, method, path, headers, body)
            except UnavailableError as error:
                last = error
                if error.info.status is not None and error.info.status < 500 and error.info.status != 404:
                    raise
        assert last is not None
        raise last

    async def _call_at(self, host: str, method: str, path: str, headers: Headers, body: Json | None) -> Json:
        url = f"{host}/v1internal{path}"
        if not outbound.is_safe(url):
            raise unavailable(self.name, f"a login is not sent to {url}: https is wanted, or this machine")
        content = jsonio.dumps(body) if body is not None else None
        try:
            answer = await self.client.request(method, url, headers=headers, content=content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            text = f"{self.name}: {host} cannot be reached: {error or type(error).__name__}"
            raise unavailable(self.name, text, ErrorKind.SERVER, None) from None
        if answer.status_code >= 300:
            fields = {name.lower(): value for name, value in answer.headers.items()}
            info = errors.classify(errors.decode(max(answer.status_code, 400), fields, answer.content))
            info.message = f"{self.name}: {path.strip(':/')} was refused: {info.message}"
            info.type = DISCOVERY
            raise UnavailableError(info)
        try:
            found = jsonio.loads(answer.content)
        except ValueError:
            found = None
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        if not isinstance(found, dict):
            raise unavailable(
                self.name, f"{self.name}: {path.strip(':/')} answered no JSON object", ErrorKind.SERVER, 502
            )
        return found


def _load(dialect: Dialect, hint: str) -> Json:
    if not hint or not dialect.sends_project:
        return dialect.load
    metadata = {**dialect.load["metadata"], "duetProject": hint}
    return {"cloudaicompanionProject": hint, **dialect.load, "metadata": metadata}


def no_project(name: str, service: str) -> str:
    return (
        f"{name}: {service} names no project for this account: set the id of a Google Cloud project with "
        f"`proxycast credentials edit {name} --set project=ID`"
    )


def unavailable(
    name: str, text: str, kind: ErrorKind = ErrorKind.PERMISSION, status: int | None = 403
) -> UnavailableError:
    """`name` is that of the credential."""
    return UnavailableError(ErrorInfo(kind, text if name in text else f"{name}: {text}", status, type=DISCOVERY))
