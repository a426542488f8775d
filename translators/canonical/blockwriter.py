"""Writes canonical blocks one after the other: the one owner of "which block is open" for stream decoders.

Every decoder whose protocol does not number its blocks (openai_chat, gemini) emits through this, so that a change of
kind always closes, opens and then delivers the delta that caused it (field.md cases 1 to 3).
"""

from __future__ import annotations

from typing import Literal

from translators.canonical.events import BlockDelta, BlockStart, BlockStop, DeltaKind, StreamEvent


class BlockWriter:
    """Appends events to the list it is given. `saw_tool_call`/`saw_content` tell what has been written so far."""

    def __init__(self) -> None:
        self.index = -1  # of the latest block
        self.open: BlockStart | None = None
        self.saw_tool_call = False
        self.saw_content = False

    def start(self, out: list[StreamEvent], block: BlockStart) -> None:
        """Close what is open, open `block` under the next index (its own `index` is overwritten)."""
        self.stop(out)
        self.index += 1
        block.index = self.index
        self.open = block
        if block.kind == "tool_call":
            self.saw_tool_call = True
        if block.kind in ("tool_call", "whole"):
            self.saw_content = True
        out.append(block)

    def text(
        self, out: list[StreamEvent], kind: Literal["text", "thinking", "refusal"], text: str, **start: str
    ) -> None:
        """Deliver `text` in a block of `kind`, opening one if another kind is open; `start` goes to BlockStart."""
        if self.open is None or self.open.kind != kind:
            self.start(out, BlockStart(0, kind, **start))  # type: ignore[arg-type]
        self.delta(out, kind, text)

    def delta(self, out: list[StreamEvent], kind: DeltaKind, text: str) -> None:
        assert self.open is not None
        if text:
            self.saw_content = self.saw_content or kind != "signature"
            out.append(BlockDelta(self.index, kind, text))

    def stop(self, out: list[StreamEvent]) -> None:
        if self.open is not None:
            out.append(BlockStop(self.index))
            self.open = None
