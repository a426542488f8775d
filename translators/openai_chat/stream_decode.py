"""A chat backend's stream, cut anywhere, into canonical events (openai_chat.md §5)."""

from __future__ import annotations

from translators import jsonio
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import Ping, StreamEvent
from translators.canonical.excerpt import LONGEST
from translators.canonical.names import NameMap
from translators.framing.sse import MAX_EVENT, SseEvent, SseParser
from translators.openai_chat import errors
from translators.openai_chat.chunks import ChunkReader

_DONE = b"[DONE]"

#: First bytes of what is no event stream: a JSON answer or error, an HTML page.
_NOT_SSE = (b"{", b"[", b"<")


class ChatStreamDecoder:
    """Ends at `[DONE]` or at the end of the stream: usage and even text may follow a finish reason.

    A body that is no event stream at all (a backend that ignored `stream`, an error page) is read when it is whole.
    """

    def __init__(self, names: NameMap) -> None:
        self._reader = ChunkReader(names)
        self._sse = SseParser()
        self._head: bytearray | None = bytearray()  # until it is known what this is
        self._body: bytearray | None = None  # of what is no event stream
        self._comments = 0

    def feed(self, data: bytes) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        if self._reader.done:
            return out
        if self._head is not None:
            data = self._recognise(data)
        if self._body is not None:
            self._body += data
            if len(self._body) > MAX_EVENT:
                self._reader.fail(ErrorInfo(ErrorKind.SERVER, "The backend's answer is too large."), out)
            return out
        for event in self._sse.feed(data):
            self._event(event, out)
        if self._sse.comments != self._comments:
            self._comments = self._sse.comments
            if not self._reader.done:
                out.append(Ping())
        if self._sse.overflowed:
            self._reader.fail(ErrorInfo(ErrorKind.SERVER, "The backend sent an event that is too large."), out)
        return out

    def end(self) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        if self._reader.done:
            return out
        if self._head:
            for event in self._sse.feed(bytes(self._head)):
                self._event(event, out)
        if self._body is not None:
            self._whole(bytes(self._body), out)
            return out
        for event in self._sse.end():
            self._event(event, out)
        if self._sse.stray.strip() and not self._reader.done:
            self._stray(self._sse.stray, out)
        self._reader.finish(out, terminated=False)
        return out

    def _recognise(self, data: bytes) -> bytes:
        """Look at the first byte that is not white space; → what is to be parsed now."""
        assert self._head is not None
        self._head += data
        start = bytes(self._head).removeprefix(b"\xef\xbb\xbf").lstrip()
        if not start or b"\xef\xbb\xbf".startswith(start):
            return b""
        data = bytes(self._head)
        self._head = None
        if start.startswith(_NOT_SSE):
            self._body = bytearray()
            return start
        return data

    def _event(self, event: SseEvent, out: list[StreamEvent]) -> None:
        data = event.data.strip()
        if not data or self._reader.done:
            return
        if data.startswith(_DONE):
            self._reader.finish(out, terminated=True)
            return
        try:
            chunk = jsonio.loads(data)
        except ValueError:
            if event.event == "error" or b"error" in data[:200].lower():
                self._reader.fail(errors.from_payload(_readable(data)), out)
            return
        if event.event == "error" or isinstance(chunk, str):
            self._reader.fail(errors.from_payload(chunk), out)
            return
        self._reader.chunk(chunk, data, out)

    def _whole(self, body: bytes, out: list[StreamEvent]) -> None:
        """JSON is an answer or an error, anything else an error page."""
        try:
            answer = jsonio.loads(body)
        except ValueError:
            self._reader.fail(errors.decode_error(502, {}, body), out)
            return
        self._reader.chunk(answer, body, out)
        self._reader.finish(out, terminated=isinstance(answer, dict) and "choices" in answer)

    def _stray(self, stray: bytes, out: list[StreamEvent]) -> None:
        """Raw JSON between the events: an error, if it is one."""
        try:
            self._reader.chunk(jsonio.loads(stray), stray, out)
        except ValueError:
            return


def _readable(data: bytes) -> str:
    return data[:LONGEST].decode("utf-8", "replace")
