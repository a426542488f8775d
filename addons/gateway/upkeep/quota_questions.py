"""Asks providers what is left of their credentials' limits, beside the requests: at start, every few minutes while a
credential is used, and after a refusal that was about a limit."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mitmproxy import ctx

from addons.gateway import ready
from addons.gateway.services import Services
from addons.gateway.upkeep.background import Background
from addons.pool.quotas import QuotaStore
from addons.pool.standing import State
from addons.providers import asking
from addons.providers.api import Provider, UnavailableError
from addons.providers.quota import Quota
from addons.providers.registry import UnknownProviderError
from addons.vault.credential import Credential

log = logging.getLogger(__name__)
LOOK = 2.0  # seconds between two looks at what is due
AT_ONCE = 4  # questions under way
#: After a refusal it is asked sooner than usual, but not within these seconds of the last time.
SOON = 30.0
#: Seconds until the next question after the n-th in a row that was not answered.
BACKOFF = (60.0, 300.0, 900.0, 3600.0)


@dataclass(slots=True)
class Asked:
    """When and as what a credential was last asked for; `next` is when it may be again, in seconds since 1970."""

    what: tuple[str, Mapping[str, Any]]
    at: float
    next: float
    uses: int
    failures: int = 0


def _what(provider: Provider, credential: Credential) -> tuple[str, Mapping[str, Any]]:
    """What makes it another credential: a login whose token was renewed is the same."""
    return "" if provider.manifest.oauth is not None else credential.secret, credential.settings


class QuotaQuestions:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._asked: dict[str, Asked] = {}
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._store: QuotaStore | None = None
        self._one_thread = threading.Lock()
        self._background = Background(self._watch)

    def running(self) -> None:
        self._background.start()

    def done(self) -> None:
        self._background.stop()
        for task in self._busy.values():
            task.cancel()

    async def _watch(self) -> None:
        while not ctx.master.should_exit.is_set():
            try:
                if self._services.settings().quotas.ask:
                    self.look(time.time())
            except Exception:
                log.exception("proxycast: looking whose quota is worth a question failed")
            await asyncio.sleep(LOOK)

    def look(self, now: float) -> list[asyncio.Task[None]]:
        """Begin the questions that are due now."""
        begun = []
        for name, credential in self._services.state.credentials.items():
            provider = self._provider(credential)
            if provider is not None and name not in self._busy and self._is_due(provider, credential, now):
                task = asyncio.create_task(self._ask(provider, credential, now))
                self._busy[name] = task
                task.add_done_callback(functools.partial(self._over, name))
                begun.append(task)
        return begun

    def _over(self, name: str, _: asyncio.Task[None]) -> None:
        self._busy.pop(name, None)

    def _provider(self, credential: Credential) -> Provider | None:
        """Of a credential that can be asked for and is in use at all."""
        if not credential.enabled:
            return None
        try:
            provider = self._services.providers.get(credential.provider)
        except UnknownProviderError:
            return None
        return provider if provider.manifest.reads_quota else None

    def _is_due(self, provider: Provider, credential: Credential, now: float) -> bool:
        standing = self._services.pool.standings.of(credential.name, "", now)
        if standing is not None and standing.state is State.OUT_OF_SERVICE:
            return False
        known = self._asked.get(credential.name)
        if known is None or known.what != _what(provider, credential):
            return True
        refused = credential.name in self._services.pool.refused
        if refused and not known.failures and now >= known.at + SOON:
            return True
        return now >= known.next and self._services.pool.book.use(credential.name).total > known.uses

    async def _ask(self, provider: Provider, credential: Credential, now: float) -> None:
        pool, name = self._services.pool, credential.name
        interval = self._services.settings().quotas.interval
        what, known, refused = _what(provider, credential), self._asked.get(name), name in pool.refused
        changed = known is not None and known.what != what
        failures = 0 if known is None or changed else known.failures
        spacing = 0.0 if changed else SOON if refused else interval
        pool.refused.discard(name)
        state = self._asked[name] = Asked(what, now, now + interval, pool.book.use(name).total, failures)
        async with self._gate:
            try:
                if not await asyncio.to_thread(self._claim, name, now, spacing):
                    quotas = await asyncio.to_thread(self._learned, name, now - interval)
                else:
                    usable = await ready.acquire(self._services, provider, credential)
                    quotas = await asking.quotas(provider, usable)
            except UnavailableError as error:
                state.failures += 1
                wait = BACKOFF[min(state.failures, len(BACKOFF)) - 1]
                state.next = time.time() + max(wait, error.info.retry_after or 0.0)
                told = self._services.redactor.text(error.info.message)
                log.info("proxycast: what is left of %s is not known: %s", name, told)
                return
            except Exception:
                state.failures += 1
                state.next = time.time() + BACKOFF[-1]
                log.exception("proxycast: asking what is left of %s failed", name)
                return
        state.failures = 0
        now = time.time()
        pool.asked(credential, quotas, now + 2 * interval, now)

    def _claim(self, name: str, now: float, interval: float) -> bool:
        with self._one_thread:  # several credentials are asked at a time, each in a thread of its own
            return self._opened().claim(name, now, interval)

    def _learned(self, name: str, since: float) -> list[Quota]:
        """What another gateway on the same home was told."""
        with self._one_thread:
            return [quota for _, quota in self._opened().load(name) if quota.seen >= since]

    def _opened(self) -> QuotaStore:
        if self._store is None:
            self._store = QuotaStore(self._services.home.state)
        return self._store
