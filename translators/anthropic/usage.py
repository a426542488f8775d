"""Token counts, both ways (anthropic.md §7; input excludes the cache, output includes thinking)."""

from __future__ import annotations

from translators.anthropic.wire import Json
from translators.canonical.counts import count
from translators.canonical.events import Usage

#: Fields of Anthropic's own usage that have no canonical word but mean the same on every way out.
_PASSED = ("server_tool_use", "service_tier", "inference_geo", "speed")


def decode(raw: object) -> Usage | None:
    """A usage object, also a partial one of message_delta; None when there is none."""
    if not isinstance(raw, dict):
        return None
    write_5m, write_1h = _cache_writes(raw)
    details = raw.get("output_tokens_details")
    return Usage(
        input_fresh=count(raw.get("input_tokens")),
        cache_read=count(raw.get("cache_read_input_tokens")),
        cache_write_5m=write_5m,
        cache_write_1h=write_1h,
        output=count(raw.get("output_tokens")),
        reasoning=count(details.get("thinking_tokens")) if isinstance(details, dict) else None,
        raw=raw,
    )


def _cache_writes(raw: Json) -> tuple[int | None, int | None]:
    """What was written for 5 minutes and for an hour; an unsplit number counts as 5 minutes, the default lifetime."""
    total = count(raw.get("cache_creation_input_tokens"))
    split = raw.get("cache_creation")
    if not isinstance(split, dict):
        return total, None
    hour = count(split.get("ephemeral_1h_input_tokens"))
    minutes = count(split.get("ephemeral_5m_input_tokens"))
    if total is not None:
        minutes = max(total - (hour or 0), 0)
    return minutes, hour


def encode(usage: Usage) -> Json:
    """The whole object, zeros where nothing is known: clients read every field (field.md case 4)."""
    result: Json = {
        "input_tokens": usage.input_fresh or 0,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read or 0,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m or 0,
            "ephemeral_1h_input_tokens": usage.cache_write_1h or 0,
        },
        "output_tokens": usage.output or 0,
    }
    if usage.reasoning is not None:
        result["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    raw = usage.raw or {}
    if "cache_read_input_tokens" in raw or "server_tool_use" in raw:  # Anthropic's own
        result.update({key: raw[key] for key in _PASSED if raw.get(key) is not None})
    return result
