"""A whole answer: what a stream folds up to, and what unfolds into one. One code path for both (mapping.md §0.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from translators.canonical.blocks import Block, Refusal, Text, Thinking, ToolCall
from translators.canonical.errors import ErrorInfo
from translators.canonical.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Error,
    Finish,
    Ping,
    Start,
    StopReason,
    StreamEvent,
    Usage,
    UsageUpdate,
)

Json = dict[str, Any]


@dataclass(slots=True)
class Response:
    """`stop` is None while unfinished; `error` is set when the stream ended in one."""

    id: str = ""
    model: str = ""
    created: int | None = None
    blocks: list[Block] = field(default_factory=list)
    stop: StopReason | None = None
    stop_sequence: str | None = None
    stop_detail: Json | None = None
    usage: Usage = field(default_factory=Usage)
    error: ErrorInfo | None = None


class Fold:
    """Feeds on events, holds the answer so far. Pieces are joined once, when a block stops or `response()` is asked."""

    def __init__(self) -> None:
        self._response = Response()
        self._open: BlockStart | None = None
        self._pieces: list[str] = []
        self._signature: str | None = None
        self._citations: list[Json] = []

    def add(self, event: StreamEvent) -> None:
        match event:
            case BlockDelta(kind="signature"):
                self._signature = event.text
            case BlockDelta(kind="citation"):
                if event.data is not None:
                    self._citations.append(event.data)
            case BlockDelta():
                self._pieces.append(event.text)
            case BlockStart():
                self._close()
                self._open = event
            case BlockStop():
                self._close()
            case Start():
                response = self._response
                response.id, response.model, response.created = event.id, event.model, event.created
                if event.usage is not None:
                    response.usage.merge(event.usage)
            case UsageUpdate():
                self._response.usage.merge(event.usage)
            case Finish():
                self._close()
                response = self._response
                response.stop, response.stop_sequence, response.stop_detail = (
                    event.reason,
                    event.sequence,
                    event.detail,
                )
            case Error():
                self._close()
                self._response.error = event.error
            case Ping():
                pass

    def response(self) -> Response:
        """The answer so far; a block still open is closed as it stands (a cut stream)."""
        self._close()
        return self._response

    def _close(self) -> None:
        start = self._open
        if start is None:
            return
        text = "".join(self._pieces)
        block: Block
        match start.kind:
            case "text":
                block = Text(text, citations=self._citations or None, phase=start.phase)
            case "thinking":
                block = Thinking(text, self._signature, start.origin, start.thinking_kind, start.item_id)
            case "tool_call":
                block = ToolCall(start.id, start.name, text, start.tool_kind, start.namespace)
            case "refusal":
                block = Refusal(text)
            case "whole":
                assert start.block is not None
                block = start.block
        self._response.blocks.append(block)
        self._open = None
        self._pieces = []
        self._signature = None
        self._citations = []


def folded(events: Iterable[StreamEvent]) -> Response:
    """The answer that all the events of a stream make."""
    fold = Fold()
    for event in events:
        fold.add(event)
    return fold.response()


def unfold(response: Response) -> Iterator[StreamEvent]:
    """The stream that folds up to `response`: each block in one delta."""
    yield Start(response.id, response.model, response.created)
    for index, block in enumerate(response.blocks):
        match block:
            case Text():
                yield BlockStart(index, "text", phase=block.phase)
                if block.text:
                    yield BlockDelta(index, "text", block.text)
                for citation in block.citations or ():
                    yield BlockDelta(index, "citation", data=citation)
            case Thinking():
                yield BlockStart(
                    index, "thinking", origin=block.origin, thinking_kind=block.kind, item_id=block.item_id
                )
                if block.text:
                    yield BlockDelta(index, "thinking", block.text)
                if block.signature is not None:
                    yield BlockDelta(index, "signature", block.signature)
            case ToolCall():
                yield BlockStart(
                    index,
                    "tool_call",
                    id=block.id,
                    name=block.name,
                    tool_kind=block.kind,
                    namespace=block.namespace,
                )
                if block.arguments:
                    yield BlockDelta(index, "arguments", block.arguments)
            case Refusal():
                yield BlockStart(index, "refusal")
                yield BlockDelta(index, "refusal", block.text)
            case _:
                yield BlockStart(index, "whole", block=block)
        yield BlockStop(index)
    yield UsageUpdate(response.usage)
    if response.error is not None:
        yield Error(response.error)
    else:
        yield Finish(response.stop or StopReason.END, response.stop_sequence, response.stop_detail)
