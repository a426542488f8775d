"""Parts thinking from text where a model puts it into a tag at the head of its text (kiro.md §6.3). Pure."""

from __future__ import annotations

from enum import Enum, auto
from typing import Literal

OPEN, CLOSE = "<thinking>", "</thinking>"

Piece = tuple[Literal["thinking", "text"], str]


class _State(Enum):
    HEAD = auto()  # nothing but white space or a part of the tag so far
    INSIDE = auto()
    BEHIND = auto()  # the white space behind the tag
    TEXT = auto()


class TagSplitter:
    """Takes text in pieces cut anywhere. Only a tag at the very head counts: later ones are the answer's own words."""

    def __init__(self) -> None:
        self._state = _State.HEAD
        self._held = ""

    def feed(self, text: str) -> list[Piece]:
        if self._state is _State.TEXT:
            return [("text", text)] if text else []
        out: list[Piece] = []
        self._held += text
        if self._state is _State.HEAD:
            self._head()
        if self._state is _State.INSIDE:
            self._inside(out)
        if self._state is _State.BEHIND:
            self._held = self._held.lstrip()
            if self._held:
                self._state = _State.TEXT
        if self._state is _State.TEXT:
            out += self._take("text")
        return out

    def end(self) -> list[Piece]:
        """What was held back, now that nothing follows; a tag that was never closed is thinking to its end."""
        if self._state is _State.BEHIND:
            return []
        return self._take("thinking" if self._state is _State.INSIDE else "text")

    def _head(self) -> None:
        begun = self._held.lstrip()
        if begun.startswith(OPEN):
            self._held = begun[len(OPEN) :]
            self._state = _State.INSIDE
        elif not OPEN.startswith(begun):
            self._state = _State.TEXT

    def _inside(self, out: list[Piece]) -> None:
        thought, closed, rest = self._held.partition(CLOSE)
        if closed:
            self._state = _State.BEHIND
        else:
            keep = next((n for n in range(len(CLOSE) - 1, 0, -1) if thought.endswith(CLOSE[:n])), 0)
            thought, rest = thought[: len(thought) - keep], thought[len(thought) - keep :]
        self._held = rest
        if thought:
            out.append(("thinking", thought))

    def _take(self, kind: Literal["thinking", "text"]) -> list[Piece]:
        held, self._held = self._held, ""
        return [(kind, held)] if held else []
