"""What the client is told when nobody could answer (design.md, decision 1)."""

from __future__ import annotations

from dataclasses import replace

from mitmproxy import http

from addons.gateway import headers as header_rules
from addons.gateway.answers import own_answers
from addons.gateway.answers.hiding import hidden, hidden_in
from addons.gateway.exchange import Attempt, Cause, Exchange
from translators.canonical.errors import ErrorInfo, ErrorKind

#: Causes that end an exchange at once: they are the client's own.
FINAL = frozenset((Cause.CLIENT_FAULT, Cause.SIGNATURE))


def verdict(exchange: Exchange) -> http.Response:
    """The answer for an exchange whose attempts all failed; also noted on the exchange.

    A single attempt's answer goes back as it is, and so does an upstream's word that the request is at fault. Of
    several: the last 429, with the shortest `retry-after` that any named, else 401/403, else 404, else a 502 of ours
    that names the attempts.
    """
    failed = [attempt for attempt in exchange.attempts if attempt.failure is not None]
    if not failed:
        return _ours(exchange, ErrorInfo(ErrorKind.SERVER, "no attempt could be made", status=502))
    last = failed[-1]
    assert last.failure is not None
    faults = [attempt for attempt in failed if attempt.failure is not None and attempt.failure.cause in FINAL]
    # A provider that does not take this client (it was never asked: no protocol) says nothing about the others' errors.
    if len(failed) in (1, len(faults)) or (last.failure.cause in FINAL and last.protocol):
        return _theirs(exchange, last)
    for causes in ((Cause.RATE_LIMIT, Cause.PACED), (Cause.AUTHENTICATION,), (Cause.NOT_FOUND,)):
        fitting = [a for a in failed if a.failure is not None and a.failure.cause in causes]
        if fitting:
            waits = [a.failure.error.retry_after for a in fitting if a.failure is not None]
            true_waits = [wait for wait in waits if wait is not None]
            return _theirs(exchange, fitting[-1], min(true_waits) if true_waits else None)
    return _ours(exchange, ErrorInfo(ErrorKind.SERVER, "no upstream could answer: " + summary(failed), status=502))


def summary(failed: list[Attempt]) -> str:
    """One phrase an attempt: which credential, what happened."""
    phrases = []
    for attempt in failed:
        assert attempt.failure is not None
        status = f" (HTTP {attempt.failure.status})" if attempt.failure.status else ""
        said = hidden(attempt.failure.error.message, attempt)
        phrases.append(f"{attempt.number}. {attempt.candidate.name}: {said}{status}")
    return "; ".join(phrases)


def _theirs(exchange: Exchange, attempt: Attempt, retry_after: float | None = None) -> http.Response:
    """An upstream's error: its bytes where the client speaks its protocol, else its message in the client's."""
    assert attempt.failure is not None
    error = replace(attempt.failure.error, message=hidden(attempt.failure.error.message, attempt))
    exchange.error = error
    exchange.answered = True
    raw = attempt.failure.response
    if raw is not None and attempt.protocol == exchange.output:
        status, fields, body = raw
        body = hidden_in(body, attempt)
        kept = header_rules.to_client(fields)
        if retry_after is not None:
            kept = [(name, value) for name, value in kept if name.lower() != "retry-after"]
            kept.append(("retry-after", f"{retry_after:g}"))
        kept = header_rules.with_request_id(kept, exchange.output, own_answers.request_id_of(exchange))
        return own_answers.make_response(status, kept, body)
    if retry_after is not None:
        error.retry_after = retry_after
    response = own_answers.error_response(exchange, error)
    response.content = hidden_in(response.raw_content or b"", attempt)  # its details too
    return response


def _ours(exchange: Exchange, error: ErrorInfo) -> http.Response:
    exchange.error = error
    exchange.answered = True
    return own_answers.error_response(exchange, error)
