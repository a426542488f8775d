"""AWS event streams: binary messages with headers, bytes cut anywhere in, whole messages out.

A message is prelude (total length, headers length, CRC-32 of those eight bytes), headers, payload, CRC-32 of all before
it; all numbers big-endian (kiro.md §7.1, the limits of botocore 1.44).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

CONTENT_TYPE = "application/vnd.amazon.eventstream"

MAX_HEADERS = 128 * 1024
MAX_PAYLOAD = 24 * 1024 * 1024

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_LENGTH = struct.Struct(">H")
_FRAME = _PRELUDE.size + _CRC.size  # what a message has around its headers and payload

HeaderValue = bool | int | bytes | str


class Message(NamedTuple):
    """Header values by type: booleans, integers (byte to long, and timestamps in ms), bytes (also UUIDs), text."""

    headers: dict[str, HeaderValue]
    payload: bytes

    def text(self, name: str) -> str:
        """A header that is text; "" where it is none or missing."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else ""


class EventStreamParser:
    """Cuts a byte stream into messages. Never raises.

    `error` says why the stream cannot be read any further, once that is so: nothing behind a corrupt message can be
    trusted, for its length may be wrong, so nothing more is returned. `open` tells whether a message is unfinished: at
    the end of a stream, that it was cut.
    """

    def __init__(self, max_headers: int = MAX_HEADERS, max_payload: int = MAX_PAYLOAD) -> None:
        self.error: str | None = None
        self._max_headers = max_headers
        self._max_payload = max_payload
        self._buffer = bytearray()
        self._total = 0  # length of the message that the buffer begins with; 0 until its prelude is read
        self._headers_end = 0

    @property
    def open(self) -> bool:
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Message]:
        out: list[Message] = []
        if self.error is not None:
            return out
        self._buffer += data
        try:
            while self._ready():
                out.append(self._take())
        except _CorruptError as error:
            self.error = str(error)
            self._buffer.clear()
        return out

    def _ready(self) -> bool:
        """Whether the buffer holds a whole message."""
        if not self._total:
            if len(self._buffer) < _PRELUDE.size:
                return False
            self._read_prelude()
        return len(self._buffer) >= self._total

    def _read_prelude(self) -> None:
        total, headers, crc = _PRELUDE.unpack_from(self._buffer)
        if zlib.crc32(self._buffer[: _PRELUDE.size - _CRC.size]) != crc:
            raise _CorruptError("the checksum of a message's prelude is wrong")
        payload = total - headers - _FRAME
        if payload < 0:
            raise _CorruptError(f"a message of {total} bytes cannot hold headers of {headers}")
        if headers > self._max_headers:
            raise _CorruptError(f"a message's headers of {headers} bytes are longer than {self._max_headers}")
        if payload > self._max_payload:
            raise _CorruptError(f"a message's payload of {payload} bytes is longer than {self._max_payload}")
        self._total = total
        self._headers_end = _PRELUDE.size + headers

    def _take(self) -> Message:
        """The message at the buffer's beginning, taken out of it."""
        message = bytes(self._buffer[: self._total])
        del self._buffer[: self._total]
        end = self._total - _CRC.size
        self._total = 0
        if zlib.crc32(message[:end]) != _CRC.unpack_from(message, end)[0]:
            raise _CorruptError("the checksum of a message is wrong")
        return Message(_headers(message[_PRELUDE.size : self._headers_end]), message[self._headers_end : end])


class _CorruptError(Exception):
    """The stream is not what it should be; the text says in what."""


def _headers(data: bytes) -> dict[str, HeaderValue]:
    found: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(data):
            name, at = _text(data, at + 1, data[at])
            kind = data[at]
            read = _VALUES.get(kind)
            if read is None:
                raise _CorruptError(f"a header has the unknown type {kind}")
            if name in found:
                raise _CorruptError(f"the header {name} occurs twice")
            found[name], at = read(data, at + 1)
    except (IndexError, struct.error) as error:
        raise _CorruptError("the headers end in the middle of one") from error
    except UnicodeDecodeError as error:
        raise _CorruptError("a header is not UTF-8") from error
    return found


def _bytes(data: bytes, at: int, length: int) -> tuple[bytes, int]:
    if at + length > len(data):
        raise IndexError
    return data[at : at + length], at + length


def _text(data: bytes, at: int, length: int) -> tuple[str, int]:
    raw, at = _bytes(data, at, length)
    return raw.decode("utf-8"), at


def _number(form: str) -> Callable[[bytes, int], tuple[HeaderValue, int]]:
    number = struct.Struct(form)
    return lambda data, at: (number.unpack_from(data, at)[0], at + number.size)


def _sized_bytes(data: bytes, at: int) -> tuple[HeaderValue, int]:
    return _bytes(data, at + _LENGTH.size, _LENGTH.unpack_from(data, at)[0])


def _sized_text(data: bytes, at: int) -> tuple[HeaderValue, int]:
    return _text(data, at + _LENGTH.size, _LENGTH.unpack_from(data, at)[0])


#: Type byte → what reads the value behind it: (data, offset) → (value, offset behind it).
_VALUES: dict[int, Callable[[bytes, int], tuple[HeaderValue, int]]] = {
    0: lambda data, at: (True, at),
    1: lambda data, at: (False, at),
    2: _number(">b"),
    3: _number(">h"),
    4: _number(">i"),
    5: _number(">q"),
    6: _sized_bytes,
    7: _sized_text,
    8: _number(">q"),
    9: lambda data, at: _bytes(data, at, 16),
}
