"""`usageMetadata` ↔ canonical usage (gemini.md §4: prompt includes the cached part, candidates exclude thoughts)."""

from __future__ import annotations

import re
from typing import Any

from translators.canonical.counts import count
from translators.canonical.events import Usage
from translators.gemini.wire import get

Json = dict[str, Any]

_DIGITS = re.compile(r"[0-9]{1,16}")


def decode(raw: Any) -> Usage | None:
    """None for what is no usage, and for the all-zero placeholder that some chunks carry."""
    if not isinstance(raw, dict):
        return None
    prompt = _count(raw, "promptTokenCount")
    cached = _count(raw, "cachedContentTokenCount")
    tools = _count(raw, "toolUsePromptTokenCount")
    answer = _count(raw, "candidatesTokenCount")
    thoughts = _count(raw, "thoughtsTokenCount")
    total = _count(raw, "totalTokenCount")
    if not any((prompt, cached, tools, answer, thoughts, total)):
        return None
    output = None if answer is None and thoughts is None else (answer or 0) + (thoughts or 0)
    if answer is None and total is not None and prompt is not None:
        output = max(total - prompt - (tools or 0), thoughts or 0)
    return Usage(
        input_fresh=None if prompt is None else max(prompt - (cached or 0), 0) + (tools or 0),
        cache_read=cached,
        output=output,
        reasoning=thoughts,
        raw=raw,
    )


def encode(usage: Usage) -> Json | None:
    """None where nothing is known."""
    if usage.input_fresh is None and usage.output is None and usage.cache_read is None:
        return None
    reasoning = min(usage.reasoning or 0, usage.output or 0)
    out: Json = {"promptTokenCount": usage.input_total}
    if usage.cache_read:
        out["cachedContentTokenCount"] = usage.cache_read
    out["candidatesTokenCount"] = (usage.output or 0) - reasoning
    if reasoning:
        out["thoughtsTokenCount"] = reasoning
    out["totalTokenCount"] = usage.total
    return out


def _count(raw: Json, name: str) -> int | None:
    value = get(raw, name)
    if isinstance(value, str) and _DIGITS.fullmatch(value):  # proto-JSON writes long integers as text
        value = int(value)
    return count(value)
