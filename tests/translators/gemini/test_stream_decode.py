"""A Gemini backend's stream, in each of its framings, as canonical events."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from google.genai import types

from tests.translators.gemini.support import FIXTURES, GEMINI, chunk, fixture, folded, load, read_stream, sse
from translators.canonical.blocks import Text, Thinking, ToolCall
from translators.canonical.errors import ErrorKind
from translators.canonical.events import BlockDelta, BlockStart, Error, Finish, Start, StopReason, UsageUpdate
from translators.canonical.names import NameMap
from translators.canonical.response import Response
from translators.gemini.finish import REASONS

STREAMS = sorted(
    path.name
    for path in FIXTURES.iterdir()
    if path.suffix in (".sse", ".json") and path.with_suffix(".expected.json").exists()
)


def _matches(block: Any, expected: Any) -> bool:
    """Whether `block` is of the class and has the fields that the fixture names."""
    ((kind, fields),) = expected.items()
    found = dataclasses.asdict(block)
    return type(block).__name__ == kind and all(found[name] == value for name, value in fields.items())


def _check(response: Response, expected: Any) -> None:
    assert (response.id, response.model) == (expected["id"], expected["model"])
    assert response.stop == expected["stop"]
    assert (response.error.kind if response.error else None) == expected.get("error")
    assert len(response.blocks) == len(expected["blocks"])
    for block, wanted in zip(response.blocks, expected["blocks"], strict=True):
        assert _matches(block, wanted), (block, wanted)
    usage = {name: value for name, value in dataclasses.asdict(response.usage).items() if value is not None}
    usage.pop("raw", None)
    assert not usage.pop("estimated")
    assert usage == expected["usage"]


@pytest.mark.parametrize("name", STREAMS)
class TestFixtures:
    def test_says_what_is_expected(self, name):
        _check(folded(read_stream(fixture(name))), load(name.partition(".")[0] + ".expected.json"))

    @pytest.mark.parametrize("step", [1, 2, 3, 7, 64])
    def test_cut_into_small_pieces_it_says_the_same(self, name, step):
        assert read_stream(fixture(name), step=step) == read_stream(fixture(name))

    def test_cut_once_anywhere_it_says_the_same(self, name):
        data = fixture(name)
        whole = read_stream(data)
        for at in range(len(data)):
            assert read_stream_in(data[:at], data[at:]) == whole

    @pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
    def test_line_ends_do_not_matter(self, name, ending):
        data = fixture(name).replace(b"\r\n", b"\n").replace(b"\n", ending)
        assert read_stream(data) == read_stream(fixture(name))

    def test_a_byte_order_mark_does_not_matter(self, name):
        assert read_stream(b"\xef\xbb\xbf" + fixture(name), step=1) == read_stream(fixture(name))


def read_stream_in(*pieces: bytes) -> Any:
    decoder = GEMINI.stream_decoder(NameMap())
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.end()


class TestEnds:
    @pytest.mark.parametrize("word", sorted(REASONS))
    def test_each_finish_reason(self, word):
        finish = read_stream(sse(chunk({"text": "a"}, reason=word)))[-1]
        assert isinstance(finish, Finish)
        assert finish.reason is (REASONS[word] or StopReason.END)
        assert finish.detail == (None if word == "STOP" else {"finishReason": word})

    def test_every_reason_of_the_sdk_is_known(self):
        assert {reason.value for reason in types.FinishReason} == REASONS.keys()

    def test_the_message_is_kept(self):
        data = chunk(reason="MALFORMED_FUNCTION_CALL")
        data["candidates"][0]["finishMessage"] = "Malformed function call: print("
        assert read_stream(sse(data))[-1] == Finish(
            StopReason.MALFORMED_CALL,
            detail={"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "Malformed function call: print("},
        )

    @pytest.mark.parametrize(("parts", "reason"), [([], StopReason.REFUSAL), ([{"text": "a"}], StopReason.END)])
    def test_a_reason_of_the_future(self, parts, reason):
        assert read_stream(sse(chunk(*parts, reason="NEW_ONE")))[-1] == Finish(
            reason, detail={"finishReason": "NEW_ONE"}
        )

    @pytest.mark.parametrize("word", ["STOP", "OTHER_NEW", "FINISH_REASON_UNSPECIFIED"])
    def test_with_a_call_the_reason_is_the_call(self, word):
        finish = read_stream(sse(chunk({"functionCall": {"name": "f"}}, reason=word)))[-1]
        assert isinstance(finish, Finish)
        assert finish.reason is StopReason.TOOL_USE

    def test_an_early_stop_ends_nothing(self):
        call = {"functionCall": {"name": "f"}}
        events = read_stream(sse(chunk(call, reason="STOP"), chunk(call), chunk({"text": "x"}, reason="MAX_TOKENS")))
        assert [type(event) for event in events].count(Finish) == 1
        assert [type(block) for block in folded(events).blocks] == [ToolCall, ToolCall, Text]
        assert events[-1] == Finish(StopReason.LENGTH, detail={"finishReason": "MAX_TOKENS"})

    def test_finish_waits_for_the_last_usage(self):
        events = read_stream(sse(chunk({"text": "a"}, reason="STOP"), {"usageMetadata": {"promptTokenCount": 7}}))
        assert isinstance(events[-2], UsageUpdate)
        assert events[-2].usage.input_fresh == 7
        assert isinstance(events[-1], Finish)

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            sse(chunk({"text": "Once upon"})),
            sse(chunk({"functionCall": {"name": "f"}})),
            sse(chunk({"text": "a"}))[:-30],
            b"<html><body>Bad gateway</body></html>",
            b": ping\n\n",
            b"[",
            b'[{"candidates":[{"content":{"parts":[{"text":"a"}]}}]},{"cand',
        ],
    )
    def test_a_cut_stream_is_an_error(self, data):
        last = read_stream(data)[-1]
        assert isinstance(last, Error)
        assert last.error.kind is ErrorKind.SERVER

    def test_the_usage_of_a_cut_stream_is_kept(self):
        events = read_stream(
            sse(chunk({"text": "a"}, usageMetadata={"promptTokenCount": 7, "candidatesTokenCount": 1}))
        )
        assert folded(events).usage.output == 1

    def test_after_an_error_nothing_follows(self):
        events = read_stream(sse({"error": {"code": 500, "message": "no"}}, chunk({"text": "a"}, reason="STOP")))
        assert [type(event) for event in events] == [Error]

    def test_a_chunk_that_is_no_json_is_an_error(self):
        events = read_stream(sse(chunk({"text": "a"})) + b'data: {"candidates": [\n\n' + sse(chunk(reason="STOP")))
        assert isinstance(events[-1], Error)

    def test_done_and_comments_are_skipped(self):
        data = b": hello\n\nevent: message\n" + sse(chunk({"text": "a"}, reason="STOP")) + b"data: [DONE]\n\n"
        assert folded(read_stream(data)).blocks == [Text("a")]


class TestParts:
    def test_the_start_says_what_is_known(self):
        start = read_stream(
            sse(
                chunk(
                    {"text": "a"},
                    reason="STOP",
                    responseId="r",
                    modelVersion="m",
                    createTime="2026-11-01T00:00:00.5Z",
                    usageMetadata={"promptTokenCount": 3},
                )
            )
        )[0]
        assert isinstance(start, Start)
        assert (start.id, start.model, start.created) == ("r", "m", 1_793_491_200)
        assert start.usage is not None
        assert start.usage.input_fresh == 3

    def test_snake_case(self):
        data = sse(
            {
                "candidates": [
                    {
                        "content": {
                            "parts": [
                                {"function_call": {"name": "f", "args": {}}, "thought_signature": "c2ln"},
                            ]
                        },
                        "finish_reason": "MAX_TOKENS",
                    }
                ],
                "usage_metadata": {"prompt_token_count": 3, "candidates_token_count": 2},
                "model_version": "m",
                "response_id": "r",
            }
        )
        response = folded(read_stream(data))
        assert (response.id, response.model, response.stop) == ("r", "m", StopReason.LENGTH)
        assert [type(block) for block in response.blocks] == [Thinking, ToolCall]
        assert (response.usage.input_fresh, response.usage.output) == (3, 2)

    @pytest.mark.parametrize(
        "candidate",
        [
            {"finishReason": "STOP"},
            {"content": {}, "finishReason": "STOP"},
            {"content": {"parts": []}, "finishReason": "STOP"},
        ],
    )
    def test_a_candidate_may_be_empty(self, candidate):
        response = folded(read_stream(sse({"candidates": [candidate]})))
        assert (response.blocks, response.stop) == ([], StopReason.END)

    def test_only_the_first_candidate_counts(self):
        other = {"index": 1, "content": {"parts": [{"text": "other"}]}, "finishReason": "SAFETY"}
        mine = {"index": 0, "content": {"parts": [{"text": "mine"}]}, "finishReason": "STOP"}
        response = folded(read_stream(sse({"candidates": [other, mine]}, {"candidates": [other]})))
        assert (response.blocks, response.stop) == ([Text("mine")], StopReason.END)

    def test_a_change_of_kind_loses_nothing(self):
        events = read_stream(
            sse(
                chunk({"text": "t1", "thought": True}, {"text": "a"}),
                chunk({"functionCall": {"name": "f"}}, {"text": "b"}),
                chunk({"text": "t2", "thought": True}, reason="STOP"),
            )
        )
        assert [type(block) for block in folded(events).blocks] == [Thinking, Text, ToolCall, Text, Thinking]

    def test_a_call_may_be_the_very_first_part(self):
        events = read_stream(sse(chunk({"functionCall": {"name": "f", "args": {"a": 1}}}, reason="STOP")))
        assert events[1] == BlockStart(0, "tool_call", id=events[1].id, name="f")
        assert events[2] == BlockDelta(0, "arguments", '{"a":1}')

    @pytest.mark.parametrize(
        ("args", "arguments"),
        [({"a": "ü"}, '{"a":"ü"}'), (None, "{}"), ('{"a":1}', '{"a":1}'), ([1], "[1]")],
    )
    def test_arguments(self, args, arguments):
        (call,) = folded(read_stream(sse(chunk({"functionCall": {"name": "f", "args": args}}, reason="STOP")))).blocks
        assert call.arguments == arguments


class TestSignatures:
    def test_that_of_a_call_joins_the_open_thought(self):
        data = sse(
            chunk({"text": "hm", "thought": True}),
            chunk({"functionCall": {"name": "f"}, "thoughtSignature": "c2ln"}, reason="STOP"),
        )
        assert folded(read_stream(data)).blocks[0] == Thinking("hm", "c2ln", "gemini")

    def test_two_are_never_one(self):
        call = {"functionCall": {"name": "f"}}
        data = sse(
            chunk({"text": "hm", "thought": True, "thoughtSignature": "czA="}),
            chunk({**call, "thoughtSignature": "czE="}),
            chunk({**call, "thoughtSignature": "czI="}, reason="STOP"),
        )
        blocks = folded(read_stream(data)).blocks
        assert [getattr(block, "signature", "call") for block in blocks] == ["czA=", "czE=", "call", "czI=", "call"]

    def test_that_of_a_text_before_an_unsigned_call_stays_off_the_call(self):
        data = sse(
            chunk({"text": "I look.", "thoughtSignature": "c2ln"}, {"functionCall": {"name": "f"}}, reason="STOP")
        )
        assert [type(block) for block in folded(read_stream(data)).blocks] == [Thinking, Text, ToolCall]


class TestCalls:
    def test_made_up_ids_are_stable_and_differ(self):
        call = {"functionCall": {"name": "f", "args": {}}}
        data = sse(chunk(call, call, reason="STOP", responseId="r1"))
        first, second = folded(read_stream(data)).blocks
        assert first.id != second.id
        assert folded(read_stream(data)).blocks == [first, second]
        other = folded(read_stream(sse(chunk(call, reason="STOP", responseId="r2")))).blocks[0]
        assert other.id != first.id

    def test_without_a_response_id_the_growing_prompt_tells_turns_apart(self):
        def ask(tokens: int) -> bytes:
            return sse(
                chunk({"functionCall": {"name": "f"}}, reason="STOP", usageMetadata={"promptTokenCount": tokens})
            )

        assert folded(read_stream(ask(10))).blocks[0].id != folded(read_stream(ask(20))).blocks[0].id

    def test_names_are_the_clients_again(self):
        names = NameMap(to_client={"short": "a long name", "ns__g": "ns__g"}, namespaces={"ns__g": ("ns", "g")})
        data = sse(chunk({"functionCall": {"name": "short"}}, {"functionCall": {"name": "ns__g"}}, reason="STOP"))
        first, second = folded(read_stream(data, names)).blocks
        assert (first.name, second.name, second.namespace) == ("a long name", "g", "ns")

    @pytest.mark.parametrize(("args", "text"), [({"input": "*** a"}, "*** a"), ({}, ""), ({"other": 1}, '{"other":1}')])
    def test_custom_tools_are_unwrapped(self, args, text):
        data = sse(chunk({"functionCall": {"name": "patch", "args": args}}, reason="STOP"))
        (call,) = folded(read_stream(data, NameMap(custom={"patch"}))).blocks
        assert (call.kind, call.arguments) == ("custom", text)


@pytest.mark.parametrize(
    "value",
    [3, None, "x", [], {"candidates": 3}, {"candidates": [3]}, {"candidates": [{"content": 3}]}]
    + [{"candidates": [{"content": {"parts": [part]}}]} for part in (3, {}, {"text": 3}, {"functionCall": 3}, {"x": 1})]
    + [
        {"usageMetadata": 3},
        {"usageMetadata": {"promptTokenCount": "x"}},
        {"promptFeedback": 3},
        {"createTime": "never"},
    ]
    + [
        {
            "candidates": [
                {"content": {"parts": [{"functionCall": {"name": "f", "partialArgs": [p], "willContinue": True}}]}}
            ]
        }
        for p in (3, {}, {"jsonPath": 3}, {"jsonPath": "$[0]", "stringValue": "x"}, {"jsonPath": "$.a[99999999]"})
    ],
)
def test_nonsense_never_raises(value):
    events = read_stream(sse(value, chunk({"text": "a"}, reason="STOP")))
    assert isinstance(events[-1], Finish)
    assert folded(events).blocks[-1] == Text("a")


def test_deep_json_never_raises():
    events = read_stream(b"data: " + b"[" * 100_000 + b"\n\n")
    assert isinstance(events[-1], Error)
    events = read_stream(b'data: {"candidates":' + b"[" * 100_000 + b"\n\n")
    assert isinstance(events[-1], Error)
    assert json.dumps(events[-1].error.message)
