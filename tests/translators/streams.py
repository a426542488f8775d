"""What the tests of every protocol do with streams: read one, write one."""

from __future__ import annotations

from collections.abc import Iterable

from translators.canonical.events import StreamEvent
from translators.canonical.names import NameMap
from translators.protocol import Protocol, Reply


def pieces(data: bytes, step: int | None) -> list[bytes]:
    """The whole, or pieces of `step` bytes."""
    return [data] if step is None else [data[at : at + step] for at in range(0, len(data), step)]


def read(protocol: Protocol, chunks: Iterable[bytes], names: NameMap | None = None) -> list[StreamEvent]:
    decoder = protocol.stream_decoder(names or NameMap())
    return [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.end()


def write(protocol: Protocol, events: Iterable[StreamEvent], reply: Reply) -> bytes:
    encoder = protocol.stream_encoder(reply)
    return b"".join(encoder.encode(event) for event in events)
