"""Writes a turn as an Anthropic message, whole and streamed (anthropic.md sections 7 and 8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .ask import Json
from .rules_anthropic_messages import prefix
from .seal import digest, seal
from .wire import ARGUMENT_PIECE, TEXT_PIECE, Job, Rendering, dumps, event, pieces

STOPS = {"end": "end_turn", "length": "max_tokens", "stop_sequence": "stop_sequence", "refusal": "refusal"}
THINKS = ("adaptive", "enabled", "between_tools")
REFUSED = {"type": "refusal", "category": "general_harms", "explanation": "The request was declined."}


def render(job: Job) -> Rendering:
    """The message for a job."""
    message = {
        "id": f"msg_{job.token[:24]}",
        "type": "message",
        "role": "assistant",
        "model": job.view.model,
        "content": list(blocks(job)),
        "stop_reason": stop_reason(job),
        "stop_sequence": job.turn.stop_sequence,
        "usage": usage(job),
    }
    if job.turn.stop == "refusal":
        message["stop_details"] = REFUSED
    return Rendering(message, [event(data) for data in events(message)])


def stop_reason(job: Job) -> str:
    if job.turn.stop is None:
        return "tool_use" if job.turn.calls else "end_turn"
    return STOPS[job.turn.stop]


def thinks(job: Job) -> bool:
    return (job.ask.body.get("thinking") or {}).get("type") in THINKS


def blocks(job: Job) -> Iterator[Json]:
    thoughts = list(thinking(job)) if thinks(job) else []
    yield from thoughts
    if job.turn.text:
        yield {"type": "text", "text": job.turn.text, "citations": None}
    for number, call in enumerate(job.turn.calls):
        mark = "T" if thoughts else "N"
        identity = f"toolu_{mark}{job.token[:20]}{number:02x}"
        yield {
            "type": "tool_use",
            "id": identity,
            "name": call.name,
            "input": call.arguments,
            "caller": {"type": "direct"},
        }


def thinking(job: Job) -> Iterator[Json]:
    account = job.ask.policy.account
    omitted = job.ask.body["thinking"].get("display") == "omitted"
    thoughts = job.turn.thoughts
    claims: dict[str, Any] = {
        "of": len(thoughts) + job.turn.redacted,
        "omitted": omitted,
        "prefix": prefix(job.ask.body, len(job.ask.body["messages"])),
    }
    for index, thought in enumerate(thoughts):
        signature = seal(account, "anthropic.thinking", text=digest(thought), index=index, **claims)
        yield {"type": "thinking", "thinking": "" if omitted else thought, "signature": signature}
    if job.turn.redacted:
        data = seal(account, "anthropic.redacted_thinking", text="", index=len(thoughts), **claims)
        yield {"type": "redacted_thinking", "data": data}


def usage(job: Job) -> Json:
    used = job.usage
    return {
        "input_tokens": used.fresh,
        "cache_creation_input_tokens": used.cache_write,
        "cache_read_input_tokens": used.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": used.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": used.output,
        "output_tokens_details": {"thinking_tokens": used.reasoning},
        "server_tool_use": None,
        "service_tier": "standard",
    }


def events(message: Json) -> Iterator[Json]:
    start_usage = {name: value for name, value in message["usage"].items() if name != "output_tokens_details"}
    start = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    start.pop("stop_details", None)
    yield {"type": "message_start", "message": {**start, "usage": {**start_usage, "output_tokens": 1}}}
    for index, block in enumerate(message["content"]):
        yield {"type": "content_block_start", "index": index, "content_block": opening(block)}
        if index == 0:
            yield {"type": "ping"}
        for delta in deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    if "stop_details" in message:
        delta["stop_details"] = message["stop_details"]
    used = {name: value for name, value in message["usage"].items() if name not in ("cache_creation", "service_tier")}
    yield {"type": "message_delta", "delta": delta, "usage": used}
    yield {"type": "message_stop"}


def opening(block: Json) -> Json:
    """A block as it starts: redacted thinking arrives whole, everything else empty."""
    empty: dict[str, Json] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    return {**block, **empty.get(block["type"], {})}


def written(arguments: Json) -> str:
    """The arguments as streamed: no arguments are written as nothing at all."""
    return dumps(arguments) if arguments else ""


def deltas(block: Json) -> Iterator[Json]:
    if block["type"] == "text":
        for piece in pieces(block["text"], TEXT_PIECE):
            yield {"type": "text_delta", "text": piece}
    elif block["type"] == "thinking":
        for piece in pieces(block["thinking"], TEXT_PIECE):
            yield {"type": "thinking_delta", "thinking": piece}
        yield {"type": "signature_delta", "signature": block["signature"]}
    elif block["type"] == "tool_use":
        yield {"type": "input_json_delta", "partial_json": ""}
        for piece in pieces(written(block["input"]), ARGUMENT_PIECE):
            yield {"type": "input_json_delta", "partial_json": piece}
