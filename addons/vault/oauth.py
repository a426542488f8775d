"""How a provider's tokens are renewed, as data: OAuth's refresh grant, and what services make of it. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from addons.vault.foreign_files import FORMATS, FileFormat
from addons.vault.tokens import Token, jwt_expiry, seconds
from translators.canonical import waits

#: RFC 6749 §5.2 and what the services of the sheets add (codex.md §3, kiro.md §2): the login is over.
TERMINAL = (
    "invalid_grant",
    "invalid_client",
    "unauthorized_client",
    "expired_token",
    "access_denied",
    "refresh_token_expired",
    "refresh_token_reused",
    "refresh_token_invalidated",
)


@dataclass(frozen=True, slots=True)
class OAuth:
    """A manifest's `[oauth]` table.

    `body` is form or json; `basic` sends client id and secret as Basic authorization as well. `request` and `answer`
    rename standard fields (`refresh_token = "refreshToken"`); `parameters` are sent besides. `early` is how many
    seconds ahead of its expiry a token is renewed. `format` names the file format (foreign_files.py) of the tool whose
    file the setting `creds_file_path` may name, `file` is one of the provider's own; `terminal` are error codes that
    end the login, and `terminal_statuses` statuses that do whatever the code.
    """

    token_url: str
    client_id: str = ""
    body: str = "form"
    basic: bool = False
    request: Mapping[str, str] = field(default_factory=dict)
    answer: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    early: float = 300.0
    format: str = "proxycast"
    terminal: tuple[str, ...] = TERMINAL
    terminal_statuses: tuple[int, ...] = ()
    file: FileFormat | None = None

    @property
    def tools(self) -> FileFormat:
        """How the official tool keeps a login. Raises KeyError for a format that nobody knows."""
        return self.file or FORMATS[self.format]


class RefreshError(Exception):
    """No new token. `final`: the login is over, only its owner can mend it. `retry_after` is in seconds."""

    def __init__(self, message: str, *, final: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.final = final
        self.retry_after = retry_after


def request_body(oauth: OAuth, token: Token, client_id: str, client_secret: str) -> tuple[dict[str, str], bytes]:
    """→ (headers, body) of the POST to the token URL."""
    fields = {
        "grant_type": "refresh_token",
        "refresh_token": token.refresh,
        "client_id": client_id,
        "client_secret": client_secret,
    }
    named = {oauth.request.get(name, name): value for name, value in fields.items() if value}
    named.update(oauth.parameters)
    headers = {"accept": "application/json"}
    if oauth.basic:
        pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    if oauth.body == "json":
        return {**headers, "content-type": "application/json"}, json.dumps(named).encode()
    return {**headers, "content-type": "application/x-www-form-urlencoded"}, urlencode(named).encode()


def renewed(oauth: OAuth, token: Token, status: int, headers: Mapping[str, str], body: bytes, now: float) -> Token:
    """The token that an answer carries; what it leaves out is kept. Raises RefreshError.

    A body that is not JSON is some gateway's page and says nothing about the login (qwen.md §3); a failure may come
    with status 200 (iflow.md §2).
    """
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise RefreshError(f"the token service answered HTTP {status} with something that is no JSON object")
    access = answer.get(oauth.answer.get("access_token", "access_token"))
    refresh = answer.get(oauth.answer.get("refresh_token", "refresh_token"))
    if status < 400 and not access and isinstance(refresh, str) and refresh:
        access = token.access  # a part of a login, which must not be lost: the old refresh token is spent (codex.md §3)
    if status >= 400 or not isinstance(access, str) or not access:
        raise _refusal(oauth, status, headers, answer)
    named = {oauth.answer.get(name, name) for name in ("access_token", "refresh_token")}
    extra = {name: value for name, value in answer.items() if name not in named}
    return Token(
        access,
        refresh if isinstance(refresh, str) and refresh else token.refresh,
        _expiry(oauth, answer, access, now),
        {**token.extra, **extra},
    )


def _expiry(oauth: OAuth, answer: dict[str, Any], access: str, now: float) -> float | None:
    lifetime = answer.get(oauth.answer.get("expires_in", "expires_in"))
    try:
        return now + float(lifetime or "")
    except (TypeError, ValueError):
        moment = seconds(answer.get(oauth.answer.get("expires_at", "expires_at")))
        return jwt_expiry(access) if moment is None else moment


def _refusal(oauth: OAuth, status: int, headers: Mapping[str, str], answer: dict[str, Any]) -> RefreshError:
    error = answer.get("error")
    code = error.get("code") if isinstance(error, dict) else error or answer.get("code")
    words = [code, answer.get("error_description"), answer.get("message")]
    words += [error.get("message")] if isinstance(error, dict) else []
    text = ": ".join(word[:200] for word in words if isinstance(word, str) and word)
    final = code in oauth.terminal or status in oauth.terminal_statuses
    told = f"the token service answered HTTP {status}{' ' + text if text else ''}"
    return RefreshError(told, final=final, retry_after=waits.from_headers(headers))
