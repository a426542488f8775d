"""Answers that the gateway writes itself: refusals in the client's protocol, heads, keep-alives, in-stream errors."""

from __future__ import annotations

import time
from collections.abc import Iterable

from mitmproxy import http
from mitmproxy.net.http import status_codes

from addons.gateway import exchange as exchanges
from addons.gateway import headers as header_rules
from addons.gateway.exchange import Exchange
from addons.providers.api import Operation
from translators import jsonio, registry
from translators.canonical.errors import ErrorInfo
from translators.canonical.events import StreamEvent
from translators.canonical.ids import derive
from translators.pipeline import AnswerPipe
from translators.protocol import Protocol, Reply


def protocol_for(exchange: Exchange | None) -> Protocol:
    """The protocol that the client is to be answered in; where nothing is recognised, OpenAI's error shape is the
    commonest."""
    return registry.get((exchange and (exchange.output or exchange.protocol)) or "openai_chat")


def refusal(flow: http.HTTPFlow, error: ErrorInfo) -> http.Response:
    """An error of ours as a whole answer in the client's protocol."""
    exchange = exchanges.of(flow)
    if exchange is not None:
        exchange.error = error
        exchange.answered = True
    return error_response(exchange, error)


def error_response(exchange: Exchange | None, error: ErrorInfo) -> http.Response:
    protocol = protocol_for(exchange)
    request_id = request_id_of(exchange) if exchange is not None else None
    status, body = protocol.encode_error(error, request_id=request_id)
    fields: list[tuple[str, str]] = [("content-type", "application/json")]
    if error.retry_after is not None:
        fields.append(("retry-after", str(max(1, round(error.retry_after)))))
    if request_id is not None:
        fields = header_rules.with_request_id(fields, protocol.id, request_id)
    data = jsonio.dumps(body)
    return make_response(status, fields, b"[" + data + b"]" if _in_array(exchange) else data)


def _in_array(exchange: Exchange | None) -> bool:
    """Whether what the client reads is one JSON array, errors included (gemini.md, §6)."""
    asked = exchange.recognised if exchange is not None and exchange.output == exchange.protocol else None
    return asked is not None and asked.stream is True and not asked.sse


def make_response(status: int, fields: Iterable[tuple[str, str]], body: bytes) -> http.Response:
    """A whole answer with its length."""
    pairs = [
        (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in fields
        if name.lower() != "content-length"
    ]
    pairs.append((b"content-length", b"%d" % len(body)))
    reason, now = status_codes.RESPONSES.get(status, ""), time.time()
    return http.Response(b"HTTP/1.1", status, reason.encode(), http.Headers(pairs), body, None, now, now)


def request_id_of(exchange: Exchange) -> str:
    return "req_" + exchange.id[:24]


def error_in_stream(exchange: Exchange, error: ErrorInfo) -> bytes:
    """The error in the client's in-stream form; what the current pipe has open is closed by it."""
    exchange.error = error
    attempt = exchange.current
    if exchange.content_sent and attempt is not None and attempt.pipe is not None:
        return attempt.pipe.fail(error)
    encoder = protocol_for(exchange).stream_encoder(reply(exchange))
    return AnswerPipe.translating(_Silent(), encoder).fail(error)


def tail_of(exchange: Exchange, response: http.Response) -> bytes:
    """A whole answer as the rest of a stream whose head is out: an event stream as it is, anything else as an error."""
    body = response.raw_content or b""
    if "event-stream" in response.headers.get("content-type", ""):
        return body
    headers = {name.lower(): value for name, value in response.headers.items()}
    error = exchange.error or protocol_for(exchange).decode_error(response.status_code, headers, body)
    return error_in_stream(exchange, error)


def keepalive(exchange: Exchange) -> bytes:
    """A sign of life in the client's form. Before content a comment: no encoder has been decided yet (mapping.md
    §6)."""
    if not exchange.stream or (exchange.output == "gemini"):
        return b""
    attempt = exchange.current
    if not exchange.content_sent or attempt is None or attempt.pipe is None:
        return b": keep-alive\n\n"
    return attempt.pipe.keepalive()


def head(exchange: Exchange, upstream: http.Response | None) -> http.Response:
    """The head of a streamed answer: the upstream's own headers when passed through, ours when translated or early."""
    attempt = exchange.current
    fields: list[tuple[str, str]]
    if upstream is not None and attempt is not None and not attempt.answer_translated:
        status = upstream.status_code
        fields = header_rules.to_client(upstream.headers.items(multi=True))
    else:
        status = 200
        fields = [("content-type", stream_type(exchange))]
    if exchange.operation is Operation.GENERATE:
        fields = header_rules.for_stream(fields)
    fields = header_rules.with_request_id(fields, exchange.output, request_id_of(exchange))
    response = make_response(status, [*fields, *exchange.added], b"")
    del response.headers["content-length"]
    return response


def stream_type(exchange: Exchange) -> str:
    recognised = exchange.recognised
    if (
        exchange.output == "gemini"
        and recognised is not None
        and recognised.protocol == "gemini"
        and not recognised.sse
    ):
        return "application/json"
    return protocol_for(exchange).stream_type


def _wants_usage(exchange: Exchange) -> bool:
    """Only where a client's own protocol lets it say so can it have said no."""
    asked = exchange.request is not None and exchange.request.include_usage
    return asked or exchange.output != exchange.protocol


def reply(exchange: Exchange) -> Reply:
    """What an encoder must know to answer this exchange."""
    recognised = exchange.recognised
    return Reply(
        seed=derive(exchange.id, len(exchange.attempts)),
        created=int(exchange.started),
        model=exchange.requested_model,
        request=exchange.request,
        include_usage=_wants_usage(exchange),
        sse=recognised is None or recognised.sse or recognised.protocol != "gemini",
    )


class _Silent:
    """A decoder for a pipe that only has to fail."""

    def feed(self, data: bytes) -> list[StreamEvent]:
        return []

    def end(self) -> list[StreamEvent]:
        return []
