"""JSON values one a line: bytes cut anywhere in, whole lines out."""

from __future__ import annotations

#: Bytes one line may have, as for an event of a stream (sse.py).
MAX_LINE = 64 * 1024 * 1024


class LineSplitter:
    """Lines without their ends and without white space around them; empty ones are left out. Never raises.

    `overflowed` becomes True when a line is longer than `max_line` bytes: from there nothing is returned, so that the
    stream looks cut.
    """

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self.overflowed = False
        self._max_line = max_line
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        if self.overflowed:
            return []
        first, *rest = data.split(b"\n")
        if not rest:
            self._hold(first)
            return []
        *whole, last = rest
        lines = [b"".join([*self._pieces, first]), *whole]
        self._pieces, self._size = [], 0
        self._hold(last)
        return [stripped for line in lines if (stripped := line.strip())]

    def end(self) -> list[bytes]:
        """The stream ended: a last line without its end still counts."""
        line = b"" if self.overflowed else b"".join(self._pieces).strip()
        self._pieces, self._size = [], 0
        return [line] if line else []

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self._size += len(piece)
            if self._size > self._max_line:
                self.overflowed = True
                self._pieces.clear()
