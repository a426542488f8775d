"""Tells executable plugins what becomes of their credentials and exchanges, and the audit which address they asked."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from mitmproxy import ctx, http

from addons.gateway import exchange as exchanges
from addons.gateway.exchange import Attempt, Cause, Exchange
from addons.gateway.services import Services
from addons.gateway.upkeep.background import Background
from addons.plugins.bridge import hosting
from addons.plugins.bridge.hosting import Hosting
from addons.plugins.bridge.relay import HEADER
from addons.plugins.bridge.remote import RemoteProvider
from addons.pool.standing import Standing, State
from addons.providers.registry import UnknownProviderError

log = logging.getLogger(__name__)
INTERVAL = 0.5  # seconds between two looks at how credentials stand
Json = dict[str, Any]


class PluginEvents:
    """Must come before the addon that reports to the audit."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._hosting = Hosting.of_gateway(services)
        hosting.provide(self._hosting)
        self._background = Background(self._watch)
        self._version = -1
        self._standings: dict[tuple[str, str | None], Standing] = {}

    def running(self) -> None:
        self._background.start()

    def done(self) -> None:
        self._background.stop()

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        exchange = exchanges.of(flow)
        attempt = exchange.current if exchange is not None else None
        if attempt is None or flow.response is None or not isinstance(attempt.provider, RemoteProvider):
            return
        real = attempt.provider.real_url(flow.response.headers.get(HEADER, ""))
        if real:
            attempt.url = self._services.redactor.text(real)

    def response(self, flow: http.HTTPFlow) -> None:
        self._over(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._over(flow)

    # -- within

    def _over(self, flow: http.HTTPFlow) -> None:
        exchange = exchanges.of(flow)
        if exchange is None or getattr(flow, "plugins_told", False):
            return  # a stream that breaks ends in both hooks
        remote = [a for a in exchange.attempts if isinstance(a.provider, RemoteProvider) and a.protocol]
        if not remote:
            return
        flow.plugins_told = True  # type: ignore[attr-defined]
        for attempt in remote:
            provider = attempt.provider
            assert isinstance(provider, RemoteProvider)
            error = attempt.failure.error if attempt.failure is not None else None
            provider.released(attempt.candidate.credential, str(attempt.cause or Cause.HANG_UP), error)
        for name in dict.fromkeys(a.provider.plugin.name for a in remote if isinstance(a.provider, RemoteProvider)):
            self._hosting.bus.emit("exchange.finished", _told(exchange, remote[-1]), only=name)

    async def _watch(self) -> None:
        while not ctx.master.should_exit.is_set():
            await asyncio.sleep(INTERVAL)
            standings = self._services.pool.standings
            if standings.version != self._version:
                self._version = standings.version
                try:
                    self._tell_changes({(n, s.model): s for n, s in standings.all(time.time())})
                except Exception:
                    log.exception("proxycast: plugins could not be told how credentials stand")

    def _tell_changes(self, now: dict[tuple[str, str | None], Standing]) -> None:
        """To each plugin those of its own credentials."""
        before, self._standings = self._standings, now
        for key in before.keys() | now.keys():
            standing = now.get(key, Standing(State.ACTIVE))
            if before.get(key) == standing:
                continue
            credential = self._services.state.credentials.get(key[0])
            try:
                provider = self._services.providers.get(credential.provider) if credential is not None else None
            except UnknownProviderError:
                continue
            if isinstance(provider, RemoteProvider):
                told: Json = {"credential": key[0], "model": key[1], "state": standing.state.value}
                told |= {"cause": standing.cause, "until": standing.until or None}
                self._hosting.bus.emit("credential.changed", told, only=provider.plugin.name)


def _told(exchange: Exchange, attempt: Attempt) -> Json:
    """Figures only: what was said is not for plugins."""
    usage = exchange.usage
    return {
        "credential": attempt.candidate.name,
        "model": attempt.model,
        "outcome": str(attempt.cause or Cause.HANG_UP),
        "status": attempt.status,
        "stream": exchange.stream,
        "seconds": round(time.time() - exchange.started, 3),
        "input_tokens": usage.input_total,
        "output_tokens": usage.output or 0,
    }
