"""One HTTP stream of a client through the gateway: attempts, the held-back head, keep-alives, clean ends.

A subclass of mitmproxy's own HttpStream, so that every attempt is a real upstream connection of the flow. It carries
out and reports; what to try next is decided behind `AttemptHook` (dispatch.py), what an answer means by respond.py. The
facts are in the mitmproxy sheet, "Traps first" and points 2 to 6; why each override is needed stands with it.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

from mitmproxy import connection, ctx, http
from mitmproxy import flow as mitm_flow
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import (
    DropStream,
    ErrorCode,
    GetHttpConnection,
    HttpErrorHook,
    HttpRequestHeadersHook,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
    SendHttp,
)

from addons.gateway import exchange as exchanges
from addons.gateway.answers import books, failures, own_answers, respond, whole_answers
from addons.gateway.exchange import Attempt, Exchange, Failure
from addons.gateway.mitm.clock import own_limits
from addons.gateway.mitm.stream_events import AttemptHook, Commands, EventStream
from translators.canonical.errors import ErrorInfo, ErrorKind


class GatewayStream(EventStream):
    """Attempts, the answer, and what can go wrong with either."""

    def check_body_size(self, request: bool) -> Generator[commands.Command, Any, bool]:
        """Our own 413: the built-in one answers in HTML, and not at all after an `Expect: 100-continue`."""
        if not self.layer.is_gateway:
            return (yield from super().check_body_size(request))
        limits = self.layer.settings().gateway
        if not request:
            exchange = self.driven
            if exchange is None or len(self.response_body_buf) <= limits.max_answer:
                return False
            self.response_body_buf.clear()
            yield from self.abandon()
            info = ErrorInfo(ErrorKind.SERVER, f"the upstream's answer is larger than {limits.max_answer} bytes", 502)
            yield from self.failed(Failure(exchanges.Cause.SERVER, info))
            return True
        announced = self.flow.request.headers.get("content-length", "0")
        size = max(int(announced) if announced.isdecimal() else 0, len(self.request_body_buf))
        if size <= limits.max_body:
            return False
        if self.server_state == self.state_uninitialized:
            yield HttpRequestHeadersHook(self.flow)
        text = f"the request body is larger than {limits.max_body} bytes"
        yield from self.refuse_early(ErrorInfo(ErrorKind.TOO_LARGE, text))
        return True

    def refuse_early(self, info: ErrorInfo) -> Commands:
        """Answer a request that will never be complete, and swallow what is still to come of it."""
        self.request_body_buf.clear()
        self.client_state = self.state_errored
        exchange = self.driven
        if exchange is not None:
            exchange.rejected = True
        self.flow.response = own_answers.refusal(self.flow, info)
        self.flow.response.headers["connection"] = "close"
        yield from super().send_response()
        self.flow.live = False
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)
        yield DropStream(self.stream_id)

    def is_unreadable(self, event: events.Event) -> bool:
        """Whether it says that the body makes no sense, of a client that is still there (http1.py)."""
        return (
            isinstance(event, RequestProtocolError)
            and event.code is ErrorCode.GENERIC_CLIENT_ERROR
            and self.layer.is_gateway
            and not self.flow.request.is_http2
            and self.context.client.connected
            and self.client_state in (self.state_wait_for_request_headers, self.state_consume_request_body)
        )

    def check_killed(self, emit_error_hook: bool) -> Generator[commands.Command, Any, bool]:
        """What waits in the queue ends a flow at once; an unreadable body must not, it is to be answered."""
        if any(self.is_unreadable(event) for event in self._paused_event_queue):
            return False
        return (yield from super().check_killed(emit_error_hook))

    # -- attempts

    def make_server_connection(self) -> Generator[commands.Command, Any, bool]:
        exchange = self.driven
        if exchange is None and not self.layer.is_gateway:
            return (yield from super().make_server_connection())
        if exchange is None or not exchange.cleared:
            # A hook failed before dispatch was done with the flow: nothing may reach an upstream.
            refusal = own_answers.refusal(self.flow, failures.internal(None).error)
            yield from self.deliver(exchange, refusal)
            return False
        exchange.cleared = False
        self.attempt_id = next(self.layer.attempt_ids)
        self.layer.streams[self.attempt_id] = self
        self._under_way[id(self)] = self
        limits = self.layer.settings().timeouts
        if exchange.current is not None:
            limits = own_limits(limits, exchange.current.candidate.credential.settings.get("timeouts"))
        self.clock.begin(limits, stream=exchange.stream)
        self.connecting = True
        ok = yield from super().make_server_connection()
        if not ok:
            return False
        self.connecting = False
        self.clock.connected()
        if self.client_gone():
            yield from self.hang_up(exchange)
            return False
        return True

    def next_attempt(self, exchange: Exchange, failure: Failure) -> Commands:
        """Ask dispatch what to try now. The hook also lets the failed attempt's connection come to rest before
        reuse."""
        books.failed(exchange, failure)
        self.clock.rest()
        self.connecting = False
        self.drop_alias()
        self.flow.response = None
        self.flow.error = None
        self.response_body_buf.clear()
        self.server_state = self.state_wait_for_response_headers
        yield AttemptHook(self.flow)
        if self.client_gone():
            yield from self.hang_up(exchange)
            return
        if self.flow.response is not None:
            yield from self.deliver(exchange, self.flow.response)
            return
        # dispatch made a new `server_conn`: the old one may be an open connection, which refuses to be changed
        if not (yield from self.make_server_connection()):
            return
        content = self.flow.request.raw_content
        server = self.context.server
        yield SendHttp(RequestHeaders(self.stream_id, self.flow.request, not content), server)
        if content:
            yield SendHttp(RequestData(self.stream_id, content), server)
        yield SendHttp(RequestEndOfMessage(self.stream_id), server)

    def abandon(self) -> Commands:
        """Close (HTTP/1) or reset (HTTP/2) the current attempt, if it is under way."""
        under_way = self.attempt_id != self.stream_id and not self.connecting
        if under_way and self.context.server in self.layer.connections:
            yield SendHttp(RequestProtocolError(self.stream_id, "abandoned", ErrorCode.CANCEL), self.context.server)
        self.drop_alias()

    def failed(self, failure: Failure) -> Commands:
        """The current attempt is over: try the next, or tell the client in its own protocol."""
        exchange = self.driven
        assert exchange is not None
        if exchange.content_sent or ctx.master.should_exit.is_set():
            yield from self.give_up(exchange, failure)
        else:
            yield from self.next_attempt(exchange, failure)

    def give_up(self, exchange: Exchange, failure: Failure) -> Commands:
        books.failed(exchange, failure)
        if exchange.head_sent:
            yield from self.finish(exchange, own_answers.error_in_stream(exchange, failure.error))
        else:
            yield from self.deliver(exchange, own_answers.refusal(self.flow, failure.error))

    # -- the answer

    def send_response(self, already_streamed: bool = False) -> Commands:
        """A whole answer of an upstream is judged and translated before it is sent; what is ours goes out as it is."""
        exchange = self.driven
        attempt = exchange.current if exchange is not None else None
        if already_streamed or exchange is None or attempt is None or exchange.answered:
            self.clock.stop()
            yield from super().send_response(already_streamed)
            return
        assert self.flow.response is not None
        self.clock.rest()
        verdict = whole_answers.whole(exchange, attempt, self.flow.response)
        if isinstance(verdict, Failure):
            yield from self.failed(verdict)
        else:
            yield from self.deliver(exchange, verdict)

    def deliver(self, exchange: Exchange | None, response: http.Response) -> Commands:
        """Send a whole answer in the client's form; inside the stream if its head is out."""
        self.drop_alias()
        if exchange is not None:
            exchange.answered = True
            if exchange.head_sent:
                yield from self.finish(exchange, own_answers.tail_of(exchange, response))
                return
            books.note_delivered(exchange, response)
        self.flow.response = response
        self.clock.stop()
        yield from super().send_response()

    def start_response_stream(self) -> Commands:
        """`flow.response.stream` is set: hold the head back until the first content has been seen."""
        if self.driven is None:
            yield from super().start_response_stream()
        else:
            self.server_state = self.state_hold

    def state_hold(self, event: events.Event) -> Commands:
        exchange = self.driven
        assert exchange is not None and exchange.current is not None
        if isinstance(event, ResponseTrailers):
            return
        data, failure = respond.feed(exchange, exchange.current, event)
        if failure is not None:
            if not isinstance(event, ResponseEndOfMessage):
                yield from self.abandon()
            yield from self.failed(failure)
            return
        exchange.held.append(data)
        assert exchange.current.pipe is not None
        if exchange.current.pipe.content_seen or isinstance(event, ResponseEndOfMessage):
            yield from self.commit(exchange)
            exchange.content_sent = True
            held, exchange.held = b"".join(exchange.held), []
            yield from self.to_client(exchange, held)
            self.server_state = self.state_stream_response_body
            yield from self.after_data(exchange, exchange.current, event)
        else:
            self.clock.heard(content=False)

    def state_stream_response_body(self, event: events.Event) -> Commands:
        exchange = self.driven
        if exchange is None or exchange.current is None:
            yield from super().state_stream_response_body(event)
            return
        if isinstance(event, ResponseTrailers):
            return
        data, failure = respond.feed(exchange, exchange.current, event)
        yield from self.to_client(exchange, data)
        if failure is not None:
            yield from self.give_up(exchange, failure)
        else:
            yield from self.after_data(exchange, exchange.current, event)

    def after_data(self, exchange: Exchange, attempt: Attempt, event: events.Event) -> Commands:
        if isinstance(event, ResponseEndOfMessage):
            books.succeeded(exchange, attempt)
            yield from self.finish(exchange)
        elif attempt.pipe is not None and attempt.pipe.finished:
            self.clock.drain()
        else:
            self.clock.heard(content=True)

    def to_client(self, exchange: Exchange, data: bytes) -> Commands:
        if data:
            self.clock.told()
            books.note_sent(exchange, data)
            yield SendHttp(ResponseData(self.stream_id, data), self.context.client)

    def commit(self, exchange: Exchange) -> Commands:
        """Send the head: the upstream's own, or a 200 of ours when keep-alives begin before there is one."""
        if exchange.head_sent:
            return
        exchange.head_sent = True
        head = own_answers.head(exchange, self.flow.response)
        if not self.flow.request.is_http2 and not exchange.http10:
            head.headers["transfer-encoding"] = "chunked"
        exchange.head = head
        yield SendHttp(ResponseHeaders(self.stream_id, head, end_stream=False), self.context.client)

    def finish(self, exchange: Exchange, tail: bytes = b"") -> Commands:
        """End the stream cleanly, after `tail`."""
        yield from self.to_client(exchange, tail)
        self.drop_alias()
        self.clock.stop()
        if self.flow.response is None or self.flow.response.status_code != 200:
            self.flow.response = exchange.head
        exchange.answered = True
        yield from super().send_response(already_streamed=True)

    # -- troubles

    def handle_protocol_error(self, event: RequestProtocolError | ResponseProtocolError) -> Commands:
        exchange = self.driven
        over = self.server_state in (self.state_done, self.state_errored)
        if self.is_unreadable(event):
            text = f"the request body cannot be read: {event.message}"
            yield from self.refuse_early(ErrorInfo(ErrorKind.INVALID_REQUEST, text))
        elif exchange is None or over:
            if over or not (yield from self.observed_broke(event)):
                yield from super().handle_protocol_error(event)
        elif isinstance(event, RequestProtocolError) or self.client_gone():
            yield from self.hang_up(exchange)
        else:
            reused = not self.connecting and books.on_reused_connection(exchange, self.context.server)
            failure = failures.connection_failure(event.message, connecting=self.connecting, reused=reused)
            self.drop_alias()
            yield from self.failed(failure)

    def observed_broke(self, event: RequestProtocolError | ResponseProtocolError) -> Generator[Any, Any, bool]:
        """Note that the host of an observed exchange broke off. → whether the client got our answer: there was none."""
        exchange = exchanges.of(self.flow)
        if exchange is None or not isinstance(event, ResponseProtocolError) or self.client_gone():
            return False
        connecting = event.code is ErrorCode.CONNECT_FAILED
        failure = failures.connection_failure(event.message, connecting=connecting, reused=False)
        books.broken(exchange, failure)
        if self.flow.response is not None:
            return False
        yield from self.deliver(exchange, own_answers.refusal(self.flow, failure.error))
        return True

    def hang_up(self, exchange: Exchange) -> Commands:
        """The client is gone: stop the upstream at once and close the books."""
        yield from self.abandon()
        books.hung_up(exchange)
        self.clock.stop()
        self.client_state = self.server_state = self.state_errored
        self.flow.error = mitm_flow.Error("Client disconnected.")
        yield HttpErrorHook(self.flow)
        self.flow.live = False
        yield DropStream(self.stream_id)

    def on_tick(self) -> Commands:
        exchange = self.driven
        if exchange is None or self.server_state in (self.state_done, self.state_errored):
            self.clock.stop()
            return
        expired = self.clock.expired()
        if "drain" in expired and exchange.current is not None:
            yield from self.abandon()
            books.succeeded(exchange, exchange.current)
            yield from self.finish(exchange)
        elif late := sorted(expired & {"first_event", "silence", "whole"}):
            limit = late[0]
            yield from self.abandon()
            yield from self.failed(failures.timeout(limit, getattr(self.clock.limits, limit)))
        elif "keepalive" in expired:
            yield from self.ping(exchange)

    def on_tick_while_paused(self) -> Commands:
        """A hook or a connect is pending: nothing here may block. A connect is cut off; it then fails like any
        other."""
        exchange = self.driven
        assert self._paused is not None
        if exchange is None:
            return
        expired = self.clock.expired()
        waits_for = self._paused.command
        if isinstance(waits_for, GetHttpConnection) and expired & {"connect", "first_event", "whole"}:
            for server, waiting in self.layer.waiting_for_establishment.items():
                if waits_for in waiting:
                    tunnel = self.layer.connections[server]
                    yield commands.CloseConnection(getattr(tunnel, "tunnel_connection", server))
            self.clock.rest()
        elif "keepalive" in expired and not self.client_gone():
            yield from self.ping(exchange)
        else:
            for name in expired:
                self.clock.due[name] = time.monotonic() + 0.25  # a hook is running; look again

    def ping(self, exchange: Exchange) -> Commands:
        """Keep the client waiting: 200 and a sign of life in its form, if its protocol has one."""
        data = own_answers.keepalive(exchange)
        self.clock.told()
        if data:
            yield from self.commit(exchange)
            yield from self.to_client(exchange, data)


def new_server(flow: http.HTTPFlow) -> connection.Server:
    """A fresh connection object for the flow's next attempt."""
    return connection.Server(address=(flow.request.host, flow.request.port))
