"""The stream form of plugins, read into canonical events: grammatical, whatever a plugin leaves out or gets wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.plugins.bridge.events import TYPES, EventReader
from translators import registry
from translators.canonical.blocks import Refusal, Text, Thinking, ToolCall
from translators.canonical.errors import ErrorKind
from translators.canonical.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Error,
    Finish,
    Ping,
    Start,
    StopReason,
    StreamEvent,
    UsageUpdate,
)
from translators.canonical.response import Response, folded
from translators.protocol import Reply

Json = dict[str, Any]
STOP = {"type": "message_stop", "reason": "end"}


def read(*events: Json) -> list[StreamEvent]:
    reader = EventReader("seed", "model", "anthropic")
    return [*reader.feed(events), *reader.end()]


def fold(*events: Json) -> Response:
    return folded(read(*events))


def test_a_stream_with_everything() -> None:
    answer = fold(
        {"type": "message_start", "id": "msg_1", "model": "m-1", "created": 5},
        {"type": "block_start", "index": 0, "kind": "thinking"},
        {"type": "thinking_delta", "text": "hm"},
        {"type": "signature", "signature": "signed"},
        {"type": "block_stop"},
        {"type": "text_delta", "text": "he"},
        {"type": "text_delta", "text": "llo"},
        {"type": "tool_use_start", "id": "c1", "name": "f"},
        {"type": "tool_input_delta", "partial_json": '{"a":'},
        {"type": "tool_input_delta", "partial_json": "1}"},
        {"type": "tool_use_stop"},
        {"type": "ping"},
        {"type": "message_stop", "reason": "tool_use"},
        {"type": "usage", "input": 7, "output": 3, "cache_read": 2, "reasoning": 1},
    )
    assert (answer.id, answer.model, answer.created) == ("msg_1", "m-1", 5)
    assert answer.blocks == [
        Thinking("hm", "signed", "anthropic"),
        Text("hello"),
        ToolCall("c1", "f", '{"a":1}'),
    ]
    assert answer.stop is StopReason.TOOL_USE
    usage = answer.usage
    assert (usage.input_fresh, usage.output, usage.cache_read, usage.reasoning) == (7, 3, 2, 1)


def test_a_refusal_is_a_block_of_its_own() -> None:
    answer = fold({"type": "refusal_delta", "text": "no"}, {"type": "message_stop", "reason": "refusal"})
    assert answer.blocks == [Refusal("no")]
    assert answer.stop is StopReason.REFUSAL


def test_an_end_after_a_tool_use_is_one_for_its_sake() -> None:
    assert fold({"type": "tool_use_start", "name": "f"}, STOP).stop is StopReason.TOOL_USE


def test_ids_that_are_left_out_are_made_and_differ() -> None:
    blocks = fold({"type": "tool_use_start", "name": "f"}, {"type": "tool_use_start", "name": "f"}, STOP).blocks
    ids = [block.id for block in blocks if isinstance(block, ToolCall)]
    assert len(set(ids)) == 2 and all(ids)


def test_a_stream_without_its_end_is_cut() -> None:
    answer = fold({"type": "text_delta", "text": "he"})
    assert answer.error is not None and answer.stop is None


def test_an_error_keeps_what_it_says() -> None:
    error = fold({"type": "error", "kind": "rate_limit", "message": "slow down", "retry_after": 3}).error
    assert error is not None
    assert (error.kind, error.message, error.retry_after) == (ErrorKind.RATE_LIMIT, "slow down", 3)


def test_nothing_follows_the_end() -> None:
    reader = EventReader("seed", "model", "anthropic")
    reader.feed([{"type": "text_delta", "text": "a"}, STOP, {"type": "text_delta", "text": "b"}])
    assert reader.end() and reader.done
    assert reader.feed([{"type": "text_delta", "text": "c"}]) == [] and reader.end() == []


def test_an_event_that_is_not_known_yet_is_passed_over() -> None:
    assert fold({"type": "hologram", "x": 1}, {"type": "text_delta", "text": "a"}, STOP).blocks == [Text("a")]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "text_delta"},
        {"type": "text_delta", "text": 5},
        {"type": "thinking_delta", "text": None},
        {"type": "signature"},
        {"type": "block_start", "kind": "hologram"},
        {"type": "block_start"},
        {"type": "tool_use_start"},
        {"type": "tool_use_start", "name": ""},
        {"type": "tool_input_delta", "partial_json": "{}"},
        {"type": "message_stop", "reason": "bored"},
    ],
    ids=json.dumps,
)
def test_an_event_without_sense_ends_the_stream_in_an_error(event: Json) -> None:
    answer = fold(event, STOP)
    assert answer.error is not None and "without sense" in answer.error.message


ANY: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {"type": st.sampled_from([*TYPES, "unknown"])},
    optional={
        "text": st.text(max_size=3) | st.integers(),
        "signature": st.text(max_size=3),
        "kind": st.sampled_from(["text", "thinking", "refusal", "tool_use", "overloaded", "x"]),
        "id": st.text(max_size=3),
        "name": st.sampled_from(["f", ""]),
        "partial_json": st.just("{}"),
        "reason": st.sampled_from(["end", "length", "x"]),
        "input": st.integers(-1, 5),
        "message": st.text(max_size=3),
        "retry_after": st.integers(-1, 5) | st.text(max_size=2),
        "usage": st.just({"input": 1}) | st.just([]),
    },
)


@given(st.lists(ANY, max_size=12))
def test_whatever_comes_the_events_are_grammatical_and_every_protocol_can_write_them(events: list[Json]) -> None:
    out = read(*events)
    open_block: int | None = None
    next_index, started = 0, False
    for position, event in enumerate(out):
        match event:
            case Start():
                assert not started
                started = True
            case BlockStart(index=index):
                assert started and open_block is None and index == next_index
                open_block, next_index = index, index + 1
            case BlockDelta(index=index):
                assert index == open_block
            case BlockStop(index=index):
                assert index == open_block
                open_block = None
            case Finish() | Error():
                assert open_block is None and position == len(out) - 1
            case UsageUpdate() | Ping():
                pass
    assert isinstance(out[-1], Finish | Error)
    for protocol in registry.client_ids():
        encoder = registry.get(protocol).stream_encoder(Reply("seed", 0, "model"))
        assert isinstance(b"".join(map(encoder.encode, out)), bytes)
