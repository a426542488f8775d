"""The growing JSON array of Gemini's stream without `alt=sse` (gemini.md §5)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.framing.json_array import JsonArrayParser


def parse(*chunks: bytes) -> list[bytes]:
    parser = JsonArrayParser()
    return [item for chunk in chunks for item in parser.feed(chunk)] + parser.end()


ARRAYS = [
    pytest.param(b'[{"a":1}]', [b'{"a":1}'], id="one"),
    pytest.param(b'[{"a":1}\n,\r\n{"b":{"c":{}}}\n]\n', [b'{"a":1}', b'{"b":{"c":{}}}'], id="several, nested"),
    pytest.param(b'[{"a":"}]{\\"\\\\"},{"b":2}]', [b'{"a":"}]{\\"\\\\"}', b'{"b":2}'], id="braces in strings"),
    pytest.param(b'[{"a":[{"b":[]}]}]', [b'{"a":[{"b":[]}]}'], id="arrays inside"),
    pytest.param(b"[]", [], id="empty"),
    pytest.param(b'{"error":{"code":400}}', [b'{"error":{"code":400}}'], id="a lone object"),
    pytest.param(b'[{"a":1}] {"b":2}', [b'{"a":1}'], id="what follows the array is ignored"),
    pytest.param(b'[{"a":1},{"b":', [b'{"a":1}'], id="cut: the unfinished object is dropped"),
    pytest.param('[{"ä":"漢😀"}]'.encode(), ['{"ä":"漢😀"}'.encode()], id="UTF-8"),
]


@pytest.mark.parametrize(("stream", "expected"), ARRAYS)
def test_finds_the_objects_cut_anywhere(stream: bytes, expected: list[bytes]) -> None:
    assert parse(stream) == expected
    for cut in range(len(stream) + 1):
        assert parse(stream[:cut], stream[cut:]) == expected
    assert parse(*(stream[i : i + 1] for i in range(len(stream)))) == expected


def test_an_object_is_out_with_its_last_brace() -> None:
    parser = JsonArrayParser()
    assert parser.feed(b'[{"a":1') == []
    assert parser.open
    assert parser.feed(b"}") == [b'{"a":1}']
    assert not parser.open


@pytest.mark.parametrize(("stream", "closed"), [(b'[{"a":1}]', True), (b'[{"a":1}', False), (b'[{"a":"]', False)])
def test_tells_whether_the_array_was_closed(stream: bytes, closed: bool) -> None:
    parser = JsonArrayParser()
    parser.feed(stream)
    assert parser.closed is closed


def test_an_endless_object_ends_the_stream_instead_of_filling_memory() -> None:
    parser = JsonArrayParser(max_object=100)
    for _ in range(20):
        assert parser.feed(b'{"a":"xxxxxxxxxx') == []
    assert parser.overflowed
    assert parser.feed(b'"}]}{"a":1}') == []


json_objects = st.dictionaries(
    st.text(max_size=4),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=6),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


@given(st.lists(json_objects, max_size=4), st.integers(1, 9), st.booleans())
def test_what_was_written_is_found(objects: list[dict[str, Any]], size: int, escaped: bool) -> None:
    stream = json.dumps(objects, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    found = parse(*(stream[i : i + size] for i in range(0, len(stream), size)))
    assert [json.loads(item) for item in found] == objects


@given(st.lists(st.binary(max_size=30), max_size=6))
def test_never_raises(chunks: list[bytes]) -> None:
    assert all(item.startswith(b"{") for item in parse(*chunks))
