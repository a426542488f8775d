"""Whatever a backend sends, reading it never raises, and the events keep their grammar (canonical/events.py)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.openai_responses.support import RESPONSES, STREAMS, read, stream
from translators.canonical.errors import TranslationError
from translators.canonical.events import BlockDelta, BlockStart, BlockStop, Error, Finish, Start, StreamEvent
from translators.canonical.names import NameMap

junk = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KINDS = sorted(
    {
        json.loads(line.removeprefix(b"data: ")).get("type", "")
        for name in STREAMS
        for line in stream(name).split(b"\n")
        if line.startswith(b"data: {")
    }
)
ITEMS = ["message", "reasoning", "function_call", "custom_tool_call", "local_shell_call", "compaction", "new", 5, None]
item_members = st.fixed_dictionaries(
    {"type": st.sampled_from(ITEMS)},
    optional={
        "id": st.sampled_from(["a", "b"]) | junk,
        "call_id": junk,
        "name": st.just("f") | junk,
        "arguments": st.just("{}") | junk,
        "input": junk,
        "summary": st.just([{"text": "t"}]) | junk,
        "content": st.just([{"type": "output_text", "text": "xyz", "annotations": [{}, 1]}]) | junk,
        "encrypted_content": junk,
        "action": junk,
    },
)
responses = st.fixed_dictionaries(
    {},
    optional={
        "id": junk,
        "model": junk,
        "created_at": junk,
        "status": st.sampled_from(["completed", "failed", "incomplete"]) | junk,
        "output": st.lists(item_members, max_size=2) | junk,
        "usage": st.dictionaries(st.sampled_from(["input_tokens", "input_tokens_details"]), junk) | junk,
        "error": junk,
        "incomplete_details": junk,
    },
)
wild_events = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS) | junk},
    optional={
        "output_index": st.integers(0, 2) | junk,
        "item_id": st.sampled_from(["a", "b"]) | junk,
        "content_index": st.integers(0, 1) | junk,
        "summary_index": st.integers(0, 1) | junk,
        "delta": st.text(max_size=3) | junk,
        "text": junk,
        "arguments": st.just("{}") | junk,
        "part": st.just({"type": "output_text", "text": "xyz"}) | junk,
        "annotation": junk,
        "item": item_members | junk,
        "response": responses | junk,
        "error": junk,
        "message": junk,
        "status": junk,
    },
)


def assert_grammar(events: list[StreamEvent]) -> None:
    assert isinstance(events[0], Start)
    assert isinstance(events[-1], Finish | Error)
    opened: int | None = None
    count = 0
    for event in events[1:-1]:
        match event:
            case BlockStart():
                assert opened is None
                assert event.index == count
                opened, count = count, count + 1
            case BlockDelta():
                assert event.index == opened
            case BlockStop():
                assert event.index == opened
                opened = None
            case Start() | Finish() | Error():
                raise AssertionError(f"{event} in the middle")
    assert opened is None


@settings(max_examples=100, deadline=None)
@given(st.lists(wild_events, max_size=8))
def test_any_json_is_read_without_raising(events: list[Any]) -> None:
    assert_grammar(read(b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(STREAMS), st.integers(0, 5000), st.binary(max_size=5))
def test_damaged_streams_are_read_without_raising(name: str, at: int, noise: bytes) -> None:
    data = stream(name)
    assert_grammar(read(data[:at] + noise + data[at + len(noise) :]))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["output", "status", "error", "usage", "id", "created_at"]), junk) | responses)
def test_any_whole_body_is_read_without_raising(body: dict[str, Any]) -> None:
    response = RESPONSES.decode_response(body, NameMap())
    assert (response.error is None) != (response.stop is None)


@settings(max_examples=60, deadline=None)
@given(st.integers(400, 599), st.binary(max_size=20) | junk.map(lambda value: json.dumps(value).encode()))
def test_any_error_body_has_a_kind_and_a_message(status: int, body: bytes) -> None:
    error = RESPONSES.decode_error(status, {}, body)
    assert error.message
    assert 400 <= RESPONSES.encode_error(error)[0] < 600


request_items = item_members.map(lambda item: {"role": "user", **item})


@settings(max_examples=80, deadline=None)
@given(
    st.fixed_dictionaries(
        {"model": st.just("m"), "input": st.lists(request_items, max_size=3) | junk},
        optional={
            "tools": st.lists(
                st.fixed_dictionaries({"type": st.sampled_from(["function", "namespace", "x"])}), max_size=2
            )
            | junk,
            "tool_choice": junk,
            "reasoning": junk,
            "text": junk,
            "instructions": junk,
            "max_output_tokens": junk,
            "stream": junk,
        },
    )
)
def test_any_request_is_decoded_or_refused(body: dict[str, Any]) -> None:
    try:
        RESPONSES.decode_request(body)
    except TranslationError as error:
        assert RESPONSES.encode_error(error.info)[0] == 400


def test_an_event_without_end_does_not_fill_the_memory() -> None:
    decoder = RESPONSES.stream_decoder(NameMap())
    for _ in range(70):
        assert decoder.feed(b"data: " + b"x" * 1024 * 1024) == []
    (start, error) = decoder.end()
    assert isinstance(start, Start)
    assert isinstance(error, Error)
    assert "limit" in error.error.message


@pytest.mark.parametrize("data", [b"", b"\n\n\n", b"hello", b"data: [DONE]\n\n", b"<html>no</html>"])
def test_nothing_is_an_error(data: bytes) -> None:
    assert isinstance(read(data)[-1], Error)
