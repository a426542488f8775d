"""Writes the quotas that answers told into `state.db`, once a second at most and in another thread."""

from __future__ import annotations

import asyncio
import logging
import sqlite3

from mitmproxy import ctx

from addons.gateway.services import Services
from addons.gateway.upkeep.background import Background
from addons.pool.quotas import QuotaStore, Seen

INTERVAL = 1.0  # seconds between two writes
log = logging.getLogger(__name__)


class Quotas:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._background = Background(self._keep_writing)
        self._store: QuotaStore | None = None

    def running(self) -> None:
        self._background.start()

    def done(self) -> None:
        self._background.stop()
        self._write(self._services.pool.quotas.take())

    async def _keep_writing(self) -> None:
        while not ctx.master.should_exit.is_set():
            await asyncio.sleep(INTERVAL)
            seen = self._services.pool.quotas.take()
            if seen:
                await asyncio.to_thread(self._write, seen)

    def _write(self, seen: list[Seen]) -> None:
        if not seen:
            return
        try:
            if self._store is None:
                self._store = QuotaStore(self._services.home.state)
            self._store.save(seen)
        except sqlite3.Error as error:
            log.warning("proxycast: the quotas of credentials cannot be stored: %s", error)
