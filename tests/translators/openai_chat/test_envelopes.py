"""What surrounds an answer: ids, usage, reasons, errors; and whole answers read (openai_chat.md §4, mapping.md §3)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.translators.openai_chat.support import CHAT, REPLY, chunks, fold, joined, read, write
from translators.canonical.blocks import Block, Text, Thinking, ToolCall
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import BlockDelta, BlockStart, Error, Ping, Start, StopReason, StreamEvent, Usage
from translators.canonical.names import NameMap
from translators.canonical.request import Reasoning, Request
from translators.canonical.response import Response, unfold
from translators.protocol import Reply

USAGE = Usage(input_fresh=5, cache_read=3, cache_write_5m=2, output=7, reasoning=4)
LEGACY = replace(REPLY, request=Request("openai_chat", "m", legacy_functions=True))
HIDDEN = replace(REPLY, request=Request("openai_chat", "m", reasoning=Reasoning(show="none")))


def answer(*blocks: Block, stop: StopReason = StopReason.END) -> Response:
    return Response("up-1", "up-model", 1, list(blocks), stop, usage=USAGE)


def message(*blocks: Block, reply: Reply = REPLY, stop: StopReason = StopReason.END) -> dict[str, Any]:
    found: dict[str, Any] = CHAT.encode_response(answer(*blocks, stop=stop), reply)["choices"][0]["message"]
    return found


def test_envelope_of_a_whole_answer() -> None:
    body = CHAT.encode_response(answer(Text("a")), REPLY)
    assert (body["object"], body["created"], body["model"]) == ("chat.completion", REPLY.created, "client-model")
    assert body["id"].startswith("chatcmpl-")
    assert body["id"] != CHAT.encode_response(answer(Text("a")), replace(REPLY, seed="other"))["id"]
    assert body["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 7,
        "total_tokens": 17,
        "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }


def test_stream_begins_with_the_role_and_ends_with_done() -> None:
    stream = chunks(write(unfold(answer(Text("a")))))
    assert stream[0]["choices"][0]["delta"]["role"] == "assistant"
    assert stream[-1] == "[DONE]"
    assert stream[-2]["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert len({chunk["id"] for chunk in stream[:-1]}) == 1


def test_usage_chunk_only_if_the_client_asked() -> None:
    assert all("usage" not in chunk for chunk in chunks(write(unfold(answer(Text("a")))))[:-1])
    stream = chunks(write(unfold(answer(Text("a"))), replace(REPLY, include_usage=True)))
    assert [chunk["usage"] for chunk in stream[:-2]] == [None] * (len(stream) - 2)
    assert stream[-2]["choices"] == []
    assert stream[-2]["usage"]["total_tokens"] == 17


REASONS = [
    (StopReason.END, "stop"),
    (StopReason.TOOL_USE, "tool_calls"),
    (StopReason.LENGTH, "length"),
    (StopReason.CONTEXT_FULL, "length"),
    (StopReason.STOP_SEQUENCE, "stop"),
    (StopReason.REFUSAL, "content_filter"),
    (StopReason.PAUSED, "stop"),
    (StopReason.MALFORMED_CALL, "stop"),
]


@pytest.mark.parametrize(("stop", "reason"), REASONS)
def test_finish_reasons(stop: StopReason, reason: str) -> None:
    blocks: list[Block] = [ToolCall("1", "f", "{}")] if stop is StopReason.TOOL_USE else [Text("a")]
    assert CHAT.encode_response(answer(*blocks, stop=stop), REPLY)["choices"][0]["finish_reason"] == reason
    assert chunks(write(unfold(answer(*blocks, stop=stop))))[-2]["choices"][0]["finish_reason"] == reason


@pytest.mark.parametrize(
    ("blocks", "stop", "reason"),
    [
        ([ToolCall("1", "f", "{}")], StopReason.END, "tool_calls"),
        ([Text("a")], StopReason.TOOL_USE, "stop"),
        ([ToolCall("1", "f", "{")], StopReason.LENGTH, "length"),
        ([ToolCall("1", "web_search", "{}", "server")], StopReason.END, "stop"),
    ],
)
def test_the_reason_follows_the_blocks(blocks: list[Block], stop: StopReason, reason: str) -> None:
    assert CHAT.encode_response(answer(*blocks, stop=stop), REPLY)["choices"][0]["finish_reason"] == reason
    assert chunks(write(unfold(answer(*blocks, stop=stop))))[-2]["choices"][0]["finish_reason"] == reason


def test_legacy_clients_get_function_call() -> None:
    blocks: list[Block] = [ToolCall("1", "f", '{"x":1}'), ToolCall("2", "g", "{}")]
    body = CHAT.encode_response(answer(*blocks, stop=StopReason.TOOL_USE), LEGACY)["choices"][0]
    assert body["message"]["function_call"] == {"name": "f", "arguments": '{"x":1}'}
    assert "tool_calls" not in body["message"]
    stream = chunks(write(unfold(answer(*blocks, stop=StopReason.TOOL_USE)), LEGACY))
    assert joined(stream)["function_call"] == {"name": "f", "arguments": '{"x":1}'}
    assert body["finish_reason"] == stream[-2]["choices"][0]["finish_reason"] == "function_call"


@pytest.mark.parametrize("reply", [HIDDEN, replace(REPLY, reasoning_field="none")])
def test_reasoning_is_hidden_if_the_client_asked_for_none(reply: Reply) -> None:
    blocks: list[Block] = [Thinking("secret", "S", "anthropic"), Text("a")]
    assert "secret" not in json.dumps(message(*blocks, reply=reply))
    assert b"secret" not in write(unfold(answer(*blocks)), reply)


def test_reasoning_goes_where_the_client_looks() -> None:
    reply = replace(REPLY, reasoning_field="reasoning")
    assert message(Thinking("Hm"), Text("a"), reply=reply)["reasoning"] == "Hm"
    assert joined(chunks(write(unfold(answer(Thinking("Hm"), Text("a"))), reply)))["reasoning"] == "Hm"


# -- errors and waiting


def test_an_error_ends_the_stream_without_done() -> None:
    events: list[StreamEvent] = [
        Start(),
        BlockStart(0, "text"),
        BlockDelta(0, "text", "a"),
        Error(ErrorInfo(ErrorKind.OVERLOADED, "busy")),
    ]
    stream = chunks(write(events))
    assert stream[-1] == {
        "error": {"message": "busy", "type": "server_error", "param": None, "code": "server_overloaded"}
    }
    assert "[DONE]" not in stream


def test_a_failed_answer_is_the_error_body() -> None:
    failed = replace(answer(), error=ErrorInfo(ErrorKind.SERVER, "boom"))
    assert CHAT.encode_response(failed, REPLY)["error"]["message"] == "boom"


def test_waiting_is_a_comment() -> None:
    encoder = CHAT.stream_encoder(REPLY)
    assert encoder.keepalive() == encoder.encode(Ping()) == b": keep-alive\n\n"


def test_every_call_returns_whole_frames() -> None:
    encoder = CHAT.stream_encoder(REPLY)
    for event in unfold(
        answer(Thinking("a\nb", "S", "anthropic"), Text("c\u2028\r\n"), ToolCall("1", "f", '{"x":"\\n"}'))
    ):
        out = encoder.encode(event)
        assert out == b"" or out.endswith(b"\n\n")


# -- reading whole answers


def test_a_whole_answer_is_read_as_one_chunk() -> None:
    body = {
        "id": "x",
        "model": "m",
        "created": 5,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "a",
                    "reasoning_content": "Hm",
                    "tool_calls": [
                        {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x'}},
                        {"id": "2", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                        {"id": "3", "type": "custom", "custom": {"name": "p", "input": "x"}},
                    ],
                },
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }
    response = CHAT.decode_response(body, NameMap())
    assert (response.id, response.model, response.created, response.stop) == ("x", "m", 5, StopReason.TOOL_USE)
    assert response.blocks == [
        Thinking("Hm", None, "openai_chat", "raw"),
        Text("a"),
        ToolCall("1", "f", '{"x'),
        ToolCall("2", "f", "{}"),
        ToolCall("3", "p", "x", "custom"),
    ]
    assert (response.usage.input_fresh, response.usage.output) == (3, 4)


def test_annotations_are_citations_of_the_text() -> None:
    cited = {
        "type": "url_citation",
        "url_citation": {"start_index": 0, "end_index": 1, "title": "X", "url": "https://x"},
    }
    body = {"choices": [{"message": {"content": "a", "annotations": [cited]}, "finish_reason": "stop"}]}
    response = CHAT.decode_response(body, NameMap())
    assert response.blocks == [Text("a", citations=[cited])]
    assert CHAT.encode_response(response, REPLY)["choices"][0]["message"]["annotations"] == [cited]


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ({"error": {"message": "no", "code": "insufficient_quota"}}, ErrorKind.BILLING, "no"),
        ({"error": "no"}, ErrorKind.SERVER, "no"),
        ({"choices": []}, ErrorKind.SERVER, "no choices"),
        ({}, ErrorKind.SERVER, "no choices"),
    ],
)
def test_an_error_inside_a_200(body: dict[str, Any], kind: ErrorKind, text: str) -> None:
    error = CHAT.decode_response(body, NameMap()).error
    assert error is not None
    assert error.kind is kind
    assert text in error.message


def test_what_is_written_is_read_back() -> None:
    blocks: list[Block] = [Text("a"), ToolCall("1", "f", '{"x":1}'), ToolCall("2", "patch", "{", "custom")]
    assert fold(read(write(unfold(answer(*blocks, stop=StopReason.TOOL_USE))))).blocks == blocks
    assert CHAT.decode_response(CHAT.encode_response(answer(*blocks), REPLY), NameMap()).blocks == blocks
