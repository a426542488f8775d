"""Fetches what is to be installed: over https (plain HTTP on loopback alone), with caps, with no credential of ours.

Redirects are followed one by one, each to an address of the same kind; nothing that was sent to the first goes along.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx

from addons.plugins.folder import PluginError
from addons.plugins.versions import own
from addons.providers import outbound

MAX_BYTES = 256 << 20  # of an archive or a program
MAX_TEXT = 4 << 20  # of an answer that is read whole
MAX_REDIRECTS = 5
TIMEOUT = httpx.Timeout(30.0, connect=10.0)


class Downloads:
    """One client for one installation; a context manager."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._made: httpx.Client | None = None

    @property
    def _client(self) -> httpx.Client:
        """The environment's proxies are used: where they are set nothing else may reach the network."""
        if self._made is None:
            headers = {"user-agent": f"proxycast/{own()}"}
            self._made = httpx.Client(timeout=TIMEOUT, follow_redirects=False, headers=headers)
        return self._made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._made is not None:
            self._made.close()

    def file(self, url: str, into: Path) -> Path:
        """The file at `url`, as the new file `into`; raises PluginError."""
        with into.open("xb") as target:
            self._fetch(url, target.write, self._max_bytes)
        into.chmod(0o600)
        return into

    def text(self, url: str, accept: str = "*/*") -> str:
        """Raises PluginError; NotFoundError when there is nothing at `url`."""
        pieces: list[bytes] = []
        self._fetch(url, pieces.append, MAX_TEXT, accept)
        try:
            return b"".join(pieces).decode("utf-8")
        except UnicodeDecodeError:
            raise PluginError(f"{url}: not a text in UTF-8") from None

    def _fetch(self, url: str, write: Callable[[bytes], object], room: int, accept: str = "*/*") -> None:
        for _ in range(MAX_REDIRECTS + 1):
            if not outbound.is_safe(url) or "@" in urlsplit(url).netloc:
                shown = urlsplit(url)._replace(netloc=urlsplit(url).netloc.rpartition("@")[2]).geturl()
                raise PluginError(f"{shown}: plugins are fetched over https only, and without a login")
            try:
                with self._client.stream("GET", url, headers={"accept": accept}) as response:
                    self._client.cookies.clear()
                    if response.has_redirect_location:
                        url = urljoin(url, response.headers["location"])
                        continue
                    if response.status_code in (404, 410):
                        raise NotFoundError(f"{url}: not found")
                    if response.status_code != httpx.codes.OK:
                        raise PluginError(f"{url}: answered {response.status_code}{_limited(response)}")
                    size = 0
                    for chunk in response.iter_bytes():
                        size += len(chunk)
                        if size > room:
                            raise PluginError(f"{url}: larger than {room >> 20} MiB")
                        write(chunk)
                    return
            except httpx.InvalidURL as error:
                raise PluginError(f"{url}: {error}") from error
            except httpx.HTTPError as error:
                raise PluginError(f"{url}: cannot be fetched: {str(error) or type(error).__name__}") from error
        raise PluginError(f"{url}: too many redirects")


class NotFoundError(PluginError):
    """Nothing is there."""


def _limited(response: httpx.Response) -> str:
    """GitHub's limit for callers without an account, said in words."""
    if response.status_code in (403, 429) and response.headers.get("x-ratelimit-remaining") == "0":
        return ": its limit of requests is reached; try again in an hour"
    return ""
