"""`python -m scripts.benchlib.load JOB`: the load generator. JOB is JSON in, one line of JSON out.

A closed loop: each connection sends its next request when the answer to the last one is complete.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from scripts.benchlib.wire import NUMBER, STAMP, WHOLE_TEXT, WIRES

_STAMPED = re.compile(STAMP + rb"(\d{16})")


@dataclass(slots=True)
class Job:
    """What to send to 127.0.0.1:`port`, and for how long. `requests` > 0 ends it after that many instead.

    `stream`: each connection reads one stream after the other, and the events' times on their way are measured.
    """

    port: int
    client: str  # letter of the protocol
    model: str
    key: str
    connections: int
    seconds: float
    warm_up: float = 0.5
    requests: int = 0
    stream: bool = False
    first_number: int = 0


@dataclass(slots=True)
class Result:
    """Latencies are milliseconds, of requests or, with `stream`, of events. `all_done` counts those of the warm-up
    too."""

    done: int = 0
    all_done: int = 0
    errors: int = 0
    first_error: str = ""
    seconds: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    latencies: list[float] = field(default_factory=list)


class Generator:
    """What the connections share."""

    def __init__(self, job: Job) -> None:
        wire = WIRES[job.client]
        self.job = job
        body = json.dumps(wire.body(job.model, job.stream), separators=(",", ":")).encode()
        head = (
            f"POST {wire.path(job.model, job.stream)} HTTP/1.1\r\nhost: 127.0.0.1:{job.port}\r\n"
            f"content-type: application/json\r\n{wire.key_header.format(job.key)}\r\nanthropic-version: 2023-06-01\r\n"
            f"accept: application/json\r\nuser-agent: bench/1\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self.before, self.after = (head.encode() + body).split(NUMBER)
        self.number = job.first_number
        self.result = Result()
        self.over = asyncio.get_running_loop().create_future()
        start = time.monotonic()
        self.measure_from = start + job.warm_up
        self.measure_to = self.measure_from + job.seconds

    def request(self) -> bytes:
        self.number += 1
        return b"%b%012d%b" % (self.before, self.number, self.after)

    def more(self) -> bool:
        """Whether to send another request."""
        job = self.job
        wanted = self.number - job.first_number < job.requests if job.requests else time.monotonic() < self.measure_to
        if not wanted and not self.over.done() and (not job.requests or self.result.all_done >= job.requests):
            self.over.set_result(None)
        return wanted

    def error(self, text: str) -> None:
        self.result.errors += 1
        self.result.first_error = self.result.first_error or text
        if self.result.errors > 100 and not self.over.done():
            self.over.set_result(None)


class Connection(asyncio.Protocol):
    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._buffer = bytearray()
        self._need = -1  # bytes of the whole answer, -1 = not known yet
        self._chunked = False
        self._sent = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._generator.over.done():
            self._generator.error(f"the connection was closed: {exc}")
            if self._generator.result.errors > 5:
                self._generator.over.set_result(None)

    def _send(self) -> None:
        if self._generator.more():
            self._sent = time.monotonic()
            self._transport.write(self._generator.request())

    def data_received(self, data: bytes) -> None:
        if self._generator.job.stream:
            self._note_events(data)
        self._buffer += data
        if self._need < 0 and not self._chunked:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            if b"transfer-encoding: chunked" in head:
                self._chunked = True
            else:
                _, found, rest = head.partition(b"\r\ncontent-length:")
                self._need = end + 4 + (int(rest.partition(b"\r\n")[0]) if found else 0)
        if self._buffer.endswith(b"\r\n0\r\n\r\n") if self._chunked else len(self._buffer) >= self._need:
            self._complete()
        elif self._chunked and self._generator.job.stream and len(self._buffer) > 4096:
            del self._buffer[15:-16]  # the status, and what tells the end

    def _complete(self) -> None:
        now = time.monotonic()
        generator, result = self._generator, self._generator.result
        good = self._buffer[9:12] == b"200" and (generator.job.stream or WHOLE_TEXT.encode() in self._buffer)
        result.all_done += 1
        if not good:
            generator.error(bytes(self._buffer[:600]).decode("utf-8", "replace"))
        elif not generator.job.stream and (generator.job.requests or self._counts(now)):
            result.done += 1
            result.latencies.append((now - self._sent) * 1000)
        self._buffer.clear()
        self._need, self._chunked = -1, False
        self._send()

    def _counts(self, now: float) -> bool:
        return self._generator.measure_from <= self._sent and now <= self._generator.measure_to

    def _note_events(self, data: bytes) -> None:
        now_ns, now = time.monotonic_ns(), time.monotonic()
        result = self._generator.result
        for sent in _STAMPED.findall(data):
            result.all_done += 1
            if self._generator.measure_from <= now <= self._generator.measure_to:
                result.done += 1
                result.latencies.append((now_ns - int(sent)) / 1e6)


async def run(job: Job) -> Result:
    loop = asyncio.get_running_loop()
    generator = Generator(job)
    transports = []
    for index in range(job.connections):
        if job.stream and index:
            await asyncio.sleep(0.5 * job.warm_up / job.connections)  # all are there after half of the warm-up
        transport, _ = await loop.create_connection(lambda: Connection(generator), "127.0.0.1", job.port)
        transports.append(transport)
    began = time.monotonic()
    limit = 600.0 if job.requests else max(0.0, generator.measure_to - time.monotonic()) + (0.2 if job.stream else 5.0)
    if job.stream:
        await asyncio.sleep(limit)
    else:
        await asyncio.wait([generator.over], timeout=limit)
    if not generator.over.done():
        generator.over.set_result(None)
    for transport in transports:
        transport.abort()
    result = generator.result
    result.seconds = time.monotonic() - began if job.requests else job.seconds
    ordered = sorted(result.latencies)
    if ordered:
        result.p50, result.p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    result.latencies = []
    return result


def main() -> None:
    parameters: dict[str, Any] = json.loads(sys.argv[1])
    print(json.dumps(asdict(asyncio.run(run(Job(**parameters))))))


if __name__ == "__main__":
    main()
