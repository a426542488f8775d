"""Token counts of the chat dialects, both ways (openai_chat.md §4, mapping.md §3)."""

from __future__ import annotations

from translators.canonical.counts import count
from translators.canonical.events import Usage
from translators.openai_chat.wire import Json

#: Where the cached part of the prompt is told: OpenAI; then DeepSeek, Kimi, and proxies that keep Anthropic's name.
_CACHE_READ = (
    ("prompt_tokens_details", "cached_tokens"),
    ("input_tokens_details", "cached_tokens"),
    ("prompt_cache_hit_tokens",),
    ("cached_tokens",),
    ("cache_read_input_tokens",),
)
_CACHE_WRITE = (
    ("prompt_tokens_details", "cache_write_tokens"),
    ("prompt_tokens_details", "cache_creation_tokens"),
    ("cache_creation_input_tokens",),
)
_REASONING = (("completion_tokens_details", "reasoning_tokens"), ("reasoning_tokens",))
_PROMPT = (("prompt_tokens",), ("input_tokens",))
_COMPLETION = (("completion_tokens",), ("output_tokens",))


def _count(raw: Json, paths: tuple[tuple[str, ...], ...]) -> int | None:
    """The first count found."""
    for path in paths:
        value: object = raw
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        found = count(value)
        if found is not None:
            return found
    return None


def decode_usage(raw: Json) -> Usage:
    """A `usage` object → counts. Its prompt includes what was cached; canonical input does not.

    Some compatibles count reasoning outside `completion_tokens`: `total_tokens` tells.
    """
    prompt, completion = _count(raw, _PROMPT), _count(raw, _COMPLETION)
    total, reasoning = _count(raw, (("total_tokens",),)), _count(raw, _REASONING)
    read, write = _count(raw, _CACHE_READ), _count(raw, _CACHE_WRITE)
    if prompt is None and total is not None and completion is not None:
        prompt = max(0, total - completion)
    output = completion
    if None not in (prompt, completion, total):
        assert prompt is not None and completion is not None and total is not None
        outside = total - prompt - completion
        if outside > 0 and reasoning in (None, outside):
            output = completion + outside
            reasoning = outside
    return Usage(
        input_fresh=None if prompt is None else max(0, prompt - (read or 0) - (write or 0)),
        cache_read=read,
        cache_write_5m=write,
        output=output,
        reasoning=reasoning,
        raw=raw,
    )


def is_empty(usage: Usage) -> bool:
    """A usage object that says nothing (all null or zero), as some backends put on every chunk."""
    return not (usage.total or usage.reasoning)


def encode_usage(usage: Usage) -> Json:
    """Counts → a `usage` object with everything the SDK's type has that is known."""
    prompt: Json = {"cached_tokens": usage.cache_read or 0}
    if usage.cache_write:
        prompt["cache_write_tokens"] = usage.cache_write
    return {
        "prompt_tokens": usage.input_total,
        "completion_tokens": usage.output or 0,
        "total_tokens": usage.total,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
    }
