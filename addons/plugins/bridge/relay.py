"""A small HTTP/1.1 server on 127.0.0.1 between the gateway's attempt and a plugin that transforms what goes through it.

To the gateway it is an upstream like any other, so that time-outs, hang-ups, failover and audit stay what they are. It
serves only requests that show a ticket: random, good for one request, known to nobody but the attempt it was made for.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

import h11

from addons.plugins.bridge.limits import MIB

log = logging.getLogger(__name__)
#: Carries the ticket there, and back: whoever judges the answer finds by it what the plugin said of it.
HEADER = "x-proxycast-relay"
#: Tickets that wait for their request, and for how long; bytes of a request.
MOST, KEPT, LARGEST = 4096, 600.0, 256 * MIB
#: Seconds for a request to arrive; between two on a connection it may be as long.
ARRIVING = 300.0
_CHUNK = 64 * 1024

Headers = Sequence[tuple[str, str]]


class Reply:
    """The answer to one request, written as it comes about. `begun`: its head is out."""

    def __init__(self, http: h11.Connection, writer: asyncio.StreamWriter, ticket: str) -> None:
        self._http, self._writer, self._ticket = http, writer, ticket
        self.begun = self.aborted = False

    async def head(self, status: int, headers: Headers, length: int | None = None) -> None:
        """Without a length the body goes out in chunks."""
        fields = [*_fields(headers), (HEADER.encode(), self._ticket.encode())]
        if length is not None:
            fields.append((b"content-length", b"%d" % length))
        self.begun = True
        await self._send(h11.Response(status_code=status, headers=fields))

    async def send(self, data: bytes) -> None:
        if data:
            await self._send(h11.Data(data=data))

    async def end(self) -> None:
        await self._send(h11.EndOfMessage())

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        await self.head(status, headers, len(body))
        await self.send(body)
        await self.end()

    def abort(self) -> None:
        """Break the connection: what was sent so far is not the whole answer."""
        self.aborted = True
        self._writer.transport.abort()

    async def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()


#: Answers one request: gets its body.
Work = Callable[[bytes, Reply], Awaitable[None]]


class Relay:
    """Started when it is first needed, on a port that the system chooses. `active` counts requests under way."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._tickets: OrderedDict[str, tuple[Work, float]] = OrderedDict()
        self._connections: set[asyncio.Task[None]] = set()
        self.port = 0
        self.active = 0

    async def start(self) -> None:
        """Raises OSError."""
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=_CHUNK, backlog=1024)
            self.port = self._server.sockets[0].getsockname()[1]

    @property
    def waiting(self) -> int:
        """Tickets whose request has not come yet."""
        self._forget(time.monotonic())
        return len(self._tickets)

    def ticket(self, work: Work) -> str:
        """Good for one request, which `work` answers."""
        now = time.monotonic()
        self._forget(now)
        if len(self._tickets) >= MOST:
            self._tickets.popitem(last=False)
        made = secrets.token_urlsafe(24)
        self._tickets[made] = (work, now)
        return made

    async def close(self) -> None:
        self._tickets.clear()
        if self._server is not None:
            self._server.close()
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- within

    def _forget(self, now: float) -> None:
        while self._tickets:
            oldest = next(iter(self._tickets))
            if now - self._tickets[oldest][1] < KEPT:
                return
            del self._tickets[oldest]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=_CHUNK)
        try:
            while await self._serve(http, reader, writer):
                http.start_next_cycle()
        except (ConnectionError, TimeoutError, h11.ProtocolError, asyncio.CancelledError):
            pass  # the gateway hung up, somebody else held the line, or we are closing
        except Exception:
            log.exception("proxycast: a plugin's relay failed")
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, http: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; → whether another may follow."""
        async with asyncio.timeout(ARRIVING):
            event = await _next(http, reader)
        if not isinstance(event, h11.Request):
            return False
        shown = next((value.decode("latin-1") for name, value in event.headers if name == HEADER.encode()), "")
        found = self._tickets.pop(shown, None)
        reply = Reply(http, writer, shown if found else "")
        if found is None:
            await reply.whole(403, (), b"")
            return False
        async with asyncio.timeout(ARRIVING):
            body = await _body(http, reader)
        if body is None:
            await reply.whole(413, (), b"")
            return False
        self.active += 1
        try:
            await _attended(found[0](body, reply), http, reader)
        finally:
            self.active -= 1
        if not reply.begun:
            await reply.whole(500, (), b"")
        return not reply.aborted and http.our_state is h11.DONE and http.their_state is h11.DONE


async def _attended(work: Awaitable[None], http: h11.Connection, reader: asyncio.StreamReader) -> None:
    """Work that ends when the other side goes away. Raises ConnectionError then."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            listening = asyncio.ensure_future(reader.read(_CHUNK))
            await asyncio.wait((task, listening), return_when=asyncio.FIRST_COMPLETED)
            if not listening.done():
                listening.cancel()
                with suppress(asyncio.CancelledError):
                    await listening
            if listening.cancelled():
                break
            data = listening.result()
            http.receive_data(data)
            if not data:
                raise ConnectionError("hung up")
        await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _next(http: h11.Connection, reader: asyncio.StreamReader) -> h11.Event | type:
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await reader.read(_CHUNK))
    return event


async def _body(http: h11.Connection, reader: asyncio.StreamReader) -> bytes | None:
    """None when it is too long."""
    pieces, size = [], 0
    while isinstance(event := await _next(http, reader), h11.Data):
        size += len(event.data)
        if size > LARGEST:
            return None
        pieces.append(bytes(event.data))
    return b"".join(pieces)


def _fields(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """As they may stand in a message: what cannot is left out."""
    fields = []
    for name, value in headers:
        pair = (name.lower().encode("latin-1", "replace"), value.strip().encode("latin-1", "replace"))
        try:
            h11.Response(status_code=200, headers=[pair])
        except h11.LocalProtocolError:
            continue
        fields.append(pair)
    return fields
