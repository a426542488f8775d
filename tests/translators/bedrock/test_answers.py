"""Answers of Converse and ConverseStream (apikey_backends.md §6)."""

from __future__ import annotations

import pytest

from translators.canonical.blocks import Image, Text, ToolCall
from translators.canonical.events import Finish, Start, StopReason
from translators.canonical.names import NameMap
from translators.canonical.response import folded

from .answers import CITATION, CITED, FULL, FULL_BLOCKS, METADATA, OPEN, USAGE, answer, call, delta, ended, start, stop
from .support import PROTOCOL, decode_stream


def test_a_stream_of_everything_cut_anywhere() -> None:
    stream = b"".join(FULL)
    expected = decode_stream([stream])
    assert isinstance(expected[0], Start)
    assert expected[-1] == Finish(StopReason.TOOL_USE)
    found = folded(expected)
    assert found.blocks == FULL_BLOCKS
    usage = found.usage
    assert (usage.input_fresh, usage.output, usage.cache_read) == (10, 20, 30)
    assert (usage.cache_write_5m, usage.cache_write_1h, usage.total) == (10, 5, 75)
    for cut in range(len(stream) + 1):
        assert decode_stream([stream[:cut], stream[cut:]]) == expected


def test_a_whole_answer_says_what_its_stream_says() -> None:
    whole = PROTOCOL.decode_response(
        answer(
            {"reasoningContent": {"reasoningText": {"text": "hmm", "signature": "sig"}}},
            {"reasoningContent": {"redactedContent": "cmVk"}},
            {"text": "Grüße 日本"},
            {"toolUse": {"toolUseId": "t3", "name": "run", "input": {"a": 1}}},
            {"toolUse": {"toolUseId": "t4", "name": "run", "input": {}}},
            stop="tool_use",
            usage=USAGE,
        ),
        NameMap(),
    )
    streamed = folded(decode_stream(FULL))
    streamed.blocks[-1] = ToolCall("t4", "run", "{}")
    assert whole == streamed


REASONS = [
    ("end_turn", StopReason.END),
    ("max_tokens", StopReason.LENGTH),
    ("stop_sequence", StopReason.STOP_SEQUENCE),
    ("guardrail_intervened", StopReason.REFUSAL),
    ("content_filtered", StopReason.REFUSAL),
    ("malformed_model_output", StopReason.MALFORMED_CALL),
    ("malformed_tool_use", StopReason.MALFORMED_CALL),
    ("model_context_window_exceeded", StopReason.CONTEXT_FULL),
    ("tool_use", StopReason.END),  # without a call
]


@pytest.mark.parametrize(("told", "expected"), REASONS)
def test_stop_reasons(told: str, expected: StopReason) -> None:
    assert PROTOCOL.decode_response(answer({"text": "a"}, stop=told), NameMap()).stop is expected
    last = decode_stream([OPEN, delta(0, {"text": "a"}), stop(0), ended(told), METADATA])[-1]
    assert isinstance(last, Finish)
    assert last.reason is expected


def test_every_reason_of_botocores_model_is_known() -> None:
    from tests.standin.bedrock_model import operation
    from translators.bedrock.stops import FROM_WIRE

    assert set(operation("Converse").output_shape.members["stopReason"].enum) <= FROM_WIRE.keys()


def test_the_sequence_that_matched() -> None:
    fields = {"additionalModelResponseFields": {"stop_sequence": "END"}}
    assert (
        PROTOCOL.decode_response(answer({"text": "a"}, stop="stop_sequence", **fields), NameMap()).stop_sequence
        == "END"
    )
    events = decode_stream([OPEN, delta(0, {"text": "a"}), stop(0), ended("stop_sequence", **fields), METADATA])
    assert events[-1] == Finish(StopReason.STOP_SEQUENCE, "END")


def test_citations_are_in_the_form_that_clients_know() -> None:
    whole = PROTOCOL.decode_response(
        answer({"citationsContent": {"content": [{"text": "said"}], "citations": [CITED]}}), NameMap()
    )
    assert whole.blocks == [Text("said", citations=[CITATION])]
    events = decode_stream(
        [OPEN, delta(0, {"text": "said"}), delta(0, {"citation": CITED}), stop(0), ended(), METADATA]
    )
    assert folded(events).blocks == whole.blocks


def test_pictures_come_whole() -> None:
    image = {"image": {"format": "png", "source": {"bytes": "AAAA"}}}
    events = decode_stream(
        [
            OPEN,
            start(0, {"image": {"format": "png"}}),
            delta(0, {"image": {"source": {"bytes": "AAAA"}}}),
            stop(0),
            ended(),
            METADATA,
        ]
    )
    assert (
        folded(events).blocks
        == PROTOCOL.decode_response(answer(image), NameMap()).blocks
        == [Image("image/png", "AAAA")]
    )


def test_names_are_led_back_and_free_text_unwrapped() -> None:
    names = NameMap(to_client={"short": "the/long name"}, custom={"patch"}, namespaces={"ns__go": ("ns", "go")})
    events = decode_stream(
        [
            OPEN,
            call(0, "{}", name="short"),
            call(1, '{"inp', 'ut":"a\\n', 'b"}', name="patch"),
            call(2, "{}", name="ns__go"),
            ended("tool_use"),
            METADATA,
        ],
        names,
    )
    expected = [
        ToolCall("t0", "the/long name", "{}"),
        ToolCall("t1", "patch", "a\nb", "custom"),
        ToolCall("t2", "go", "{}", namespace="ns"),
    ]
    assert folded(events).blocks == expected
    whole = answer(
        {"toolUse": {"toolUseId": "t0", "name": "short", "input": {}}},
        {"toolUse": {"toolUseId": "t1", "name": "patch", "input": {"input": "a\nb"}}},
        {"toolUse": {"toolUseId": "t2", "name": "ns__go", "input": {}}},
        stop="tool_use",
    )
    assert PROTOCOL.decode_response(whole, names).blocks == expected


def test_calls_that_bedrock_runs_itself_are_not_the_clients() -> None:
    own = {"toolUse": {"toolUseId": "s1", "name": "search", "type": "server_tool_use"}}
    result = {"toolResult": {"toolUseId": "s1", "type": "search_result"}}
    events = decode_stream(
        [
            OPEN,
            start(0, own),
            delta(0, {"toolUse": {"input": "{}"}}),
            stop(0),
            start(1, result),
            delta(1, {"toolResult": [{"text": "x"}]}),
            stop(1),
            delta(2, {"text": "found"}),
            stop(2),
            ended(),
            METADATA,
        ]
    )
    assert folded(events).blocks == [Text("found")]
    assert events[-1] == Finish(StopReason.END)
