"""Puts what a plugin says of an answer into its target protocol: canonical events through the encoder, bytes as they
are; nothing goes out before there is content, so that an error before it still has its status."""

from __future__ import annotations

from addons.plugins.bridge.events import EventReader
from addons.plugins.bridge.protocol import Piece
from addons.plugins.bridge.relay import Headers, Reply
from translators import jsonio, registry
from translators.canonical.errors import ErrorInfo
from translators.canonical.events import Error, StreamEvent, is_content
from translators.canonical.response import Fold
from translators.protocol import Reply as About

JSON_TYPE = "application/json"


class RefusedError(Exception):
    """The answer is an error, and nothing of it was sent yet."""

    def __init__(self, error: ErrorInfo) -> None:
        super().__init__(error.message)
        self.error = error


class Answering:
    """One answer. `stream`: the gateway asked for one. `headers` are the upstream's that go on."""

    def __init__(
        self, reply: Reply, protocol: str, model: str, seed: str, created: int, headers: Headers, *, stream: bool
    ) -> None:
        self._reply, self._headers, self._stream = reply, headers, stream
        self._protocol = registry.get(protocol)
        self._about = About(seed=seed, created=created, model=model, include_usage=True)
        self._reader = EventReader(seed, model, protocol)
        self._encoder = self._protocol.stream_encoder(self._about) if stream else None
        self._fold = Fold()
        self._held: list[bytes] = []
        self._in_events = False
        self.failed = False

    @property
    def done(self) -> bool:
        """The answer is complete; what follows does not matter."""
        return self._reader.done

    async def take(self, piece: Piece, method: str) -> None:
        """Raises RefusedError and ShapeError."""
        data = piece.data(method)
        if piece.events is not None:
            self._in_events = True
            await self._deliver(self._reader.feed(piece.events))
        elif data:
            if self._stream:
                await self._send(data)
            else:
                self._held.append(data)

    async def end(self) -> None:
        """Raises RefusedError."""
        if self._in_events or (not self._held and not self._reply.begun):
            await self._deliver(self._reader.end())
        if self._stream:
            if not self._reply.begun:
                await self._open()
            await self._reply.end()
            return
        body = b"".join(self._held)
        if self._in_events:
            answer = self._fold.response()
            body = jsonio.dumps(self._protocol.encode_response(answer, self._about))
        await self._reply.whole(200, [*self._headers, ("content-type", self._type_of(body))], body)

    async def fail(self, error: ErrorInfo) -> None:
        """In mid-answer: told in the stream's own form where we write it, else the connection breaks."""
        self.failed = True
        if self._encoder is None or not self._in_events:
            self._reply.abort()
            return
        self._reader.done = True
        await self._reply.send(self._encoder.encode(Error(error)))
        await self._reply.end()

    # -- within

    async def _deliver(self, events: list[StreamEvent]) -> None:
        out: list[bytes] = []
        for event in events:
            if isinstance(event, Error) and not self._reply.begun:
                raise RefusedError(event.error)
            if self._encoder is None:
                self._fold.add(event)
                continue
            out.append(self._encoder.encode(event))
            if not self._reply.begun and is_content(event):
                out, self._held = [*self._held, *out], []
                await self._open()
        if self._reply.begun:
            await self._reply.send(b"".join(out))
        else:
            self._held += out

    async def _send(self, data: bytes) -> None:
        if not self._reply.begun:
            await self._open()
        await self._reply.send(data)

    async def _open(self) -> None:
        await self._reply.head(200, [*self._headers, ("content-type", self._protocol.stream_type)])

    def _type_of(self, body: bytes) -> str:
        return JSON_TYPE if body[:1] in (b"{", b"[") else self._protocol.stream_type
