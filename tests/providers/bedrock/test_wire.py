"""The wire `bedrock_anthropic`: what InvokeModel is sent, and what is read out of its chunks."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.providers.registry import built_in
from addons.vault.credential import Credential
from tests.standin.bedrock_model import event_faults
from tests.standin.eventstream import event, exception
from translators import registry
from translators.canonical.blocks import Opaque, Text, Thinking, ToolCall, ToolResult
from translators.canonical.errors import ErrorKind, TranslationError
from translators.canonical.events import Error, Finish, StopReason, StreamEvent
from translators.canonical.names import NameMap
from translators.canonical.request import Request, Role, Tool, Turn
from translators.canonical.response import folded
from translators.canonical.target import Target

PROVIDER = built_in().get("bedrock")
WIRE = registry.get("bedrock_anthropic")
ANTHROPIC = registry.get("anthropic")
MODEL = "global.anthropic.claude-opus-5"


def target(model: str = MODEL, **own: Any) -> Target:
    return PROVIDER.target("bedrock_anthropic", model, Credential("c", "bedrock", settings={"target": own}))


def from_anthropic(**fields: Any) -> Request:
    body = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}], **fields}
    return ANTHROPIC.decode_request(body)


def sent(request: Request, to: Target | None = None) -> dict[str, Any]:
    return WIRE.encode_request(request, to or target()).body


def test_version_in_the_body_and_neither_model_nor_stream() -> None:
    body = sent(from_anthropic(stream=True))
    assert body["anthropic_version"] == "bedrock-2023-05-31"
    assert body.keys() == {"anthropic_version", "max_tokens", "messages"}


def test_the_newer_version_where_the_user_says_so() -> None:
    assert sent(from_anthropic(), target(anthropic_version="2026-10-21"))["anthropic_version"] == "2026-10-21"


def test_fields_that_bedrock_would_refuse_are_dropped_and_noted() -> None:
    request = from_anthropic(
        speed="fast", service_tier="auto", container="c", inference_geo="us", metadata={"user_id": "u"}
    )
    found = WIRE.encode_request(request, target())
    assert found.body.keys() == {"anthropic_version", "max_tokens", "messages", "metadata"}
    assert any("speed" in note and "container" in note for note in found.notes)
    assert found.headers == {}


def test_betas_go_into_the_body_and_only_known_ones() -> None:
    edits = {"edits": [{"type": "clear_tool_uses_20250919"}]}
    betas = ["interleaved-thinking-2025-05-14", "claude-code-20250219"]
    body = sent(from_anthropic(betas=betas, context_management=edits))
    assert sorted(body["anthropic_beta"]) == ["context-management-2025-06-27", "interleaved-thinking-2025-05-14"]


def test_tools_have_only_what_bedrock_knows() -> None:
    tools = [
        {"name": "run", "description": "d", "input_schema": {"type": "object"}, "defer_loading": True},
        {"type": "bash_20250124", "name": "bash"},
        {"type": "web_search_20250305", "name": "web_search"},
    ]
    assert [set(tool) for tool in sent(from_anthropic(tools=tools))["tools"]] == [
        {"name", "description", "input_schema"},
        {"type", "name"},
    ]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (MODEL, {"type": "ephemeral", "ttl": "1h"}),
        ("anthropic.claude-sonnet-4-20250514-v1:0", {"type": "ephemeral"}),
        ("anthropic.claude-3-haiku-20240307-v1:0", None),
    ],
)
def test_cache_markers_as_the_model_takes_them(model: str, expected: Any) -> None:
    mark = {"type": "ephemeral", "ttl": "1h", "scope": "global"}
    text = {"type": "text", "text": "a", "cache_control": mark}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [text]}
    body = sent(
        from_anthropic(
            system=[text],
            tools=[{"name": "run", "input_schema": {"type": "object"}, "cache_control": mark}],
            messages=[
                {"role": "user", "content": "go"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "run", "input": {}}]},
                {"role": "user", "content": [result]},
            ],
        ),
        target(model),
    )
    marked = [body["system"][0], body["tools"][0], body["messages"][2]["content"][0]["content"][0]]
    assert [block.get("cache_control") for block in marked] == [expected] * 3


def test_addresses_and_files_become_texts() -> None:
    sources = [{"type": "url", "url": "https://e.example/a.png"}, {"type": "file", "file_id": "file_1"}]
    content = [{"type": kind, "source": source} for kind in ("image", "document") for source in sources]
    found = WIRE.encode_request(from_anthropic(messages=[{"role": "user", "content": content}]), target())
    texts = [block["text"] for block in found.body["messages"][0]["content"]]
    assert texts == [
        "[image at https://e.example/a.png]",
        "[image at file_1]",
        "[document at https://e.example/a.png]",
        "[document at file_1]",
    ]
    assert found.notes


def history(*blocks: Any) -> Request:
    turns = [Turn(Role.USER, [Text("a")]), Turn(Role.ASSISTANT, [*blocks, Text("b")]), Turn(Role.USER, [Text("c")])]
    return Request("anthropic", "m", turns=turns)


def test_reasoning_of_claude_on_bedrock_returns_and_that_of_others_does_not() -> None:
    own = sent(history(Thinking("hm", "sig", "bedrock"), Opaque("red", "bedrock")))["messages"][1]["content"]
    assert own[:2] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "red"},
    ]
    for foreign in (
        Thinking("hm", "sig", "anthropic"),
        Opaque("x", "anthropic"),
        Thinking("hm"),
        Thinking("h", "s", "gemini"),
    ):
        assert [block["type"] for block in sent(history(foreign))["messages"][1]["content"]] == ["text"]


def test_counting_sends_the_very_body() -> None:
    counted = WIRE.encode_count_request(from_anthropic(), target())
    assert counted is not None
    assert json.loads(base64.b64decode(counted["input"]["invokeModel"]["body"])) == sent(from_anthropic())
    assert WIRE.decode_token_count({"inputTokens": 7}) == 7


def test_requests_of_other_protocols_arrive_too() -> None:
    turns = [
        Turn(Role.USER, [Text("go")]),
        Turn(Role.ASSISTANT, [ToolCall("c", "run", "{}")]),
        Turn(Role.USER, [ToolResult("c", [Text("ok")])]),
    ]
    body = sent(Request("openai_responses", "m", turns=turns, tools=[Tool("run", None, {"type": "object"})]))
    assert [block["type"] for message in body["messages"] for block in message["content"]] == [
        "text",
        "tool_use",
        "tool_result",
    ]


def test_nobody_speaks_it_to_us() -> None:
    with pytest.raises(TranslationError):
        WIRE.decode_request({})


# -- answers

EVENTS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 5, "output_tokens": 1}},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "sig"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "redacted_thinking", "data": "red"}},
    {"type": "content_block_stop", "index": 1},
    {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": "Grüße 日本"}},
    {"type": "content_block_stop", "index": 2},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 5}},
]


def chunk(data: Any) -> bytes:
    payload = {"bytes": base64.b64encode(json.dumps(data, ensure_ascii=False).encode()).decode()}
    assert list(event_faults("InvokeModelWithResponseStream", "chunk", payload)) == []
    return event("chunk", json.dumps({**payload, "p": "padding"}).encode())


FRAMES = [chunk(data) for data in EVENTS]


def decoded(*chunks: bytes) -> list[StreamEvent]:
    decoder = WIRE.stream_decoder(NameMap())
    return [found for data in chunks for found in decoder.feed(data)] + decoder.end()


def test_a_stream_cut_anywhere() -> None:
    stream = b"".join(FRAMES)
    expected = decoded(stream)
    answer = folded(expected)
    assert answer.blocks == [Thinking("hm", "sig", "bedrock"), Opaque("red", "bedrock"), Text("Grüße 日本")]
    assert (answer.stop, answer.usage.input_fresh, answer.usage.output) == (StopReason.END, 5, 9)
    for cut in range(0, len(stream) + 1, 3):
        assert decoded(stream[:cut], stream[cut:]) == expected


def test_a_whole_answer() -> None:
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "red"},
        {"type": "text", "text": "a"},
    ]
    found = WIRE.decode_response({"type": "message", "content": content, "stop_reason": "end_turn"}, NameMap())
    assert found.blocks == [Thinking("hm", "sig", "bedrock"), Opaque("red", "bedrock"), Text("a")]


@pytest.mark.parametrize("kept", range(len(FRAMES) - 2))
@pytest.mark.parametrize(
    ("trouble", "kind", "text"),
    [
        (exception("throttlingException", b'{"message":"Slow."}'), ErrorKind.RATE_LIMIT, "Slow."),
        (b"garbage garbage garbage", ErrorKind.SERVER, "corrupt"),
        (event("chunk", b'{"bytes":"%%"}'), ErrorKind.SERVER, "base64"),
        (b"", ErrorKind.SERVER, "ended before"),
        (
            chunk({"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}),
            ErrorKind.OVERLOADED,
            "Busy",
        ),
    ],
    ids=["exception", "corrupt", "no base64", "cut", "Anthropic's own"],
)
def test_trouble_at_any_place_closes_what_is_open(kept: int, trouble: bytes, kind: ErrorKind, text: str) -> None:
    events = decoded(*FRAMES[:kept], trouble, FRAMES[-1] if trouble else b"")
    last = events[-1]
    assert isinstance(last, Error)
    assert last.error.kind is kind
    assert text in last.error.message
    names = [type(found).__name__ for found in events]
    assert names.count("BlockStart") == names.count("BlockStop")
    assert names.count("Error") == 1


@given(st.lists(st.binary(max_size=50), max_size=3), st.integers(0, len(FRAMES)))
def test_no_bytes_whatever_raise(noise: list[bytes], kept: int) -> None:
    assert isinstance(decoded(*FRAMES[:kept], *noise)[-1], Error | Finish)
