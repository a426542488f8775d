"""One attempt's answer on its way to the client: translated, or passed on untouched while a decoder listens.

The gateway feeds upstream bytes and sends what comes back. What it must know for failover stands in attributes: whether
content was seen (the point of no return, design.md decision 2), whether the stream is over, and how.

Nothing that an encoder makes reaches the client before content, but comments: each attempt may have an encoder of its
own.
"""

from __future__ import annotations

from translators.canonical.call_ids import CallIds
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import Error, Finish, Ping, Start, StreamEvent, is_content
from translators.canonical.response import Fold
from translators.canonical.stop_cutter import StopCutter
from translators.framing.sse import comment
from translators.protocol import StreamDecoder, StreamEncoder

#: Keeps a client waiting before its stream was opened. Every SSE reader skips it, but Gemini's, which gets nothing.
IDLE = comment("keep-alive")

_CUT = "The upstream's stream ended before the answer did."
_UNREADABLE = "The upstream's stream could not be read"


class AnswerPipe:
    """Bytes of the backend in, bytes for the client out. Make one with `translating` or `tapping`.

    * `started`: a first event (no ping) was read
    * `content_seen`: a content event was read; from here errors are told in-stream, and failover is over
    * `finished`: the answer ended, in a Finish or an Error; what follows is ignored (translating) or only passed on
    * `error`: how it failed. Before content it was not sent: try the next candidate, or send it with `fail`
    * `events`: how many events were read; `fold`: the answer so far, as the client gets it
    * `fault`: an exception of a translator, for the log; the client got an error (translating) or noticed nothing
    """

    def __init__(
        self,
        decoder: StreamDecoder,
        encoder: StreamEncoder | None,
        *,
        passing: bool,
        stop_sequences: list[str] | None = None,
        call_ids: CallIds | None = None,
    ) -> None:
        self.started = False
        self.content_seen = False
        self.finished = False
        self.error: ErrorInfo | None = None
        self.events = 0
        self.fold = Fold()
        self.fault: Exception | None = None
        self._decoder = decoder
        self._encoder = encoder
        self._passing = passing
        self._cutter = StopCutter(stop_sequences) if stop_sequences else None
        self._call_ids = call_ids
        self._waiting: list[StreamEvent] = []  # events before content, not yet encoded
        self._opening = b""  # what the encoder wrote when asked for a keep-alive too early
        self._closed = False  # the client was told how it ended
        self._primed = False  # tapping: the encoder believes that it opened the stream
        self._tail = b"\n\n"  # tapping: the latest bytes passed on

    @classmethod
    def translating(
        cls,
        decoder: StreamDecoder,
        encoder: StreamEncoder,
        stop_sequences: list[str] | None = None,
        call_ids: CallIds | None = None,
    ) -> AnswerPipe:
        """From the backend's protocol to the client's. `stop_sequences` only where the backend cannot enforce them;
        `call_ids` keeps ids of calls unique in the client's conversation."""
        return cls(decoder, encoder, passing=False, stop_sequences=stop_sequences, call_ids=call_ids)

    @classmethod
    def tapping(cls, decoder: StreamDecoder, error_encoder: StreamEncoder | None = None) -> AnswerPipe:
        """Same protocol on both sides: the bytes pass, the decoder listens.

        `error_encoder` (unused so far, of that protocol) tells the client of a cut stream and of errors of our own;
        without it both end the stream silently.
        """
        return cls(decoder, error_encoder, passing=True)

    def feed(self, data: bytes) -> bytes:
        if self._passing:
            self._listen(data)
            self._tail = (self._tail + data[-4:])[-4:]
            return data
        if self.finished:
            return b""
        return self._encoded(self._decoded(data))

    def end(self) -> bytes:
        """The upstream closed. A stream without its proper end becomes an Error, also when the decoder missed it."""
        if self._passing:
            if not self.finished and self.fault is None:
                self._listen(None)
                if not self.finished and self.fault is None:
                    self._heard(_cut())
                if self.content_seen and self.error is not None:
                    return self._error_frame(self.error)
            return b""
        if self.finished:
            return b""
        out = self._encoded(self._decoded(None))
        return out if self.finished else out + self._encoded([_cut()])

    def fail(self, info: ErrorInfo) -> bytes:
        """The gateway ends the answer: the error in the client's in-stream form, unless an end was told before."""
        if self._closed:
            return b""
        error = Error(info)
        if self._passing:
            self._note(error)
            return self._error_frame(info)
        # Before content the encoder has been shown nothing; after it, text may be held back for a stop sequence.
        held = self._cutter.flush() if self.content_seen and self._cutter is not None else []
        return self._open() + self._encoded(held) + self._told(error)

    def keepalive(self) -> bytes:
        """Bytes that keep the client waiting, at any moment; b"" where none are possible."""
        if self._encoder is None or self._closed:
            return b""
        if self._passing:
            return self._tapped_keepalive(self._encoder)
        alive = self._encoder.keepalive()
        if self.content_seen or not alive or alive.startswith(b":"):
            return alive
        # It opened the stream, which must not reach the client before content: failover would open it twice.
        self._opening = self._opening or alive
        return IDLE

    # -- translating

    def _decoded(self, data: bytes | None) -> list[StreamEvent]:
        try:
            events = self._decoder.end() if data is None else self._decoder.feed(data)
        except Exception as fault:
            self.fault = fault
            events = [_unreadable(fault)]
        self.events += len(events)
        if self._call_ids is not None:
            self._call_ids.apply(events)
        return events if self._cutter is None else self._cutter.pass_through(events)

    def _encoded(self, events: list[StreamEvent]) -> bytes:
        out: list[bytes] = []
        for event in events:
            self._note(event)
            if self.content_seen:
                if self._waiting or self._opening:
                    out.append(self._open())
                    out.extend(self._deliver(waiting) for waiting in self._waiting)
                    self._waiting.clear()
                out.append(self._deliver(event))
            elif isinstance(event, Error):
                self._waiting.clear()
            elif not isinstance(event, Ping):
                self._waiting.append(event)
            if self.finished:
                break
        return b"".join(out)

    def _note(self, event: StreamEvent) -> None:
        self.fold.add(event)
        if not self.content_seen and is_content(event):
            self.content_seen = True
        if isinstance(event, Error):
            self.error = event.error
            self.finished = True
            return
        if isinstance(event, Finish):
            self.finished = True
        if not isinstance(event, Ping):
            self.started = True

    def _told(self, error: Error) -> bytes:
        self._note(error)
        return self._deliver(error)

    def _deliver(self, event: StreamEvent) -> bytes:
        assert self._encoder is not None
        if self._closed:
            return b""
        try:
            data = self._encoder.encode(event)
        except Exception as fault:
            self.fault = fault
            if isinstance(event, Error):
                self._closed = True
                return b""
            return self._told(_unreadable(fault))
        self._closed = isinstance(event, Finish | Error)
        return data

    def _open(self) -> bytes:
        opening, self._opening = self._opening, b""
        return opening

    # -- tapping

    def _listen(self, data: bytes | None) -> None:
        if self.fault is not None:
            return
        try:
            events = self._decoder.end() if data is None else self._decoder.feed(data)
            for event in events:
                if self.finished:
                    break
                self._heard(event)
                if self.finished and self.content_seen and data is not None:
                    self._closed = True  # the client reads it in the same bytes
        except Exception as fault:  # a listener must not harm the bytes
            self.fault = fault

    def _heard(self, event: StreamEvent) -> None:
        self.events += 1
        self._note(event)
        if isinstance(event, Finish):
            self._closed = True

    def _error_frame(self, info: ErrorInfo) -> bytes:
        self._closed = True
        if self._encoder is None:
            return b""
        self._prime(self._encoder)
        # Behind half a frame the error must not become a part of it.
        return (b"" if self._between_frames() else b"\n\n") + self._encoder.encode(Error(info))

    def _tapped_keepalive(self, encoder: StreamEncoder) -> bytes:
        self._prime(encoder)
        alive = encoder.keepalive()
        if not self.content_seen:
            return IDLE if alive else b""  # nothing of the upstream's need have been sent yet
        return alive if self._between_frames() else b""

    def _prime(self, encoder: StreamEncoder) -> None:
        """The upstream opened the stream in the encoder's place."""
        if not self._primed:
            self._primed = True
            encoder.encode(Start())

    def _between_frames(self) -> bool:
        return self._tail.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))


def _unreadable(fault: Exception) -> Error:
    return Error(ErrorInfo(ErrorKind.SERVER, f"{_UNREADABLE} ({type(fault).__name__})."))


def _cut() -> Error:
    return Error(ErrorInfo(ErrorKind.SERVER, _CUT))
