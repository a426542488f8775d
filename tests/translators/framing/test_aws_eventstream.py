"""AWS event streams, held against botocore's own parser (kiro.md §7.1)."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.standin.eventstream import event, framed, header, message
from translators.framing.aws_eventstream import EventStreamParser, Message

Read = list[tuple[dict[str, Any], bytes]]


def ours(*chunks: bytes) -> tuple[Read, bool]:
    """→ (messages, whether the stream was found corrupt)."""
    parser = EventStreamParser()
    found = [message for chunk in chunks for message in parser.feed(chunk)]
    return [(message.headers, message.payload) for message in found], parser.error is not None


def theirs(*chunks: bytes) -> tuple[Read, bool]:
    buffer = EventStreamBuffer()
    found: Read = []
    try:
        for chunk in chunks:
            buffer.add_data(chunk)
            for message in buffer:
                found.append((message.headers, message.payload))
    except Exception:
        return found, True
    return found, False


NUMBERS = [(2, ">b"), (3, ">h"), (4, ">i"), (5, ">q"), (8, ">q")]


def a_number(type_: int, form: str) -> st.SearchStrategy[bytes]:
    bits = 8 * struct.calcsize(form)
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).map(lambda n: bytes([type_]) + struct.pack(form, n))


def sized(type_: int) -> Any:
    return lambda raw: bytes([type_]) + struct.pack(">H", len(raw)) + raw


values = st.one_of(
    st.sampled_from([b"\x00", b"\x01"]),
    *(a_number(*number) for number in NUMBERS),
    st.binary(max_size=40).map(sized(6)),
    st.text(max_size=20).map(str.encode).map(sized(7)),
    st.binary(min_size=16, max_size=16).map(lambda raw: b"\x09" + raw),
)
names = st.text(min_size=1, max_size=20).filter(lambda name: len(name.encode()) < 256)
header_blocks = st.dictionaries(names, values, max_size=5).map(
    lambda found: b"".join(bytes([len(name.encode())]) + name.encode() + value for name, value in found.items())
)
frames = st.builds(framed, header_blocks, st.binary(max_size=80))
streams = st.lists(frames, min_size=1, max_size=4).map(b"".join)


@settings(max_examples=40)
@given(streams)
def test_reads_what_botocore_reads_cut_at_every_byte(stream: bytes) -> None:
    expected = theirs(stream)
    assert expected[1] is False
    assert ours(stream) == expected
    for cut in range(len(stream) + 1):
        assert ours(stream[:cut], stream[cut:]) == expected
    assert ours(*(stream[at : at + 1] for at in range(len(stream)))) == expected


@given(streams, st.data())
def test_a_changed_byte_is_found_where_botocore_finds_it(stream: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(stream) - 1))
    changed = bytearray(stream)
    changed[at] ^= data.draw(st.integers(1, 255))
    expected = theirs(bytes(changed))
    assert expected[1]
    cut = data.draw(st.integers(0, len(stream)))
    assert ours(bytes(changed)) == ours(bytes(changed[:cut]), bytes(changed[cut:])) == expected


@given(st.binary(max_size=60), st.binary(max_size=20))
def test_headers_of_any_bytes_are_read_as_botocore_does_or_refused(headers: bytes, payload: bytes) -> None:
    """botocore takes a value that ends behind the headers as a shorter one; here it is corrupt."""
    read, corrupt = ours(framed(headers, payload))
    expected, refused = theirs(framed(headers, payload))
    assert corrupt or read == expected
    assert corrupt or not refused


@given(streams, st.data())
def test_a_cut_stream_is_open_and_no_error(stream: bytes, data: st.DataObject) -> None:
    parser = EventStreamParser()
    parser.feed(stream)
    assert not parser.open
    last = len(framed(b"", b""))
    parser.feed(stream[: data.draw(st.integers(1, last - 1))])
    assert parser.open
    assert parser.error is None


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_no_bytes_whatever_raise(chunks: list[bytes]) -> None:
    parser = EventStreamParser()
    for chunk in chunks:
        parser.feed(chunk)


def test_a_message_is_out_with_its_last_byte() -> None:
    stream = event("chunk", b"{}")
    parser = EventStreamParser()
    assert parser.feed(stream[:-1]) == []
    found = parser.feed(stream[-1:])
    assert found == [
        Message({":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}, b"{}")
    ]
    assert found[0].text(":event-type") == "chunk"
    assert found[0].text("absent") == ""


def prelude(total: int, headers: int) -> bytes:
    lengths = struct.pack(">II", total, headers)
    return lengths + struct.pack(">I", zlib.crc32(lengths))


WRONG = [
    pytest.param(prelude(12, 0), "cannot hold", id="shorter than a message can be"),
    pytest.param(prelude(0, 0), "cannot hold", id="no length at all"),
    pytest.param(prelude(100, 90), "cannot hold", id="headers longer than the message"),
    pytest.param(prelude(2**20, 2**18), "headers of 262144 bytes", id="endless headers"),
    pytest.param(prelude(2**31, 20), "payload of", id="endless payload"),
    pytest.param(b"\x00" * 12, "prelude", id="zeros"),
    pytest.param(b"HTTP/1.1 200 OK\r\n", "prelude", id="something else"),
    pytest.param(message({})[:-1] + b"\x00", "checksum of a message", id="the last byte"),
    pytest.param(framed(b"\x01a\x0a", b""), "unknown type 10", id="a type that does not exist"),
    pytest.param(framed(header("a", 1) * 2, b""), "occurs twice", id="a header twice"),
    pytest.param(framed(b"\x05ab", b""), "in the middle", id="a name cut"),
    pytest.param(framed(b"\x01a\x07\x00\x05ab", b""), "in the middle", id="a value cut"),
    pytest.param(framed(b"\x01a\x04\x00", b""), "in the middle", id="a number cut"),
    pytest.param(framed(b"\x01a", b""), "in the middle", id="no value"),
    pytest.param(framed(b"\x01\xff\x00", b""), "UTF-8", id="a name of no text"),
    pytest.param(framed(b"\x01a\x07\x00\x01\xff", b""), "UTF-8", id="a value of no text"),
]


@pytest.mark.parametrize(("data", "why"), WRONG)
def test_corruption_is_told_and_ends_the_stream(data: bytes, why: str) -> None:
    good = event("a", b"{}")
    parser = EventStreamParser()
    assert len(parser.feed(good + data)) == 1
    assert parser.error is not None
    assert why in parser.error
    assert parser.feed(good) == []


def test_limits_are_the_callers_and_exact() -> None:
    fits = framed(header("a", True), b"12345")
    assert len(EventStreamParser(max_headers=3, max_payload=5).feed(fits)) == 1
    for limits in ({"max_headers": 2}, {"max_payload": 4}):
        parser = EventStreamParser(**limits)
        assert parser.feed(fits) == []
        assert parser.error is not None
