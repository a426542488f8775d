"""What an answer tells of tokens, or lets guess (kiro.md §7.2, §7.4). Pure."""

from __future__ import annotations

from typing import Any

from translators.canonical.counts import count
from translators.canonical.estimate import text_tokens
from translators.canonical.events import Usage

Json = dict[str, Any]


def counted(told: object) -> Usage | None:
    """A `tokenUsage`; None for what is none."""
    if not isinstance(told, dict):
        return None
    return Usage(
        input_fresh=count(told.get("uncachedInputTokens")),
        cache_read=count(told.get("cacheReadInputTokens")),
        cache_write_5m=count(told.get("cacheWriteInputTokens")),
        output=count(told.get("outputTokens")),
        raw=told,
    )


def guessed(percentage: float, window: int, written: str) -> Usage:
    """From the share of the context that is used, input and output together, and the text that was written."""
    output = text_tokens(written)
    total = round(percentage / 100 * window)
    raw = {"contextUsagePercentage": percentage}
    return Usage(input_fresh=max(total - output, 0), output=output, raw=raw, estimated=True)


def number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
