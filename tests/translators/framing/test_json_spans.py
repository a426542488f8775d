"""Replacing one top-level member leaves every other byte alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.framing.json_spans import members, replace_member

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(['"', "\\", "}", "],{", "model"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.just("model"), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"old","z":1}', b'{"model":"new","z":1}'),
        (
            b'{"a":{"model":"x"}, "model" :  "old" , "z":[1,"}",{"model":1}]}',
            b'{"a":{"model":"x"}, "model" :  "new" , "z":[1,"}",{"model":1}]}',
        ),
        (b'{"model":1,"x":2,"model":"old"}', b'{"model":"new","x":2,"model":"new"}'),
        (b'{\n  "model": "old"\n}', b'{\n  "model": "new"\n}'),
        (b"{}", b"{}"),
        (b'{"other":"model"}', b'{"other":"model"}'),
    ],
)
def test_only_the_member_changes(body: bytes, expected: bytes) -> None:
    assert replace_member(body, "model", b'"new"') == expected


@given(st.dictionaries(st.text(max_size=8) | st.just("model"), VALUES, max_size=6), st.booleans())
def test_any_object_keeps_its_other_members(value: dict[str, object], spaced: bool) -> None:
    body = json.dumps(value, indent=2 if spaced else None).encode()
    changed = json.loads(replace_member(body, "model", b'"new"'))
    assert changed == {**value, **({"model": "new"} if "model" in value else {})}
    assert [json.loads(b'"' + key + b'"') for key, _, _ in members(body)] == list(value)
    assert [json.loads(body[start:end]) for _, start, end in members(body)] == list(value.values())
