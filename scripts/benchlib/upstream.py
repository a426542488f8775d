"""`python -m scripts.benchlib.upstream`: answers every request of every protocol at once, streams at an even pace.

Raw asyncio, answers made beforehand: it must never be what a measurement measures.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import time

from scripts.benchlib.wire import TIME, WIRES, Wire, wire_of

_WHOLE_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n"
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"


def _whole(wire: Wire) -> bytes:
    body = json.dumps(wire.whole(wire.model), separators=(",", ":")).encode()
    return _WHOLE_HEAD.format(len(body)).encode() + body


_WHOLE = {letter: _whole(wire) for letter, wire in WIRES.items()}


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Connection(asyncio.Protocol):
    """One client; requests one after the other."""

    rate = 50.0  # events a second in a stream
    seconds = 5.0  # length of a stream

    def __init__(self) -> None:
        self._buffer = b""
        self._transport: asyncio.Transport
        self._streaming: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._streaming is not None:
            self._streaming.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            _, found, rest = head.partition(b"\r\ncontent-length:")
            length = int(rest.partition(b"\r\n")[0]) if found else 0
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            self._answer(head.split(b" ", 2)[1], body)

    def _answer(self, path: bytes, body: bytes) -> None:
        wire = wire_of(path.replace(b"generatecontent", b"generateContent"))
        if wire is None:
            self._transport.write(_NOT_FOUND)
        elif b"streamgenerate" in path or b'"stream":true' in body or b'"stream": true' in body:
            self._streaming = asyncio.get_running_loop().create_task(self._stream(wire))
        else:
            self._transport.write(_WHOLE[wire.letter])

    async def _stream(self, wire: Wire) -> None:
        """Events at an even pace, from a moment of its own: many streams do not speak in unison."""
        write = self._transport.write
        write(_STREAM_HEAD + (_chunk(wire.opening) if wire.opening else b""))
        before, after = _chunk(wire.event).split(TIME)
        step = 1 / self.rate
        due = time.monotonic() + random.random() * step
        for _ in range(int(self.rate * self.seconds)):
            await asyncio.sleep(due - time.monotonic())
            due += step
            write(b"%b%016d%b" % (before, time.monotonic_ns(), after))
        write(_chunk(wire.closing) + b"0\r\n\r\n")


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.benchlib.upstream", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any; the port is printed")
    parser.add_argument("--rate", type=float, default=50.0, help="events a second in a stream")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a stream")
    options = parser.parse_args()
    Connection.rate, Connection.seconds = options.rate, options.seconds
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(options.port))


if __name__ == "__main__":
    main()
