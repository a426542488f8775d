"""A Messages event stream as canonical events; each fixture stands beside the whole Message that it amounts to."""

import json
from typing import Any

import pytest

from tests.translators.anthropic.support import decode_stream, fixture, folded, json_fixture, whole
from translators.canonical.blocks import Text, ToolCall
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
    UsageUpdate,
)
from translators.canonical.names import NameMap

STREAMS = ["tools", "server_tools", "refusal", "muddled"]

START = b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"m"}}\n\n'
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def event(payload: str) -> bytes:
    return b"data: " + payload.encode() + b"\n\n"


def opened(block: str, index: int = 0) -> bytes:
    return event(f'{{"type":"content_block_start","index":{index},"content_block":{block}}}')


def delta(fields: str) -> bytes:
    return event(f'{{"type":"content_block_delta","index":0,"delta":{fields}}}')


def ended(reason: str) -> bytes:
    return event(f'{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}},"usage":{{"output_tokens":1}}}}')


TEXT = opened('{"type":"text","text":""}')


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_amounts_to_its_whole_message(name):
    assert folded(decode_stream([fixture(f"{name}.sse")])) == whole(json_fixture(f"{name}.expected.json"))


@pytest.mark.parametrize("name", STREAMS)
def test_cut_at_any_byte_the_events_are_the_same(name):
    data = fixture(f"{name}.sse")
    expected = decode_stream([data])
    for cut in range(1, len(data)):
        assert decode_stream([data[:cut], data[cut:]]) == expected
    assert decode_stream([data[i : i + 1] for i in range(len(data))]) == expected


@pytest.mark.parametrize("ending", [b"\r\n", b"\r"])
def test_any_line_ending_will_do(ending):
    data = fixture("tools.sse")
    assert decode_stream([b"\xef\xbb\xbf" + data.replace(b"\n", ending)]) == decode_stream([data])


@pytest.mark.parametrize("name", STREAMS)
def test_the_grammar_holds(name):
    events = [e for e in decode_stream([fixture(f"{name}.sse")]) if not isinstance(e, Ping)]
    assert isinstance(events[0], Start) and isinstance(events[-1], Finish)
    open_block, count = None, 0
    for item in events[1:-1]:
        match item:
            case BlockStart():
                assert open_block is None and item.index == count
                open_block, count = item.index, count + 1
            case BlockDelta():
                assert item.index == open_block
            case BlockStop():
                assert item.index == open_block
                open_block = None
            case _:
                assert isinstance(item, UsageUpdate) and open_block is None
    assert open_block is None


STOPS = [
    ("end_turn", False, StopReason.END),
    ("tool_use", False, StopReason.END),
    ("end_turn", True, StopReason.TOOL_USE),
    ("tool_use", True, StopReason.TOOL_USE),
    ("max_tokens", True, StopReason.LENGTH),
    ("max_tokens", False, StopReason.LENGTH),
    ("model_context_window_exceeded", False, StopReason.CONTEXT_FULL),
    ("stop_sequence", False, StopReason.STOP_SEQUENCE),
    ("refusal", False, StopReason.REFUSAL),
    ("pause_turn", False, StopReason.PAUSED),
    ("compaction", False, StopReason.PAUSED),
    ("reason_of_next_year", False, StopReason.END),
    ("reason_of_next_year", True, StopReason.TOOL_USE),
]


@pytest.mark.parametrize(("reason", "calls", "expected"), STOPS)
def test_stop_reasons_follow_the_blocks(reason, calls, expected):
    block = '{"type":"tool_use","id":"t","name":"n","input":{}}' if calls else '{"type":"text","text":"a"}'
    message = {"type": "message", "content": [{"type": "text", "text": "a"}], "stop_reason": reason}
    if calls:
        message["content"].append({"type": "tool_use", "id": "t", "name": "n", "input": {}})
    assert decode_stream([START, opened(block), ended(reason), STOP])[-1] == Finish(expected)
    assert whole(message).stop is expected


def test_the_stop_sequence_that_matched_is_told():
    data = event('{"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"END"}}')
    assert decode_stream([START, TEXT, data, STOP])[-1] == Finish(StopReason.STOP_SEQUENCE, "END")


def test_finish_waits_for_message_stop_so_that_later_usage_counts():
    late = event('{"type":"message_delta","delta":{},"usage":{"output_tokens":9}}')
    events = decode_stream([START, TEXT, delta('{"type":"text_delta","text":"a"}'), ended("end_turn"), late, STOP])
    assert isinstance(events[-1], Finish) and isinstance(events[-2], UsageUpdate)
    assert folded(events).usage.output == 9


def test_a_stream_without_message_stop_is_whole_once_its_reason_came():
    assert decode_stream([START, TEXT, ended("end_turn")])[-1] == Finish(StopReason.END)


CUTS = [
    [],
    [START],
    [START, TEXT],
    [START, TEXT, delta('{"type":"text_delta","text":"half"}')],
    [START, opened('{"type":"tool_use","id":"t","name":"n","input":{}}')],
]


@pytest.mark.parametrize("chunks", CUTS)
def test_a_cut_stream_ends_in_an_error_and_never_in_a_clean_stop(chunks):
    events = decode_stream(chunks)
    assert isinstance(events[-1], Error) and events[-1].error.kind is ErrorKind.SERVER
    assert not any(isinstance(item, Finish) for item in events)


def test_message_stop_without_any_reason_is_judged_by_what_came():
    assert decode_stream([START, TEXT, delta('{"type":"text_delta","text":"a"}'), STOP])[-1] == Finish(StopReason.END)
    assert isinstance(decode_stream([START, STOP])[-1], Error)


ERRORS = [
    ('{"type":"error","error":{"type":"overloaded_error","message":"busy"}}', ErrorKind.OVERLOADED, "busy"),
    ('{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}', ErrorKind.RATE_LIMIT, "slow"),
    (
        '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 2 > 1"}}',
        ErrorKind.PROMPT_TOO_LONG,
        "prompt is too long: 2 > 1",
    ),
    ('{"type":"error","error":"odd"}', ErrorKind.SERVER, "odd"),
    ('{"error":{"message":"no type at all"}}', ErrorKind.SERVER, "no type at all"),
]


@pytest.mark.parametrize(("payload", "kind", "message"), ERRORS)
@pytest.mark.parametrize("before", [[], [START], [START, TEXT]])
def test_an_error_event_ends_the_stream(payload, kind, message, before):
    events = decode_stream([*before, event(payload), TEXT, STOP])
    assert isinstance(events[-1], Error)
    assert (events[-1].error.kind, events[-1].error.message) == (kind, message)
    assert sum(isinstance(item, BlockStart) for item in events) == sum(isinstance(item, BlockStop) for item in events)


def test_nothing_follows_the_end():
    events = decode_stream([START, TEXT, ended("end_turn"), STOP, TEXT, event('{"type":"ping"}'), START])
    assert isinstance(events[-1], Finish)


def test_pings_are_passed_on_also_before_the_start():
    assert decode_stream([event('{"type":"ping"}'), START])[:2] == [Ping(), Start("msg_1", "m")]


def test_a_block_before_message_start_opens_the_message():
    events = decode_stream([TEXT, delta('{"type":"text_delta","text":"a"}'), ended("end_turn"), STOP])
    assert events[0] == Start()
    assert folded(events).blocks == [Text("a")]


CALL = '{"type":"tool_use","id":"t","name":"short","input":{}}'


def test_calls_go_by_the_names_that_the_client_knows():
    names = NameMap(to_client={"short": "ns__a.tool"}, namespaces={"ns__a.tool": ("ns", "a.tool")})
    events = decode_stream([START, opened(CALL), ended("tool_use"), STOP], names)
    assert folded(events).blocks == [ToolCall("t", "a.tool", "", namespace="ns")]
    message = {"content": [{"type": "tool_use", "id": "t", "name": "short", "input": {}}]}
    assert whole(message, names).blocks == [ToolCall("t", "a.tool", "{}", namespace="ns")]


@pytest.mark.parametrize(
    "fragments", [['{"input": "*** Begin\\n\\u00e4"}'], ['{"inp', 'ut": "*** Beg', "in\\n\\u0", '0e4"}']]
)
def test_calls_of_wrapped_custom_tools_are_unwrapped_as_they_come(fragments):
    names = NameMap(custom={"short"})
    pieces = [
        delta('{"type":"input_json_delta","partial_json":' + json.dumps(fragment) + "}") for fragment in fragments
    ]
    events = decode_stream([START, opened(CALL), *pieces, ended("tool_use"), STOP], names)
    expected = [ToolCall("t", "short", "*** Begin\nä", "custom")]
    assert folded(events).blocks == expected
    message = {"content": [{"type": "tool_use", "id": "t", "name": "short", "input": {"input": "*** Begin\nä"}}]}
    assert whole(message, names).blocks == expected


NOISE = [
    b"data: [1]\n\n",
    b"data: null\n\n",
    b"data: \xff\n\n",
    b'data: {"type":["unhashable"]}\n\n',
    b'data: {"type":"message_start"}\n\n',
    b'data: {"type":"content_block_start","content_block":3}\n\n',
    b'data: {"type":"content_block_start","content_block":{"type":[]}}\n\n',
    b'data: {"type":"content_block_start","content_block":{}}\n\n',
    b'data: {"type":"content_block_delta","delta":null}\n\n',
    b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":7}}\n\n',
    b'data: {"type":"content_block_delta","delta":{"type":"citations_delta","citation":1}}\n\n',
    b'data: {"type":"content_block_start","content_block":{"type":"text","citations":5}}\n\n',
    b'data: {"type":"content_block_start","content_block":{"type":"redacted_thinking"}}\n\n',
    b'data: {"type":"message_delta","delta":{"stop_reason":4},"usage":[]}\n\n',
    b'data: {"type":"message_delta","usage":{"input_tokens":"x","cache_creation":{"ephemeral_1h_input_tokens":-4}}}'
    b"\n\n",
    b'data: {"type":"content_block_stop"}\n\n',
]


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("before", [[], [START], [START, TEXT], [START, opened('{"type":"odd"}')]])
def test_hostile_input_never_raises(noise, before):
    events = decode_stream([*before, noise, ended("end_turn"), STOP])
    assert isinstance(events[-1], Finish)


HOSTILE_BODIES: list[Any] = [
    {},
    [],
    None,
    {"content": "text"},
    {"content": [1, {"type": []}, {"type": "text"}, {"type": "thinking", "signature": 3}]},
    {"type": "error", "error": None},
    {"type": "error", "error": {"message": "m"}},
    {"content": [{"type": "redacted_thinking", "data": "gw1:x:y"}], "usage": [], "id": 5, "stop_details": 1},
]


@pytest.mark.parametrize("body", HOSTILE_BODIES, ids=str)
def test_a_hostile_body_never_raises(body):
    response = whole(body)
    assert response.error is not None or response.stop is not None
