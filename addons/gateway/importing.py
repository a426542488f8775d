"""`mitmdump -nr FILE -s proxycast.py`: a recorded capture goes into the audit as if it had been observed."""

from __future__ import annotations

from mitmproxy import http

from addons.audit.record import Origin
from addons.gateway import exchange as exchanges
from addons.gateway import recognise
from addons.gateway.intercept import exchange_of_capture, finish_observed, observe
from addons.gateway.services import Services
from addons.providers.api import Operation


class Import:
    """Flows that are not live come from a file (mitmproxy sheet, point 14)."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.live or exchanges.of(flow) is not None:
            return
        request = flow.request
        path, _, query = request.path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        recognised = recognise.at_another_host(request.method, path, query, headers)
        if recognised is None or recognised.operation not in (Operation.GENERATE, Operation.COUNT_TOKENS):
            return
        exchange = exchange_of_capture(flow, recognised, path, query, headers)
        observe(exchange, flow, self._services)
        exchange.origin = Origin.IMPORTED
        exchanges.attach(flow, exchange)
        assert exchange.current is not None
        if flow.response is not None:
            exchange.current.first_byte = flow.response.timestamp_start
        finish_observed(exchange, exchange.current, flow)
        exchange.current.ended = flow.response.timestamp_end if flow.response is not None else None
