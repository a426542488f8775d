"""What the tests of this protocol share: its object, fixtures, and small builders."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.translators import streams
from translators import registry
from translators.canonical.blocks import Block, Text
from translators.canonical.events import StreamEvent
from translators.canonical.names import NameMap
from translators.canonical.request import Request, Role, Turn
from translators.canonical.response import Response
from translators.canonical.response import folded as of_events
from translators.canonical.target import Target
from translators.protocol import Encoded, Reply

PROTOCOL = registry.get("anthropic")
FIXTURES = Path(__file__).parents[2] / "fixtures" / "anthropic"
REPLY = Reply(seed="exchange-1", created=1_800_000_000, model="claude-asked-for")


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def json_fixture(name: str) -> Any:
    return json.loads(fixture(name))


def target(**settings: Any) -> Target:
    return Target("anthropic", "claude-target", **settings)


def old_target(**settings: Any) -> Target:
    """A model that samples and thinks by budget."""
    return target(thinking="budget", **settings)


def ask(*blocks: Block, origin: str = "openai_chat", **fields: Any) -> Request:
    """A request of another protocol with one user turn."""
    return Request(origin, "some-model", turns=[Turn(Role.USER, list(blocks) or [Text("hi")])], **fields)


def talk(*turns: tuple[Role, Sequence[Block]], origin: str = "openai_chat", **fields: Any) -> Request:
    return Request(origin, "some-model", turns=[Turn(role, list(blocks)) for role, blocks in turns], **fields)


def encoded(request: Request, **settings: Any) -> Encoded:
    return PROTOCOL.encode_request(request, target(**settings))


def body(request: Request, **settings: Any) -> dict[str, Any]:
    return encoded(request, **settings).body


def unmarked(value: Any) -> Any:
    """`value` without cache markers."""
    if isinstance(value, list):
        return [unmarked(item) for item in value]
    if isinstance(value, dict):
        return {key: unmarked(item) for key, item in value.items() if key != "cache_control"}
    return value


def contents(request: Request, **settings: Any) -> list[tuple[str, Any]]:
    """The messages sent, as (role, blocks without cache markers)."""
    messages = body(request, **settings)["messages"]
    return [(message["role"], unmarked(message["content"])) for message in messages]


def decode_stream(chunks: Iterable[bytes], names: NameMap | None = None) -> list[StreamEvent]:
    return streams.read(PROTOCOL, chunks, names)


def folded(events: Iterable[StreamEvent]) -> Response:
    response = of_events(events)
    response.usage.raw = None  # differs between one object and several merged ones
    return response


def whole(message: dict[str, Any], names: NameMap | None = None) -> Response:
    response = PROTOCOL.decode_response(message, names or NameMap())
    response.usage.raw = None
    return response


def encode_stream(events: Iterable[StreamEvent], reply: Reply = REPLY) -> bytes:
    return streams.write(PROTOCOL, events, reply)


def wire_events(data: bytes) -> Iterator[dict[str, Any]]:
    """The payloads of a stream; checks that each event has its `event:` line."""
    for chunk in data.decode().split("\n\n")[:-1]:
        head, _, payload = chunk.partition("\ndata: ")
        event = json.loads(payload)
        assert head == f"event: {event['type']}"
        yield event
