"""Token counts both ways: the wire counts cached tokens into the input, the canonical form does not (mapping.md §3)."""

from __future__ import annotations

from translators.canonical.counts import count
from translators.canonical.events import Usage
from translators.openai_responses.wire import Json


def decode_usage(raw: object) -> Usage | None:
    """None where the provider sent no usage: null is not zero."""
    if not isinstance(raw, dict):
        return None
    details = raw.get("input_tokens_details")
    details = details if isinstance(details, dict) else {}
    cached, written = count(details.get("cached_tokens")), count(details.get("cache_write_tokens"))
    total = count(raw.get("input_tokens"))
    spent = raw.get("output_tokens_details")
    return Usage(
        input_fresh=None if total is None else max(total - (cached or 0) - (written or 0), 0),
        cache_read=cached,
        cache_write_5m=written,
        output=count(raw.get("output_tokens")),
        reasoning=count(spent.get("reasoning_tokens")) if isinstance(spent, dict) else None,
        raw=raw,
    )


def encode_usage(usage: Usage) -> Json:
    """Every number is an integer and both detail objects are there: Codex and the SDKs fail without them."""
    return {
        "input_tokens": usage.input_total,
        "input_tokens_details": {"cached_tokens": usage.cache_read or 0, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output or 0,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": usage.total,
    }
