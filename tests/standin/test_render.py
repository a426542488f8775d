"""The wire of each protocol, event by event, where the official SDKs are more forgiving than clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest

from . import Call, Scenario, StandIn, Turn, Usage
from .ask import Json
from .conversations import MODEL, SCRIPT

HTTP = httpx.Client(timeout=20)


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn() as server:
        yield server


@pytest.fixture
def backend(standin: StandIn) -> StandIn:
    standin.reset()
    standin.scenario = SCRIPT
    standin.interleave = False
    standin.restart_ids = False
    standin.dialect = "compatible"
    return standin


# Requests by protocol: path, headers, body.
AUTH = {"authorization": "Bearer {key}"}
CHAT_TOOLS = [{"type": "function", "function": {"name": name}} for name in ("run", "walk")]
REQUESTS: dict[str, tuple[str, dict[str, str], Json]] = {
    "anthropic": (
        "/v1/messages",
        {"x-api-key": "{key}", "anthropic-version": "2023-06-01"},
        {
            "model": MODEL,
            "max_tokens": 3000,
            "thinking": {"type": "adaptive"},
            "messages": [{"role": "user", "content": "Hi"}],
            "tools": [{"name": name, "input_schema": {"type": "object"}} for name in ("run", "walk")],
        },
    ),
    "openai_chat": (
        "/v1/chat/completions",
        AUTH,
        {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "tools": CHAT_TOOLS},
    ),
    "openai_responses": (
        "/v1/responses",
        AUTH,
        {
            "model": MODEL,
            "input": "Hi",
            "tools": [{"type": "function", "name": name} for name in ("run", "walk")],
            "reasoning": {"summary": "auto"},
            "include": ["reasoning.encrypted_content"],
        },
    ),
    "gemini": (
        f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse",
        {"x-goog-api-key": "{key}"},
        {
            "contents": [{"parts": [{"text": "Hi"}]}],
            "tools": [{"functionDeclarations": [{"name": name} for name in ("run", "walk")]}],
            "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
        },
    ),
}


def ask(backend: StandIn, protocol: str, stream: bool = True, **changes: object) -> httpx.Response:
    path, headers, body = REQUESTS[protocol]
    if protocol != "gemini":
        body = {**body, "stream": stream}
    elif not stream:
        path = path.replace("streamGenerateContent?alt=sse", "generateContent")
    filled = {name: value.format(key=backend.key) for name, value in headers.items()}
    return HTTP.post(backend.url + path, headers=filled, json={**body, **changes})


def frames(answer: httpx.Response) -> list[tuple[str | None, Any]]:
    """The events of a stream as (name, data); each frame has at most one of both lines."""
    found: list[tuple[str | None, Any]] = []
    for frame in answer.content.decode().replace("\r\n", "\n").strip("\n").split("\n\n"):
        lines = frame.split("\n")
        names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        (data,) = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
        found.append((names[0] if names else None, data if data == "[DONE]" else json.loads(data)))
    return found


def test_anthropic_streams_one_block_after_the_other(backend: StandIn) -> None:
    answer = ask(backend, "anthropic")
    events = frames(answer)

    assert all(name == data["type"] for name, data in events)
    kinds = [name for name, _ in events if name != "ping"]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    opened: list[int] = []
    current: int | None = None
    for name, data in events:
        if name == "content_block_start":
            assert current is None
            current = data["index"]
            opened.append(data["index"])
        elif name == "content_block_delta":
            assert data["index"] == current
        elif name == "content_block_stop":
            assert data["index"] == current
            current = None
    assert opened == list(range(4))
    assert answer.headers["request-id"].startswith("req_")


def test_anthropic_signs_thinking_once_at_its_end(backend: StandIn) -> None:
    deltas = [data["delta"] for name, data in frames(ask(backend, "anthropic")) if name == "content_block_delta"]
    kinds = [delta["type"] for delta in deltas]

    assert kinds.count("signature_delta") == 1
    assert kinds[kinds.index("signature_delta") - 1] == "thinking_delta"
    assert deltas[kinds.index("input_json_delta")]["partial_json"] == ""


def test_anthropic_does_not_think_unless_asked(backend: StandIn) -> None:
    content = ask(backend, "anthropic", stream=False, thinking={"type": "disabled"}).json()["content"]

    assert [block["type"] for block in content] == ["text", "tool_use", "tool_use"]


def test_anthropic_sends_redacted_thinking_whole(backend: StandIn) -> None:
    backend.scenario = Scenario(final=Turn(text="a", redacted=True))
    starts = [data for name, data in frames(ask(backend, "anthropic")) if name == "content_block_start"]

    assert starts[0]["content_block"]["type"] == "redacted_thinking"
    assert starts[0]["content_block"]["data"]


def test_chat_sends_id_and_name_of_a_call_once(backend: StandIn) -> None:
    chunks = [data for _, data in frames(ask(backend, "openai_chat")) if data != "[DONE]"]
    fragments = [fragment for chunk in chunks for fragment in chunk["choices"][0]["delta"].get("tool_calls", [])]

    assert [(f["index"], f["function"]["name"]) for f in fragments if "id" in f] == [(0, "run"), (1, "walk")]
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1]["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "tool_calls", "logprobs": None}
    assert "usage" not in chunks[-1]


def test_chat_interleaves_parallel_calls_when_told(backend: StandIn) -> None:
    backend.interleave = True
    backend.scenario = Scenario([Turn(calls=[Call("run", {"command": "a" * 30}), Call("walk", {"command": "b" * 30})])])
    chunks = [data for _, data in frames(ask(backend, "openai_chat")) if data != "[DONE]"]
    indices = [f["index"] for chunk in chunks for f in chunk["choices"][0]["delta"].get("tool_calls", [])]

    assert sum(one != other for one, other in pairwise(indices)) > 2


def test_chat_counts_its_calls_anew_when_told(backend: StandIn) -> None:
    backend.restart_ids = True
    backend.scenario = Scenario([Turn(calls=[Call("run", {"command": "a"}), Call("walk", {"command": "b"})])])
    answers = [ask(backend, "openai_chat", stream=False).json()["choices"][0]["message"] for _ in range(2)]

    assert [[call["id"] for call in answer["tool_calls"]] for answer in answers] == [["call_0", "call_1"]] * 2


def test_chat_reports_usage_last_and_only_when_asked(backend: StandIn) -> None:
    events = [data for _, data in frames(ask(backend, "openai_chat", stream_options={"include_usage": True}))]

    assert events[-1] == "[DONE]"
    assert events[-2]["choices"] == []
    assert events[-2]["usage"]["total_tokens"] > 0
    assert all(event["usage"] is None for event in events[:-2])


def test_openais_own_dialect_hides_reasoning(backend: StandIn) -> None:
    backend.dialect = "openai"
    body = ask(backend, "openai_chat", stream=False).json()

    assert "reasoning_content" not in body["choices"][0]["message"]
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0


@pytest.mark.parametrize("stream", [True, False])
def test_deepseek_gives_reasoning_even_if_there_is_none(stream: bool, backend: StandIn) -> None:
    backend.dialect = "deepseek"
    backend.scenario = Scenario(final="a")
    answer = ask(backend, "openai_chat", stream)

    first = frames(answer)[0][1]["choices"][0]["delta"] if stream else answer.json()["choices"][0]["message"]
    assert first["reasoning_content"] == ""


def test_responses_number_their_events_and_repeat_their_items(backend: StandIn) -> None:
    events = frames(ask(backend, "openai_responses"))
    data = [event for _, event in events]

    assert all(name == event["type"] for name, event in events)
    assert [event["sequence_number"] for event in data] == list(range(len(data)))
    assert [event["type"] for event in data][:2] == ["response.created", "response.in_progress"]
    assert data[-1]["type"] == "response.completed"
    done = [event["item"] for event in data if event["type"] == "response.output_item.done"]
    assert done == data[-1]["response"]["output"]
    assert [item["type"] for item in done] == ["reasoning", "message", "function_call", "function_call"]
    added = {event["output_index"]: event["item"]["id"] for event in data if event["type"].endswith("item.added")}
    assert all(added[event["output_index"]] == event["item_id"] for event in data if "item_id" in event)


def test_responses_give_encrypted_content_in_full_only_when_an_item_is_done(backend: StandIn) -> None:
    data = [event for _, event in frames(ask(backend, "openai_responses"))]
    added = next(event["item"] for event in data if event["type"] == "response.output_item.added")
    done = next(event["item"] for event in data if event["type"] == "response.output_item.done")

    assert done["encrypted_content"].startswith(added["encrypted_content"])
    assert len(done["encrypted_content"]) > len(added["encrypted_content"])


def test_responses_call_custom_and_namespaced_tools_as_such(backend: StandIn) -> None:
    backend.scenario = Scenario([Turn(calls=[Call("patch", text="*** 日本"), Call("look", {"a": 1})])])
    inner = {"type": "function", "name": "look", "parameters": None, "strict": False}
    tools = [
        {"type": "custom", "name": "patch"},
        {"type": "namespace", "name": "fs", "description": "Files", "tools": [inner]},
    ]
    output = ask(backend, "openai_responses", stream=False, tools=tools).json()["output"]

    assert (output[0]["type"], output[0]["input"]) == ("custom_tool_call", "*** 日本")
    assert (output[1]["type"], output[1]["namespace"]) == ("function_call", "fs")


def test_gemini_signs_the_first_of_parallel_calls_only(backend: StandIn) -> None:
    parts = [part for _, chunk in frames(ask(backend, "gemini")) for part in chunk["candidates"][0]["content"]["parts"]]

    assert [("thoughtSignature" in part) for part in parts if "functionCall" in part] == [True, False]


def test_gemini_signs_text_on_a_last_part_without_text(backend: StandIn) -> None:
    backend.scenario = Scenario(final="Hello")
    answer = ask(backend, "gemini")
    last = frames(answer)[-1][1]["candidates"][0]

    assert last["content"]["parts"][0]["text"] == ""
    assert last["content"]["parts"][0]["thoughtSignature"]
    assert last["finishReason"] == "STOP"
    assert b"\r\n\r\n" in answer.content


def test_gemini_hides_thoughts_unless_asked(backend: StandIn) -> None:
    body = ask(backend, "gemini", stream=False, generationConfig={}).json()

    assert all("thought" not in part for part in body["candidates"][0]["content"]["parts"])


def test_gemini_streams_an_array_without_alt_sse(backend: StandIn) -> None:
    path, headers, body = REQUESTS["gemini"]
    filled = {name: value.format(key=backend.key) for name, value in headers.items()}
    answer = HTTP.post(backend.url + path.removesuffix("?alt=sse"), headers=filled, json=body)

    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()[-1]["candidates"][0]["finishReason"] == "STOP"


USAGE = Usage(fresh=70, cache_read=20, cache_write=10, output=50, reasoning=30)
COUNTED: dict[str, tuple[str, Json]] = {
    "anthropic": (
        "usage",
        {
            "input_tokens": 70,
            "cache_read_input_tokens": 20,
            "cache_creation_input_tokens": 10,
            "output_tokens": 50,
            "output_tokens_details": {"thinking_tokens": 30},
        },
    ),
    "openai_chat": (
        "usage",
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 10},
            "completion_tokens_details": {"reasoning_tokens": 30},
        },
    ),
    "openai_responses": (
        "usage",
        {
            "input_tokens": 100,
            "output_tokens": 50,
            "total_tokens": 150,
            "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 10},
            "output_tokens_details": {"reasoning_tokens": 30},
        },
    ),
    "gemini": (
        "usageMetadata",
        {
            "promptTokenCount": 100,
            "cachedContentTokenCount": 20,
            "candidatesTokenCount": 20,
            "thoughtsTokenCount": 30,
            "totalTokenCount": 150,
        },
    ),
}


@pytest.mark.parametrize("protocol", COUNTED)
def test_usage_follows_each_protocols_own_sums(protocol: str, backend: StandIn) -> None:
    backend.scenario = Scenario(final=Turn("Erst", "a", usage=USAGE))
    name, expected = COUNTED[protocol]
    counted = ask(backend, protocol, stream=False).json()[name]

    assert {key: counted[key] for key in expected} == expected


STOPS: list[tuple[str, str, list[Any]]] = [
    ("anthropic", "length", ["max_tokens"]),
    ("anthropic", "stop_sequence", ["stop_sequence"]),
    ("anthropic", "refusal", ["refusal"]),
    ("openai_chat", "length", ["length"]),
    ("openai_chat", "refusal", ["content_filter"]),
    ("openai_responses", "length", ["incomplete", "max_output_tokens"]),
    ("openai_responses", "refusal", ["incomplete", "content_filter"]),
    ("gemini", "length", ["MAX_TOKENS"]),
    ("gemini", "refusal", ["PROHIBITED_CONTENT"]),
]


@pytest.mark.parametrize(("protocol", "stop", "expected"), STOPS)
def test_stops_are_told_in_each_protocols_words(
    protocol: str, stop: Any, expected: list[Any], backend: StandIn
) -> None:
    backend.scenario = Scenario(final=Turn(text="a", stop=stop, stop_sequence="X" if stop == "stop_sequence" else None))
    body = ask(backend, protocol, stream=False).json()
    found = {
        "anthropic": lambda: [body["stop_reason"]],
        "openai_chat": lambda: [body["choices"][0]["finish_reason"]],
        "openai_responses": lambda: [body["status"], body["incomplete_details"]["reason"]],
        "gemini": lambda: [body["candidates"][0]["finishReason"]],
    }[protocol]()

    assert found == expected
    assert ask(backend, protocol).status_code == 200


def test_ids_differ_between_answers(backend: StandIn) -> None:
    def identity() -> str:
        return str(ask(backend, "anthropic", stream=False).json()["id"])

    assert identity() != identity()
