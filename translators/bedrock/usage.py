"""Token counts of a Converse answer (apikey_backends.md §6); input excludes what a cache gave or took."""

from __future__ import annotations

from typing import Any

from translators.canonical.counts import count
from translators.canonical.events import Usage


def decode(raw: object) -> Usage | None:
    """A `usage` object; None when there is none."""
    if not isinstance(raw, dict):
        return None
    minutes, hour = _cache_writes(raw)
    return Usage(
        input_fresh=count(raw.get("inputTokens")),
        cache_read=count(raw.get("cacheReadInputTokens")),
        cache_write_5m=minutes,
        cache_write_1h=hour,
        output=count(raw.get("outputTokens")),
        raw=raw,
    )


def _cache_writes(raw: dict[str, Any]) -> tuple[int | None, int | None]:
    """Written for 5 minutes and for an hour; what `cacheDetails` does not tell counts as 5 minutes, the default."""
    total = count(raw.get("cacheWriteInputTokens"))
    details = raw.get("cacheDetails")
    hours = [
        count(detail.get("inputTokens")) or 0
        for detail in (details if isinstance(details, list) else ())
        if isinstance(detail, dict) and detail.get("ttl") == "1h"
    ]
    if not hours:
        return total, None
    hour = sum(hours)
    return max((total or 0) - hour, 0), hour
