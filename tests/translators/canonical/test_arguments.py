"""Arguments of tool calls: mapping.md §6, "arguments not valid JSON"."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators import jsonio
from translators.canonical.arguments import as_object, is_complete, unwrap_custom, wrap_custom

READINGS = [
    pytest.param('{"a": 1}', {"a": 1}, id="an object is itself"),
    pytest.param("", {}, id="empty is no arguments"),
    pytest.param(" \n", {}, id="blank is no arguments"),
    pytest.param('"x"', {"value": "x"}, id="a string is wrapped"),
    pytest.param("[1]", {"value": [1]}, id="a list is wrapped"),
    pytest.param("null", {"value": None}, id="null is wrapped"),
    pytest.param("12", {"value": 12}, id="a number is wrapped"),
    pytest.param('{"a": [1, 2, ], }', {"a": [1, 2]}, id="trailing commas go"),
    pytest.param('{"a": ",]", "b": ",}",}', {"a": ",]", "b": ",}"}, id="commas in strings stay"),
    pytest.param('{"a": {"b": [1', {"a": {"b": [1]}}, id="a cut call is closed"),
    pytest.param('{"a": 1,', {"a": 1}, id="cut behind a comma"),
    pytest.param('{"path": "/tmp/x", "text": "line 1\\nli', {"path": "/tmp/x", "text": "line 1\nli"}, id="cut in text"),
    pytest.param('{"a": "x\\', {"a": "x"}, id="cut behind a backslash"),
    pytest.param('{"a": "x\\u00', {"a": "x"}, id="cut in an escape"),
    pytest.param('{"a": "x\\\\', {"a": "x\\"}, id="cut behind an escaped backslash"),
    pytest.param('{"a": "x, ] }', {"a": "x, ] }"}, id="cut text keeps its brackets"),
    pytest.param('{"a": 1, "b', {"_raw": '{"a": 1, "b'}, id="cut in a key is kept raw"),
    pytest.param('{"a": ', {"_raw": '{"a": '}, id="cut before a value is kept raw"),
    pytest.param('{"a": tr', {"_raw": '{"a": tr'}, id="cut in a word is kept raw"),
    pytest.param('{"a": 1}}', {"_raw": '{"a": 1}}'}, id="too many braces are kept raw"),
    pytest.param('{"a": 1]', {"_raw": '{"a": 1]'}, id="wrong brackets are kept raw"),
    pytest.param("{'a': 1}", {"_raw": "{'a': 1}"}, id="no JSON is kept raw"),
    pytest.param("ls -la", {"_raw": "ls -la"}, id="free text is kept raw"),
    pytest.param('{"a": 123456789012345678901234567890}', {"a": 123456789012345678901234567890}, id="big numbers"),
]


@pytest.mark.parametrize(("text", "expected"), READINGS)
def test_reads_an_object_whatever_the_model_wrote(text: str, expected: dict[str, Any]) -> None:
    assert as_object(text) == expected


def test_nesting_beyond_all_bounds_is_kept_raw() -> None:
    text = '{"a":' * 100_000
    assert as_object(text) == {"_raw": text}


@given(st.text(max_size=60))
def test_always_gives_an_object_that_is_JSON(text: str) -> None:
    value = as_object(text)
    assert isinstance(value, dict)
    jsonio.dumps(value)


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers(-9, 99) | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=6,
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_whole_JSON_is_never_repaired(value: dict[str, Any], escaped: bool) -> None:
    assert as_object(json.dumps(value, ensure_ascii=escaped)) == value


@given(st.text(max_size=30), st.integers(0, 60))
def test_a_text_cut_anywhere_keeps_its_beginning(text: str, cut: int) -> None:
    whole = json.dumps({"content": text})
    at = max(len('{"content": "'), len(whole) - cut)
    got = as_object(whole[:at])["content"]
    # half of a surrogate pair may stay at the cut
    assert text.startswith((got, got[:-1]))


@pytest.mark.parametrize(
    ("text", "complete"), [("", True), ("{}", True), ('{"a":1}', True), ('{"a":1', False), ("[1,]", False)]
)
def test_tells_a_whole_call_from_a_cut_one(text: str, complete: bool) -> None:
    assert is_complete(text) is complete


@given(st.text())
def test_free_text_survives_its_wrapper(text: str) -> None:
    assert as_object(wrap_custom(text)) == {"input": text}
    assert unwrap_custom(wrap_custom(text)) == text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("*** Begin Patch", "*** Begin Patch"),
        ('{"patch":"x"}', '{"patch":"x"}'),
        ('{"input":{"a":1}}', '{"a":1}'),
        ("{}", ""),
        ("", ""),
    ],
    ids=["no wrapper", "another property", "no string", "nothing in it", "nothing"],
)
def test_a_model_that_ignored_the_wrapper_is_taken_at_its_word(arguments: str, text: str) -> None:
    assert unwrap_custom(arguments) == text
