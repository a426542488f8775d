"""Shorthand for the tests of the Responses protocol."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.translators import streams
from translators import registry
from translators.canonical.blocks import Block, Image, Opaque, Refusal, Text, Thinking, ToolCall, Unknown
from translators.canonical.events import Ping, StreamEvent
from translators.canonical.names import NameMap
from translators.canonical.request import Request
from translators.canonical.response import Response, folded
from translators.canonical.target import Target
from translators.protocol import Encoded, Reply

FIXTURES = Path(__file__).parents[2] / "fixtures" / "openai_responses"
STREAMS = sorted(path.name.removesuffix(".sse") for path in (FIXTURES / "streams").glob("*.sse"))
RESPONSES = registry.get("openai_responses")
TARGET = Target("openai_responses", "m-1")
REPLY = Reply("seed", 1_700_000_000, "client-model")

Json = dict[str, Any]


def stream(name: str) -> bytes:
    return (FIXTURES / "streams" / f"{name}.sse").read_bytes()


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def frames(*events: Json) -> bytes:
    """A backend's stream of these events."""
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def read(data: bytes, names: NameMap | None = None, step: int | None = None) -> list[StreamEvent]:
    """All events of a stream but pings, fed whole or in pieces of `step` bytes."""
    events = streams.read(RESPONSES, streams.pieces(data, step), names)
    return [event for event in events if not isinstance(event, Ping)]


fold = folded


def write(events: Iterable[StreamEvent], reply: Reply = REPLY) -> bytes:
    return streams.write(RESPONSES, events, reply)


def payloads(data: bytes) -> list[Json]:
    """The events of a stream that we wrote; the name of each frame must be the type of its event."""
    out: list[Json] = []
    for frame in data.split(b"\n\n")[:-1]:
        name, body = frame.split(b"\n")
        event = json.loads(body.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        out.append(event)
    return out


def done_items(data: bytes) -> list[Json]:
    """What Codex acts on."""
    return [event["item"] for event in payloads(data) if event["type"] == "response.output_item.done"]


def message(role: str, *texts: str, **fields: Any) -> Json:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text} for text in texts], **fields}


def body(*items: Json, **fields: Any) -> Json:
    return {"model": "m-1", "input": list(items) or [message("user", "Hi")], **fields}


def decode(*items: Json, **fields: Any) -> Request:
    return RESPONSES.decode_request(body(*items, **fields))


def encode(request: Request, **target: Any) -> Encoded:
    return RESPONSES.encode_request(request, Target(**{"protocol": "openai_responses", "model": "m-1", **target}))


def plain(block: Block) -> Json:
    """A block of an answer in the spelling of the `.expected.json` fixtures."""
    match block:
        case Text():
            return _given(text=block.text, phase=block.phase, citations=block.citations)
        case Thinking():
            kind = None if block.kind == "summary" else block.kind
            return _given(
                thinking=block.text,
                signature=block.signature,
                origin=block.origin,
                item_id=block.item_id,
                kind=kind,
            )
        case ToolCall():
            sort = None if block.kind == "function" else block.kind
            return _given(call=block.name, id=block.id, arguments=block.arguments, namespace=block.namespace, kind=sort)
        case Refusal():
            return {"refusal": block.text}
        case Image():
            return _given(image=block.data, media_type=block.media_type)
        case Opaque():
            return {"opaque": block.data, "kind": block.kind}
        case Unknown():
            return {"unknown": block.raw}
    raise AssertionError(block)


def spelled(response: Response) -> Json:
    """A whole answer in that spelling."""
    out: Json = {"id": response.id, "model": response.model, "created": response.created}
    out["blocks"] = [plain(block) for block in response.blocks]
    if response.stop is not None:
        usage = response.usage
        out["stop"] = response.stop.value
        out["usage"] = {
            "input_fresh": usage.input_fresh,
            "cache_read": usage.cache_read,
            "cache_write": usage.cache_write,
            "output": usage.output,
            "reasoning": usage.reasoning,
        }
    if response.error is not None:
        error = response.error
        out["error"] = _given(
            kind=error.kind.value, code=error.code, message=error.message, retry_after=error.retry_after
        )
    return out


def _given(**members: Any) -> Json:
    return {name: value for name, value in members.items() if value is not None}
