"""Turns one ExchangeRecord into the rows of its tables, redacted; bodies and search text are left to their stores."""

from __future__ import annotations

import math
import time
from typing import Any

from addons.audit.pricing import Cost, cost
from addons.audit.record import AttemptRecord, ExchangeRecord, Side
from addons.audit.redact import Redactor
from addons.audit.safe_headers import varies
from addons.audit.settings import Mode
from translators import jsonio

Row = tuple[Any, ...]

#: Longest stored value of a text column, in characters; a hostile name or path does not fill the database.
_LONGEST_TEXT = 4_000
_LONGEST_JSON = 64_000
_MOST_HEADERS = 200
_YEAR_3000 = 32_503_680_000

#: Columns of `exchanges` that are texts of the record under the same name.
_TEXTS = [
    "origin",
    "operation",
    "method",
    "path",
    "client_protocol",
    "output_protocol",
    "backend_protocol",
    "client_addr",
    "client",
    "user_agent",
    "client_key",
    "session",
    "agent",
    "parent_agent",
    "conversation",
    "profile",
    "provider",
    "credential",
    "why",
    "requested_model",
    "served_model",
    "stop_reason",
    "error_kind",
    "error",
]

_EXCHANGE_COLUMNS = [
    "seq",
    "id",
    "day",
    "started",
    "ended",
    "duration",
    "ttft",
    "stream",
    "translated",
    "status",
    "attempts",
    "events",
    "max_gap",
    "stalls",
    "input_fresh",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "input_total",
    "total_tokens",
    "usage_raw",
    "usage_estimated",
    "cost_usd",
    "cost_known",
    "price_basis",
    "subscription",
    "notes",
    "extra",
    "mode",
    *_TEXTS,
]

_ATTEMPT_TEXTS = ("provider", "credential", "why", "protocol", "model", "method", "url", "outcome")
_ATTEMPT_COLUMNS = (
    *("exchange", "number", "started", "first_byte", "ended", "status", "error"),
    *_ATTEMPT_TEXTS,
)


def insert(table: str, columns: list[str] | tuple[str, ...], verb: str = "INSERT") -> str:
    marks = ", ".join("?" * len(columns))
    return f"{verb} INTO {table} ({', '.join(columns)}) VALUES ({marks})"


INSERT_EXCHANGE = insert("exchanges", _EXCHANGE_COLUMNS)
INSERT_ATTEMPT = insert("attempts", _ATTEMPT_COLUMNS)
INSERT_SIDE = insert(
    "sides", ("exchange", "attempt", "side", "header_set", "header_values", "recipe", "size", "truncated")
)
INSERT_MESSAGE = insert(
    "messages", ("hash", "exchange", "conversation", "time", "role", "kind", "text"), "INSERT OR IGNORE"
)


class RowMaker:
    """Makes rows that hold no secret, no text beyond its limit and no number that SQLite has not."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor

    def text(self, value: str, longest: int = _LONGEST_TEXT) -> str:
        """`value` without secrets, and cut. Redacted before it is cut: half a secret matches nothing."""
        clean = self.redactor.text(value)
        return clean if len(clean) <= longest else clean[:longest] + "…"

    def exchange(self, record: ExchangeRecord, seq: int, id_: str, notes: list[str], mode: Mode) -> Row:
        usage, price = record.usage, _cost(record)
        counted = usage.input_fresh is not None or usage.output is not None
        values: dict[str, Any] = {
            "seq": seq,
            "id": id_,
            "day": time.strftime("%Y-%m-%d", time.localtime(_time(record.started) or 0)),
            "started": _time(record.started) or 0.0,
            "ended": _time(record.ended) or 0.0,
            "duration": max(0.0, _number(record.ended - record.started) or 0.0),
            "ttft": _number(record.ttft),
            "stream": int(record.stream),
            "translated": int(record.translated),
            "status": _integer(record.status) or 0,
            "attempts": len(record.attempts),
            "events": _integer(record.events) or 0,
            "max_gap": _number(record.max_gap),
            "stalls": _integer(record.stalls) or 0,
            "input_fresh": _integer(usage.input_fresh),
            "cache_read": _integer(usage.cache_read),
            "cache_write_5m": _integer(usage.cache_write_5m),
            "cache_write_1h": _integer(usage.cache_write_1h),
            "output": _integer(usage.output),
            "reasoning": _integer(usage.reasoning),
            "input_total": _integer(usage.input_total) if counted else None,
            "total_tokens": _integer(usage.total) if counted else None,
            "usage_raw": self._json(usage.raw) if usage.raw is not None else None,
            "usage_estimated": int(record.usage_estimated),
            "cost_usd": price.usd if price else None,
            "cost_known": int(price is not None),
            "price_basis": price.basis if price else None,
            "subscription": int(record.subscription),
            "notes": self._json(notes),
            "extra": self._json(record.extra),
            "mode": mode.value,
        }
        for name in _TEXTS:
            values[name] = self.text(str(getattr(record, name)))
        return tuple(values[name] for name in _EXCHANGE_COLUMNS)

    def attempt(self, attempt: AttemptRecord, seq: int, number: int) -> Row:
        return (
            seq,
            number,
            _time(attempt.started) or 0.0,
            _time(attempt.first_byte),
            _time(attempt.ended),
            _integer(attempt.status),
            self.text(attempt.error) if attempt.error is not None else None,
            *(self.text(str(getattr(attempt, name))) for name in _ATTEMPT_TEXTS),
        )

    def headers(self, side: Side) -> tuple[str, str]:
        """As `header_sets.headers` and `sides.header_values` have them: what recurs, and what differs each time."""
        entries: list[tuple[str, str | int]] = []
        values: list[str] = []
        for name, value in self.redactor.headers(side.headers[:_MOST_HEADERS]):
            if varies(name):
                entries.append((name[:_LONGEST_TEXT], len(values)))
                values.append(value[:_LONGEST_TEXT])
            else:
                entries.append((name[:_LONGEST_TEXT], value[:_LONGEST_TEXT]))
        return jsonio.dumps_str(entries), jsonio.dumps_str(values)

    def _json(self, value: Any) -> str:
        try:
            return self.text(jsonio.dumps_str(value), _LONGEST_JSON)
        except (TypeError, ValueError, RecursionError):
            return self.text(repr(value), _LONGEST_JSON)


def _cost(record: ExchangeRecord) -> Cost | None:
    url = record.attempts[-1].url.partition("?")[0] if record.attempts else ""
    return cost(
        record.usage,
        provider=record.provider,
        model=record.served_model or record.requested_model,
        url=url,
        when=_time(record.started),
    )


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _time(value: float | None) -> float | None:
    """Seconds since 1970, within what a calendar can show."""
    value = _number(value)
    return value if value is not None and 0 <= value < _YEAR_3000 else None


def _integer(value: int | None) -> int | None:
    """Within the 64 bits that SQLite has; providers have sent worse."""
    return max(-(2**63), min(int(value), 2**63 - 1)) if value is not None else None
