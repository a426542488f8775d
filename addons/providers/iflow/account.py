"""An iFlow account's API key: asked for with an access token, or with a browser's cookie (iflow.md §2, §3)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

import httpx

from addons.providers import outbound
from addons.providers.api import Json
from addons.vault.credential import Credential
from addons.vault.tokens import Token

USER_INFO = "https://iflow.cn/api/oauth/getUserInfo"
API_KEY = "https://platform.iflow.cn/api/openapi/apikey"
#: What marks a login that a cookie made, in Token.extra.
KIND, COOKIE = "kind", "cookie"
_BXAUTH = re.compile(r"(?:^|[;\s])BXAuth=([^;\s]+)")
#: The sheet names no zone; the service is in China.
_ZONE = timezone(timedelta(hours=8))


class AccountError(Exception):
    """What the service said instead. `final`: the login is over."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


@dataclass(frozen=True, slots=True)
class Account:
    api_key: str = field(repr=False)
    email: str = ""


def cookie_of(text: str) -> str:
    """The one cookie that counts, of a whole cookie header or its value alone. Raises AccountError."""
    found = _BXAUTH.search(text)
    value = found[1] if found else text
    if not re.fullmatch(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+", value):  # RFC 6265's cookie-octets
        raise AccountError("there is no cookie BXAuth in it")
    return f"BXAuth={value}"


async def user_info(token: str, credential: Credential, client: httpx.AsyncClient) -> Account:
    """Raises AccountError."""
    url = credential.setting("user_info_url", USER_INFO)
    told = await _asked(client, "GET", f"{url}?{urlencode({'accessToken': token})}", [("accept", "application/json")])
    key = told.get("apiKey")
    if not isinstance(key, str) or not key:
        raise AccountError("the account has no API key")
    email = told.get("email")
    return Account(key, email if isinstance(email, str) else "")


async def by_cookie(
    cookie: str,
    credential: Credential,
    client: httpx.AsyncClient,
    asking: Sequence[tuple[str, str]],
    making: Sequence[tuple[str, str]],
    *,
    anew: bool,
) -> Token:
    """The login that a cookie stands for. Its key is made anew, which ends the one before, when it is wanted `anew`,
    has expired or is not shown. `asking`, `making`: what a browser says of itself. Raises AccountError."""
    url = credential.setting("api_key_url", API_KEY)
    told = await _asked(client, "GET", url, [("cookie", cookie), *asking])
    if anew or told.get("hasExpired") or not _is_key(told.get("apiKey")):
        body = json.dumps({"name": told.get("name")}).encode()
        told = await _asked(client, "POST", url, [("cookie", cookie), *making], body)
    key = told.get("apiKey")
    if not _is_key(key):
        raise AccountError("the platform shows no API key")
    return Token(str(key), cookie, _moment(told.get("expireTime")), {KIND: COOKIE})


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "*" not in value


def _moment(text: Any) -> float | None:
    """`YYYY-MM-DD HH:mm` as seconds since 1970."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%d %H:%M").replace(tzinfo=_ZONE).timestamp()
    except ValueError:
        return None


async def _asked(
    client: httpx.AsyncClient, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes = b""
) -> Json:
    """The `data` of an answer; a failure may come with status 200."""
    place = url.partition("?")[0]
    if not outbound.is_safe(url):
        raise AccountError(f"a login is not sent to {place or 'nowhere'}: https is wanted", final=True)
    try:
        answer = await client.request(method, url, headers=list(headers), content=body or None)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise AccountError(f"{place} cannot be reached: {error or type(error).__name__}") from None
    try:
        told = answer.json()
    except ValueError:
        told = None
    data = told.get("data") if isinstance(told, dict) else None
    if (
        not isinstance(told, dict)
        or answer.status_code >= 300
        or told.get("success") is False
        or not isinstance(data, dict)
    ):
        said = [told.get(name) for name in ("code", "message")] if isinstance(told, dict) else []
        words = ": ".join(word[:200] for word in said if isinstance(word, str) and word)
        text = f"{place} answered HTTP {answer.status_code}{': ' + words if words else ''}"
        raise AccountError(text, final=isinstance(told, dict) and answer.status_code in (401, 403))
    return data
