"""What an upstream's answer means and how it reaches the client: tapped where the protocols agree, else translated.

Functions over an Exchange, called by stream.py as bytes arrive; the addon at the end only installs a pipe once the
head of an answer is there. Nothing here decides what to try next.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from mitmproxy import connection, http
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import ResponseData, ResponseEndOfMessage

from addons.audit.record import Side
from addons.gateway import codings
from addons.gateway import exchange as exchanges
from addons.gateway import headers as header_rules
from addons.gateway.exchange import Attempt, Cause, Exchange, Failure
from addons.gateway.passing import BytesPipe
from addons.providers.api import Operation
from translators import jsonio, registry
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import StreamEvent
from translators.canonical.ids import derive
from translators.canonical.response import Fold, Response, unfold
from translators.canonical.stop_cutter import cut_response
from translators.pipeline import AnswerPipe
from translators.protocol import Protocol, Reply, StreamEncoder

log = logging.getLogger(__name__)
BODY_CAP = 8 << 20  # bytes of one side kept for the audit
_CAUSES = {
    ErrorKind.AUTHENTICATION: Cause.AUTHENTICATION,
    ErrorKind.PERMISSION: Cause.AUTHENTICATION,
    ErrorKind.BILLING: Cause.BILLING,
    ErrorKind.NOT_FOUND: Cause.NOT_FOUND,
    ErrorKind.RATE_LIMIT: Cause.RATE_LIMIT,
    ErrorKind.SERVER: Cause.SERVER,
    ErrorKind.OVERLOADED: Cause.SERVER,
    ErrorKind.TIMEOUT: Cause.TIMEOUT,
}
_SIGNATURE = ("signature", "encrypted content", "encrypted_content", "thinking blocks cannot be modified")


def cause_of(error: ErrorInfo) -> Cause:
    """Which of decision 1's causes an error is; what is none of them is the client's own."""
    if error.status == 400 and any(word in error.message.lower() for word in _SIGNATURE):
        return Cause.SIGNATURE
    return _CAUSES.get(error.kind, Cause.CLIENT_FAULT)


# -- answers of ours


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
    return make_response(status, fields, jsonio.dumps(body))


def make_response(status: int, fields: Iterable[tuple[str, str]], body: bytes) -> http.Response:
    """A whole answer with its length."""
    pairs = [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in fields]
    response = http.Response.make(status, b"", http.Headers(pairs))
    response.data.content = body
    response.headers["content-length"] = str(len(body))
    return response


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
    response = make_response(status, fields, b"")
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


def reply(exchange: Exchange) -> Reply:
    """What an encoder must know to answer this exchange."""
    recognised = exchange.recognised
    return Reply(
        seed=derive(exchange.id, len(exchange.attempts)),
        created=int(exchange.started),
        model=exchange.requested_model,
        request=exchange.request,
        include_usage=exchange.request.include_usage if exchange.request is not None else False,
        sse=recognised is None or recognised.sse or recognised.protocol != "gemini",
    )


# -- the stream, piece by piece


def feed(exchange: Exchange, attempt: Attempt, event: events.Event) -> tuple[bytes, Failure | None]:
    """A piece of the upstream's stream (or its end) → bytes for the client, or why the attempt is over before
    content."""
    pipe = attempt.pipe
    assert pipe is not None
    ended = isinstance(event, ResponseEndOfMessage)
    known = pipe.error
    if ended:
        out = pipe.end()
    else:
        assert isinstance(event, ResponseData)
        data = receive(attempt, event.data)
        if data is None:
            error = ErrorInfo(ErrorKind.SERVER, "the upstream's answer is not in its content-encoding", status=502)
            return b"", Failure(Cause.SERVER, error)
        out = pipe.feed(data)
    if exchange.delivery.first_content is None and pipe.content_seen:
        exchange.delivery.first_content = time.time()
    if pipe.error is None:
        return out, None
    if not pipe.content_seen and not exchange.content_sent:
        attempt.provider.judge(pipe.error)
        return b"", Failure(Cause.CONNECTION if ended else cause_of(pipe.error), pipe.error)
    if known is None:
        exchange.error = pipe.error
        if ended and not attempt.answer_translated:
            out += pipe.fail(pipe.error)  # cut: what was passed on has no end of its own
    return out, None


def receive(attempt: Attempt, data: bytes) -> bytes | None:
    """The piece without its content coding, a copy kept for the audit; None when it cannot be decoded."""
    if attempt.first_byte is None:
        attempt.first_byte = time.time()
    if attempt.decoding is not None:
        try:
            data = attempt.decoding.feed(data)
        except (codings.CodingError, codings.TooLargeError):
            return None
    if attempt.received_size < BODY_CAP:
        attempt.received.append(data)
    attempt.received_size += len(data)
    return data


def note_sent(exchange: Exchange, data: bytes) -> None:
    exchange.delivery.add(data, time.time())


def note_delivered(exchange: Exchange, response: http.Response) -> None:
    """A whole answer goes out at once."""
    exchange.head = response
    body = response.raw_content or b""
    if body:
        exchange.delivery.add(body, time.time())


# -- whole answers


def whole(exchange: Exchange, attempt: Attempt, response: http.Response) -> Failure | http.Response:
    """Judge an upstream's whole answer: a Failure, or the answer in the client's form."""
    fields = list(response.headers.items(multi=True))
    attempt.status = response.status_code
    attempt.first_byte = attempt.first_byte or response.timestamp_start
    try:
        body = codings.decode(response.headers.get("content-encoding", ""), response.raw_content or b"", 1 << 30)
    except (codings.CodingError, codings.TooLargeError) as error:
        return _unusable(attempt, fields, b"", f"the upstream's answer cannot be decoded: {error}")
    attempt.response = Side(fields, body[:BODY_CAP], len(body) > BODY_CAP)
    protocol = registry.get(attempt.protocol)
    if response.status_code >= 400:
        error_info = protocol.decode_error(response.status_code, {n.lower(): v for n, v in fields}, body)
        error_info = attempt.provider.judge(error_info)
        return Failure(cause_of(error_info), error_info, (response.status_code, fields, body))
    if response.status_code >= 300:
        return _unusable(attempt, fields, body, "the upstream redirected; credentials do not follow redirects")
    if exchange.operation is Operation.PASS:
        succeeded(exchange, attempt)
        return _passed(exchange, response.status_code, fields, body)
    try:
        return _understood(exchange, attempt, protocol, response, fields, body)
    except ValueError:
        kind = response.headers.get("content-type", "no content-type")
        excerpt = body[:120].decode("utf-8", "replace")
        return _unusable(
            attempt, fields, body, f"the upstream's answer is not what its protocol says ({kind}): {excerpt}"
        )


def _understood(
    exchange: Exchange,
    attempt: Attempt,
    protocol: Protocol,
    response: http.Response,
    fields: list[tuple[str, str]],
    body: bytes,
) -> Failure | http.Response:
    """Raises ValueError for a body that is not of the protocol."""
    if exchange.operation is Operation.COUNT_TOKENS:
        return _counted(exchange, attempt, protocol, fields, body)
    streamed = "event-stream" in response.headers.get("content-type", "")
    if streamed:
        answer = folded(protocol, attempt, body)
    else:
        parsed = jsonio.loads(body)
        if isinstance(parsed, list) and len(parsed) == 1:
            parsed = parsed[0]
        if not isinstance(parsed, dict):
            raise ValueError("not an object")
        answer = protocol.decode_response(parsed, attempt.names)
    if answer.error is not None:
        error = attempt.provider.judge(answer.error)
        return Failure(cause_of(error), error)
    if not answer.blocks and answer.stop is None:
        raise ValueError("neither content nor a reason to stop")
    answer = cut_response(answer, enforced_stops(exchange, attempt))
    exchange.delivery.first_content = time.time()
    settle(exchange, attempt, answer)
    succeeded(exchange, attempt)
    if exchange.stream:
        encoder = protocol_for(exchange).stream_encoder(reply(exchange))
        data = b"".join(map(encoder.encode, _whole_stream(answer)))
        return make_response(200, [*_own_head(exchange), ("content-type", stream_type(exchange))], data)
    if not attempt.answer_translated and not streamed:
        return _passed(exchange, response.status_code, fields, body)
    rendered = protocol_for(exchange).encode_response(answer, reply(exchange))
    return make_response(200, [*_own_head(exchange), ("content-type", "application/json")], jsonio.dumps(rendered))


def enforced_stops(exchange: Exchange, attempt: Attempt) -> list[str]:
    """Stop sequences that the backend's protocol cannot express and we must keep (mapping.md §2, Stop)."""
    if exchange.request is None or not attempt.translated or attempt.protocol != "openai_responses":
        return []
    return exchange.request.stop


def _whole_stream(answer: Response) -> Iterable[StreamEvent]:
    return unfold(answer)


def folded(protocol: Protocol, attempt: Attempt, body: bytes) -> Response:
    decoder, fold = protocol.stream_decoder(attempt.names), Fold()
    for event in [*decoder.feed(body), *decoder.end()]:
        fold.add(event)
    return fold.response()


def _counted(
    exchange: Exchange, attempt: Attempt, protocol: Protocol, fields: list[tuple[str, str]], body: bytes
) -> http.Response:
    if not attempt.answer_translated:
        succeeded(exchange, attempt)
        return _passed(exchange, 200, fields, body)
    tokens = protocol.decode_token_count(jsonio.loads(body))
    if tokens is None:
        raise ValueError("no count")
    succeeded(exchange, attempt)
    rendered = jsonio.dumps(protocol_for(exchange).encode_token_count(tokens))
    return make_response(200, [*_own_head(exchange), ("content-type", "application/json")], rendered)


def _passed(exchange: Exchange, status: int, fields: list[tuple[str, str]], body: bytes) -> http.Response:
    kept = header_rules.to_client(fields)
    return make_response(status, header_rules.with_request_id(kept, exchange.output, request_id_of(exchange)), body)


def _own_head(exchange: Exchange) -> list[tuple[str, str]]:
    return header_rules.with_request_id([], exchange.output, request_id_of(exchange))


def _unusable(attempt: Attempt, fields: list[tuple[str, str]], body: bytes, message: str) -> Failure:
    attempt.response = attempt.response or Side(fields, body[:BODY_CAP])
    return Failure(Cause.SERVER, ErrorInfo(ErrorKind.SERVER, message, status=502))


# -- the books


def settle(exchange: Exchange, attempt: Attempt, answer: Response) -> None:
    """Take over what the audit wants to know of an answer: usage once, the last cumulative figure (field.md, case
    76)."""
    attempt.answer = answer
    exchange.usage = answer.usage
    exchange.served_model = answer.model or attempt.model
    exchange.stop_reason = str(answer.stop or "")


def close(attempt: Attempt, cause: Cause) -> None:
    if attempt.cause is None:
        attempt.cause = cause
        attempt.ended = time.time()
    if attempt.response is None and attempt.received:
        body = b"".join(attempt.received)
        attempt.response = Side([], body, attempt.received_size > len(body))


def succeeded(exchange: Exchange, attempt: Attempt) -> None:
    """The answer is complete as far as the upstream goes; an error inside a stream that had content still counts as
    one."""
    pipe = attempt.pipe
    if isinstance(pipe, AnswerPipe):
        settle(exchange, attempt, pipe.fold.response())
        if pipe.fault is not None:
            log.error("proxycast: the answer could not be followed", exc_info=pipe.fault)
    if pipe is not None and pipe.error is not None:
        attempt.failure = Failure(cause_of(pipe.error), pipe.error)
        close(attempt, attempt.failure.cause)
    else:
        close(attempt, Cause.OK)


def failed(exchange: Exchange, failure: Failure) -> None:
    """Note on the current attempt why it is over."""
    attempt = exchange.current
    if attempt is None or attempt.cause is not None:
        return
    attempt.failure = failure
    if failure.response is not None and attempt.response is None:
        status, fields, body = failure.response
        attempt.status, attempt.response = status, Side(fields, body[:BODY_CAP], len(body) > BODY_CAP)
    if isinstance(attempt.pipe, AnswerPipe) and exchange.content_sent:
        settle(exchange, attempt, attempt.pipe.fold.response())
    close(attempt, failure.cause)
    exchange.held = []


def hung_up(exchange: Exchange) -> None:
    """The client went away: what was used until then still counts (field.md, case 82)."""
    attempt = exchange.current
    if attempt is not None and attempt.cause is None:
        if isinstance(attempt.pipe, AnswerPipe):
            settle(exchange, attempt, attempt.pipe.fold.response())
        close(attempt, Cause.HANG_UP)


def on_reused_connection(exchange: Exchange, server: connection.Server) -> bool:
    """Whether the attempt runs on a connection older than itself and has not had a byte of an answer."""
    attempt = exchange.current
    if attempt is None or attempt.status is not None or attempt.first_byte is not None:
        return False
    opened = server.timestamp_tcp_setup
    return opened is not None and opened < attempt.started


class _Silent:
    """A decoder for a pipe that only has to fail."""

    def feed(self, data: bytes) -> list[StreamEvent]:
        return []

    def end(self) -> list[StreamEvent]:
        return []


class Respond:
    """Installs the pipe once the head of an upstream's answer is there."""

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        exchange = exchanges.of(flow)
        if exchange is None or exchange.answered or exchange.current is None or not flow.live:
            return
        attempt, response = exchange.current, flow.response
        assert response is not None
        attempt.status = response.status_code
        attempt.first_byte = time.time()
        if exchange.observed or not 200 <= response.status_code < 300:
            return
        kind = response.headers.get("content-type", "")
        if exchange.operation is Operation.PASS:
            attempt.pipe = BytesPipe()
        elif exchange.operation is Operation.GENERATE and exchange.stream and self._is_stream(attempt, kind):
            attempt.pipe = self._pipe(exchange, attempt)
        if attempt.pipe is None:
            return
        coding = response.headers.get("content-encoding", "")
        if codings.names(coding):
            try:
                attempt.decoding = codings.Decoding(coding, 1 << 40)
            except codings.CodingError:
                attempt.pipe = None  # judged when it is whole
                return
        attempt.response = None
        response.stream = True

    @staticmethod
    def _is_stream(attempt: Attempt, kind: str) -> bool:
        """An event stream, or Gemini's growing array, which a pass-through client may have asked for."""
        return "event-stream" in kind or (attempt.protocol == "gemini" and not attempt.translated and "json" in kind)

    @staticmethod
    def _pipe(exchange: Exchange, attempt: Attempt) -> AnswerPipe:
        decoder = registry.get(attempt.protocol).stream_decoder(attempt.names)
        encoder: StreamEncoder = protocol_for(exchange).stream_encoder(reply(exchange))
        if not attempt.answer_translated:
            return AnswerPipe.tapping(decoder, error_encoder=encoder)
        return AnswerPipe.translating(decoder, encoder, stop_sequences=enforced_stops(exchange, attempt) or None)
