"""Web requests for plugins: https, or this machine; no redirects, no cookies, no environment, within limits."""

from __future__ import annotations

import asyncio
import base64
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx
from pydantic import Field

from addons.plugins.bridge.limits import MIB
from addons.plugins.bridge.protocol import Carrier, HeaderList
from addons.providers import outbound
from addons.vault.credential import Credential

#: Bytes of an answer, seconds for the whole of it, requests at a time.
LARGEST, LONGEST, AT_ONCE = 8 * MIB, 120.0, 4
NO_CREDENTIAL = Credential("", "")


class WebError(Exception):
    """There is no answer; the text says why."""


class WebRequest(Carrier):
    """`http.request`. `credential` names one of the plugin's own, whose proxy and CA file are to be used."""

    url: str
    method: str = "GET"
    headers: HeaderList = Field(default_factory=list)
    timeout: float = 30.0
    credential: str = ""


def is_safe(url: str) -> bool:
    """As outbound.is_safe, of what may be no address at all."""
    try:
        return outbound.is_safe(url)
    except ValueError:
        return False


class Web:
    """Clients are kept by the way they go out: making one costs more than a request."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._clients = Clients(30.0)

    async def request(self, asked: WebRequest, credential: Credential = NO_CREDENTIAL) -> dict[str, Any]:
        """{status, headers, body_text | body_base64}. A redirect is an answer like others. Raises WebError."""
        if not is_safe(asked.url):
            raise WebError("only https, or http on this machine")
        try:
            content = asked.data("http.request") or b""
            async with self._slots, asyncio.timeout(min(max(asked.timeout, 0.1), LONGEST)):
                client = self._clients.get(credential)
                async with client.stream(
                    asked.method, asked.url, headers=asked.headers, content=content or None
                ) as answer:
                    body = await _capped(answer)
        except TimeoutError:
            raise WebError("it took too long") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise WebError(str(error) or type(error).__name__) from error
        return {"status": answer.status_code, "headers": answer.headers.multi_items(), **_told(body)}

    async def close(self) -> None:
        await self._clients.close()


class Clients:
    """httpx clients by proxy and CA file. They keep connections, and nothing that a server would know them by."""

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._known: dict[tuple[str, str], httpx.AsyncClient] = {}

    def get(self, credential: Credential) -> httpx.AsyncClient:
        """Raises OSError or ValueError for a CA file or proxy that cannot be used."""
        way = (credential.setting("proxy_url"), credential.setting("ca_file"))
        client = self._known.get(way)
        if client is None:
            client = self._known[way] = outbound.client(
                credential, self._silence, httpx.Limits(max_keepalive_connections=20)
            )
            client.timeout = httpx.Timeout(self._silence, connect=10.0)
            client.headers.clear()  # httpx would speak of itself
            client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return client

    async def close(self) -> None:
        clients, self._known = list(self._known.values()), {}
        for client in clients:
            await client.aclose()


async def _capped(answer: httpx.Response) -> bytes:
    pieces, size = [], 0
    async for piece in answer.aiter_bytes():
        size += len(piece)
        if size > LARGEST:
            raise WebError(f"the answer is longer than {LARGEST} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _told(body: bytes) -> dict[str, str]:
    try:
        return {"body_text": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}
