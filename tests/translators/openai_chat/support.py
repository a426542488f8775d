"""Shorthand for the tests of the chat protocol."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.translators import streams
from translators import registry
from translators.canonical.blocks import Image, Opaque, Refusal, Text, Thinking, ToolCall
from translators.canonical.events import Ping, StreamEvent
from translators.canonical.names import NameMap
from translators.canonical.request import Request
from translators.canonical.response import folded
from translators.canonical.target import Target
from translators.protocol import Encoded, Reply

FIXTURES = Path(__file__).parents[2] / "fixtures" / "openai_chat"
CHAT = registry.get("openai_chat")
TARGET = Target("openai_chat", "m-1", strict_tools=True)
REPLY = Reply("seed", 1_700_000_000, "client-model")


def read(data: bytes, names: NameMap | None = None, step: int | None = None) -> list[StreamEvent]:
    """All events of a stream but pings, fed whole or in pieces of `step` bytes."""
    events = streams.read(CHAT, streams.pieces(data, step), names)
    return [event for event in events if not isinstance(event, Ping)]


fold = folded


def write(events: Iterable[StreamEvent], reply: Reply = REPLY) -> bytes:
    return streams.write(CHAT, events, reply)


def chunks(stream: bytes) -> list[Any]:
    """The payloads of a stream that we wrote, [DONE] as text."""
    out: list[Any] = []
    for frame in stream.split(b"\n\n"):
        if frame.startswith(b"data: "):
            data = frame.removeprefix(b"data: ")
            out.append("[DONE]" if data == b"[DONE]" else json.loads(data))
    return out


def user(text: str = "Hi") -> dict[str, Any]:
    return {"role": "user", "content": text}


def body(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "m-1", "messages": list(messages) or [user()], **fields}


def function(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **fields}}


def decode(*messages: dict[str, Any], **fields: Any) -> Request:
    return CHAT.decode_request(body(*messages, **fields))


def encode(request: Request, **target: Any) -> Encoded:
    return CHAT.encode_request(request, Target(**{"protocol": "openai_chat", "model": "m-1", **target}))


def plain(block: Any) -> dict[str, Any]:
    """A block of an answer in the spelling of the `.expected.json` fixtures."""
    match block:
        case Text():
            return {"text": block.text}
        case Thinking():
            spelled: dict[str, Any] = {"thinking": block.text}
            if block.signature is not None:
                spelled["signature"] = json.loads(block.signature)
            return spelled
        case ToolCall():
            spelled = {"call": block.name, "id": block.id, "arguments": block.arguments}
            return spelled if block.kind == "function" else {**spelled, "kind": block.kind}
        case Refusal():
            return {"refusal": block.text}
        case Image():
            return {"image": block.data}
        case Opaque():
            return {"opaque": block.data}
    raise AssertionError(block)


def joined(stream: list[Any]) -> dict[str, Any]:
    """The deltas of a stream put together as the official SDK does: text appends, calls by index."""
    out: dict[str, Any] = {}
    for chunk in stream:
        for choice in chunk["choices"] if chunk != "[DONE]" else ():
            for key, value in choice["delta"].items():
                if key == "tool_calls":
                    for fragment in value:
                        _merge(out.setdefault("tool_calls", {}).setdefault(fragment["index"], {}), fragment)
                elif key == "function_call":
                    _merge(out.setdefault(key, {}), value)
                elif isinstance(value, list):
                    out.setdefault(key, []).extend(value)
                elif isinstance(value, str) and isinstance(out.get(key), str):
                    out[key] += value
                else:
                    out[key] = value
    if "tool_calls" in out:
        out["tool_calls"] = [{k: v for k, v in call.items() if k != "index"} for call in out["tool_calls"].values()]
    return out


def _merge(into: dict[str, Any], fragment: dict[str, Any]) -> None:
    for key, value in fragment.items():
        if isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        elif key in ("arguments", "input"):
            into[key] = into.get(key, "") + value
        else:
            into[key] = value
