"""Untidy, cut and corrupt streams, exceptions in them and instead of them (apikey_backends.md §6, Errors)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.standin.eventstream import error, event, exception, message
from translators.canonical.blocks import Text, Thinking, ToolCall
from translators.canonical.errors import ErrorKind
from translators.canonical.events import BlockDelta, Error, Finish, StopReason, UsageUpdate, is_content
from translators.canonical.names import NameMap
from translators.canonical.response import folded

from .answers import FULL, METADATA, OPEN, call, delta, ended, start, stop
from .support import PROTOCOL, decode_stream

# -- untidy streams


def test_blocks_without_their_stops_and_starts() -> None:
    events = decode_stream(
        [
            delta(0, {"reasoningContent": {"text": "hm"}}),
            delta(1, {"text": "a"}),
            delta(2, {"text": "b"}),
            start(3, {"toolUse": {"toolUseId": "t", "name": "run"}}),
            ended("tool_use"),
        ]
    )
    found = folded(events)
    assert found.blocks == [Thinking("hm", None, "bedrock"), Text("a"), Text("b"), ToolCall("t", "run", "")]
    assert events[-1] == Finish(StopReason.TOOL_USE)


def test_the_end_without_metadata_is_an_end_and_what_follows_it_is_nothing() -> None:
    events = decode_stream([OPEN, delta(0, {"text": "a"}), stop(0), ended()])
    assert events[-1] == Finish(StopReason.END)
    again = decode_stream([OPEN, delta(0, {"text": "a"}), ended(), METADATA, delta(0, {"text": "late"}), METADATA])
    assert sum(isinstance(event, Finish) for event in again) == 1
    assert isinstance(again[-1], Finish)


def test_arguments_of_no_call_that_is_open_are_an_error_and_never_a_broken_call() -> None:
    events = decode_stream([OPEN, call(0, "{"), delta(0, {"toolUse": {"input": "}"}}), ended("tool_use")])
    assert isinstance(events[-1], Error)


def test_events_that_nobody_knows_are_skipped() -> None:
    strange = [
        event("novelty", b"{}"),
        event("contentBlockDelta", b"no json"),
        event("messageStart", b"[]"),
        message({":message-type": "event"}),
    ]
    events = decode_stream([OPEN, *strange, delta(0, {"text": "a"}), stop(0), ended(), METADATA])
    assert folded(events).blocks == [Text("a")]


@pytest.mark.parametrize("kept", range(len(FULL) - 2))
def test_a_cut_stream_is_an_error_and_its_blocks_are_closed(kept: int) -> None:
    events = decode_stream(FULL[:kept])
    last = events[-1]
    assert isinstance(last, Error)
    assert last.error.kind is ErrorKind.SERVER
    kinds = [type(event).__name__ for event in events]
    assert kinds.count("BlockStart") == kinds.count("BlockStop")


# -- errors

EXCEPTIONS = [
    ("throttlingException", ErrorKind.RATE_LIMIT),
    ("validationException", ErrorKind.INVALID_REQUEST),
    ("modelStreamErrorException", ErrorKind.SERVER),
    ("internalServerException", ErrorKind.SERVER),
    ("serviceUnavailableException", ErrorKind.OVERLOADED),
    ("modelTimeoutException", ErrorKind.TIMEOUT),
    ("noveltyException", ErrorKind.SERVER),
]


@pytest.mark.parametrize(("kind", "expected"), EXCEPTIONS)
@pytest.mark.parametrize(
    "before", [[], [OPEN], [OPEN, delta(0, {"text": "a"})]], ids=["first", "no content", "content"]
)
def test_exceptions_inside_the_stream(kind: str, expected: ErrorKind, before: list[bytes]) -> None:
    events = decode_stream([*before, exception(kind, b'{"message":"Slow down."}'), delta(0, {"text": "late"})])
    last = events[-1]
    assert isinstance(last, Error)
    assert (last.error.kind, last.error.message) == (expected, "Slow down.")
    assert any(is_content(event) for event in events) == (len(before) == 2)


def test_an_exception_tells_the_models_own_message() -> None:
    payload = {"message": "The model failed.", "originalMessage": "overloaded", "originalStatusCode": 529}
    last = decode_stream([exception("modelStreamErrorException", json.dumps(payload).encode())])[-1]
    assert isinstance(last, Error)
    assert last.error.message == "The model failed. (overloaded)"
    assert last.error.type == "ModelStreamErrorException"


def test_an_unmodelled_error_inside_the_stream() -> None:
    last = decode_stream([OPEN, error("InternalError", "It broke.")])[-1]
    assert isinstance(last, Error)
    assert (last.error.message, last.error.type) == ("It broke.", "InternalError")


def test_a_corrupt_frame_is_an_error_that_says_so() -> None:
    broken = bytearray(delta(0, {"text": "abc"}))
    broken[-6] ^= 1
    events = decode_stream([OPEN, delta(0, {"text": "a"}), bytes(broken), ended(), METADATA])
    last = events[-1]
    assert isinstance(last, Error)
    assert "corrupt" in last.error.message
    assert not any(isinstance(event, UsageUpdate) for event in events)


@given(st.lists(st.binary(max_size=60), max_size=4), st.integers(0, len(FULL)))
def test_no_bytes_whatever_raise(noise: list[bytes], kept: int) -> None:
    events = decode_stream([*FULL[:kept], *noise])
    assert isinstance(events[-1], Error | Finish)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "delta",
                        "start",
                        "toolUse",
                        "text",
                        "reasoningContent",
                        "usage",
                        "contentBlockIndex",
                        "input",
                        "stopReason",
                        "citation",
                        "location",
                        "image",
                        "source",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from(
        ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"]
    ),
)
def test_no_payload_whatever_raises(payload: Any, kind: str) -> None:
    events = decode_stream([OPEN, event(kind, json.dumps(payload).encode()), delta(0, {"text": "a"})])
    assert isinstance(events[-1], Error | Finish)
    if isinstance(payload, dict):
        PROTOCOL.decode_response({"output": payload, **payload}, NameMap())
        PROTOCOL.decode_response({"output": {"message": {"content": [payload]}}, **payload}, NameMap())


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ({}, ErrorKind.SERVER, "no answer of Converse"),
        ({"output": {}}, ErrorKind.SERVER, "no answer of Converse"),
        ({"message": "Too many requests"}, ErrorKind.SERVER, "Too many requests"),
        ({"__type": "ThrottlingException", "message": "Slow"}, ErrorKind.RATE_LIMIT, "Slow"),
        ({"output": {"message": {"content": []}}}, ErrorKind.SERVER, "empty"),
    ],
)
def test_a_200_without_an_answer_is_an_error(body: Any, kind: ErrorKind, text: str) -> None:
    found = PROTOCOL.decode_response(body, NameMap()).error
    assert found is not None
    assert found.kind is kind
    assert text in found.message


ANSWERS = [
    (400, "ValidationException", ErrorKind.INVALID_REQUEST),
    (403, "AccessDeniedException", ErrorKind.PERMISSION),
    (403, "UnrecognizedClientException", ErrorKind.AUTHENTICATION),
    (403, "ExpiredTokenException", ErrorKind.AUTHENTICATION),
    (403, "InvalidSignatureException", ErrorKind.AUTHENTICATION),
    (404, "ResourceNotFoundException", ErrorKind.NOT_FOUND),
    (408, "ModelTimeoutException", ErrorKind.TIMEOUT),
    (424, "ModelErrorException", ErrorKind.SERVER),
    (429, "ThrottlingException", ErrorKind.RATE_LIMIT),
    (429, "ModelNotReadyException", ErrorKind.OVERLOADED),
    (400, "ServiceQuotaExceededException", ErrorKind.RATE_LIMIT),
    (500, "InternalServerException", ErrorKind.SERVER),
    (503, "ServiceUnavailableException", ErrorKind.OVERLOADED),
]


@pytest.mark.parametrize(("status", "type_", "kind"), ANSWERS)
def test_exceptions_as_answers(status: int, type_: str, kind: ErrorKind) -> None:
    in_header = PROTOCOL.decode_error(status, {"x-amzn-errortype": f"{type_}:http://internal/"}, b'{"message":"No."}')
    in_body = PROTOCOL.decode_error(
        status, {}, json.dumps({"__type": f"com.amazon#{type_}", "Message": "No."}).encode()
    )
    for found in (in_header, in_body):
        assert (found.kind, found.message, found.type, found.status) == (kind, "No.", type_, status)


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (502, b"<html>Bad   Gateway</html>", ErrorKind.SERVER, "Bad Gateway"),
        (403, b"", ErrorKind.PERMISSION, "HTTP 403 without a message"),
        (429, b'{"error":{"message":"slow"}}', ErrorKind.RATE_LIMIT, "slow"),
        (400, b"[]", ErrorKind.INVALID_REQUEST, "[]"),
    ],
)
def test_other_answers(status: int, body: bytes, kind: ErrorKind, text: str) -> None:
    found = PROTOCOL.decode_error(status, {"retry-after": "7"}, body)
    assert (found.kind, found.message, found.retry_after) == (kind, text, 7)


def test_deltas_of_an_open_block_are_passed_at_once() -> None:
    decoder = PROTOCOL.stream_decoder(NameMap())
    decoder.feed(OPEN + delta(0, {"text": "a"}))
    assert decoder.feed(delta(0, {"text": "b"})) == [BlockDelta(0, "text", "b")]
