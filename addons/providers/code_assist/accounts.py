"""Remembers what was found out about the account of each credential: found out once at a time, and not again at once
where it failed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from addons.providers.api import UnavailableError
from addons.providers.code_assist.account import Account, email_of
from addons.vault.credential import Credential
from translators.canonical.errors import ErrorInfo

log = logging.getLogger(__name__)
Find = Callable[[Credential], Awaitable[Account]]

#: Seconds until another try after a failure without a time of its own, and the longest time that is kept to.
PAUSE, LONGEST = 30.0, 300.0


@dataclass(frozen=True, slots=True)
class Failed:
    until: float
    token: str
    info: ErrorInfo


class Accounts:
    """One a provider. `now` in seconds of any clock."""

    def __init__(self, find: Find, now: Callable[[], float] = time.monotonic) -> None:
        self._find, self._now = find, now
        self._known: dict[str, Account] = {}
        self._failed: dict[str, Failed] = {}
        self._flights: dict[str, asyncio.Task[Account]] = {}

    async def of(self, credential: Credential) -> Account:
        """Raises UnavailableError. Other credentials do not wait."""
        key = _key(credential)
        known = self._known.get(key)
        if known is not None:
            return known
        failed = self._failed.get(key)
        if failed is not None and failed.token == credential.secret and self._now() < failed.until:
            raise UnavailableError(replace(failed.info))
        task = self._flights.get(key)
        if task is None:
            task = self._flights[key] = asyncio.create_task(self._find_out(key, credential))
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    def forget(self, credential: Credential) -> None:
        """What is known proved wrong."""
        self._known.pop(_key(credential), None)

    async def _find_out(self, key: str, credential: Credential) -> Account:
        try:
            found = await self._find(credential)
        except UnavailableError as error:
            wait = PAUSE if error.info.retry_after is None else min(error.info.retry_after, LONGEST)
            self._failed[key] = Failed(self._now() + wait, credential.secret, error.info)
            raise
        self._failed.pop(key, None)
        self._known[key] = found
        return found

    def _landed(self, key: str, task: asyncio.Task[Account]) -> None:
        self._flights.pop(key, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.info("proxycast: %s", error)


def _key(credential: Credential) -> str:
    """Of a credential at its service, and of the account signed in to it."""
    parts = (credential.name, credential.setting("base_url"), email_of(credential.settings.get("login")))
    return "\0".join(parts)
