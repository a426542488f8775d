"""A Gemini backend's stream → canonical events, whatever it is framed in.

Server-sent events, the JSON array that comes without `alt=sse`, one whole JSON body, and the raw JSON error that may
follow after events (gemini.md §5).
"""

from __future__ import annotations

from enum import Enum, auto

from translators import jsonio
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import StreamEvent
from translators.canonical.names import NameMap
from translators.framing.json_array import JsonArrayParser
from translators.framing.sse import SseParser
from translators.gemini.chunks import ChunkReader

_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"


class _Framing(Enum):
    UNKNOWN = auto()
    EVENTS = auto()
    OBJECTS = auto()


class GeminiStreamDecoder:
    """`reader` is another than the usual one where a private wire puts its chunks into envelopes."""

    def __init__(self, names: NameMap, reader: ChunkReader | None = None) -> None:
        self._reader = reader or ChunkReader(names)
        self._framing = _Framing.UNKNOWN
        self._head = b""
        self._events = SseParser()
        self._objects = JsonArrayParser()
        self._stray = 0  # bytes of stray lines that were looked at

    def feed(self, data: bytes) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        if self._reader.done:
            return out
        if self._framing is _Framing.UNKNOWN:
            data = self._recognise(data)
        if self._framing is _Framing.EVENTS:
            for event in self._events.feed(data):
                self._chunk(event.data, out)
            self._look_at_stray(out)
        elif self._framing is _Framing.OBJECTS:
            self._take_objects(data, out)
        return out

    def end(self) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        if self._framing is _Framing.EVENTS:
            for event in self._events.end():
                self._chunk(event.data, out)
            self._look_at_stray(out)
        self._reader.end(out)
        return out

    def _recognise(self, data: bytes) -> bytes:
        """Decide by the first byte that says something; → all bytes so far, once decided."""
        self._head += data
        head = self._head.lstrip(_SPACE)
        if _BOM.startswith(head[:3]) and len(head) < 3:
            return b""
        head = head.removeprefix(_BOM).lstrip(_SPACE)
        if head:
            self._framing = _Framing.OBJECTS if head[:1] in b"[{" else _Framing.EVENTS
            self._head = b""
        return head

    def _look_at_stray(self, out: list[StreamEvent]) -> None:
        """Lines that are no field of an event are taken for raw JSON, as Google's SDK does."""
        stray = self._events.stray
        if len(stray) > self._stray:
            self._take_objects(stray[self._stray :], out)
            self._stray = len(stray)

    def _take_objects(self, data: bytes, out: list[StreamEvent]) -> None:
        for item in self._objects.feed(data):
            self._chunk(item, out)

    def _chunk(self, data: bytes, out: list[StreamEvent]) -> None:
        try:
            chunk = jsonio.loads(data)
        except ValueError:
            if data.lstrip()[:1] == b"{" and not self._reader.done:
                self._reader.fail(ErrorInfo(ErrorKind.SERVER, "The backend sent a chunk that is not JSON."), out)
            return  # `[DONE]` and the like
        self._reader.read(chunk, out)
