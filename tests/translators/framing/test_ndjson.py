"""Lines come out whole, wherever the bytes were cut."""

from __future__ import annotations

import pytest

from translators.framing.ndjson import LineSplitter

STREAM = '{"a":"é\u2028"}\n\r\n  {"b":1}\r\n\n{"c":2}'.encode()
LINES = ['{"a":"é\u2028"}'.encode(), b'{"b":1}', b'{"c":2}']


@pytest.mark.parametrize("size", range(1, len(STREAM) + 1))
def test_a_stream_cut_anywhere_has_the_same_lines(size: int):
    splitter = LineSplitter()
    lines = [line for at in range(0, len(STREAM), size) for line in splitter.feed(STREAM[at : at + size])]
    assert [*lines, *splitter.end()] == LINES
    assert splitter.end() == []


def test_a_line_without_an_end_does_not_fill_the_memory():
    splitter = LineSplitter(max_line=10)
    assert splitter.feed(b"ok\n12345") == [b"ok"]
    assert splitter.feed(b"678901") == [] and splitter.overflowed
    assert splitter.feed(b"\nmore\n") == [] and splitter.end() == []
