"""What travels through the pipe from the gateway to its writer: tag, length, payload; replies are lines of JSON."""

from __future__ import annotations

import dataclasses
import io
import pickle
import struct
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any, BinaryIO

from addons.audit.record import AttemptRecord, ExchangeRecord, Origin, Side
from translators.canonical.events import Usage

#: Tag byte, payload length in bytes.
_HEAD = struct.Struct("<cI")
_COUNT = struct.Struct("<I")

RECORDS = b"R"  # how many, and a pickled list of so many ExchangeRecords
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


def pack_records(records: Sequence[ExchangeRecord]) -> bytes:
    """The payload of RECORDS. Raises whatever pickle raises."""
    out = io.BytesIO()
    out.write(_COUNT.pack(len(records)))
    pickler = pickle.Pickler(out, protocol=5)
    pickler.dispatch_table = _AS_CALLS
    pickler.dump(list(records))
    return out.getvalue()


def count_of(payload: bytes) -> int:
    """How many records are in a payload of RECORDS."""
    count: int = _COUNT.unpack_from(payload)[0]
    return count


def unpack_records(payload: bytes) -> list[ExchangeRecord]:
    """Raises whatever pickle raises."""
    # Only the parent holds the other end of the pipe.
    records: list[ExchangeRecord] = pickle.loads(memoryview(payload)[_COUNT.size :])  # noqa: S301
    return records


def _as_call(type_: type[Any]) -> Callable[[Any], tuple[type[Any], tuple[Any, ...]]]:
    values = attrgetter(*(field.name for field in dataclasses.fields(type_)))
    return lambda value: (type_, values(value))


#: Pickled as calls with all fields in order: less than half the work of what pickle does with slots.
_AS_CALLS: dict[type[Any], Callable[[Any], Any]] = {
    Origin: lambda origin: (Origin, (origin.value,)),
    **{type_: _as_call(type_) for type_ in (ExchangeRecord, AttemptRecord, Side, Usage)},
}
