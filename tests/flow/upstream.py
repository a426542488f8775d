"""A raw HTTP/1.1 upstream on real sockets that misbehaves on request: each secret has a queue of behaviours."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Behaviour = Callable[["Connection", "Received"], None]


@dataclass
class Received:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int  # which connection, counted from 1
    at: float

    @property
    def secret(self) -> str:
        return self.headers.get("x-api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass
class Connection:
    sock: socket.socket
    number: int
    closed: bool = False

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def close(self) -> None:
        """An ordinary FIN."""
        self.closed = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def reset(self) -> None:
        """A RST."""
        self.closed = True
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


@dataclass
class Upstream:
    """`behaviours[secret]` is used up in order; when empty, `good` answers."""

    good: Behaviour
    behaviours: dict[str, deque[Behaviour]] = field(default_factory=lambda: defaultdict(deque))
    requests: list[Received] = field(default_factory=list)
    hang_ups: list[float] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def script(self, secret: str, *behaviours: Behaviour) -> None:
        self.behaviours[secret].extend(behaviours)

    def of(self, secret: str) -> list[Received]:
        return [request for request in self.requests if request.secret == secret]

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock, self.connections)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        try:
            for request in _requests(connection):
                self.requests.append(request)
                queue = self.behaviours[request.secret]
                behaviour = queue.popleft() if queue else self.good
                behaviour(connection, request)
                if connection.closed:
                    return
        except OSError:
            self.hang_ups.append(time.monotonic())
        finally:
            with contextlib.suppress(OSError):
                connection.sock.close()


def _requests(connection: Connection) -> Iterator[Received]:
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer:
            data = connection.sock.recv(65536)
            if not data:
                return
            buffer += data
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(buffer) < length:
            data = connection.sock.recv(65536)
            if not data:
                return
            buffer += data
        method, path, _ = first.split(" ", 2)
        yield Received(method, path, headers, buffer[:length], connection.number, time.monotonic())
        buffer = buffer[length:]


# -- behaviours


def answer(
    status: int, body: bytes, content_type: str = "application/json", *, two: bool = False, **headers: str
) -> Behaviour:
    """A whole answer; `two`: head and body in segments of their own."""
    extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n{extra}\r\n".encode()

    def behave(connection: Connection, _: Received) -> None:
        _send(connection, head, body, two)

    return behave


def stream(*chunks: bytes, two: bool = False, end: str = "chunked", pause: float = 0.0) -> Behaviour:
    """An event stream. `end`: "chunked" ends well; "close" and "reset" cut it; "stall" says nothing more."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    pieces = [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks]

    def behave(connection: Connection, _: Received) -> None:
        if pause:
            connection.send(head)
            for piece in pieces:
                connection.send(piece)
                time.sleep(pause)
        else:
            _send(connection, head, b"".join(pieces), two)
        match end:
            case "chunked":
                connection.send(b"0\r\n\r\n")
            case "close":
                time.sleep(0.05)
                connection.close()
            case "reset":
                time.sleep(0.05)
                connection.reset()
            case "stall":
                if connection.sock.recv(1) == b"":
                    raise ConnectionError

    return behave


def reset(connection: Connection, _: Received) -> None:
    connection.reset()


def close(connection: Connection, _: Received) -> None:
    connection.close()


def silence(connection: Connection, _: Received) -> None:
    """Nothing, until the other side gives up."""
    if connection.sock.recv(1) == b"":
        raise ConnectionError


def _send(connection: Connection, head: bytes, body: bytes, two: bool) -> None:
    if two:
        connection.send(head)
        time.sleep(0.05)
        connection.send(body)
    else:
        connection.send(head + body)


# -- contents, in Anthropic's words


def message(text: str = "good") -> bytes:
    return json.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-6",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 2},
        }
    ).encode()


def event(name: str, **data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


START = event(
    "message_start",
    message={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 1},
    },
)
BLOCK = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
STOP = event("content_block_stop", index=0)
END = event(
    "message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 2}
) + event("message_stop")


def delta(text: str) -> bytes:
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


GOOD_STREAM = (START, BLOCK, delta("go"), delta("od"), STOP + END)


def good(connection: Connection, request: Received) -> None:
    """Streams or not, as asked."""
    if json.loads(request.body or b"{}").get("stream"):
        stream(*GOOD_STREAM)(connection, request)
    else:
        answer(200, message())(connection, request)


def error_body(kind: str, text: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": text}}).encode()
