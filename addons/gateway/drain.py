"""Finishes exchanges that are under way when mitmproxy is told to stop, then flushes the audit; a second signal
stops at once."""

from __future__ import annotations

import asyncio
import logging
import signal

from mitmproxy import ctx, http

from addons.gateway.services import Services

GRACE = 20.0  # seconds
log = logging.getLogger(__name__)


class Drain:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._active: set[str] = set()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.live:
            self._active.add(flow.id)

    def response(self, flow: http.HTTPFlow) -> None:
        self._active.discard(flow.id)

    def error(self, flow: http.HTTPFlow) -> None:
        self._active.discard(flow.id)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if ctx.master.should_exit.is_set() and flow.response is not None:
            flow.response.headers["connection"] = "close"

    def done(self) -> object:  # not `async def`: hot reload calls done synchronously
        if ctx.master.should_exit.is_set():
            return asyncio.create_task(self._drain())
        return None

    async def _drain(self) -> None:
        servers = ctx.master.addons.get("proxyserver")
        if servers is not None and ctx.options.server:
            await servers.servers.update([])  # stop listening
        hurry = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, hurry.set)
        for _ in range(int(GRACE * 20)):
            if not self._active or hurry.is_set():
                break
            await asyncio.sleep(0.05)
        if self._active:
            log.warning("proxycast: %d exchanges were cut off", len(self._active))
        await self._services.refresher.close(GRACE)
        if self._services.audit is not None:
            await asyncio.to_thread(self._services.audit.close, 5.0)
