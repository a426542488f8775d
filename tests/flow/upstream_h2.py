"""An HTTP/2 upstream over TLS whose streams misbehave on request, with certificates of its own making."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path

import h2.config
import h2.connection
import h2.events
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.flow import upstream as up

Behaviour = Callable[["H2Connection", int, dict[str, str], bytes], None]


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1: (certificate, key)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    cert_file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


class H2Connection:
    def __init__(self, sock: ssl.SSLSocket, number: int) -> None:
        self.sock, self.number = sock, number
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))

    def flush(self) -> None:
        self.sock.sendall(self.h2.data_to_send())

    def answer(self, stream: int, status: int, kind: str, body: bytes, **headers: str) -> None:
        fields = [(":status", str(status)), ("content-type", kind), *headers.items()]
        self.h2.send_headers(stream, fields)
        self.h2.send_data(stream, body, end_stream=True)


class H2Upstream:
    """`behaviours[secret]` is used up in order; when empty a good answer follows."""

    def __init__(self, cert: Path, key: Path) -> None:
        self.behaviours: dict[str, deque[Behaviour]] = defaultdict(deque)
        self.secrets: list[str] = []
        self.resets: list[int] = []
        self.connections = 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.set_alpn_protocols(["h2"])
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            sock = self._context.wrap_socket(raw, server_side=True)
            self.connections += 1
            connection = H2Connection(sock, self.connections)
            connection.h2.initiate_connection()
            connection.flush()
            requests: dict[int, tuple[dict[str, str], bytearray]] = {}
            while data := sock.recv(65536):
                for event in connection.h2.receive_data(data):
                    self._on(connection, event, requests)
                connection.flush()

    def _on(
        self, connection: H2Connection, event: object, requests: dict[int, tuple[dict[str, str], bytearray]]
    ) -> None:
        if isinstance(event, h2.events.RequestReceived):
            headers = {_text(name): _text(value) for name, value in event.headers}
            requests[event.stream_id] = (headers, bytearray())
        elif isinstance(event, h2.events.DataReceived):
            requests[event.stream_id][1].extend(event.data)
            connection.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.resets.append(event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            headers, body = requests.pop(event.stream_id)
            secret = headers.get("x-api-key", "")
            self.secrets.append(secret)
            queue = self.behaviours[secret]
            behave = queue.popleft() if queue else good
            behave(connection, event.stream_id, headers, bytes(body))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def good(connection: H2Connection, stream: int, _: dict[str, str], body: bytes) -> None:
    if json.loads(body).get("stream"):
        connection.answer(stream, 200, "text/event-stream", b"".join(up.GOOD_STREAM))
    else:
        connection.answer(stream, 200, "application/json", up.message())


def error_first(connection: H2Connection, stream: int, _: dict[str, str], body: bytes) -> None:
    event = up.event("error", error={"type": "overloaded_error", "message": "busy"})
    connection.answer(stream, 200, "text/event-stream", up.START + event)


def status_429(connection: H2Connection, stream: int, _: dict[str, str], body: bytes) -> None:
    connection.answer(stream, 429, "application/json", up.error_body("rate_limit_error", "slow"))


def reset_stream(connection: H2Connection, stream: int, _: dict[str, str], body: bytes) -> None:
    connection.h2.reset_stream(stream, error_code=7)  # REFUSED_STREAM


def reset_in_stream(connection: H2Connection, stream: int, _: dict[str, str], body: bytes) -> None:
    connection.h2.send_headers(stream, [(":status", "200"), ("content-type", "text/event-stream")])
    connection.h2.send_data(stream, up.START)
    connection.h2.reset_stream(stream, error_code=2)


def goaway(connection: H2Connection, stream: int, _: dict[str, str], body: bytes) -> None:
    connection.h2.close_connection(error_code=0, last_stream_id=0)
    connection.flush()
    connection.sock.close()


def stall(connection: H2Connection, stream: int, _: dict[str, str], body: bytes) -> None:
    connection.h2.send_headers(stream, [(":status", "200"), ("content-type", "text/event-stream")])
    connection.h2.send_data(stream, up.START + up.BLOCK + up.delta("x"))
