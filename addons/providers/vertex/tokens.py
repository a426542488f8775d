"""Keeps access tokens: one exchange at a time for a key, ahead of expiry in the background, else awaited by all."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from addons.providers.api import UnavailableError
from addons.providers.vertex.grant import AccessToken, exchange
from addons.vault.credential import Credential

log = logging.getLogger(__name__)
Json = dict[str, Any]
Exchange = Callable[[Credential, Json, float], Awaitable[AccessToken]]

#: Seconds before expiry from which a new token is fetched on the side, and from which the old one is not used any more.
EARLY, MARGIN = 300.0, 30.0


class Tokens:
    """One a provider. `now` gives seconds since 1970, as Google's clock does."""

    def __init__(self, fetch: Exchange = exchange, now: Callable[[], float] = time.time) -> None:
        self._fetch, self._now = fetch, now
        self._held: dict[str, AccessToken] = {}
        self._flights: dict[str, asyncio.Task[AccessToken]] = {}

    async def token(self, credential: Credential, info: Json) -> str:
        """A token that can be sent now. Raises UnavailableError."""
        key = _key(credential, info)
        held = self._held.get(key)
        left = held.expires - self._now() if held is not None else 0.0
        if held is not None and left > MARGIN:
            if left <= EARLY:
                self._begin(key, credential, info)
            return held.text
        return (await asyncio.shield(self._begin(key, credential, info))).text

    def refused(self, credential: Credential, info: Json, token: str) -> None:
        """The service does not take that token: the next one asked for is new, unless another has fetched it."""
        key = _key(credential, info)
        held = self._held.get(key)
        if held is not None and held.text == token:
            del self._held[key]

    def _begin(self, key: str, credential: Credential, info: Json) -> asyncio.Task[AccessToken]:
        task = self._flights.get(key)
        if task is None:
            task = asyncio.create_task(self._fly(key, credential, info))
            self._flights[key] = task
            task.add_done_callback(lambda done: self._landed(key, credential.name, done))
        return task

    async def _fly(self, key: str, credential: Credential, info: Json) -> AccessToken:
        token = await self._fetch(credential, info, self._now())
        self._held[key] = token
        return token

    def _landed(self, key: str, name: str, task: asyncio.Task[AccessToken]) -> None:
        self._flights.pop(key, None)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, UnavailableError):
            log.warning("proxycast: %s: %s", name, error)
        elif error is not None:
            log.error("proxycast: fetching a token for %s failed", name, exc_info=error)


def _key(credential: Credential, info: Json) -> str:
    """Of a login, wherever its token comes from: credentials with the same one share its token."""
    text = json.dumps([info, credential.setting("token_url"), credential.setting("metadata_url")], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
