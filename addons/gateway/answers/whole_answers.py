"""Whole answers: judges what an upstream sent and puts it into the client's form."""

from __future__ import annotations

import time
from collections.abc import Iterable

from mitmproxy import http

from addons.audit.record import Side
from addons.gateway import codings
from addons.gateway import headers as header_rules
from addons.gateway.answers import books, own_answers
from addons.gateway.answers.books import BODY_CAP
from addons.gateway.exchange import Attempt, Cause, Exchange, Failure
from addons.providers.api import Answer, Operation
from translators import jsonio
from translators.canonical.call_ids import CallIds
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import StreamEvent
from translators.canonical.response import Response, unfold
from translators.canonical.response import folded as of_events
from translators.canonical.stop_cutter import cut_response
from translators.protocol import Protocol


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
    protocol = attempt.provider.wire(attempt.protocol)
    if response.status_code >= 400:
        told = Answer(response.status_code, {n.lower(): v for n, v in fields}, body)
        error_info = attempt.provider.judge(protocol.decode_error(told.status, dict(told.headers), body), told)
        return Failure(books.cause_of(error_info), error_info, (response.status_code, fields, body))
    if response.status_code >= 300:
        return _unusable(attempt, fields, body, "the upstream redirected; credentials do not follow redirects")
    if exchange.operation is Operation.PASS:
        books.succeeded(exchange, attempt)
        return _passed(exchange, response.status_code, fields, body)
    try:
        return _understood(exchange, attempt, protocol, response, fields, body)
    except ValueError:
        kind = response.headers.get("content-type", "no content-type")
        excerpt = body[:120].decode("utf-8", "replace") or "it is empty"
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
    streamed = is_of_type(response.headers.get("content-type", ""), protocol.stream_type)
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
        return Failure(books.cause_of(error), error)
    if not answer.blocks and answer.stop is None:
        raise ValueError("neither content nor a reason to stop")
    answer = cut_response(answer, enforced_stops(exchange, attempt))
    if attempt.answer_translated:
        about = own_answers.reply(exchange)
        answer = CallIds(about.request, about.seed).applied(answer)
    exchange.delivery.first_content = time.time()
    books.settle(exchange, attempt, answer)
    books.succeeded(exchange, attempt)
    if exchange.stream:
        encoder = own_answers.protocol_for(exchange).stream_encoder(own_answers.reply(exchange))
        data = b"".join(map(encoder.encode, _whole_stream(answer)))
        return own_answers.make_response(
            200, [*_own_head(exchange), ("content-type", own_answers.stream_type(exchange))], data
        )
    if not attempt.answer_translated and not streamed:
        return _passed(exchange, response.status_code, fields, body)
    rendered = own_answers.protocol_for(exchange).encode_response(answer, own_answers.reply(exchange))
    return own_answers.make_response(
        200, [*_own_head(exchange), ("content-type", "application/json")], jsonio.dumps(rendered)
    )


def is_of_type(content_type: str, wanted: str) -> bool:
    """Whether a content-type header names that media type; its parameters and case say nothing."""
    return content_type.partition(";")[0].strip().lower() == wanted


def enforced_stops(exchange: Exchange, attempt: Attempt) -> list[str]:
    """Stop sequences that the backend's protocol cannot express and we must keep (mapping.md §2, Stop)."""
    if exchange.request is None or not attempt.translated or attempt.provider.wire(attempt.protocol).takes_stops:
        return []
    return exchange.request.stop


def _whole_stream(answer: Response) -> Iterable[StreamEvent]:
    return unfold(answer)


def folded(protocol: Protocol, attempt: Attempt, body: bytes) -> Response:
    decoder = protocol.stream_decoder(attempt.names)
    return of_events([*decoder.feed(body), *decoder.end()])


def _counted(
    exchange: Exchange, attempt: Attempt, protocol: Protocol, fields: list[tuple[str, str]], body: bytes
) -> http.Response:
    if not attempt.answer_translated:
        books.succeeded(exchange, attempt)
        return _passed(exchange, 200, fields, body)
    tokens = protocol.decode_token_count(jsonio.loads(body))
    if tokens is None:
        raise ValueError("no count")
    books.succeeded(exchange, attempt)
    rendered = jsonio.dumps(own_answers.protocol_for(exchange).encode_token_count(tokens))
    return own_answers.make_response(200, [*_own_head(exchange), ("content-type", "application/json")], rendered)


def _passed(exchange: Exchange, status: int, fields: list[tuple[str, str]], body: bytes) -> http.Response:
    kept = header_rules.to_client(fields)
    return own_answers.make_response(
        status, header_rules.with_request_id(kept, exchange.output, own_answers.request_id_of(exchange)), body
    )


def _own_head(exchange: Exchange) -> list[tuple[str, str]]:
    return header_rules.with_request_id([], exchange.output, own_answers.request_id_of(exchange))


def _unusable(attempt: Attempt, fields: list[tuple[str, str]], body: bytes, message: str) -> Failure:
    attempt.response = attempt.response or Side(fields, body[:BODY_CAP])
    return Failure(Cause.SERVER, ErrorInfo(ErrorKind.SERVER, message, status=502))
