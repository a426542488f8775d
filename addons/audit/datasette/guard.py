"""Stands before Datasette: nothing is readable without the login link, and no other site's page gets in.

Datasette trusts whoever reaches its port. A web page can reach it: by a plain request, and, once its own name resolves
to 127.0.0.1, as the same origin (DNS rebinding). Hence the checks, in this order: the Host header names us; the method
only reads; the request carries the cookie that the login link gave. The `allow` block in the metadata says the same a
second time. What a model wrote is shown as text by Datasette's templates; the content policy sees to it that even a
mistake there could load nothing and send nothing elsewhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOGIN_PATH = "/-/auth-token"

#: Datasette's own scripts and styles; they hold nothing of ours.
_PUBLIC = ("/-/static/", "/favicon.ico")

#: The only page that changes something, and that is the login.
_WRITING = "/-/logout"

_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
        b" img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
_REPLACED = {name for name, _ in _HEADERS}


class Guard:
    """An ASGI app around `app`. `sign` makes the cookie's value, `valid` tells whether one was made by it. `opened`
    tells of a path that knowing it is enough; what is there sets its own headers."""

    def __init__(
        self,
        app: App,
        *,
        port: int,
        token: str,
        cookie: str,
        sign: Callable[[], str],
        valid: Callable[[str], bool],
        opened: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._app = app
        self._token = token.encode()
        self._cookie = cookie
        self._sign = sign
        self._valid = valid
        self._opened = opened
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        path = path_of(scope)
        hosts = [value.decode("latin-1").lower() for name, value in headers if name == b"host"]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            await _answer(send, 421, "This is the audit of a gateway on this machine; it does not answer to that name.")
        elif scope["method"] not in ("GET", "HEAD") and not (scope["method"] == "POST" and path == _WRITING):
            await _answer(send, 405, "The audit can only be read.")
        elif path == LOGIN_PATH:
            await self._log_in(scope, send)
        elif self._opened(path):
            await self._app(scope, receive, send)
        elif path.startswith(_PUBLIC) or self._logged_in(headers):
            await self._app(scope, receive, _hardened(send))
        else:
            await _answer(send, 403, "Open the login link that the gateway printed when it started.")

    async def _log_in(self, scope: Scope, send: Send) -> None:
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        presented = query.get("token", [""])[0]
        if not secrets.compare_digest(presented.encode("utf-8", "replace"), self._token):
            await _answer(send, 403, "That is not the login link of this run. A restart makes a new one.")
            return
        # Lax, not Strict: the link may be opened from another page, and must lead on to a page that knows the visitor.
        cookie = f"{self._cookie}={self._sign()}; Path=/; HttpOnly; SameSite=Lax"
        await _answer(send, 302, "", [(b"location", b"/"), (b"set-cookie", cookie.encode("ascii"))])

    def _logged_in(self, headers: list[tuple[bytes, bytes]]) -> bool:
        for name, value in headers:
            if name == b"cookie":
                try:
                    morsel = SimpleCookie(value.decode("latin-1")).get(self._cookie)
                except CookieError:
                    continue
                if morsel is not None and self._valid(morsel.value):
                    return True
        return False


def path_of(scope: Scope) -> str:
    """As Datasette reads it: undecoded."""
    raw: bytes | None = scope.get("raw_path")
    return raw.partition(b"?")[0].decode("latin-1") if raw is not None else str(scope["path"])


def _hardened(send: Send) -> Send:
    async def hardened(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in _REPLACED]
            message = {**message, "headers": [*kept, *_HEADERS]}
        await send(message)

    return hardened


async def _answer(send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    body = text.encode()
    length = (b"content-length", str(len(body)).encode())
    plain = (b"content-type", b"text/plain; charset=utf-8")
    start = {"type": "http.response.start", "status": status, "headers": [length, plain, *(headers or [])]}
    await _hardened(send)(start)
    await send({"type": "http.response.body", "body": body})
