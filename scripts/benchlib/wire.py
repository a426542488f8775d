"""The traffic of the benchmark as data: one small request and one small answer of each protocol, whole and streamed.

Each request carries a number, so that no two are alike: what is stored or remembered per conversation shows. Each
streamed event carries the moment at which it was sent, so that whoever reads it knows how long it was on its way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

#: Stands in a request where its number goes; of the same length as what replaces it.
NUMBER = b"@@@@@@@@@@@@"
#: Stands in a streamed event where the time goes: nanoseconds of the monotonic clock, which all processes share.
TIME = b"################"
#: Is in every whole answer, in whatever protocol: a load generator that misses it has not been answered.
WHOLE_TEXT = "All figures of this answer are made up."
#: Precedes the time in a streamed event.
STAMP = b"sent="

_SYSTEM = "You are a careful assistant who answers in one sentence. " * 4
_QUESTION = f"Question {NUMBER.decode()}: which of these is the shortest way from the station to the harbour?"
_ANSWER = f"{WHOLE_TEXT} Walk along the river, cross the second bridge, and turn left at the market. " * 3
_DELTA = f" {STAMP.decode()}{TIME.decode()}"
_TOOL_SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}


@dataclass(frozen=True, slots=True)
class Wire:
    """One protocol: `body(model, stream)` is a request, `whole(model)` its answer; a stream is `opening`, any number
    of `event`, `closing`, all framed. `letter` names it in tables."""

    id: str
    letter: str
    model: str
    key_header: str  # how a client of it shows its key, "{}" for the key
    path: Callable[[str, bool], str]
    body: Callable[[str, bool], Json]
    whole: Callable[[str], Json]
    opening: bytes
    event: bytes
    closing: bytes


def _frame(data: Json | str, name: str = "") -> bytes:
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


def _typed(*events: Json) -> bytes:
    """Events whose SSE name is their type."""
    return b"".join(_frame(event, event["type"]) for event in events)


# -- Anthropic Messages (anthropic.md)

_ANTHROPIC_USAGE = {"input_tokens": 96, "output_tokens": 61}


def _anthropic_message(model: str, content: list[Json], stop: str | None) -> Json:
    head = {"id": "msg_01bench", "type": "message", "role": "assistant", "model": model, "content": content}
    return {**head, "stop_reason": stop, "stop_sequence": None, "usage": _ANTHROPIC_USAGE}


ANTHROPIC = Wire(
    "anthropic",
    "A",
    "claude-sonnet-4-6",
    "x-api-key: {}",
    path=lambda model, stream: "/v1/messages",
    body=lambda model, stream: {
        "model": model,
        "max_tokens": 1024,
        "stream": stream,
        "system": _SYSTEM,
        "tools": [{"name": "read_file", "description": "Read a file.", "input_schema": _TOOL_SCHEMA}],
        "messages": [{"role": "user", "content": _QUESTION}],
    },
    whole=lambda model: _anthropic_message(model, [{"type": "text", "text": _ANSWER}], "end_turn"),
    opening=_typed(
        {"type": "message_start", "message": _anthropic_message("claude-sonnet-4-6", [], None)},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ),
    event=_typed({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": _DELTA}}),
    closing=_typed(
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 61}},
        {"type": "message_stop"},
    ),
)

# -- OpenAI Chat Completions (openai_chat.md)

_CHAT_USAGE = {"prompt_tokens": 96, "completion_tokens": 61, "total_tokens": 157}


def _chunk(delta: Json, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5.5"}
    return _frame({**head, "choices": [choice]})


CHAT = Wire(
    "openai_chat",
    "C",
    "gpt-5.5",
    "authorization: Bearer {}",
    path=lambda model, stream: "/v1/chat/completions",
    body=lambda model, stream: {
        "model": model,
        "stream": stream,
        "messages": [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _QUESTION}],
        "tools": [
            {
                "type": "function",
                "function": {"name": "read_file", "description": "Read a file.", "parameters": _TOOL_SCHEMA},
            }
        ],
    },
    whole=lambda model: {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": _ANSWER}, "finish_reason": "stop"}],
        "usage": _CHAT_USAGE,
    },
    opening=_chunk({"role": "assistant", "content": ""}),
    event=_chunk({"content": _DELTA}),
    closing=_chunk({}, "stop") + _frame("[DONE]"),
)

# -- OpenAI Responses (openai_responses.md)


def _item(text: str, status: str) -> Json:
    content = [{"type": "output_text", "text": text, "annotations": []}] if text else []
    return {"id": "msg_bench", "type": "message", "status": status, "role": "assistant", "content": content}


def _response(model: str, output: list[Json], status: str) -> Json:
    usage = {"input_tokens": 96, "output_tokens": 61, "total_tokens": 157} if status == "completed" else None
    head = {"id": "resp_bench", "object": "response", "created_at": 1, "model": model, "status": status}
    return {**head, "output": output, "usage": usage, "error": None, "incomplete_details": None}


_PART = {"item_id": "msg_bench", "output_index": 0, "content_index": 0}

RESPONSES = Wire(
    "openai_responses",
    "R",
    "gpt-5.5",
    "authorization: Bearer {}",
    path=lambda model, stream: "/v1/responses",
    body=lambda model, stream: {
        "model": model,
        "stream": stream,
        "instructions": _SYSTEM,
        "input": [{"role": "user", "content": [{"type": "input_text", "text": _QUESTION}]}],
        "tools": [{"type": "function", "name": "read_file", "description": "Read a file.", "parameters": _TOOL_SCHEMA}],
    },
    whole=lambda model: _response(model, [_item(_ANSWER, "completed")], "completed"),
    opening=_typed(
        {"type": "response.created", "sequence_number": 0, "response": _response("gpt-5.5", [], "in_progress")},
        {
            "type": "response.output_item.added",
            "sequence_number": 1,
            "output_index": 0,
            "item": _item("", "in_progress"),
        },
        {
            "type": "response.content_part.added",
            "sequence_number": 2,
            **_PART,
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
    ),
    event=_typed({"type": "response.output_text.delta", "sequence_number": 3, **_PART, "delta": _DELTA}),
    closing=_typed(
        {
            "type": "response.output_item.done",
            "sequence_number": 9,
            "output_index": 0,
            "item": _item("the end", "completed"),
        },
        {
            "type": "response.completed",
            "sequence_number": 10,
            "response": _response("gpt-5.5", [_item("the end", "completed")], "completed"),
        },
    ),
)

# -- Gemini (gemini.md)

_GEMINI_USAGE = {"promptTokenCount": 96, "candidatesTokenCount": 61, "totalTokenCount": 157}


def _generated(text: str, finish: str | None) -> Json:
    candidate: Json = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}
    if finish is not None:
        candidate["finishReason"] = finish
    head = {"modelVersion": "gemini-3.5-flash", "responseId": "bench"}
    return {"candidates": [candidate], "usageMetadata": _GEMINI_USAGE, **head}


GEMINI = Wire(
    "gemini",
    "G",
    "gemini-3.5-flash",
    "x-goog-api-key: {}",
    path=lambda model, stream: (
        f"/v1beta/models/{model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"
    ),
    body=lambda model, stream: {
        "systemInstruction": {"parts": [{"text": _SYSTEM}]},
        "contents": [{"role": "user", "parts": [{"text": _QUESTION}]}],
        "tools": [
            {"functionDeclarations": [{"name": "read_file", "description": "Read a file.", "parameters": _TOOL_SCHEMA}]}
        ],
    },
    whole=lambda model: _generated(_ANSWER, "STOP"),
    opening=b"",
    event=_frame(_generated(_DELTA, None)),
    closing=_frame(_generated("", "STOP")),
)

WIRES: Mapping[str, Wire] = {wire.letter: wire for wire in (ANTHROPIC, CHAT, RESPONSES, GEMINI)}


def wire_of(path: bytes) -> Wire | None:
    """Whose endpoint a request's path is."""
    if b"/messages" in path:
        return ANTHROPIC
    if b"/chat/completions" in path:
        return CHAT
    if b"/responses" in path:
        return RESPONSES
    return GEMINI if b"enerateContent" in path else None
