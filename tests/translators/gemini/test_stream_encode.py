"""What a Gemini client receives: chunks it can read, signatures it can return, an end it accepts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.genai import types

from tests.translators.gemini.support import GEMINI, decode, frames, reply, said, sse, write_stream
from translators.canonical.blocks import Document, Image, Refusal, Text, Thinking, ToolCall, Unknown
from translators.canonical.errors import ErrorInfo, ErrorKind
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
    Usage,
    UsageUpdate,
)
from translators.canonical.names import NameMap
from translators.canonical.request import Output, Reasoning, Request
from translators.canonical.response import Response, unfold
from translators.gemini.finish import SILENCE, WORDS


def answer(*blocks: Any, stop: StopReason = StopReason.END, **fields: Any) -> Response:
    return Response("msg_1", "some-model", blocks=list(blocks), stop=stop, **fields)


def chunks(*blocks: Any, stop: StopReason = StopReason.END, to: Any = None, **fields: Any) -> list[Any]:
    return frames(write_stream(list(unfold(answer(*blocks, stop=stop, **fields))), to))


def parts(*blocks: Any, **fields: Any) -> list[Any]:
    return [part for chunk in chunks(*blocks, **fields) for part in chunk["candidates"][0]["content"]["parts"]]


CALL = ToolCall("c1", "f", '{"a":1}')


def sent_call(signature: str | None = None) -> Any:
    part: Any = {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}}
    return part if signature is None else {**part, "thoughtSignature": signature}


class TestChunks:
    def test_each_piece_goes_out_as_it_comes(self):
        events: list[StreamEvent] = [
            Start("msg_1", "claude"),
            BlockStart(0, "thinking"),
            BlockDelta(0, "thinking", "hm"),
            BlockStop(0),
            Ping(),
            BlockStart(1, "text"),
            BlockDelta(1, "text", "a"),
            BlockDelta(1, "text", "ü"),
            BlockStop(1),
            BlockStart(2, "tool_call", id="c1", name="f"),
            BlockDelta(2, "arguments", '{"a"'),
            BlockDelta(2, "arguments", ":1}"),
            BlockStop(2),
            UsageUpdate(Usage(10, 5, output=7, reasoning=3)),
            Finish(StopReason.TOOL_USE),
        ]
        encoder = GEMINI.stream_encoder(reply())
        sent = [encoder.encode(event) for event in events]
        assert [bool(piece) for piece in sent] == [n in (2, 6, 7, 12, 14) for n in range(len(events))]
        about = {"modelVersion": "gemini-3-pro", "responseId": frames(sent[2])[0]["responseId"]}

        def chunk(part: Any, **end: Any) -> Any:
            return {"candidates": [{"content": {"parts": [part], "role": "model"}, **end, "index": 0}], **about}

        assert frames(b"".join(sent)) == [
            chunk({"text": "hm", "thought": True}),
            chunk({"text": "a"}),
            chunk({"text": "ü"}),
            chunk(sent_call()),
            {
                **chunk({"text": ""}, finishReason="STOP"),
                "usageMetadata": {
                    "promptTokenCount": 15,
                    "cachedContentTokenCount": 5,
                    "candidatesTokenCount": 4,
                    "thoughtsTokenCount": 3,
                    "totalTokenCount": 22,
                },
            },
        ]

    def test_a_json_array_when_no_sse_was_asked_for(self):
        data = write_stream(list(unfold(answer(Text("a"), CALL))), reply(sse=False))
        found = json.loads(data)
        assert [list(chunk["candidates"][0]["content"]["parts"][0]) for chunk in found] == [
            ["text"],
            ["functionCall"],
            ["text"],
        ]

    def test_an_array_of_nothing_but_an_error(self):
        found = json.loads(write_stream([Error(ErrorInfo(ErrorKind.OVERLOADED, "busy"))], reply(sse=False)))
        assert found == [{"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}]

    def test_an_error_is_one_chunk_and_the_last(self):
        encoder = GEMINI.stream_encoder(reply())
        data = encoder.encode(Error(ErrorInfo(ErrorKind.RATE_LIMIT, "slow down", retry_after=3)))
        assert frames(data) == [
            {
                "error": {
                    "code": 429,
                    "message": "slow down",
                    "status": "RESOURCE_EXHAUSTED",
                    "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"}],
                }
            }
        ]
        assert encoder.encode(Finish(StopReason.END)) == b""

    def test_there_is_no_keepalive(self):
        encoder = GEMINI.stream_encoder(reply())
        assert encoder.keepalive() == encoder.encode(Start()) == encoder.keepalive() == b""

    def test_nothing_follows_the_end(self):
        encoder = GEMINI.stream_encoder(reply())
        encoder.encode(Finish(StopReason.END))
        assert encoder.encode(Finish(StopReason.END)) == encoder.encode(BlockDelta(0, "text", "a")) == b""

    def test_line_separators_stay_inside_one_line(self):
        assert parts(Text("a\u2028b\u0085c\nd"))[0] == {"text": "a\u2028b\u0085c\nd"}

    def test_half_an_emoji_is_passed_on(self):
        assert parts(Text("a\ud83e"))[0] == {"text": "a\ud83e"}

    def test_the_same_answer_gives_the_same_bytes_and_another_exchange_another_id(self):
        events = list(unfold(answer(Text("a"))))
        one, two = write_stream(events, reply()), write_stream(events, reply())
        assert one == two
        other = GEMINI.encode_response(answer(Text("a")), type(reply())("other", 0, "m"))
        assert other["responseId"] != frames(one)[0]["responseId"]


class TestEnd:
    @pytest.mark.parametrize("reason", list(StopReason))
    def test_each_reason(self, reason):
        last = chunks(Text("a"), stop=reason)[-1]["candidates"][0]
        assert last["finishReason"] == WORDS[reason]
        assert types.FinishReason(last["finishReason"]) in list(types.FinishReason)

    def test_geminis_own_word_is_kept(self):
        detail = {"finishReason": "RECITATION", "finishMessage": "copied"}
        last = chunks(Text("a"), stop=StopReason.REFUSAL, stop_detail=detail)[-1]["candidates"][0]
        assert (last["finishReason"], last["finishMessage"]) == ("RECITATION", "copied")

    def test_a_blocked_prompt_of_geminis(self):
        feedback = {"blockReason": "SAFETY", "blockReasonMessage": "no"}
        (only,) = chunks(stop=StopReason.REFUSAL, stop_detail={"promptFeedback": feedback}, usage=Usage(9))
        assert only["promptFeedback"] == feedback
        assert "candidates" not in only
        assert only["usageMetadata"]["promptTokenCount"] == 9

    @pytest.mark.parametrize("reason", [reason for reason, note in SILENCE.items() if note])
    @pytest.mark.parametrize("blocks", [[], [Thinking("hm")], [Text(" \u200b\n")]])
    def test_a_silent_answer_says_why_because_gemini_cli_wants_a_text(self, reason, blocks):
        assert SILENCE[reason] in [part["text"] for part in parts(*blocks, stop=reason)]

    def test_a_call_is_no_silence(self):
        assert parts(CALL, stop=StopReason.TOOL_USE)[1:] == [{"text": ""}]

    def test_nothing_is_added_where_json_was_asked_for(self):
        request = Request("gemini", "m", output=Output(json=True))
        assert parts(stop=StopReason.LENGTH, to=reply(request)) == [{"text": ""}]

    def test_no_usage_is_said_where_none_is_known(self):
        assert "usageMetadata" not in chunks(Text("a"))[-1]


class TestCalls:
    @pytest.mark.parametrize(
        ("arguments", "args"), [("", {}), ("{}", {}), ('{"a":[1]}', {"a": [1]}), ("[1]", {"value": [1]})]
    )
    def test_arguments_are_an_object(self, arguments, args):
        assert parts(ToolCall("c1", "f", arguments))[0]["functionCall"]["args"] == args

    def test_broken_arguments_are_told_not_repaired(self):
        (last,) = chunks(ToolCall("c1", "f", '{"a":'), stop=StopReason.TOOL_USE)
        assert last["candidates"][0]["finishReason"] == "MALFORMED_FUNCTION_CALL"
        assert last["candidates"][0]["finishMessage"] == 'Malformed function call: f({"a":)'

    def test_arguments_cut_at_the_limit_are_the_limits_fault(self):
        last = chunks(Text("x"), ToolCall("c1", "f", '{"a":'), stop=StopReason.LENGTH)[-1]
        assert last["candidates"][0]["finishReason"] == "MAX_TOKENS"

    def test_a_call_without_id_gets_one(self):
        one, two = parts(ToolCall("", "f", ""), ToolCall("", "f", ""))[:2]
        assert one["functionCall"]["id"] != two["functionCall"]["id"]
        assert one["functionCall"]["id"]

    def test_calls_of_the_backend_are_not_the_clients_to_make(self):
        assert parts(Text("a"), ToolCall("c1", "web_search", "{}", kind="server")) == [{"text": "a"}, {"text": ""}]


class TestOtherBlocks:
    @pytest.mark.parametrize(
        ("block", "part"),
        [
            (Refusal("No."), {"text": "No."}),
            (Image("image/png", data="AAAA"), {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
            (Document(text="a", name="n"), {"text": "n\na"}),
            (Unknown("gemini", {"executableCode": {"code": "1"}}), {"executableCode": {"code": "1"}}),
        ],
    )
    def test_are_sent(self, block, part):
        assert parts(block)[0] == part

    def test_or_dropped(self):
        assert parts(Text("a"), Unknown("anthropic", {"type": "x"})) == [{"text": "a"}, {"text": ""}]


class TestThoughts:
    @pytest.mark.parametrize(("show", "seen"), [("summary", True), ("none", False), ("default", False)])
    def test_they_are_shown_to_whom_asked(self, show, seen):
        request = Request("gemini", "m", reasoning=Reasoning(show=show))
        found = parts(Thinking("hm", "c2ln", "gemini"), CALL, to=reply(request))
        assert ({"text": "hm", "thought": True} in found) is seen
        assert sent_call("c2ln") in found


class TestSignatures:
    def test_geminis_own_is_on_its_call(self):
        found = parts(Thinking("hm", "c2ln", "gemini"), CALL, ToolCall("c2", "g", ""))
        assert found[1] == sent_call("c2ln")
        assert "thoughtSignature" not in found[2]

    def test_geminis_own_behind_a_text_is_on_an_empty_text(self):
        assert parts(Text("a"), Thinking("", "c2ln", "gemini")) == [
            {"text": "a"},
            {"text": "", "thoughtSignature": "c2ln"},
        ]
        assert parts(Text("a"), Thinking("", "c2ln", "gemini"), Text("b"))[:3] == [
            {"text": "a"},
            {"text": "", "thoughtSignature": "c2ln"},
            {"text": "b"},
        ]

    @pytest.mark.parametrize("origin", ["anthropic", "openai_responses", "gemini"])
    def test_they_come_back_with_the_history(self, origin):
        found = parts(Thinking("", "EqoB+/==", origin), CALL)[:-1]
        blocks = decode(said(("user", {"text": "a"}), ("model", *found))).turns[1].blocks
        assert blocks == [Thinking("", "EqoB+/==", origin), CALL]


class TestOfficialSdk:
    """google-genai reads our chunks with its own types, base64 and all."""

    @pytest.mark.parametrize(
        "response",
        [
            answer(Text("a"), usage=Usage(1, output=2, reasoning=1)),
            answer(Thinking("hm", "EqoB+/==", "anthropic"), CALL, stop=StopReason.TOOL_USE),
            answer(Text("a"), Thinking("", "c2ln", "gemini")),
            answer(Image("image/png", data="AAAA")),
            answer(stop=StopReason.REFUSAL, stop_detail={"promptFeedback": {"blockReason": "SAFETY"}}),
            *(answer(Text("a"), stop=reason) for reason in StopReason),
        ],
    )
    def test_every_chunk_is_valid(self, response):
        wholes = [*frames(write_stream(list(unfold(response)))), GEMINI.encode_response(response, reply())]
        for chunk in wholes:
            read = types.GenerateContentResponse._from_response(response=chunk, kwargs={})
            assert read.response_id == chunk["responseId"]
            assert read.model_dump(exclude_none=True, exclude={"sdk_http_response"}, mode="json")

    def test_a_carried_signature_survives_the_sdk(self):
        whole = GEMINI.encode_response(answer(Thinking("", "EqoB+/==", "anthropic"), CALL), reply())
        read = types.GenerateContentResponse._from_response(response=whole, kwargs={})
        assert read.candidates is not None
        assert read.candidates[0].content is not None
        returned = read.candidates[0].content.model_dump(mode="json", by_alias=True, exclude_none=True)
        blocks = decode({"contents": [returned]}).turns[0].blocks
        assert blocks == [Thinking("", "EqoB+/==", "anthropic"), CALL]


class TestWholeBodies:
    def test_says_what_the_stream_says(self):
        response = answer(
            Thinking("hm", "c2ln", "gemini"), Text("a"), CALL, stop=StopReason.TOOL_USE, usage=Usage(3, output=4)
        )
        whole = GEMINI.encode_response(response, reply())
        assert whole == {
            "candidates": [
                {
                    "content": {
                        "parts": [
                            {"text": "hm", "thought": True},
                            {"text": "a", "thoughtSignature": "c2ln"},
                            sent_call(),
                        ],
                        "role": "model",
                    },
                    "finishReason": "STOP",
                    "index": 0,
                }
            ],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7},
            "modelVersion": "gemini-3-pro",
            "responseId": frames(write_stream(list(unfold(response))))[0]["responseId"],
        }

    def test_silence_is_left_as_it_is(self):
        whole = GEMINI.encode_response(answer(stop=StopReason.REFUSAL), reply())
        assert whole["candidates"] == [
            {"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": "SAFETY", "index": 0}
        ]

    def test_an_error_inside(self):
        whole = GEMINI.encode_response(Response(error=ErrorInfo(ErrorKind.SERVER, "no")), reply())
        assert whole == {"error": {"code": 500, "message": "no", "status": "INTERNAL"}}

    @pytest.mark.parametrize("as_list", [False, True])
    def test_are_read(self, as_list):
        body = GEMINI.encode_response(answer(Text("a"), usage=Usage(3, output=4)), reply())
        whole: Any = [body] if as_list else body
        read = GEMINI.decode_response(whole, NameMap())
        assert (read.blocks, read.stop, read.usage.total) == ([Text("a")], StopReason.END, 7)

    def test_a_missing_reason_is_no_cut(self):
        body = {"candidates": [{"content": {"parts": [{"text": "a"}]}}]}
        assert GEMINI.decode_response(body, NameMap()).stop is StopReason.END

    @pytest.mark.parametrize("body", [{}, {"candidates": []}, {"error": {"code": 500, "message": "no"}}])
    def test_nothing_or_an_error_is_an_error(self, body):
        read = GEMINI.decode_response(body, NameMap())
        assert read.error is not None
        assert read.error.kind is ErrorKind.SERVER

    def test_a_blocked_prompt(self):
        body = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}}
        read = GEMINI.decode_response(body, NameMap())
        assert (read.stop, read.stop_detail) == (StopReason.REFUSAL, {"promptFeedback": {"blockReason": "SAFETY"}})


def test_our_own_frames_are_what_google_sends():
    assert sse({"a": 1}).replace(b"\r\n", b"\n") == b'data: {"a": 1}\n\n'
