"""The gateway's own endpoints: `/health`, `/metrics`, the model lists, and probes that want any quick answer."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable

from mitmproxy import ctx, http

from addons.audit.record import Origin
from addons.gateway import exchange as exchanges
from addons.gateway import ready, recognise
from addons.gateway.answers import books, own_answers
from addons.gateway.exchange import Exchange
from addons.gateway.local.listed import Listed
from addons.gateway.local.modellist import RENDERERS, members, names, render_one
from addons.gateway.services import Services
from addons.pool.standing import State
from addons.providers.api import Operation
from translators import jsonio
from translators.canonical.errors import ErrorInfo, ErrorKind

_OPEN = "proxycast: an LLM gateway. Point a client here with a client key; see /health.\n"


_METHODS = {
    Operation.GENERATE: ("POST",),
    Operation.COUNT_TOKENS: ("POST",),
    Operation.MODELS: ("GET",),
    Operation.PASS: ("GET", "POST", "PUT", "PATCH", "DELETE"),
}


class Endpoints:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._local: dict[str, Callable[[Exchange], http.Response]] = {
            "/": lambda _: http.Response.make(200, _OPEN, {"content-type": "text/plain; charset=utf-8"}),
            "/api/hello": lambda _: http.Response.make(200, b"", {}),
            "/health": self._health,
            "/metrics": self._metrics,
        }

    def request(self, flow: http.HTTPFlow) -> None:
        exchange = exchanges.of(flow)
        if exchange is None or exchange.origin is not Origin.GATEWAY or flow.response is not None:
            return
        handler = self._local.get(exchange.path)
        if flow.request.method == "HEAD":
            exchange.rejected = exchange.answered = True
            flow.response = http.Response.make(200, b"", {"content-length": "0"})
        elif handler is not None and flow.request.method == "GET":
            exchange.rejected = exchange.answered = True
            flow.response = handler(exchange)
        elif flow.request.headers.get("upgrade", "").lower() == "websocket":
            exchange.rejected = exchange.answered = True
            flow.response = http.Response.make(426, b"{}", {"upgrade": "HTTP/1.1", "connection": "upgrade"})
        elif exchange.recognised is None:
            exchange.rejected = True
            text = f"{flow.request.method} {exchange.path} is no endpoint of this gateway"
            flow.response = own_answers.refusal(flow, ErrorInfo(ErrorKind.NOT_FOUND, text, code="unknown_url"))
        elif flow.request.method not in _METHODS[exchange.operation]:
            exchange.rejected = True
            text = f"{flow.request.method} is not allowed here"
            flow.response = own_answers.refusal(flow, ErrorInfo(ErrorKind.INVALID_REQUEST, text, status=405))

    def _health(self, _: Exchange) -> http.Response:
        """What a monitor wants to know; nothing secret, so it needs no key."""
        config = self._services.config
        body = {
            "status": "ok",
            "version": 1,
            "profile": self._services.settings().active_profile,
            "credentials": self._states(),
            "config_error": config.error,
            "audit": self._services.audit.stats() if self._services.audit is not None else None,
        }
        return http.Response.make(200, jsonio.dumps(body), {"content-type": "application/json"})

    def _states(self) -> dict[str, int]:
        """How many credentials are in which state; their names and causes are for the command."""
        counts = {state.value: 0 for state in State}
        standing = {
            name: one.state for name, one in self._services.pool.standings.all(time.time()) if one.model is None
        }
        for credential in self._services.state.credentials.values():
            state = standing.get(credential.name, State.ACTIVE) if credential.enabled else State.DISABLED
            counts[state] += 1
        return counts

    def _metrics(self, _: Exchange) -> http.Response:
        gauges = {"proxycast_active_connections": float(len(ctx.master.addons.get("proxyserver").connections))}
        if self._services.audit is not None:
            numbers = self._services.audit.stats()
            gauges |= {f"proxycast_audit_{k}": float(v) for k, v in numbers.items() if isinstance(v, int | float)}
        gauges |= {f"proxycast_credentials_{state}": float(count) for state, count in self._states().items()}
        text = self._services.metrics.render(gauges)
        return http.Response.make(200, text, {"content-type": "text/plain; version=0.0.4; charset=utf-8"})


class Models:
    """Answers the model lists, each in the shape of the protocol that asks. After route.py: the profile must be
    known."""

    def __init__(self, services: Services, listed: Listed | None = None) -> None:
        self._services = services
        self._listed = listed or Listed(functools.partial(ready.acquire, services))

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Awaited for the few requests that ask for models; the others need no task."""
        exchange = exchanges.of(flow)
        if exchange is None or flow.response is not None or exchange.recognised is None or exchange.profile is None:
            return None
        name = recognise.single_model(exchange.method, exchange.recognised.path)
        if exchange.operation is not Operation.MODELS and name is None:
            return None
        return self._tell(flow, exchange, name)

    async def _tell(self, flow: http.HTTPFlow, exchange: Exchange, name: str | None) -> None:
        response = await self._answer(exchange, name)
        if response is not None:
            exchange.answered = True
            flow.response = response
            books.note_delivered(exchange, response)

    async def _answer(self, exchange: Exchange, name: str | None) -> http.Response | None:
        """The list; a single model if the list has it. Else it is asked of whoever could know it, if there is one."""
        assert exchange.recognised is not None and exchange.profile is not None
        listed = await self._listed.of(members(exchange.profile, self._services))
        offered = names(exchange.profile, self._services, listed)
        if exchange.operation is Operation.MODELS:
            shape = "codex" if exchange.recognised.codex else exchange.protocol
            return self._json(RENDERERS[shape](offered))
        assert name is not None
        if name in offered:
            return self._json(render_one(exchange.protocol, name))
        if exchange.candidates:
            return None
        exchange.error = ErrorInfo(ErrorKind.NOT_FOUND, f"this profile has no model {name!r}", code="model_not_found")
        return own_answers.error_response(exchange, exchange.error)

    @staticmethod
    def _json(body: object) -> http.Response:
        return own_answers.make_response(200, [("content-type", "application/json")], jsonio.dumps(body))
