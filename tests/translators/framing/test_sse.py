"""Server-sent events, line by line of mapping.md §6 (SSE framing)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.framing.sse import SseEvent, SseParser, comment, frame


def parse(*chunks: bytes) -> list[SseEvent]:
    parser = SseParser()
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return events + parser.end()


FRAMES = [
    pytest.param(b"data: x\n\n", [(None, b"x")], id="LF"),
    pytest.param(b"data: x\r\n\r\n", [(None, b"x")], id="CRLF"),
    pytest.param(b"data: x\r\r", [(None, b"x")], id="CR"),
    pytest.param(b"data: x\r\n\ndata: y\n\rdata: z\r\r\n", [(None, b"x"), (None, b"y"), (None, b"z")], id="mixed ends"),
    pytest.param(b"event: ping\ndata: {}\n\n", [("ping", b"{}")], id="event name"),
    pytest.param(b"event:ping\ndata:{}\n\n", [("ping", b"{}")], id="no space after the colon"),
    pytest.param(b"data:  x\n\n", [(None, b" x")], id="only one space is eaten"),
    pytest.param(b"data: a\ndata: b\n\n", [(None, b"a\nb")], id="several data lines join with LF"),
    pytest.param(b"data\n\n", [(None, b"")], id="field without colon is an empty value"),
    pytest.param(b": keep-alive\n\ndata: x\n\n", [(None, b"x")], id="comment"),
    pytest.param(b"id: 1\nretry: 5\nfoo: bar\ndata: x\n\n", [(None, b"x")], id="unknown fields are skipped"),
    pytest.param(
        b"event: lost\n\ndata: x\n\n", [(None, b"x")], id="a frame without data is none, its name is forgotten"
    ),
    pytest.param(b"data: x", [(None, b"x")], id="last event without blank line counts"),
    pytest.param(b"data: x\n", [(None, b"x")], id="last event with only its line end counts"),
    pytest.param(b"\xef\xbb\xbfdata: x\n\n", [(None, b"x")], id="BOM at the start"),
    pytest.param(b"\n\n\ndata: x\n\n\n\n", [(None, b"x")], id="extra blank lines"),
    pytest.param(
        "data: a\u2028b\u2029c\u0085d\u000be\n\n".encode(),
        [(None, "a\u2028b\u2029c\u0085d\u000be".encode())],
        id="Unicode line ends end no line",
    ),
    pytest.param("data: ä漢😀\n\n".encode(), [(None, "ä漢😀".encode())], id="UTF-8"),
    pytest.param(b"", [], id="nothing"),
    pytest.param(b"\xef\xbb", [], id="half a BOM"),
]


@pytest.mark.parametrize(("stream", "expected"), FRAMES)
def test_reads(stream: bytes, expected: list[tuple[str | None, bytes]]) -> None:
    assert parse(stream) == [SseEvent(*event) for event in expected]


@pytest.mark.parametrize(("stream", "expected"), FRAMES)
def test_reads_the_same_cut_at_every_byte(stream: bytes, expected: list[tuple[str | None, bytes]]) -> None:
    whole = [SseEvent(*event) for event in expected]
    for cut in range(len(stream) + 1):
        assert parse(stream[:cut], stream[cut:]) == whole
    assert parse(*(stream[i : i + 1] for i in range(len(stream)))) == whole


def test_an_event_is_out_as_soon_as_its_blank_line_begins() -> None:
    parser = SseParser()
    assert parser.feed(b"data: x\r\n\r") == [SseEvent(None, b"x")]
    assert parser.feed(b"\ndata: y\n\n") == [SseEvent(None, b"y")]


def test_a_BOM_counts_at_the_start_only() -> None:
    assert parse(b"data: x\n\n\xef\xbb\xbfdata: y\n\n") == [SseEvent(None, b"x")]


def test_counts_comments_for_keep_alives() -> None:
    parser = SseParser()
    parser.feed(b": OPENROUTER PROCESSING\n\n:\n\n")
    assert parser.comments == 2


def test_keeps_stray_lines_where_a_backend_wrote_a_raw_error() -> None:
    parser = SseParser()
    parser.feed(b'data: {}\n\n{"error": {\n  "code": 503\n}}\n')
    parser.end()
    assert parser.stray == b'{"error": {\n  "code": 503\n}}\n'


def test_stray_lines_are_bounded() -> None:
    parser = SseParser()
    for _ in range(300):
        parser.feed(b"x" * 1000 + b"\n")
    assert len(parser.stray) == 64 * 1024


@pytest.mark.parametrize(
    "stream",
    [b"data: " + b"x" * 200, b"data: " + b"x" * 200 + b"\n\n", b"data: 0123456789\n" * 20 + b"\n", b"y" * 200],
    ids=["no end", "one line", "many lines", "no field"],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_endless_event_ends_the_stream_instead_of_filling_memory(stream: bytes, size: int) -> None:
    parser = SseParser(max_event=100)
    assert parser.feed(b"data: before\n\n") == [SseEvent(None, b"before")]
    rest = stream + b"\n\ndata: after\n\n"
    later = [event for i in range(0, len(rest), size) for event in parser.feed(rest[i : i + size])] + parser.end()
    assert parser.overflowed
    assert later == []


def test_many_small_events_never_overflow() -> None:
    parser = SseParser(max_event=100)
    assert len(parser.feed(b"data: 0123456789\n\n" * 50)) == 50
    assert not parser.overflowed


@given(
    st.lists(st.tuples(st.none() | st.sampled_from(["message_start", "ping"]), st.binary(max_size=30)), max_size=8),
    st.lists(st.integers(0, 400), max_size=10),
)
def test_what_is_framed_is_read_back(events: list[tuple[str | None, bytes]], cuts: list[int]) -> None:
    stream = b"".join(frame(data, event) for event, data in events)
    at = sorted({0, *(c for c in cuts if c < len(stream)), len(stream)})
    got = parse(*(stream[a:b] for a, b in pairwise(at)))
    assert got == [SseEvent(e, d.replace(b"\r\n", b"\n").replace(b"\r", b"\n")) for e, d in events]


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_never_raises(chunks: list[bytes]) -> None:
    assert all(isinstance(event, SseEvent) for event in parse(*chunks))


@given(st.binary(max_size=80), st.integers(0, 80))
def test_a_cut_never_matters(stream: bytes, cut: int) -> None:
    assert parse(stream[:cut], stream[cut:]) == parse(stream)


@pytest.mark.parametrize(
    ("data", "event", "expected"),
    [
        (b"{}", None, b"data: {}\n\n"),
        (b"{}", "ping", b"event: ping\ndata: {}\n\n"),
        (b"a\nb", None, b"data: a\ndata: b\n\n"),
    ],
)
def test_frames(data: bytes, event: str | None, expected: bytes) -> None:
    assert frame(data, event) == expected


def test_a_comment_is_no_event() -> None:
    assert comment("keep-alive") == b": keep-alive\n\n"
    assert parse(comment("keep-alive")) == []
