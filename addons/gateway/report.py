"""Tells the audit, the metrics and mitmweb about each exchange when it is over: once, whatever way it ended."""

from __future__ import annotations

import logging
import time

from mitmproxy import ctx, http

from addons.audit.record import AttemptRecord, ExchangeRecord, Origin, Side
from addons.gateway import exchange as exchanges
from addons.gateway import shown
from addons.gateway.answers.verdict import summary
from addons.gateway.exchange import Attempt, Cause, Exchange
from addons.gateway.services import Services
from translators.pipeline import AnswerPipe

log = logging.getLogger(__name__)


class Report:
    def __init__(self, services: Services) -> None:
        self._services = services

    def response(self, flow: http.HTTPFlow) -> None:
        self._report(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._report(flow)

    def _report(self, flow: http.HTTPFlow) -> None:
        exchange = exchanges.of(flow)
        if exchange is None or exchange.reported:
            return
        exchange.reported = True
        try:
            record = record_of(exchange, flow)
            if self._services.audit is not None and not _trivial(exchange):
                self._services.audit.submit(record)
            self._count(record)
            _mark(flow, exchange)
            _show(flow, exchange, record.delivered)
        except Exception:  # the audit may never fail an exchange
            log.exception("proxycast: the exchange %s could not be recorded", exchange.id)
        release(exchange)

    def _count(self, record: ExchangeRecord) -> None:
        metrics = self._services.metrics
        status = f"{record.status // 100}xx" if record.status else "none"
        metrics.add(
            "proxycast_exchanges_total", protocol=record.client_protocol, provider=record.provider, status=status
        )
        for attempt in record.attempts:
            metrics.add("proxycast_attempts_total", provider=attempt.provider, outcome=attempt.outcome)
        for direction, amount in (("input", record.usage.input_total), ("output", record.usage.output or 0)):
            if amount:
                metrics.add("proxycast_tokens_total", amount, provider=record.provider, direction=direction)


def _trivial(exchange: Exchange) -> bool:
    """Probes and the gateway's own pages are not exchanges anybody looks for."""
    return exchange.rejected and exchange.error is None


def record_of(exchange: Exchange, flow: http.HTTPFlow) -> ExchangeRecord:
    """The exchange as the audit keeps it."""
    attempt = exchange.current
    delivery = exchange.delivery
    delivered_head = exchange.head or (flow.response if not exchange.content_sent else None)
    status = delivered_head.status_code if delivered_head is not None else 0
    fields = list(delivered_head.headers.items(multi=True)) if delivered_head is not None else []
    body = b"".join(delivery.pieces)
    if not body and flow.response is not None and exchange.rejected:
        body = flow.response.raw_content or b""
    error = exchange.error or (attempt.failure.error if attempt is not None and attempt.failure is not None else None)
    gone_early = attempt is None and error is None and flow.error is not None
    hung_up = gone_early or (attempt is not None and attempt.cause is Cause.HANG_UP)
    pipe = attempt.pipe if attempt is not None else None
    long_over = attempt.ended if attempt is not None and exchange.origin is Origin.IMPORTED else None
    return ExchangeRecord(
        id=exchange.id,
        origin=exchange.origin,
        started=exchange.started,
        ended=long_over or time.time(),
        operation="rejected" if exchange.rejected else exchange.operation.value,
        client_protocol=exchange.protocol,
        output_protocol=exchange.output,
        backend_protocol=attempt.protocol if attempt is not None else "",
        method=exchange.method,
        path=exchange.path,
        client_addr=exchange.client_addr,
        client=exchange.client,
        user_agent=exchange.headers.get("user-agent", ""),
        client_key=exchange.key.name if exchange.key is not None else "",
        session=exchange.session,
        agent=exchange.agent,
        parent_agent=exchange.parent_agent,
        conversation=exchange.conversation,
        profile=exchange.profile_name,
        provider=attempt.provider.manifest.id if attempt is not None else "",
        credential=attempt.candidate.name if attempt is not None else "",
        why=attempt.candidate.why if attempt is not None else "",
        requested_model=exchange.requested_model,
        served_model=exchange.served_model or (attempt.model if attempt is not None else ""),
        stream=exchange.stream,
        status=status,
        stop_reason=exchange.stop_reason,
        error_kind="hang_up" if hung_up else str(error.kind) if error is not None else "",
        error="the client hung up" if hung_up else error.message if error is not None else "",
        ttft=delivery.first_content - exchange.started if delivery.first_content is not None else None,
        events=pipe.events if pipe is not None else 0,
        max_gap=delivery.max_gap,
        stalls=delivery.stalls,
        usage=exchange.usage,
        usage_estimated=exchange.usage_estimated,
        subscription=attempt.provider.manifest.subscription if attempt is not None else False,
        translated=attempt is not None and (attempt.translated or attempt.answer_translated),
        notes=exchange.notes,
        client_request=exchange.client_request,
        delivered=Side(fields, body, delivery.size > len(body)),
        attempts=[_attempt(one) for one in exchange.attempts],
    )


def _attempt(attempt: Attempt) -> AttemptRecord:
    return AttemptRecord(
        number=attempt.number,
        provider=attempt.provider.manifest.id,
        credential=attempt.candidate.name,
        why=attempt.candidate.why,
        protocol=attempt.protocol,
        model=attempt.model,
        url=attempt.url,
        started=attempt.started,
        first_byte=attempt.first_byte,
        ended=attempt.ended,
        status=attempt.status,
        outcome=str(attempt.cause or Cause.HANG_UP),
        error=attempt.failure.error.message if attempt.failure is not None else None,
        request=attempt.request,
        response=attempt.response,
    )


def _mark(flow: http.HTTPFlow, exchange: Exchange) -> None:
    """What mitmweb shows of it."""
    attempt = exchange.current
    if attempt is None:
        return
    flow.comment = f"{exchange.requested_model} → {attempt.candidate.name} ({attempt.model}, {attempt.protocol})"
    failed = [one for one in exchange.attempts if one.failure is not None]
    if failed:
        flow.comment += "; " + summary(failed)
        flow.marked = ":warning:"


def _show(flow: http.HTTPFlow, exchange: Exchange, delivered: Side) -> None:
    """What mitmweb and files of `-w` have of it beside: the answer as the client got it, and no secret."""
    if exchange.observed:
        shown.hide(flow.request)  # it has been sent
    saves = "save_stream_file" in ctx.options and ctx.options.save_stream_file
    keeps_flows = saves or "view" in ctx.master.addons.lookup
    if flow.response is None or flow.response.raw_content is not None or delivered.truncated or not keeps_flows:
        return
    if exchange.head_sent and exchange.head is not None:
        exchange.head.timestamp_start = flow.response.timestamp_start
        exchange.head.timestamp_end = flow.response.timestamp_end
        flow.response = exchange.head
    flow.response.content = delivered.body


def release(exchange: Exchange) -> None:
    """Let go of bodies: mitmweb keeps flows, and a long HTTP/2 connection its streams (field.md, case 72)."""
    exchange.body = b""
    exchange.json = exchange.request = exchange.outgoing = None
    exchange.client_request = Side()
    exchange.delivery.pieces = []
    for attempt in exchange.attempts:
        attempt.request, attempt.response, attempt.received, attempt.answer = Side(), None, [], None
        if isinstance(attempt.pipe, AnswerPipe):
            attempt.pipe = None
