"""Canonical events as a Messages stream: their order, what the official SDK reads, and the whole answer beside them."""

import json
from typing import Any

import anthropic
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.anthropic.support import (
    PROTOCOL,
    REPLY,
    decode_stream,
    encode_stream,
    fixture,
    folded,
    json_fixture,
    whole,
    wire_events,
)
from translators.canonical.blocks import Image, Opaque, Refusal, Text, Thinking, ToolCall, Unknown
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
from translators.canonical.response import Response, unfold
from translators.protocol import Reply

CITATION = {"type": "char_location", "cited_text": "x", "document_index": 0, "start_char_index": 0, "end_char_index": 1}


def sdk_message(stream: bytes) -> anthropic.types.Message:
    """What the official client makes of the stream."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    with (
        httpx2.Client(transport=httpx2.MockTransport(answer)) as http,
        anthropic.Anthropic(api_key="none", base_url="http://gateway", http_client=http, max_retries=0) as client,
        client.messages.stream(model="m", max_tokens=1, messages=[{"role": "user", "content": "hi"}]) as message_stream,
    ):
        return message_stream.get_final_message()


def kinds(stream: bytes) -> list[str]:
    return [event["type"] for event in wire_events(stream)]


def blocks(stream: bytes) -> list[dict[str, Any]]:
    return [event["content_block"] for event in wire_events(stream) if event["type"] == "content_block_start"]


@pytest.mark.parametrize("name", ["tools", "server_tools", "refusal"])
def test_a_backends_stream_comes_out_with_the_same_meaning(name):
    out = encode_stream(decode_stream([fixture(f"{name}.sse")]))
    again, original = folded(decode_stream([out])), whole(json_fixture(f"{name}.expected.json"))
    assert again.blocks == original.blocks
    assert (again.stop, again.stop_detail) == (original.stop, original.stop_detail)
    assert again.usage.output == original.usage.output and again.usage.input_total == original.usage.input_total


def test_the_order_of_events():
    response = Response(blocks=[Text("a"), ToolCall("t", "n", "{}")], stop=StopReason.TOOL_USE)
    assert kinds(encode_stream(unfold(response))) == [
        "message_start",
        *["content_block_start", "content_block_delta", "content_block_stop"] * 2,
        "message_delta",
        "message_stop",
    ]


def test_message_start_has_a_whole_usage_and_an_id_of_our_own():
    stream = encode_stream([Start("chatcmpl-1", "backend", usage=Usage(input_fresh=3, cache_read=5))])
    (event,) = wire_events(stream)
    message = event["message"]
    assert message["id"].startswith("msg_") and message["model"] == "claude-asked-for"
    assert message["usage"] == {
        "input_tokens": 3,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 5,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 0,
    }


def test_every_exchange_has_its_own_message_id_and_always_the_same():
    ids = [
        next(wire_events(encode_stream([Start()], Reply(seed, 0, "m"))))["message"]["id"] for seed in ("a", "b", "a")
    ]
    assert ids[0] == ids[2] != ids[1]


def test_usage_is_cumulative_and_told_at_the_end():
    events: list[StreamEvent] = [
        Start(usage=Usage(input_fresh=3)),
        UsageUpdate(Usage(output=5)),
        UsageUpdate(Usage(output=9, reasoning=4, cache_write_1h=2)),
        Finish(StopReason.END),
    ]
    *_, delta, _ = wire_events(encode_stream(events))
    assert delta["usage"] == {
        "input_tokens": 3,
        "cache_creation_input_tokens": 2,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 2},
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 4},
    }


def test_no_block_is_ever_empty_and_indices_stay_dense():
    response = Response(blocks=[Text(""), Thinking(""), Text("a"), Text(""), Text("b")], stop=StopReason.END)
    events = list(wire_events(encode_stream(unfold(response))))
    assert [event["index"] for event in events if event["type"] == "content_block_start"] == [0, 1]
    assert PROTOCOL.encode_response(response, REPLY)["content"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]


CALL = ToolCall("t", "n", "{}")
SIGNED = Thinking("", "s", "gemini")
SIGNATURES = [
    (Thinking("t", "s", "anthropic"), "s"),
    (Thinking("", "s", "anthropic"), "s"),
    (Thinking("t", "s", "gemini"), "gw1:gemini:s"),
    (Thinking("", "s", "gemini"), "gw1:gemini:s"),
    (Thinking("t", None, "openai_chat"), "gw1:openai_chat:"),
    (Thinking("t", None, "anthropic"), ""),
]


@pytest.mark.parametrize(("block", "signature"), SIGNATURES, ids=str)
def test_thinking_is_signed_or_tagged_with_its_origin(block, signature):
    response = Response(blocks=[block, CALL], stop=StopReason.TOOL_USE)
    sent = PROTOCOL.encode_response(response, REPLY)["content"]
    assert sent[0] == {"type": "thinking", "thinking": block.text, "signature": signature}
    assert sdk_message(encode_stream(unfold(response))).content[0].to_dict() == sent[0]
    back = PROTOCOL.decode_request({"model": "m", "messages": [{"role": "assistant", "content": sent}]})
    assert back.turns[0].blocks == [block, CALL]


@pytest.mark.parametrize(
    ("held", "types"),
    [
        ([Text("Hi"), SIGNED], ["text"]),
        ([Text("Hi"), SIGNED, SIGNED], ["text"]),
        ([Text("Hi"), SIGNED, CALL], ["text", "thinking", "tool_use"]),
        ([SIGNED, Text("Hi")], ["thinking", "text"]),
        ([Text("Hi"), Thinking("", "s", "anthropic")], ["text", "thinking"]),
        ([Text("Hi"), Thinking("Hm", "s", "gemini")], ["text", "thinking"]),
    ],
    ids=str,
)
def test_a_foreign_signature_without_text_never_ends_an_answer(held, types):
    """`claude -p` prints the last block, so it would print nothing."""
    response = Response(blocks=held, stop=StopReason.END)
    stream = encode_stream(unfold(response))
    assert [block["type"] for block in blocks(stream)] == types
    assert [event["index"] for event in wire_events(stream) if event["type"] == "content_block_stop"] == [
        *range(len(types))
    ]
    assert [block["type"] for block in PROTOCOL.encode_response(response, REPLY)["content"]] == types


def test_foreign_opaque_state_survives_the_client():
    block = Opaque("a:b", "openai_responses", "compaction")
    sent = PROTOCOL.encode_response(Response(blocks=[block], stop=StopReason.END), REPLY)["content"]
    assert sent == [{"type": "redacted_thinking", "data": "gw1:openai_responses:compaction:a:b"}]
    back = PROTOCOL.decode_request({"model": "m", "messages": [{"role": "assistant", "content": sent}]})
    assert back.turns[0].blocks == [block]


def test_tool_ids_are_kept_replaced_or_made_up_and_never_twice():
    calls = [ToolCall(id_, "n", "{}") for id_ in ("call_1", "call_1", "", "", "bad:id", "x" * 65)]
    response = Response(blocks=list(calls), stop=StopReason.TOOL_USE)
    ids = [block["id"] for block in blocks(encode_stream(unfold(response)))]
    assert ids[0] == "call_1" and len(set(ids)) == 6
    assert all(len(id_) <= 64 and ":" not in id_ for id_ in ids)
    assert [block["id"] for block in PROTOCOL.encode_response(response, REPLY)["content"]] == ids


def test_a_call_of_a_backends_own_tool_is_never_given_to_the_client():
    response = Response(blocks=[ToolCall("w", "web_search", "{}", "server")], stop=StopReason.END)
    assert blocks(encode_stream(unfold(response))) == [] == PROTOCOL.encode_response(response, REPLY)["content"]


def test_broken_arguments_are_streamed_as_they_came():
    response = Response(blocks=[ToolCall("t", "n", '{"a":')], stop=StopReason.LENGTH)
    deltas = [e["delta"] for e in wire_events(encode_stream(unfold(response))) if e["type"] == "content_block_delta"]
    assert deltas == [{"type": "input_json_delta", "partial_json": '{"a":'}]
    assert isinstance(PROTOCOL.encode_response(response, REPLY)["content"][0]["input"], dict)


STOPS = [
    (StopReason.END, [], "end_turn"),
    (StopReason.TOOL_USE, [ToolCall("t", "n", "{}")], "tool_use"),
    (StopReason.END, [ToolCall("t", "n", "{}")], "tool_use"),
    (StopReason.STOP_SEQUENCE, [ToolCall("t", "n", "{}")], "tool_use"),
    (StopReason.TOOL_USE, [Text("a")], "end_turn"),
    (StopReason.LENGTH, [ToolCall("t", "n", "{}")], "max_tokens"),
    (StopReason.CONTEXT_FULL, [], "model_context_window_exceeded"),
    (StopReason.STOP_SEQUENCE, [], "stop_sequence"),
    (StopReason.REFUSAL, [], "refusal"),
    (StopReason.PAUSED, [], "pause_turn"),
    (StopReason.MALFORMED_CALL, [], "end_turn"),
]


@pytest.mark.parametrize(("reason", "answer", "sent"), STOPS)
def test_stop_reasons(reason, answer, sent):
    response = Response(blocks=answer, stop=reason, stop_sequence="END")
    message = PROTOCOL.encode_response(response, REPLY)
    assert message["stop_reason"] == sent
    assert message["stop_sequence"] == ("END" if sent == "stop_sequence" else None)
    *_, delta, _ = wire_events(encode_stream(unfold(response)))
    assert (delta["delta"]["stop_reason"], delta["delta"]["stop_sequence"]) == (sent, message["stop_sequence"])


def test_a_malformed_call_is_told_in_words():
    response = Response(stop=StopReason.MALFORMED_CALL, stop_detail={"message": "print(default_api.x)"})
    (block,) = PROTOCOL.encode_response(response, REPLY)["content"]
    assert "print(default_api.x)" in block["text"]


DETAILS = [
    (None, {"type": "refusal", "category": None, "explanation": None}),
    ({"type": "refusal", "category": "bio", "explanation": "e"}, None),
    ({"reason": "SAFETY", "category": "x"}, {"type": "refusal", "category": None, "explanation": "SAFETY"}),
]


@pytest.mark.parametrize(("detail", "sent"), DETAILS)
def test_a_refusal_has_details(detail, sent):
    message = PROTOCOL.encode_response(Response(stop=StopReason.REFUSAL, stop_detail=detail), REPLY)
    assert message["stop_details"] == (sent or detail)


def test_only_anthropics_citations_are_passed_on():
    response = Response(blocks=[Text("a", citations=[CITATION, {"type": "url_citation"}])], stop=StopReason.END)
    assert PROTOCOL.encode_response(response, REPLY)["content"][0]["citations"] == [CITATION]
    assert sdk_message(encode_stream(unfold(response))).content[0].to_dict()["citations"] == [CITATION]


def test_other_outputs_are_named_and_other_protocols_blocks_left_out():
    response = Response(
        blocks=[Image("image/png", data="AA=="), Unknown("gemini", {"x": 1}), Refusal("no")], stop=StopReason.END
    )
    texts = [block["text"] for block in PROTOCOL.encode_response(response, REPLY)["content"]]
    assert texts == ["[image/png output, which this protocol cannot show]", "no"]
    assert [block.to_dict()["text"] for block in sdk_message(encode_stream(unfold(response))).content] == texts


# -- pings, errors, the end


def test_a_keepalive_before_the_answer_opens_it_once():
    encoder = PROTOCOL.stream_encoder(REPLY)
    stream = encoder.keepalive() + encoder.keepalive() + encoder.encode(Start("x", "y")) + encoder.keepalive()
    assert kinds(stream) == ["message_start", "ping", "ping", "ping"]


def test_pings_are_relayed_after_the_start():
    assert kinds(encode_stream([Ping(), Start(), Ping()])) == ["message_start", "ping"]


def test_an_error_is_the_last_event():
    error = Error(ErrorInfo(ErrorKind.OVERLOADED, "busy"))
    stream = encode_stream([Start(), BlockStart(0, "text"), error, Finish(StopReason.END), Ping()])
    assert list(wire_events(stream))[-1] == {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    assert kinds(stream) == ["message_start", "error"]


def test_nothing_follows_message_stop():
    encoder = PROTOCOL.stream_encoder(REPLY)
    encoder.encode(Start())
    assert kinds(encoder.encode(Finish(StopReason.END)))[-1] == "message_stop"
    assert encoder.encode(Ping()) == encoder.keepalive() == encoder.encode(Finish(StopReason.END)) == b""


def test_a_lone_surrogate_of_a_backend_does_not_break_the_stream():
    events: list[StreamEvent] = [
        Start(),
        BlockStart(0, "text"),
        BlockDelta(0, "text", "a\ud83d"),
        BlockStop(0),
        Finish(StopReason.END),
    ]
    assert b"\\ud83d" in encode_stream(events)


# -- any answer at all

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_ids = st.text("ab:_", max_size=3)
_origins = st.sampled_from(["anthropic", "gemini", "openai_chat"])
_signatures = st.none() | st.text("xyz", min_size=1, max_size=5)
_arguments = st.dictionaries(_texts, _texts, max_size=2).map(json.dumps) | st.just("")
_blocks = st.one_of(
    st.builds(Text, _texts, st.none() | st.just([CITATION])),
    st.builds(Thinking, _texts, _signatures, _origins),
    st.builds(ToolCall, _ids, st.sampled_from(["Read", "Write"]), _arguments),
    st.builds(ToolCall, _ids, st.just("patch"), _texts, st.just("custom")),
    st.builds(ToolCall, _ids, st.just("search"), st.just("{}"), st.just("server")),
    st.builds(Refusal, _texts),
    st.builds(Opaque, _texts, _origins),
    st.just(Unknown("anthropic", {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": 1}})),
    st.just(Unknown("gemini", {"executableCode": {}})),
    st.just(Image("image/png", data="AA==")),
)
_counts = st.none() | st.integers(0, 1000)
_responses = st.builds(
    Response,
    id=_texts,
    model=_texts,
    blocks=st.lists(_blocks, max_size=6),
    stop=st.sampled_from(StopReason),
    stop_sequence=st.none() | st.just("END"),
    usage=st.builds(Usage, _counts, _counts, _counts, _counts, _counts, _counts),
)


@st.composite
def _streams(draw):
    """A response, and a grammatical stream of it: deltas split anywhere, pings anywhere."""
    response = draw(_responses)
    events: list[StreamEvent] = []
    for event in unfold(response):
        if draw(st.booleans()):
            events.append(Ping())
        if isinstance(event, BlockDelta) and event.kind not in ("signature", "citation") and len(event.text) > 1:
            at = draw(st.integers(0, len(event.text)))
            events.append(BlockDelta(event.index, event.kind, event.text[:at]))
            events.append(BlockDelta(event.index, event.kind, event.text[at:]))
        else:
            events.append(event)
    return response, events


@settings(max_examples=150, deadline=None)
@given(_streams())
def test_any_stream_is_grammatical_and_means_what_the_whole_answer_means(case):
    response, events = case
    stream = encode_stream(events)
    order = [kind for kind in kinds(stream) if kind != "ping"]
    assert order[0] == "message_start" and order[-2:] == ["message_delta", "message_stop"]
    open_index, count = None, 0
    for event in wire_events(stream):
        match event["type"]:
            case "content_block_start":
                assert open_index is None and event["index"] == count
                open_index, count = count, count + 1
            case "content_block_delta":
                assert event["index"] == open_index
            case "content_block_stop":
                assert event["index"] == open_index
                open_index = None
    message = PROTOCOL.encode_response(response, REPLY)
    decoded = folded(decode_stream([stream]))
    for block in decoded.blocks:
        if isinstance(block, ToolCall):
            block.arguments = json.dumps(json.loads(block.arguments or "{}"))
    expected = whole(message, NameMap())
    for block in expected.blocks:
        if isinstance(block, ToolCall):
            block.arguments = json.dumps(json.loads(block.arguments))
    assert decoded == expected


@settings(max_examples=40, deadline=None)
@given(_streams())
def test_the_official_client_reads_any_stream_as_the_whole_answer(case):
    response, events = case
    expected = anthropic.types.Message.model_validate(PROTOCOL.encode_response(response, REPLY))
    read = sdk_message(encode_stream(events))
    for message in (read, expected):
        message.usage.cache_creation = None  # the client takes this split from message_start alone
    assert read.to_dict(exclude_none=True) == expected.to_dict(exclude_none=True)
