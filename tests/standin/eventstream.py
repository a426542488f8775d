"""Writes AWS event-stream messages (kiro.md section 7.1), also wrong ones on request."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping

Value = bool | int | str | bytes


def header(name: str, value: Value) -> bytes:
    """One header: text, bytes, booleans and 32-bit integers in their own types."""
    if isinstance(value, bool):
        written = b"\x00" if value else b"\x01"
    elif isinstance(value, int):
        written = b"\x04" + struct.pack(">i", value)
    elif isinstance(value, str):
        written = b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()
    else:
        written = b"\x06" + struct.pack(">H", len(value)) + value
    return bytes([len(name.encode())]) + name.encode() + written


def framed(headers: bytes, payload: bytes) -> bytes:
    """The message around encoded headers and a payload, with its two checksums."""
    prelude = struct.pack(">II", len(headers) + len(payload) + 16, len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def message(headers: Mapping[str, Value] | Iterable[tuple[str, Value]], payload: bytes = b"") -> bytes:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return framed(b"".join(header(name, value) for name, value in pairs), payload)


def event(kind: str, payload: bytes) -> bytes:
    """One event of a service whose payloads are JSON."""
    return message(
        {":event-type": kind, ":content-type": "application/json", ":message-type": "event"},
        payload,
    )


def exception(kind: str, payload: bytes) -> bytes:
    """A modelled error inside the stream."""
    return message(
        {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"},
        payload,
    )


def error(code: str, text: str) -> bytes:
    """An unmodelled error inside the stream: it has no payload."""
    return message({":error-code": code, ":error-message": text, ":message-type": "error"})
