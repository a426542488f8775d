"""Stop sequences for backends that have none: the text of an answer is cut where one begins (mapping.md §2, Stop).

Only visible text is searched, each block by itself. What may be the beginning of a sequence is held back until the next
piece decides, so a match may span pieces. Of several sequences the one that is complete first wins, and of those that
end together the longest.
"""

from __future__ import annotations

from collections.abc import Sequence

from translators.canonical.events import BlockDelta, BlockStart, BlockStop, Error, Finish, StopReason, StreamEvent
from translators.canonical.response import Response, folded, unfold


class StopCutter:
    """Passes a stream of events through. `done` turns True with a match: the answer is over, whatever still comes."""

    def __init__(self, sequences: Sequence[str]) -> None:
        self.done = False
        # Longest first, so that of matches with one end the longest is met first.
        self._sequences = sorted({s for s in sequences if s}, key=lambda s: (-len(s), s))
        self._held = ""
        self._index: int | None = None  # of the open text block

    def pass_through(self, events: list[StreamEvent]) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        for event in events:
            if self.done:
                break
            match event:
                case BlockDelta(kind="text"):
                    self._text(event, out)
                    continue
                case BlockStart():
                    self._index = event.index if event.kind == "text" else None
                case BlockStop() | Finish() | Error():
                    out.extend(self.flush())
                    self._index = None
            out.append(event)
        return out

    def flush(self) -> list[StreamEvent]:
        """Text that was held back, now that nothing can complete it."""
        held, self._held = self._held, ""
        return [BlockDelta(self._index or 0, "text", held)] if held else []

    def _text(self, delta: BlockDelta, out: list[StreamEvent]) -> None:
        text = self._held + delta.text
        found = self._first(text)
        if found is None:
            keep = self._tail(text)
            text, self._held = text[: len(text) - keep], text[len(text) - keep :]
            if text:
                out.append(BlockDelta(delta.index, "text", text))
            return
        start, sequence = found
        self._held = ""
        self.done = True
        if start:
            out.append(BlockDelta(delta.index, "text", text[:start]))
        out.append(BlockStop(delta.index))
        out.append(Finish(StopReason.STOP_SEQUENCE, sequence))

    def _first(self, text: str) -> tuple[int, str] | None:
        best: tuple[int, int, str] | None = None
        for sequence in self._sequences:
            start = text.find(sequence)
            if start >= 0 and (best is None or start + len(sequence) < best[0]):
                best = (start + len(sequence), start, sequence)
        return None if best is None else best[1:]

    def _tail(self, text: str) -> int:
        """How many characters at the end of `text` may begin a sequence."""
        longest = min(len(self._sequences[0]) - 1, len(text)) if self._sequences else 0
        for length in range(longest, 0, -1):
            tail = text[-length:]
            if any(sequence.startswith(tail) for sequence in self._sequences if len(sequence) > length):
                return length
        return 0


def cut_response(response: Response, sequences: Sequence[str]) -> Response:
    """A whole answer, cut the same way. The usage stays: the backend did generate the rest."""
    if not sequences:
        return response
    cutter = StopCutter(sequences)
    cut = folded(cutter.pass_through(list(unfold(response))))
    if not cutter.done:
        return response
    cut.usage = response.usage
    return cut
