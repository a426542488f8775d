"""The books of an exchange: how each attempt ended, what was sent and used. The audit is written from them."""

from __future__ import annotations

import logging
import time

from mitmproxy import connection, http

from addons.audit.record import Side
from addons.gateway.exchange import Attempt, Cause, Exchange, Failure
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.response import Response
from translators.pipeline import AnswerPipe

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
_SIGNATURE = (
    "signature",
    "encrypted content",
    "encrypted_content",
    "thinking blocks cannot be modified",
    "blocks in the latest assistant message cannot be modified",  # antigravity.md §8, in Anthropic's words
)


def cause_of(error: ErrorInfo) -> Cause:
    """Which of decision 1's causes an error is; what is none of them is the client's own."""
    if error.status == 400 and any(word in f"{error.code} {error.message}".lower() for word in _SIGNATURE):
        return Cause.SIGNATURE
    return _CAUSES.get(error.kind, Cause.CLIENT_FAULT)


def note_sent(exchange: Exchange, data: bytes) -> None:
    exchange.delivery.add(data, time.time())


def note_delivered(exchange: Exchange, response: http.Response) -> None:
    """A whole answer goes out at once."""
    exchange.head = response
    body = response.raw_content or b""
    if body:
        exchange.delivery.add(body, time.time())


def settle(exchange: Exchange, attempt: Attempt, answer: Response) -> None:
    """Take over what the audit wants to know of an answer: usage once, the last cumulative figure (field.md, case
    76)."""
    attempt.answer = answer
    exchange.usage = answer.usage
    exchange.usage_estimated = answer.usage.estimated
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


def broken(exchange: Exchange, failure: Failure) -> None:
    """The upstream of an observed exchange could not be reached, or went away before its end."""
    attempt = exchange.current
    if attempt is not None and attempt.cause is None:
        if isinstance(attempt.pipe, AnswerPipe):
            settle(exchange, attempt, attempt.pipe.fold.response())
        failed(exchange, failure)
        exchange.error = failure.error


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
