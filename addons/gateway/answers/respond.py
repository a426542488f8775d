"""Streams: installs a pipe once the head of an upstream's answer is there, and feeds it piece by piece.

The pipe taps where the protocols agree and translates where they do not (translators/pipeline.py).
"""

from __future__ import annotations

import time

from mitmproxy import http
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import ResponseData, ResponseEndOfMessage

from addons.gateway import codings
from addons.gateway import exchange as exchanges
from addons.gateway.answers.books import BODY_CAP, cause_of
from addons.gateway.answers.hiding import hidden_in
from addons.gateway.answers.own_answers import protocol_for, reply
from addons.gateway.answers.passing import BytesPipe
from addons.gateway.answers.whole_answers import enforced_stops, is_of_type
from addons.gateway.exchange import Attempt, Cause, Exchange, Failure
from addons.gateway.services import Services
from addons.providers.api import Operation, Upstream
from addons.providers.listening import Listening
from translators.canonical.call_ids import CallIds
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.pipeline import AnswerPipe
from translators.protocol import StreamEncoder


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
        out = hidden_in(out, attempt)
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


class Respond:
    """Installs the pipe once the head of an upstream's answer is there, and tells the pool what it says of limits."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        exchange = exchanges.of(flow)
        if exchange is None or exchange.answered or exchange.current is None or not flow.live:
            return
        attempt, response = exchange.current, flow.response
        assert response is not None
        attempt.status = response.status_code
        attempt.first_byte = time.time()
        if exchange.observed:
            return
        if attempt.provider.tells_limits or isinstance(attempt.provider, Listening):
            self._read_head(attempt, response)
        if not 200 <= response.status_code < 300:
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

    def _read_head(self, attempt: Attempt, response: http.Response) -> None:
        """The limits of every answer; a refusal's are judged together with what it says (dispatch.py)."""
        fields = [(name.lower().decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.fields]
        now = time.time()
        if isinstance(attempt.provider, Listening) and response.status_code < 300:
            sent = Upstream("POST", attempt.url, attempt.request.headers, attempt.request.body)
            attempt.provider.heard(attempt.candidate.credential, sent, fields)
        attempt.quotas = attempt.provider.told(dict(fields), attempt.model, now)
        if attempt.quotas and response.status_code < 400:
            self._services.pool.told(attempt.candidate, attempt.quotas, now)

    @staticmethod
    def _is_stream(attempt: Attempt, kind: str) -> bool:
        """A stream as we ask for it, or in a form that a pass-through client may have asked for."""
        protocol = attempt.provider.wire(attempt.protocol)
        passed = () if attempt.translated else protocol.passed_stream_types
        return any(is_of_type(kind, type_) for type_ in (protocol.stream_type, *passed))

    @staticmethod
    def _pipe(exchange: Exchange, attempt: Attempt) -> AnswerPipe:
        decoder = attempt.provider.wire(attempt.protocol).stream_decoder(attempt.names)
        about = reply(exchange)
        encoder: StreamEncoder = protocol_for(exchange).stream_encoder(about)
        if not attempt.answer_translated:
            return AnswerPipe.tapping(decoder, error_encoder=encoder)
        stops = enforced_stops(exchange, attempt) or None
        return AnswerPipe.translating(decoder, encoder, stops, CallIds(about.request, about.seed))
