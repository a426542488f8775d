"""Waits on this machine for the browser to come back from a login (RFC 8252 §7.3, §8.3).

Any page that the user has open can send requests here, and any program of this machine: what does not carry the login's
own `state` is answered and changes nothing.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import parse_qsl, urlsplit

from addons.login import pkce
from addons.login.errors import LoginError, PortsBusyError
from addons.login.flow import Redirect
from addons.login.steps import Callback, printable

#: Bytes of a request's head, and seconds for it.
LARGEST = 16 * 1024
PATIENCE = 10.0
_NAMES = {200: "OK", 302: "Found", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}
_DONE = "The login has come back to ProxyCast. You can close this page and return to the terminal."
_FAILED = "The login was refused. The terminal says more; you can close this page."
_STRANGE = "This is not the login that ProxyCast waits for."


class Loopback:
    """`async with Loopback(redirect, state) as it:` listens; `it.url` is the redirect URI, `it.wait()` what came. Only
    the first callback counts. Raises PortsBusyError.

    `told` hears of callbacks that were not believed."""

    def __init__(self, redirect: Redirect, state: str, told: Callable[[str], None] = lambda _: None) -> None:
        self._redirect, self._state, self._told = redirect, state, told
        self._servers: list[asyncio.Server] = []
        self._came: asyncio.Future[Callback] = asyncio.get_running_loop().create_future()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://{self._redirect.host}:{self.port}{self._redirect.paths[0]}"

    async def __aenter__(self) -> Loopback:
        sockets = _bound(self._redirect)
        self.port = sockets[0].getsockname()[1]
        # One listener for both families: the browser decides what "localhost" is.
        self._servers = [await asyncio.start_server(self._serve, sock=one, limit=LARGEST) for one in sockets]
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        if self._came.done() and not self._came.cancelled():
            self._came.exception()

    async def wait(self, timeout: float) -> Callback:  # noqa: ASYNC109 - seconds until the user has signed in
        """Raises LoginError when the service refused, or nobody came."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._came), timeout)
        except TimeoutError:
            raise LoginError(f"nobody came back from the browser within {timeout / 60:.0f} minutes") from None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                status, text, location = self._answer(head)
                writer.write(_page(status, text, location))
                await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    def _answer(self, head: bytes) -> tuple[int, str, str]:
        """→ (status, text, where the browser is sent)."""
        first, *lines = head.decode("latin-1").split("\r\n")
        method, _, rest = first.partition(" ")
        target, _, version = rest.partition(" ")
        if not version.startswith("HTTP/1.") or not target.startswith("/"):
            return 400, _STRANGE, ""
        fields = [line.partition(":") for line in lines]
        hosts = [value.strip().lower() for name, _, value in fields if name.lower() == "host"]
        # A name that was made to point here (DNS rebinding) is not ours.
        if hosts not in [[f"{name}:{self.port}"] for name in ("127.0.0.1", "localhost", "[::1]")]:
            return 400, _STRANGE, ""
        parts = urlsplit(target)
        if parts.path not in self._redirect.paths:
            return 404, _STRANGE, ""
        if method != "GET":
            return 405, _STRANGE, ""
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        query = dict(pairs)
        if len(query) != len(pairs) or not pkce.same(query.get("state", ""), self._state):
            self._told("a callback without this login's state came and was ignored")
            return 400, _STRANGE, ""
        if self._came.done():
            return 400, "This login has come back already.", ""
        if "error" in query:
            said = ": ".join(filter(None, (printable(query["error"]), printable(query.get("error_description")))))
            self._came.set_exception(LoginError(f"the service refused: {said}"))
            return 302 if self._redirect.failed else 200, _FAILED, self._redirect.failed
        self._came.set_result(Callback(parts.path, query))
        return 302 if self._redirect.done else 200, _DONE, self._redirect.done


def _bound(redirect: Redirect) -> list[socket.socket]:
    """Sockets on the first of the ports that is free on every address the host's name may mean."""
    for port in redirect.ports if redirect.ports != (0,) else (0, 0, 0):
        with suppress(OSError):
            return _bound_to(redirect.host, port)
    ports = ", ".join(map(str, redirect.ports))
    raise PortsBusyError(
        f"the login must come back to port {ports} of this machine, which another program has: end that, or use --paste"
    )


def _bound_to(host: str, port: int) -> list[socket.socket]:
    found = [_listening(socket.AF_INET, "127.0.0.1", port)]
    if host == "localhost":
        try:
            found.append(_listening(socket.AF_INET6, "::1", found[0].getsockname()[1]))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                found[0].close()
                raise
            # else this machine has no IPv6, and "localhost" is not ::1
    return found


def _listening(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows: nobody else may listen beside us
            made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # a login just before left connections that are not quite over
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        made.listen(16)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def _page(status: int, text: str, location: str) -> bytes:
    """Plain text: nothing of a request is ever repeated in it."""
    body = (text + "\n").encode()
    headers: Sequence[str] = (
        f"HTTP/1.1 {status} {_NAMES[status]}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Referrer-Policy: no-referrer",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        *([f"Location: {location}"] if location else []),
    )
    return "\r\n".join(headers).encode() + b"\r\n\r\n" + body
