"""What travels through the pipe from the gateway to its writer: tag, length, payload; replies are lines of JSON."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

#: Tag byte, payload length in bytes.
_HEAD = struct.Struct("<cI")

RECORD = b"R"  # a pickled ExchangeRecord
SECRETS = b"S"  # a pickled list of strings: all the values that must never be stored
SETTINGS = b"C"  # a pickled AuditSettings
FLUSH = b"F"  # a token; answered by {"flushed": token} once everything before it is committed or given up


#: A payload up to this size is copied behind its head: cheaper than a second write.
_COPIED = 1 << 16


def pack(tag: bytes, payload: bytes) -> tuple[bytes, ...]:
    """What to write, one after the other. Raises struct.error beyond 4 GiB."""
    head = _HEAD.pack(tag, len(payload))
    return (head + payload,) if len(payload) <= _COPIED else (head, payload)


def unpack(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """(tag, payload) until the stream ends; a frame cut short by the other end's death is dropped."""
    while len(head := stream.read(_HEAD.size)) == _HEAD.size:
        tag, length = _HEAD.unpack(head)
        payload = stream.read(length)
        if len(payload) < length:
            return
        yield tag, payload
