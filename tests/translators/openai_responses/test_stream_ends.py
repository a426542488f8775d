"""How a stream that a Responses client reads ends: reasons, usage, cut calls, errors (openai_responses.md §6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.translators.openai_responses.support import (
    REPLY,
    RESPONSES,
    done_items,
    payloads,
    write,
)
from translators.canonical.blocks import Block, Refusal, Text, Thinking, ToolCall
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
from translators.canonical.response import Response, unfold

LOST = ErrorInfo(ErrorKind.SERVER, "The upstream's stream ended.")


def answer(*blocks: Block, stop: StopReason = StopReason.END, **fields: Any) -> list[StreamEvent]:
    return list(unfold(Response("up", "m", 1, list(blocks), stop, **fields)))


def final(events: list[StreamEvent]) -> dict[str, Any]:
    response: dict[str, Any] = payloads(write(events))[-1]["response"]
    return response


def kinds(data: bytes) -> list[str]:
    return [event["type"].removeprefix("response.") for event in payloads(data)]


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        (StopReason.END, "completed", None),
        (StopReason.TOOL_USE, "completed", None),
        (StopReason.STOP_SEQUENCE, "completed", None),
        (StopReason.LENGTH, "incomplete", {"reason": "max_output_tokens"}),
        (StopReason.CONTEXT_FULL, "incomplete", {"reason": "max_output_tokens"}),
        (StopReason.REFUSAL, "incomplete", {"reason": "content_filter"}),
        (StopReason.PAUSED, "incomplete", {"reason": "max_messages"}),
        (StopReason.MALFORMED_CALL, "failed", None),
    ],
)
def test_every_reason_has_a_terminal_event(reason: StopReason, status: str, details: Any) -> None:
    last = payloads(write(answer(Text("a"), stop=reason)))[-1]
    assert last["type"] == f"response.{status}"
    assert last["response"]["status"] == status
    assert last["response"]["incomplete_details"] == details
    assert (last["response"]["error"] is not None) == (status == "failed")


def test_a_refusal_in_words_completes_the_response() -> None:
    assert final(answer(Refusal("no"), stop=StopReason.REFUSAL))["status"] == "completed"


def test_usage_is_whole_numbers_with_both_details() -> None:
    usage = Usage(input_fresh=3, cache_read=4, cache_write_5m=5, output=6, reasoning=2)
    assert final(answer(Text("a"), usage=usage))["usage"] == {
        "input_tokens": 12,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 5},
        "output_tokens": 6,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 18,
    }
    unknown = final([Start(), Finish(StopReason.END)])["usage"]
    assert unknown["total_tokens"] == 0
    assert set(unknown) == {
        "input_tokens",
        "input_tokens_details",
        "output_tokens",
        "output_tokens_details",
        "total_tokens",
    }


def test_later_usage_replaces_earlier() -> None:
    events: list[StreamEvent] = [
        Start(usage=Usage(input_fresh=9, output=1)),
        UsageUpdate(Usage(output=5)),
        Finish(StopReason.END),
    ]
    usage = final(events)["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (9, 5)


@pytest.mark.parametrize(
    ("call", "whole"),
    [
        (ToolCall("c", "f", '{"a": 1}'), True),
        (ToolCall("c", "f", '{"a'), False),
        (ToolCall("c", "f", ""), False),
        (ToolCall("c", "f", "*** Beg", "custom"), False),
    ],
)
@pytest.mark.parametrize("end", [Finish(StopReason.LENGTH), Error(LOST)])
def test_a_call_that_was_cut_off_is_never_said_to_be_done(call: ToolCall, whole: bool, end: StreamEvent) -> None:
    events = answer(Text("a"), call)[:-2]
    data = write([*events, end])
    assert [item["type"] for item in done_items(data)[1:]] == (["function_call"] if whole else [])
    item = payloads(data)[-1]["response"]["output"][1]
    assert item["status"] == ("completed" if whole else "incomplete")
    assert item.get("arguments", item.get("input")) == call.arguments


def test_a_finished_call_without_arguments_has_an_empty_object() -> None:
    assert done_items(write(answer(ToolCall("c", "f", ""))))[0]["arguments"] == "{}"


def test_text_that_was_cut_off_is_incomplete() -> None:
    items = final(answer(Text("a"), Text("b"), stop=StopReason.LENGTH))["output"]
    assert [item["status"] for item in items] == ["completed", "incomplete"]


def test_an_error_fails_the_response_with_what_came_before() -> None:
    events: list[StreamEvent] = [Start(), BlockStart(0, "text"), BlockDelta(0, "text", "par"), BlockStop(0)]
    data = write([*events, UsageUpdate(Usage(input_fresh=1)), Error(LOST)])
    last = payloads(data)[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["error"] == {"code": "server_error", "message": "The upstream's stream ended."}
    assert last["response"]["output"][0]["content"][0]["text"] == "par"
    assert last["response"]["usage"]["input_tokens"] == 1


def test_an_error_before_all_else_opens_the_stream_first() -> None:
    assert kinds(write([Error(LOST)])) == ["created", "in_progress", "failed"]


def test_nothing_follows_the_end() -> None:
    encoder = RESPONSES.stream_encoder(REPLY)
    encoder.encode(Start())
    assert encoder.encode(Finish(StopReason.END))
    assert encoder.encode(Error(LOST)) == b""
    assert encoder.encode(Ping()) == b""


def test_a_whole_answer_is_the_last_response_of_its_stream() -> None:
    response = Response("up", "m", 1, [Thinking("t"), Text("a"), ToolCall("c", "f", "{}")], StopReason.TOOL_USE)
    whole = RESPONSES.encode_response(response, REPLY)
    assert whole == final(list(unfold(response)))
    assert whole["status"] == "completed"
    json.dumps(whole)


SIGNED = Thinking("", "SIG", "gemini")
CALL = ToolCall("c", "n", "{}")


@pytest.mark.parametrize(
    ("blocks", "types"),
    [
        ((Text("Hi"), SIGNED), ["message"]),
        ((Text("Hi"), SIGNED, SIGNED), ["message"]),
        ((Text("Hi"), SIGNED, CALL), ["message", "reasoning", "function_call"]),
        ((SIGNED, SIGNED, Text("Hi")), ["reasoning", "reasoning", "message"]),
        ((Text("Hi"), Thinking("", "SIG", "openai_responses")), ["message", "reasoning"]),
        ((Text("Hi"), Thinking("Hm", "SIG", "gemini")), ["message", "reasoning"]),
    ],
    ids=str,
)
def test_a_foreign_signature_without_text_never_ends_an_answer(blocks: tuple[Block, ...], types: list[str]) -> None:
    """Clients take the last item for the answer (`output[-1].content`)."""
    response = final(answer(*blocks))
    assert [item["type"] for item in response["output"]] == types
    assert [item["type"] for item in done_items(write(answer(*blocks)))] == types
    carried = [item["encrypted_content"] for item in response["output"] if item["type"] == "reasoning"]
    assert all(payload in ("SIG", "gw1:gemini:SIG") for payload in carried)


def test_a_signature_before_its_text_stays_on_it() -> None:
    thought = [
        Start("up", "m"),
        BlockStart(0, "thinking", origin="gemini"),
        BlockDelta(0, "signature", "OLD"),
        BlockDelta(0, "signature", "SIG"),
        BlockDelta(0, "thinking", "Hm"),
        BlockStop(0),
        Finish(StopReason.END),
    ]
    [item] = final(thought)["output"]
    assert (item["summary"][0]["text"], item["encrypted_content"]) == ("Hm", "gw1:gemini:SIG")
