"""Tokens of endpoints that are only passed through (embeddings, images, audio): read off the kept answer, in the
audit's own process, since nobody on an exchange's way looks into them."""

from __future__ import annotations

from dataclasses import replace

from addons.audit.record import ExchangeRecord
from translators import jsonio
from translators.canonical.events import Usage
from translators.openai_chat.usage import decode_usage, is_empty

OPERATION = "pass"
#: Last parts of paths whose answers tell what they themselves have used. Others repeat what was counted before: stored
#: responses, batches.
_SPENDING = frozenset(("embeddings", "generations", "edits", "variations", "transcriptions", "translations", "rerank"))


def counted(record: ExchangeRecord) -> ExchangeRecord:
    """The record with the usage that its answer tells, if it is of such an endpoint and nobody has counted yet."""
    spends = record.method == "POST" and record.path.rstrip("/").rpartition("/")[2] in _SPENDING
    if record.operation != OPERATION or not spends or record.status != 200 or record.delivered.truncated:
        return record
    usage = _told(record.delivered.body)
    return record if usage is None or is_empty(usage) else replace(record, usage=usage)


def _told(body: bytes) -> Usage | None:
    if b'"usage"' not in body:
        return None
    try:
        answer = jsonio.loads(body)
    except ValueError:
        return None
    told = answer.get("usage") if isinstance(answer, dict) else None
    return decode_usage(told) if isinstance(told, dict) else None
