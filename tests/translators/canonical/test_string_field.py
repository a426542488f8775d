"""The inner string of a wrapped custom tool, decoded while it streams (mapping.md §2, Custom tools)."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.canonical.string_field import StringFieldDecoder


def decode(*fragments: str) -> str:
    decoder = StringFieldDecoder()
    return "".join(decoder.feed(fragment) for fragment in fragments) + decoder.end()


CASES = [
    pytest.param('{"input":"abc"}', "abc", id="plain"),
    pytest.param(' {\n "input" : "abc" }\n', "abc", id="white space"),
    pytest.param(r'{"input":"a\n\t\"\\\/\b\f\rz"}', 'a\n\t"\\/\b\f\rz', id="simple escapes"),
    pytest.param(r'{"input":"\u00e4\u6f22"}', "ä漢", id="escaped characters"),
    pytest.param(r'{"input":"\ud83d\ude00!"}', "😀!", id="a surrogate pair"),
    pytest.param(r'{"input":"\ud83dx"}', "\ud83dx", id="half a pair"),
    pytest.param(r'{"input":"\ud83d\ud83d\ude00"}', "\ud83d😀", id="half a pair before a pair"),
    pytest.param(r'{"input":"\ud83d"}', "\ud83d", id="half a pair at the end"),
    pytest.param(r'{"input":"\ud83d', "\ud83d", id="half a pair at a cut"),
    pytest.param('{"input":"ä😀"}', "ä😀", id="unescaped"),
    pytest.param('{"note":"}\\"{","input":"x"}', "x", id="another property before"),
    pytest.param('{"a":{"input":"no"},"b":[1,{"c":"]"}],"input":"x"}', "x", id="nested ones do not count"),
    pytest.param('{"input":"x","input":"y","z":1}', "x", id="the first one counts"),
    pytest.param('{"in\\"put":"n","input":"x"}', "x", id="escapes in keys"),
    pytest.param('{"input":{"a":["}"]},"b":1}', '{"a":["}"]}', id="an object as its JSON"),
    pytest.param('{"input": 12 }', "12 ", id="a number as its JSON"),
    pytest.param('{"input":"cut he', "cut he", id="cut"),
    pytest.param('{"input":"cut \\', "cut ", id="cut in an escape"),
    pytest.param("  free text", "  free text", id="no object"),
    pytest.param('{"other":1}', '{"other":1}', id="no such property"),
    pytest.param("{}", "", id="empty object"),
    pytest.param("", "", id="nothing"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_decodes_cut_anywhere(text: str, expected: str) -> None:
    assert decode(text) == expected
    for cut in range(len(text) + 1):
        assert decode(text[:cut], text[cut:]) == expected
    assert decode(*text) == expected


def test_gives_each_character_as_soon_as_it_is_certain() -> None:
    decoder = StringFieldDecoder()
    fragments = ['{"inp', 'ut":"he', "llo\\", "n", 'w"', "}"]
    assert [decoder.feed(fragment) for fragment in fragments] == ["", "he", "llo", "\n", "w", ""]


@given(st.text(), st.booleans(), st.lists(st.integers(0, 200), max_size=8))
def test_any_text_any_cuts(text: str, escaped: bool, cuts: list[int]) -> None:
    whole = json.dumps({"n": 1, "input": text}, ensure_ascii=escaped)
    at = sorted({0, *(cut for cut in cuts if cut < len(whole)), len(whole)})
    assert decode(*(whole[a:b] for a, b in pairwise(at))) == text


@given(st.lists(st.text(alphabet='{}[]",:\\ni pu1', max_size=12), max_size=5))
def test_hostile_text_never_raises_and_cuts_never_matter(fragments: list[str]) -> None:
    assert decode(*fragments) == decode("".join(fragments))
