"""Reads back from a request, in each protocol, what a client offered, said and returned so far."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Called:
    """A tool call in a history: its name, arguments, and the text that came back (None: no result for it)."""

    name: str
    arguments: Json
    result: str | None


@dataclass(frozen=True)
class History:
    """What stands in one request: names of the tools offered, what the model said, and its calls in order."""

    tools: frozenset[str]
    said: tuple[str, ...]
    calls: tuple[Called, ...]


_OUTPUTS = ("function_call_output", "custom_tool_call_output")


def read(protocol: str, body: Json) -> History:
    """`body` as a History; KeyError or TypeError if it is not of that protocol."""
    return READERS[protocol](body)


def _anthropic(body: Json) -> History:
    blocks = [(message["role"], block) for message in body["messages"] for block in _blocks(message["content"])]
    results = {b["tool_use_id"]: _joined(b.get("content")) for _, b in blocks if b["type"] == "tool_result"}
    return History(
        frozenset(tool["name"] for tool in body.get("tools") or ()),
        tuple(b["text"] for role, b in blocks if role == "assistant" and b["type"] == "text"),
        tuple(Called(b["name"], b["input"], results.get(b["id"])) for _, b in blocks if b["type"] == "tool_use"),
    )


def _openai_chat(body: Json) -> History:
    messages = body["messages"]
    results = {m["tool_call_id"]: _joined(m["content"]) for m in messages if m["role"] == "tool"}
    calls = [call for m in messages for call in m.get("tool_calls") or ()]
    return History(
        frozenset(tool["function"]["name"] for tool in body.get("tools") or () if "function" in tool),
        tuple(_joined(m["content"]) for m in messages if m["role"] == "assistant" and m.get("content")),
        tuple(
            Called(c["function"]["name"], json.loads(c["function"]["arguments"]), results.get(c["id"])) for c in calls
        ),
    )


def _openai_responses(body: Json) -> History:
    items = [{"type": "message", **item} for item in body["input"]]
    results = {i["call_id"]: _joined(i["output"]) for i in items if i["type"] in _OUTPUTS}
    return History(
        frozenset(tool["name"] for tool in body.get("tools") or () if tool["type"] == "function"),
        tuple(_joined(i["content"]) for i in items if i["type"] == "message" and i["role"] == "assistant"),
        tuple(
            Called(i["name"], _arguments(i), results.get(i["call_id"]))
            for i in items
            if i["type"] in ("function_call", "custom_tool_call")
        ),
    )


def _arguments(item: Json) -> Json:
    """Of a custom tool as of the function that stands for it elsewhere."""
    arguments: Json = {"input": item["input"]} if "input" in item else json.loads(item["arguments"])
    return arguments


def _gemini(body: Json) -> History:
    """Older models have no call ids: results then stand in the order of the calls."""
    parts = [(c.get("role"), part) for c in body["contents"] for part in c["parts"]]
    calls = [part["functionCall"] for _, part in parts if "functionCall" in part]
    answers = [part["functionResponse"] for _, part in parts if "functionResponse" in part]
    by_id = {answer["id"]: answer for answer in answers if answer.get("id")}
    in_order: Iterator[Json] = iter(answer for answer in answers if not answer.get("id"))

    def result(call: Json) -> str | None:
        answer = by_id.get(call["id"]) if call.get("id") else next(in_order, None)
        return None if answer is None else json.dumps(answer["response"], ensure_ascii=False)

    declared = [f for tool in body.get("tools") or () for f in tool.get("functionDeclarations") or ()]
    said = [p["text"] for role, p in parts if role == "model" and p.get("text") and not p.get("thought")]
    return History(
        frozenset(function["name"] for function in declared),
        tuple(said),
        tuple(Called(call["name"], call.get("args") or {}, result(call)) for call in calls),
    )


READERS = {
    "anthropic": _anthropic,
    "openai_chat": _openai_chat,
    "openai_responses": _openai_responses,
    "gemini": _gemini,
}


def _blocks(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _joined(content: Any) -> str:
    """The text of a content that may be a string or a list of parts."""
    if content is None:
        return ""
    return "\n".join(part["text"] for part in _blocks(content) if "text" in part)
