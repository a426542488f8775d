"""Cuts answers into stream events and bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .ask import Ask, Json
from .reading import View
from .script import Turn, Usage

TEXT_PIECE = 5
ARGUMENT_PIECE = 9


@dataclass(frozen=True)
class Job:
    """All that a renderer needs for one answer; ``token`` (32 hex digits) makes its ids, ``created`` is in seconds."""

    ask: Ask
    view: View
    turn: Turn
    usage: Usage
    token: str
    created: int
    interleave: bool = False
    array: bool = False
    restart_ids: bool = False


@dataclass(frozen=True)
class Rendering:
    """One answer in both forms: the whole body, and the stream as one bytes object an event."""

    whole: Json
    events: list[bytes]
    content_type: str = "text/event-stream; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


def dumps(value: Any) -> str:
    """JSON with characters as they are, so that cut streams cut through them."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def pieces(text: str, size: int) -> Iterator[str]:
    """The text in pieces of ``size`` code points."""
    for start in range(0, len(text), size):
        yield text[start : start + size]


def event(data: Json, *, named: bool = True) -> bytes:
    """One server-sent event; ``named`` gives it an ``event:`` line with the data's type."""
    head = f"event: {data['type']}\n" if named else ""
    return f"{head}data: {dumps(data)}\n\n".encode()


def shredded(chunks: list[bytes], size: int) -> list[bytes]:
    """The same bytes, cut every ``size`` bytes wherever that is."""
    whole = b"".join(chunks)
    return [whole[start : start + size] for start in range(0, len(whole), size)]
