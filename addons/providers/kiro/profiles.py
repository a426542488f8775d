"""Remembers the profile of logins that do not tell it: asked once a token, by one request however many want it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from addons.providers.api import UnavailableError
from addons.vault.credential import Credential

#: Seconds for which a failure to learn it stands.
PAUSE = 30.0

Ask = Callable[[Credential], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class _Failed:
    error: UnavailableError
    until: float  # monotonic seconds


class Profiles:
    """One a provider. `ask` raises UnavailableError."""

    def __init__(self, ask: Ask, now: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._now = ask, now
        self._known: dict[str, tuple[str, str | _Failed]] = {}  # by credential: its token's digest, what came of it
        self._flights: dict[str, asyncio.Task[str]] = {}

    async def arn(self, credential: Credential) -> str:
        """Raises UnavailableError."""
        key = hashlib.sha256(credential.secret.encode()).hexdigest()
        token, found = self._known.get(credential.name, ("", ""))
        if token == key and isinstance(found, str):
            return found
        if token == key and isinstance(found, _Failed) and self._now() < found.until:
            raise found.error
        task = self._flights.get(key)
        if task is None:
            task = self._flights[key] = asyncio.create_task(self._learn(key, credential))
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    async def _learn(self, key: str, credential: Credential) -> str:
        try:
            found = await self._ask(credential)
        except UnavailableError as error:
            self._known[credential.name] = (key, _Failed(error, self._now() + PAUSE))
            raise
        self._known[credential.name] = (key, found)
        return found

    def _landed(self, key: str, task: asyncio.Task[str]) -> None:
        self._flights.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever waited was told; nobody may be left who did
