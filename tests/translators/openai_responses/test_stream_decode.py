"""Streams of Responses backends, tidy and not (openai_responses.md §6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.translators.openai_responses.support import (
    RESPONSES,
    STREAMS,
    decode,
    fixture,
    fold,
    frames,
    plain,
    read,
    spelled,
    stream,
)
from translators.canonical.blocks import Text, ToolCall
from translators.canonical.errors import ErrorKind
from translators.canonical.events import BlockDelta, BlockStart, Error, Finish, Ping, StopReason
from translators.canonical.names import NameMap
from translators.canonical.target import Target

DONE: dict[str, Any] = {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_folds_to_its_answer(name: str) -> None:
    assert spelled(fold(read(stream(name)))) == fixture(f"streams/{name}.expected.json")


@pytest.mark.parametrize("name", STREAMS)
def test_where_the_bytes_are_cut_makes_no_difference(name: str) -> None:
    data = stream(name)
    whole = read(data)
    assert read(data, step=1) == whole
    for cut in range(0, len(data), 7):
        decoder = RESPONSES.stream_decoder(NameMap())
        events = decoder.feed(data[:cut]) + decoder.feed(data[cut:]) + decoder.end()
        assert [event for event in events if not isinstance(event, Ping)] == whole


@pytest.mark.parametrize("name", ["text", "reasoning_and_calls", "interleaved", "built_in_tools", "refusal"])
def test_a_stream_cut_anywhere_before_its_end_is_an_error_and_never_a_clean_finish(name: str) -> None:
    data = stream(name)
    for cut in range(0, data.index(b"response.completed"), 41):
        last = read(data[:cut])[-1]
        assert isinstance(last, Error)
        assert last.error.kind is ErrorKind.SERVER


def test_deltas_are_delivered_as_they_come() -> None:
    events = read(stream("reasoning_and_calls"))
    pieces = [(event.kind, event.text) for event in events if isinstance(event, BlockDelta)]
    assert pieces[:6] == [
        ("thinking", "**F"),
        ("thinking", "irst**"),
        ("thinking", "\n\n"),
        ("thinking", "the"),
        ("thinking", "n"),
        ("signature", "ENC"),
    ]
    assert ("arguments", '{"pa') in pieces


def test_interleaved_items_are_delivered_one_after_the_other() -> None:
    kinds = [(type(event).__name__, getattr(event, "index", None)) for event in read(stream("interleaved"))]
    assert kinds[1:9] == [
        ("BlockStart", 0),
        ("BlockDelta", 0),
        ("BlockDelta", 0),
        ("BlockStop", 0),
        ("BlockStart", 1),
        ("BlockDelta", 1),
        ("BlockStop", 1),
        ("UsageUpdate", None),
    ]


def test_keep_alives_are_pings() -> None:
    decoder = RESPONSES.stream_decoder(NameMap())
    assert decoder.feed(b": keep-alive\n\n") == [Ping()]
    assert decoder.feed(b'data: {"type":"keepalive"}\n\n') == [Ping()]


def test_nothing_follows_the_end() -> None:
    decoder = RESPONSES.stream_decoder(NameMap())
    assert isinstance(decoder.feed(frames(DONE))[-1], Finish)
    assert decoder.feed(frames(DONE, {"type": "error", "message": "late"})) == []
    assert decoder.end() == []


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"reason": "max_output_tokens"}, StopReason.LENGTH),
        ({"reason": "content_filter"}, StopReason.REFUSAL),
        ({"reason": "max_messages"}, StopReason.PAUSED),
        ({"reason": "steered"}, StopReason.PAUSED),
        ({"reason": "something_new"}, StopReason.LENGTH),
        (None, StopReason.LENGTH),
    ],
)
def test_why_an_answer_is_incomplete(details: Any, reason: StopReason) -> None:
    response = {"id": "r", "status": "incomplete", "output": [], "incomplete_details": details}
    last = read(frames({"type": "response.incomplete", "response": response}))[-1]
    assert last == Finish(reason, detail=details)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "response.cancelled", "response": {"id": "r", "status": "cancelled"}}, ErrorKind.SERVER),
        ({"type": "response.completed", "response": {"id": "r", "status": "failed", "error": None}}, ErrorKind.SERVER),
        ({"type": "error", "status": 429, "error": {"message": "slow"}}, ErrorKind.RATE_LIMIT),
        ({"type": "error", "error": "text"}, ErrorKind.SERVER),
        ({"type": "error", "error": {"code": 503, "message": "m"}}, ErrorKind.OVERLOADED),
        ({"type": "response.failed"}, ErrorKind.SERVER),
    ],
)
def test_failures_in_the_stream(event: dict[str, Any], kind: ErrorKind) -> None:
    last = read(frames(event))[-1]
    assert isinstance(last, Error)
    assert last.error.kind is kind
    assert last.error.message


def test_a_json_body_where_a_stream_was_asked_for_is_read() -> None:
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
    whole = {"id": "r", "object": "response", "status": "completed", "output": [item]}
    assert fold(read(json.dumps(whole).encode())).blocks == [Text("Hi")]
    error = read(b'{"error":{"message":"no","code":"invalid_api_key"}}')[-1]
    assert isinstance(error, Error)
    assert error.error.kind is ErrorKind.AUTHENTICATION


def test_calls_get_the_clients_names_back() -> None:
    tools = [{"type": "function", "name": "x" * 70, "parameters": {"type": "object", "properties": {}}}]
    request = decode(tools=tools)
    request.origin = "anthropic"
    encoded = RESPONSES.encode_request(request, Target("openai_responses", "m-1"))
    short = encoded.body["tools"][0]["name"]
    assert len(short) <= 64
    item = {"type": "function_call", "call_id": "c", "name": short, "arguments": "{}"}
    answer = fold(read(frames({"type": "response.output_item.done", "item": item}, DONE), encoded.names))
    assert answer.blocks == [ToolCall("c", "x" * 70, "{}")]


def test_a_wrapped_free_text_tool_is_unwrapped_as_it_streams() -> None:
    request = decode(tools=[{"type": "custom", "name": "apply_patch"}])
    names = RESPONSES.encode_request(request, Target("openai_responses", "m-1", custom_tools=False)).names
    at = {"item_id": "fc_1", "output_index": 0}
    item = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "apply_patch"}
    whole = '{"input":"*** Begin\\n"}'
    events = read(
        frames(
            {"type": "response.output_item.added", "output_index": 0, "item": {**item, "arguments": ""}},
            {"type": "response.function_call_arguments.delta", **at, "delta": whole[:12]},
            {"type": "response.function_call_arguments.delta", **at, "delta": whole[12:]},
            {"type": "response.output_item.done", "output_index": 0, "item": {**item, "arguments": whole}},
            DONE,
        ),
        names,
    )
    assert [event.text for event in events if isinstance(event, BlockDelta)] == ["**", "* Begin\n"]
    assert [plain(block) for block in fold(events).blocks] == [
        {"call": "apply_patch", "kind": "custom", "id": "c", "arguments": "*** Begin\n"}
    ]


def test_a_call_without_an_id_gets_one_that_is_its_own() -> None:
    items = [{"type": "function_call", "name": name, "arguments": "{}"} for name in "ab"]
    created = {"type": "response.created", "response": {"id": "resp_9"}}
    events = [{"type": "response.output_item.done", "output_index": at, "item": item} for at, item in enumerate(items)]
    data = frames(created, *events, DONE)
    starts = [event.id for event in read(data) if isinstance(event, BlockStart)]
    assert len(set(starts)) == 2
    assert all(starts)
    assert starts == [event.id for event in read(data) if isinstance(event, BlockStart)]


def test_a_call_opens_when_its_name_is_known() -> None:
    at = {"item_id": "fc_1", "output_index": 0}
    item = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "late", "arguments": '{"a":1}'}
    added = {key: value for key, value in item.items() if key not in ("name", "arguments")}
    data = frames(
        {"type": "response.output_item.added", "output_index": 0, "item": added},
        {"type": "response.function_call_arguments.delta", **at, "delta": '{"a"'},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        DONE,
    )
    assert fold(read(data)).blocks == [ToolCall("c", "late", '{"a":1}')]


def test_arguments_as_an_object_become_text() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": {"a": 1}}
    answer = fold(read(frames({"type": "response.output_item.done", "item": item}, DONE)))
    assert answer.blocks == [ToolCall("c", "f", '{"a":1}')]


def test_a_missing_usage_is_not_zero() -> None:
    assert fold(read(frames(DONE))).usage.input_fresh is None
