"""How bodies are cut: exactly, where they recur, and never into crumbs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.audit import pieces
from tests.audit.records import prose

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=30,
)


@given(st.dictionaries(st.text(max_size=8), VALUES), st.sampled_from([None, 1, "\t"]), st.integers(0, 400))
def test_pieces_joined_are_the_body_also_when_it_is_cut_off(value: object, indent: object, cut: int) -> None:
    body = json.dumps(value, indent=indent, ensure_ascii=False).encode()  # type: ignore[arg-type]
    for part in (body, body[:cut], body + body):
        assert b"".join(pieces.cut(part)) == part
        assert b"".join(pieces.strings(part)) == part


@given(st.binary(max_size=2_000))
def test_bytes_that_are_no_json_stay_whole(data: bytes) -> None:
    assert b"".join(pieces.cut(data)) == data


@pytest.mark.parametrize("key", ["messages", "input", "contents", "tools", "system"])
@pytest.mark.parametrize("envelope", [False, True], ids=["at the top", "in an envelope"])
def test_the_elements_of_a_top_level_array_are_pieces(key: str, envelope: bool) -> None:
    elements = [{"role": "user", "content": prose(400, n)} for n in range(6)]
    body: dict[str, object] = {"model": "m", key: elements, "stream": True}
    data = json.dumps({"project": "p", "request": body} if envelope else body).encode()
    found = pieces.cut(data)
    for element in elements:
        assert sum(json.dumps(element).encode() in piece for piece in found) == 1
    assert len(found) >= len(elements)


def test_a_longer_conversation_begins_with_the_same_pieces() -> None:
    elements = [{"role": "user", "content": prose(300, n)} for n in range(40)]
    before, after = (pieces.cut(json.dumps({"messages": elements[:n], "x": 1}).encode()) for n in (39, 40))
    assert len(set(before) & set(after)) >= len(before) - 2


def test_small_elements_are_put_together() -> None:
    assert len(pieces.cut(json.dumps({"messages": [{"a": 1}] * 1_000}).encode())) < 60


def test_a_list_of_numbers_stays_whole() -> None:
    assert len(pieces.cut(json.dumps({"input": list(range(20_000))}).encode())) <= 3


def test_large_media_in_a_message_are_pieces_of_their_own() -> None:
    media = "iVBORw0K" * 1_000
    message = json.dumps({"content": [{"source": {"data": media}}, {"text": "what is this?"}]}).encode()
    assert media.encode() in pieces.strings(message)


def test_a_body_that_ends_in_the_middle_is_still_cut_up_to_there() -> None:
    elements = [{"role": "user", "content": prose(400, n)} for n in range(6)]
    data = json.dumps({"messages": elements}).encode()
    assert len(pieces.cut(data[:-500])) >= 4


def test_deep_nesting_does_no_harm() -> None:
    data = b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert b"".join(pieces.cut(data)) == data
