"""Answers of Converse and ConverseStream (apikey_backends.md §6)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.standin.bedrock_model import answer_faults
from tests.standin.eventstream import error, event, exception, message
from translators.canonical.blocks import Image, Opaque, Text, Thinking, ToolCall
from translators.canonical.errors import ErrorKind
from translators.canonical.events import BlockDelta, Error, Finish, Start, StopReason, UsageUpdate, is_content
from translators.canonical.names import NameMap

from .support import PROTOCOL, decode_stream, folded, framed

USAGE = {
    "inputTokens": 10,
    "outputTokens": 20,
    "totalTokens": 75,
    "cacheReadInputTokens": 30,
    "cacheWriteInputTokens": 15,
    "cacheDetails": [{"ttl": "1h", "inputTokens": 5}, {"ttl": "5m", "inputTokens": 10}],
}
CHAR = {"documentChar": {"documentIndex": 1, "start": 2, "end": 5}}
CITED = {"title": "T", "sourceContent": [{"text": "abc"}], "location": CHAR}
CITATION = {
    "type": "char_location",
    "cited_text": "abc",
    "document_index": 1,
    "start_char_index": 2,
    "end_char_index": 5,
    "document_title": "T",
}


def answer(*content: Any, stop: str = "end_turn", **fields: Any) -> dict[str, Any]:
    """A whole answer that botocore's model knows."""
    body = {
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": stop,
        "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
        "metrics": {"latencyMs": 5},
        **fields,
    }
    assert list(answer_faults("Converse", body)) == []
    return body


def start(number: int, what: Any) -> bytes:
    return framed("contentBlockStart", {"contentBlockIndex": number, "start": what})


def delta(number: int, what: Any) -> bytes:
    return framed("contentBlockDelta", {"contentBlockIndex": number, "delta": what})


def stop(number: int) -> bytes:
    return framed("contentBlockStop", {"contentBlockIndex": number})


OPEN = framed("messageStart", {"role": "assistant"})
METADATA = framed("metadata", {"usage": USAGE, "metrics": {"latencyMs": 5}})


def ended(reason: str = "end_turn", **fields: Any) -> bytes:
    return framed("messageStop", {"stopReason": reason, **fields})


def call(number: int, *fragments: str, name: str = "run") -> bytes:
    pieces = [delta(number, {"toolUse": {"input": fragment}}) for fragment in fragments]
    return b"".join([start(number, {"toolUse": {"toolUseId": f"t{number}", "name": name}}), *pieces, stop(number)])


FULL = [
    OPEN,
    delta(0, {"reasoningContent": {"text": "hm"}}),
    delta(0, {"reasoningContent": {"text": "m"}}),
    delta(0, {"reasoningContent": {"signature": "si"}}),
    delta(0, {"reasoningContent": {"signature": "g"}}),
    stop(0),
    delta(1, {"reasoningContent": {"redactedContent": "cmVk"}}),
    stop(1),
    delta(2, {"text": "Grüße "}),
    delta(2, {"text": "日本"}),
    stop(2),
    call(3, '{"a"', ":1}"),
    call(4, ""),
    ended("tool_use"),
    METADATA,
]
FULL_BLOCKS = [
    Thinking("hmm", "sig", "bedrock"),
    Opaque("cmVk", "bedrock"),
    Text("Grüße 日本"),
    ToolCall("t3", "run", '{"a":1}'),
    ToolCall("t4", "run", ""),
]


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
        (502, b"<html>Bad   Gateway</html>", ErrorKind.SERVER, "<html>Bad Gateway</html>"),
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
