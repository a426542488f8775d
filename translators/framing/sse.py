"""Server-sent events: bytes cut anywhere in, whole events out; and one event back into bytes.

Rules: mapping.md §6 (SSE framing) and the WHATWG event-stream grammar. Only CR, LF and CRLF end a line: U+2028, U+2029
and U+0085 occur raw inside JSON strings, so everything here works on bytes and never on decoded text.
"""

from __future__ import annotations

from typing import NamedTuple

#: Bytes one event may have. Above any real one (a generated image in base64 is some 10 MB).
MAX_EVENT = 64 * 1024 * 1024

#: Bytes of lines that are no SSE field which `SseParser.stray` keeps.
MAX_STRAY = 64 * 1024

_BOM = b"\xef\xbb\xbf"
_IGNORED_FIELDS = (b"id", b"retry")


class SseEvent(NamedTuple):
    """`event` is the value of the `event:` line (None without one); `data` all `data:` values joined by LF."""

    event: str | None
    data: bytes


class SseParser:
    """Cuts a byte stream into events. Never raises.

    `comments` counts the comment lines so far (keep-alives such as `: OPENROUTER PROCESSING`; a decoder may answer a
    rise with a Ping). `stray` collects lines that are no field of SSE, for backends that write a raw JSON error into
    the stream (gemini.md §5). `overflowed` becomes True when an event is longer than `max_event` bytes: from there
    nothing is returned, so that the stream looks cut.
    """

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self.comments = 0
        self.stray = b""
        self.overflowed = False
        self._max_event = max_event
        self._head: bytes | None = b""  # up to three bytes that may be a BOM; None once decided
        self._skip_lf = False  # the latest chunk ended in CR: an LF that follows belongs to it
        self._line: list[bytes] = []  # pieces of the unfinished line
        self._size = 0  # bytes held for the unfinished line and event
        self._event: str | None = None
        self._data: list[bytes] = []

    def feed(self, data: bytes) -> list[SseEvent]:
        if self._head is not None:
            data = self._head + data
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._head = data
                return []
            self._head = None
            data = data.removeprefix(_BOM)
        if not data or self.overflowed:
            return []
        if self._skip_lf and data[0] == 0x0A:
            data = data[1:]
            self._skip_lf = False
            if not data:
                return []
        self._skip_lf = data[-1] == 0x0D
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

        out: list[SseEvent] = []
        first, *lines = data.split(b"\n")
        self._hold(first)
        if lines:
            last = lines.pop()
            self._take(b"".join(self._line), out)
            self._line.clear()
            for line in lines:
                self._take(line, out)
            self._hold(last)
        return out

    def end(self) -> list[SseEvent]:
        """The stream ended: an event without its blank line still counts."""
        out: list[SseEvent] = []
        if self._head:
            self._line.append(self._head)
            self._head = None
        if not self.overflowed:
            self._take(b"".join(self._line), out)
            self._dispatch(out)
        self._line.clear()
        return out

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._line.append(piece)
            self._size += len(piece)
            self._check_size()

    def _check_size(self) -> None:
        if self._size > self._max_event:
            self.overflowed = True
            self._line.clear()
            self._data.clear()

    def _take(self, line: bytes, out: list[SseEvent]) -> None:
        if self.overflowed:
            return
        if not line:
            self._dispatch(out)
            return
        if line.startswith(b"data:"):
            value = line[6:] if line[5:6] == b" " else line[5:]
            self._data.append(value)
            if len(self._data) > 1:
                self._size += len(line)
                self._check_size()
            return
        field, _, value = line.partition(b":")
        if not field:
            self.comments += 1
        elif field == b"event":
            self._event = value.removeprefix(b" ").decode("utf-8", "replace")
        elif field == b"data":  # without a colon: an empty value
            self._data.append(b"")
        elif field not in _IGNORED_FIELDS and len(self.stray) < MAX_STRAY:
            self.stray = (self.stray + line + b"\n")[:MAX_STRAY]

    def _dispatch(self, out: list[SseEvent]) -> None:
        data = self._data
        if data:
            out.append(SseEvent(self._event, data[0] if len(data) == 1 else b"\n".join(data)))
            self._data = []
        self._event = None
        self._size = 0


def frame(data: bytes, event: str | None = None) -> bytes:
    """One whole event. `data` of several lines becomes several `data:` lines; JSON never has any."""
    if b"\n" in data or b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\ndata: ")
    if event is None:
        return b"data: " + data + b"\n\n"
    return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"


def comment(text: str) -> bytes:
    """A line that readers skip: the keep-alive of the OpenAI protocols."""
    return b": " + text.encode() + b"\n\n"
