"""Mends what mitmproxy's HTTP/1 reader leaves a client of the gateway with: no answer, or no limit.

* Chunked trailers crash it (its sheet, "Traps first"): they are dropped, no protocol of ours has any.
* A body that is not in its framing closes the connection before anybody could answer: stream.py answers first.
* A head has no limit.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import h11
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import RequestProtocolError, _http1
from mitmproxy.proxy.mode_specs import ReverseMode

Commands = Generator[commands.Command, Any, None]
Reader = Callable[[Any, events.Event], Commands]
MAX_HEAD = 256 << 10  # bytes of request line and headers


class _NoTrailers(_http1.ChunkedReader):
    def __call__(self, buf: Any) -> Any:
        event = super().__call__(buf)
        return h11.EndOfMessage() if isinstance(event, h11.EndOfMessage) else event


def _limited_head(read: Reader) -> Reader:
    def read_headers(server: Any, event: events.Event) -> Commands:
        yield from read(server, event)
        if server.state == server.read_headers and len(server.buf) > MAX_HEAD:
            text = f"the request's head is larger than {MAX_HEAD} bytes"
            yield commands.SendData(server.conn, _http1.make_error_response(431, text))
            yield commands.CloseConnection(server.conn)
            server.state = server.done

    return read_headers


def _answerable_body(read: Reader) -> Reader:
    def read_body(server: Any, event: events.Event) -> Commands:
        ours = isinstance(server.context.client.proxy_mode, ReverseMode) and isinstance(event, events.DataReceived)
        closing: commands.CloseConnection | None = None
        for command in read(server, event):
            if ours and isinstance(command, commands.CloseConnection):
                closing = command  # at the end of an exchange, or because of what comes next
                continue
            if closing is not None and isinstance(getattr(command, "event", None), RequestProtocolError):
                closing = None
                server.state = server.done  # nothing more is read
                server.request_done = True  # so that the answer, which says `connection: close`, ends the connection
            yield command
        if closing is not None:
            yield closing

    return read_body


class Http1Repairs:
    def load(self, _: object) -> None:
        _http1.ChunkedReader = _NoTrailers  # type: ignore[misc]
        server = _http1.Http1Server
        if not hasattr(server, "_proxycast"):  # not twice, on a hot reload
            server._proxycast = True  # type: ignore[attr-defined]
            server.read_headers = _limited_head(server.read_headers)  # type: ignore[method-assign,assignment,arg-type]
            server.read_body = _answerable_body(server.read_body)  # type: ignore[method-assign,assignment]
