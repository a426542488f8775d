"""What a raw client of any protocol is asked to say, and what it heard: the words that the pair tests share."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Json = dict[str, Any]
Stop = Literal["end", "tools", "length", "stop_sequence", "refusal"]

# 1×1 pixel.
PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
        "0000000d49444154789c6360f8cf50000003860180a1a3b9e10000000049454e44ae426082"
    )
).decode()
TOOL_SCHEMA: Json = {
    "type": "object",
    "properties": {
        "command": {"type": "string", "description": "what to run"},
        "times": {"type": ["integer", "null"], "minimum": 1},
        "where": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    },
    "required": ["command"],
    "additionalProperties": False,
}
TOOLS = {"run": "Runs a command. 日本", "look": "Shows an image."}


@dataclass(frozen=True)
class Used:
    """Tokens as the client's protocol tells them: ``input`` with caches, ``output`` with reasoning."""

    input: int
    output: int
    cache_read: int = 0
    reasoning: int | None = None


@dataclass(frozen=True)
class Called:
    id: str
    name: str
    arguments: Json


@dataclass(frozen=True)
class Outcome:
    """What a tool gave back."""

    text: str
    error: bool = False
    image: str | None = None


@dataclass(frozen=True)
class Answer:
    """One answer as its client understood it; ``items`` is what the client appends to its history, verbatim."""

    text: str
    thinking: str
    calls: tuple[Called, ...]
    stop: Stop
    used: Used | None
    model: str
    items: list[Json]


@dataclass
class Wish:
    """One request. ``history`` holds items of the speaker's own protocol; a speaker never changes it."""

    model: str = "some-model"
    system: str = ""
    history: list[Json] = field(default_factory=list)
    tools: bool = False
    thinking: bool = False
    schema: Json | None = None
    stop: list[str] = field(default_factory=list)
    max_tokens: int = 8000
    stream: bool = False


@dataclass(frozen=True)
class Failed:
    """An error body: the protocol's own word for the kind of error, and its message."""

    kind: str
    message: str


class Speaker(Protocol):
    """A client of one protocol, as strict in reading as the protocol's sheet is in telling."""

    id: str

    def path(self, wish: Wish) -> str: ...
    def headers(self, key: str) -> dict[str, str]: ...
    def body(self, wish: Wish) -> Json: ...
    def user(self, text: str, image: str | None = None) -> Json: ...
    def results(self, given: list[tuple[Called, Outcome]]) -> list[Json]: ...
    def whole(self, body: Json) -> Answer: ...
    def streamed(self, data: bytes) -> Answer: ...
    def failed(self, body: Json) -> Failed: ...


@dataclass(frozen=True)
class Event:
    name: str | None
    data: str

    @property
    def json(self) -> Json:
        parsed: Json = json.loads(self.data)
        return parsed


def sse(data: bytes) -> Iterator[Event]:
    """The events of a whole stream; comments are skipped, anything else but ``event`` and ``data`` lines is wrong."""
    text = data.decode("utf-8").replace("\r\n", "\n")
    assert text.endswith("\n\n"), f"the stream ends in mid-event: {text[-80:]!r}"
    for block in text.split("\n\n"):
        name, lines = None, []
        for line in block.split("\n"):
            field_name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field_name == "event":
                name = value
            elif field_name == "data":
                lines.append(value)
            else:
                assert field_name == "", f"an odd line in a stream: {line!r}"
        if lines:
            yield Event(name, "\n".join(lines))


def data_url(image: str) -> str:
    return f"data:image/png;base64,{image}"
