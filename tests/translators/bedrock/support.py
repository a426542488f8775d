"""What the tests of this protocol share: its object, builders, and every body held against botocore's model."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any

from tests.standin.bedrock_model import event_faults, request_faults
from tests.standin.eventstream import event
from tests.translators import streams
from translators import registry
from translators.canonical.blocks import Block, Text, ToolCall, ToolResult
from translators.canonical.events import StreamEvent
from translators.canonical.names import NameMap
from translators.canonical.request import Request, Role, Tool, Turn
from translators.canonical.target import Target
from translators.protocol import Encoded

Json = dict[str, Any]

PROTOCOL = registry.get("bedrock")
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
PDF = base64.b64encode(b"%PDF-1.7" + bytes(20)).decode()
RAW = base64.b64encode(b"some bytes").decode()
RUN = Tool("run", "Runs.", {"type": "object", "properties": {"command": {"type": "string"}}})
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


def target(model: str = CLAUDE, **settings: Any) -> Target:
    return Target("bedrock", model, **{"thinking": "budget", "mid_system": False, **settings})


def other(**settings: Any) -> Target:
    """A model that is not Claude."""
    return target("meta.llama3-3-70b-instruct-v1:0", **{"thinking": "none", "json_schema": False, **settings})


def ask(*blocks: Block, origin: str = "openai_chat", **fields: Any) -> Request:
    """A request with one user turn."""
    return talk((Role.USER, list(blocks) or [Text("hi")]), origin=origin, **fields)


def talk(*turns: tuple[Role, Sequence[Block]], origin: str = "openai_chat", **fields: Any) -> Request:
    return Request(origin, "some-model", turns=[Turn(role, list(blocks)) for role, blocks in turns], **fields)


def encoded(request: Request, to: Target | None = None) -> Encoded:
    """The request as it goes out; it fits botocore's model and alternates its roles."""
    to = to or target()
    result = PROTOCOL.encode_request(request, to)
    assert list(request_faults("Converse", result.body, modelId=to.model)) == []
    roles = [message["role"] for message in result.body["messages"]]
    assert roles[0] == "user"
    assert all(one != next_ for one, next_ in itertools.pairwise(roles))
    return result


def called(*results: Block, arguments: str = '{"a":1}') -> Request:
    """A history with one answered call."""
    return talk(
        (Role.USER, [Text("do")]),
        (Role.ASSISTANT, [ToolCall("call_1", "run", arguments)]),
        (Role.USER, list(results) or [ToolResult("call_1", [Text("done")])]),
        tools=[RUN],
    )


def body(request: Request, to: Target | None = None) -> Json:
    return encoded(request, to).body


def messages(request: Request, to: Target | None = None) -> list[tuple[str, list[Json]]]:
    return [(message["role"], message["content"]) for message in body(request, to)["messages"]]


def framed(kind: str, payload: Json) -> bytes:
    """One event of ConverseStream, which botocore's model knows."""
    assert list(event_faults("ConverseStream", kind, payload)) == []
    return event(kind, json.dumps(payload).encode())


def decode_stream(chunks: Iterable[bytes], names: NameMap | None = None) -> list[StreamEvent]:
    return streams.read(PROTOCOL, chunks, names)
