"""A JSON array that grows: Gemini's stream without `alt=sse`, one object of the array after the other (gemini.md §5).

Objects are found by the depth of their braces outside strings, so nothing is parsed twice and a cut may fall anywhere.
"""

from __future__ import annotations

import re

#: Bytes one object may have.
MAX_OBJECT = 64 * 1024 * 1024

_OUTSIDE = re.compile(rb'[{}"]')
_INSIDE = re.compile(rb'["\\]')
_BETWEEN = re.compile(rb"[{\]]")


class JsonArrayParser:
    """Cuts the objects out of `[{…},{…}]`, or of a lone `{…}` (an error body). Never raises.

    `closed` is True once the array's `]` was seen; what follows it is ignored. `open` tells whether an object is
    unfinished: at the end of a stream, that it was cut. `overflowed`: an object was longer than `max_object` bytes;
    from there nothing is returned.
    """

    def __init__(self, max_object: int = MAX_OBJECT) -> None:
        self.closed = False
        self.overflowed = False
        self._max_object = max_object
        self._depth = 0
        self._in_string = False
        self._escaped = False  # the latest chunk ended behind a backslash
        self._pieces: list[bytes] = []
        self._size = 0

    @property
    def open(self) -> bool:
        return self._depth > 0

    def feed(self, data: bytes) -> list[bytes]:
        out: list[bytes] = []
        at = begin = 0
        while at < len(data) and not self.closed and not self.overflowed:
            if self._escaped:
                self._escaped = False
                at += 1
                continue
            pattern = _INSIDE if self._in_string else _OUTSIDE if self._depth else _BETWEEN
            found = pattern.search(data, at)
            if found is None:
                break
            character = found.group()
            at = found.end()
            if self._in_string:
                if character == b"\\":
                    self._escaped = True
                else:
                    self._in_string = False
            elif character == b'"':
                self._in_string = True
            elif character == b"]":
                self.closed = True
            elif character == b"{":
                if self._depth == 0:
                    begin = at - 1
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 0:
                    self._pieces.append(data[begin:at])
                    out.append(b"".join(self._pieces))
                    self._pieces.clear()
                    self._size = 0
        if self._depth and not self.overflowed:
            self._pieces.append(data[begin:])
            self._size += len(data) - begin
            if self._size > self._max_object:
                self.overflowed = True
                self._pieces.clear()
        return out

    def end(self) -> list[bytes]:
        """The stream ended. An unfinished object is dropped (see `open`)."""
        self._pieces.clear()
        return []
