"""Ollama: its own wire both ways, its addresses and settings, its errors (apikey_backends.md §7)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from addons.providers.api import Call, Operation
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from tests.standin.ollama import complaints
from translators import registry as protocols
from translators.canonical.blocks import Image, Text, Thinking, ToolCall, ToolResult
from translators.canonical.errors import ErrorKind
from translators.canonical.events import BlockStart, Error, Finish, StopReason, StreamEvent, UsageUpdate
from translators.canonical.names import NameMap
from translators.canonical.request import (
    ChoiceMode,
    Output,
    Reasoning,
    ReasoningMode,
    Request,
    Role,
    Sampling,
    Tool,
    ToolChoice,
    Turn,
)
from translators.canonical.response import folded

OLLAMA = built_in().get("ollama")
WIRE = protocols.get("ollama")
SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}}
PIXEL = base64.b64encode(b"pixel").decode()


def encoded(request: Request, model: str = "qwen3") -> dict[str, Any]:
    target = OLLAMA.target("ollama", model, Credential("c", "ollama"))
    body = WIRE.encode_request(request, target).body
    assert list(complaints(body)) == []
    return body


def asked(**fields: Any) -> Request:
    return Request("anthropic", "m", **{"turns": [Turn(Role.USER, [Text("Hi")])], **fields})


def test_a_conversation_with_everything_in_it():
    body = encoded(
        asked(
            system=[Text("Be brief.")],
            turns=[
                Turn(Role.USER, [Text("What is it?"), Image("image/png", PIXEL)]),
                Turn(
                    Role.ASSISTANT,
                    [Thinking("hm"), Text("I look."), ToolCall("a", "run", '{"x": "1"}'), ToolCall("b", "look", "")],
                ),
                Turn(
                    Role.USER,
                    [ToolResult("b", [Text("two")]), ToolResult("a", [Text("one"), Image("image/png", PIXEL)])],
                ),
            ],
            tools=[Tool("run", "Runs.", SCHEMA), Tool("look")],
            max_tokens=50,
            sampling=Sampling(temperature=0.5, top_k=3, seed=1),
            stop=["END"],
            stream=True,
        )
    )
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is it?", "images": [PIXEL]},
        {
            "role": "assistant",
            "content": "I look.",
            "thinking": "hm",
            "tool_calls": [
                {"function": {"name": "run", "arguments": {"x": "1"}}},
                {"function": {"name": "look", "arguments": {}}},
            ],
        },
        {"role": "tool", "content": "one\n[image in the next message]", "tool_name": "run"},
        {"role": "tool", "content": "two", "tool_name": "look"},
        {"role": "user", "content": "[from the result of tool call a]", "images": [PIXEL]},
    ]
    assert body["options"] == {"num_predict": 50, "temperature": 0.5, "top_k": 3, "seed": 1, "stop": ["END"]}
    assert [tool["function"]["name"] for tool in body["tools"]] == ["run", "look"]
    assert body["stream"] is True


def test_an_image_by_address_becomes_a_word_with_a_note():
    request = asked(turns=[Turn(Role.USER, [Image(url="https://x.example/a.png")])])
    target = OLLAMA.target("ollama", "qwen3", Credential("c", "ollama"))
    made = WIRE.encode_request(request, target)
    assert "images" not in made.body["messages"][0] and "left out" in made.body["messages"][0]["content"]
    assert any("address" in note for note in made.notes)


def test_a_request_that_is_not_streamed_says_so_because_streams_are_the_default():
    assert encoded(asked())["stream"] is False


@pytest.mark.parametrize(
    ("choice", "offered"),
    [
        (None, ["run", "look"]),
        (ToolChoice(ChoiceMode.AUTO), ["run", "look"]),
        (ToolChoice(ChoiceMode.REQUIRED), ["run", "look"]),
        (ToolChoice(ChoiceMode.NAMED, "look"), ["look"]),
        (ToolChoice(ChoiceMode.AUTO, allowed=["run"]), ["run"]),
        (ToolChoice(ChoiceMode.NONE), []),
    ],
)
def test_a_choice_of_tools_becomes_the_tools_that_are_offered(choice: ToolChoice | None, offered: list[str]):
    body = encoded(asked(tools=[Tool("run", schema=SCHEMA), Tool("look")], tool_choice=choice))
    assert [tool["function"]["name"] for tool in body.get("tools", [])] == offered


@pytest.mark.parametrize(
    ("model", "reasoning", "think"),
    [
        ("qwen3", Reasoning(), None),
        ("qwen3", Reasoning(ReasoningMode.ADAPTIVE, effort="high"), None),
        ("qwen3", Reasoning(ReasoningMode.BUDGET, budget=2000), None),
        ("qwen3", Reasoning(ReasoningMode.OFF), False),
        ("gpt-oss:20b", Reasoning(), None),
        ("gpt-oss:20b", Reasoning(ReasoningMode.ADAPTIVE, effort="xhigh"), "high"),
        ("gpt-oss:20b", Reasoning(ReasoningMode.BUDGET, budget=2000), "medium"),
        ("gpt-oss:20b", Reasoning(ReasoningMode.OFF), "low"),
    ],
)
def test_thinking_is_forbidden_or_measured_but_never_demanded(model: str, reasoning: Reasoning, think: object):
    assert encoded(asked(reasoning=reasoning), model).get("think") == think


@pytest.mark.parametrize(
    ("output", "form"), [(Output(schema=SCHEMA), SCHEMA), (Output(json=True), "json"), (None, None)]
)
def test_structured_output_is_a_format(output: Output | None, form: object):
    assert encoded(asked(output=output)).get("format") == form


# -- answers

HEAD = {"model": "qwen3", "created_at": "2026-01-01T00:00:00Z"}
END = {
    **HEAD,
    "message": {"role": "assistant", "content": ""},
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 11,
    "eval_count": 7,
    "total_duration": 5,
}


def said(**message: Any) -> dict[str, Any]:
    return {**HEAD, "message": {"role": "assistant", "content": "", **message}, "done": False}


def called(name: str, **arguments: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}}


def decoded(*objects: dict[str, Any] | bytes, size: int = 1 << 20, names: NameMap | None = None) -> list[StreamEvent]:
    data = b"".join(o if isinstance(o, bytes) else json.dumps(o, ensure_ascii=False).encode() + b"\n" for o in objects)
    decoder = WIRE.stream_decoder(names or NameMap())
    events = [event for at in range(0, len(data), size) for event in decoder.feed(data[at : at + size])]
    return [*events, *decoder.end()]


ANSWER = (
    said(thinking="Über"),
    said(thinking="legt"),
    said(content="Ich "),
    said(content="sehe"),
    said(tool_calls=[called("run", x="日本"), called("run", x="日本")]),
    END,
)


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
def test_a_stream_cut_anywhere_is_the_same_answer(size: int):
    answer = folded(decoded(*ANSWER, size=size))
    thought, text, *calls = answer.blocks
    assert isinstance(thought, Thinking) and thought.text == "Überlegt"
    assert isinstance(text, Text) and text.text == "Ich sehe"
    both = [call for call in calls if isinstance(call, ToolCall)]
    assert [(call.name, json.loads(call.arguments)) for call in both] == [("run", {"x": "日本"})] * 2
    assert both[0].id != both[1].id
    assert answer.stop is StopReason.TOOL_USE
    assert (answer.usage.input_fresh, answer.usage.output, answer.model) == (11, 7, "qwen3")


def test_a_whole_answer_is_the_streams_last_object_with_everything_in_it():
    message = {"role": "assistant", "content": "Ich sehe", "thinking": "Überlegt", "tool_calls": [called("run", x="1")]}
    answer = WIRE.decode_response({**END, "message": message}, NameMap())
    assert [type(block) for block in answer.blocks] == [Thinking, Text, ToolCall]
    assert answer.stop is StopReason.TOOL_USE and answer.error is None


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ({"done_reason": "length"}, StopReason.LENGTH),
        ({"done_reason": "stop"}, StopReason.END),
        ({"done_reason": "unload"}, StopReason.END),
        ({"message": {"role": "assistant", "content": " "}}, StopReason.END),
        ({"done_reason": None}, StopReason.END),
    ],
)
def test_why_it_ended(end: dict[str, Any], reason: StopReason):
    assert folded(decoded(said(content="x"), {**END, **end})).stop is reason


def test_names_lead_back_to_the_clients_tools():
    names = NameMap(to_client={"short": "a very long name"}, custom={"patch"})
    events = decoded(said(tool_calls=[called("short"), called("patch", input="*** Begin")]), END, names=names)
    starts = [event for event in events if isinstance(event, BlockStart)]
    assert [(start.name, start.tool_kind) for start in starts] == [
        ("a very long name", "function"),
        ("patch", "custom"),
    ]
    last = folded(events).blocks[-1]
    assert isinstance(last, ToolCall) and last.arguments == "*** Begin"


def test_an_id_that_ollama_gives_is_kept():
    events = decoded(said(tool_calls=[{"id": "call_7", **called("run")}]), END)
    assert [event.id for event in events if isinstance(event, BlockStart)] == ["call_7"]


BROKEN = {
    "an error in mid-stream": ([said(content="x"), {"error": "out of memory"}], "out of memory"),
    "an error at once": ([{"error": "model runner has stopped"}], "model runner has stopped"),
    "cut": ([said(content="x")], "broke off"),
    "cut within a line": ([said(content="x"), b'{"model":'], "no JSON"),
    "nothing": ([], "broke off"),
    "no JSON": ([b"<html>\n"], "no JSON"),
    "only loaded": ([{**END, "done_reason": "load"}], "empty"),
    "neither content nor a reason": ([{**END, "done_reason": None}], "empty"),
    "no object": ([b"[1]\n", b"7\n"], "broke off"),
}


@pytest.mark.parametrize(("objects", "text"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_answer_is_an_error_and_the_last_event(objects: list[Any], text: str):
    events = decoded(*objects)
    assert isinstance(events[-1], Error) and text in events[-1].error.message
    assert not any(isinstance(event, Finish) for event in events)


def test_nothing_follows_the_end():
    events = decoded(said(content="x"), END, said(content="more"), END)
    assert [type(event) for event in events[-2:]] == [UsageUpdate, Finish]


@pytest.mark.parametrize(
    "message",
    [
        {"content": 7, "thinking": [], "tool_calls": "x"},
        {"tool_calls": [7, {}, {"function": []}, {"function": {"name": 3}}]},
    ],
)
def test_hostile_messages_are_passed_over(message: dict[str, Any]):
    assert folded(decoded(said(content="x"), said(**message), END)).blocks == [Text("x")]


# -- addresses and settings


@pytest.mark.parametrize(
    ("settings", "operation", "protocol", "url"),
    [
        ({}, Operation.GENERATE, "ollama", "http://localhost:11434/api/chat"),
        ({"api": "native"}, Operation.GENERATE, "ollama", "http://localhost:11434/api/chat"),
        ({}, Operation.MODELS, "ollama", "http://localhost:11434/api/tags"),
        ({"base_url": "https://ollama.com/"}, Operation.GENERATE, "ollama", "https://ollama.com/api/chat"),
        ({"base_url": "http://127.0.0.1:1/v1"}, Operation.GENERATE, "ollama", "http://127.0.0.1:1/api/chat"),
        ({"base_url": "http://127.0.0.1:1/api"}, Operation.GENERATE, "ollama", "http://127.0.0.1:1/api/chat"),
        ({"api": "chat"}, Operation.GENERATE, "openai_chat", "http://localhost:11434/v1/chat/completions"),
        ({"api": "responses"}, Operation.GENERATE, "openai_responses", "http://localhost:11434/v1/responses"),
        ({"api": "anthropic"}, Operation.GENERATE, "anthropic", "http://localhost:11434/v1/messages"),
    ],
)
def test_where_it_is_asked(settings: dict[str, str], operation: Operation, protocol: str, url: str):
    credential = Credential("c", "ollama", "", settings)
    assert OLLAMA.protocol("m", credential, Request("openai_chat", "m")) == protocol
    upstream = OLLAMA.build(Call(operation, protocol, "m", False, b"{}", translated=True), credential)
    assert (upstream.url, upstream.headers) == (url, [])


@pytest.mark.parametrize(
    ("settings", "body"),
    [
        ({}, {"options": {"seed": 1}}),
        ({"num_ctx": "4096"}, {"options": {"seed": 1, "num_ctx": 4096}}),
        ({"num_ctx": 4096, "keep_alive": "10m"}, {"options": {"seed": 1, "num_ctx": 4096}, "keep_alive": "10m"}),
        ({"keep_alive": "-1"}, {"options": {"seed": 1}, "keep_alive": -1}),
        ({"num_ctx": "many"}, {"options": {"seed": 1}}),
    ],
)
def test_its_own_settings_are_the_credentials(settings: dict[str, Any], body: dict[str, Any]):
    made = Call(Operation.GENERATE, "ollama", "m", False, b'{"options":{"seed":1}}', translated=True)
    assert json.loads(OLLAMA.build(made, Credential("c", "ollama", "", settings)).body) == body


def test_the_cloud_takes_a_bearer_token():
    made = Call(Operation.GENERATE, "ollama", "m", False, b"{}")
    assert OLLAMA.build(made, Credential("c", "ollama", "k")).headers == [("Authorization", "Bearer k")]


ERRORS = {
    "no such model": (404, b'{"error":"model \'x\' not found, try pulling it first"}', "not_found"),
    "no thinking": (400, b'{"error":"\\"m\\" does not support thinking"}', "not_found"),
    "no tools": (400, b'{"error":"registry.ollama.ai/m does not support tools"}', "not_found"),
    "bad request": (400, b'{"error":"invalid options"}', "invalid_request"),
    "wrong key": (401, b'{"error":"unauthorized"}', "authentication"),
    "limit of the cloud": (429, b'{"error":"too many requests"}', "rate_limit"),
    "crashed": (500, b'{"error":"model runner has unexpectedly stopped"}', "server"),
    "busy": (503, b'{"error":"server busy, please try again"}', "overloaded"),
    "a proxy's page": (502, b"<html>Bad Gateway</html>", "server"),
    "nothing": (500, b"", "server"),
    "another shape": (400, b'{"error":{"message":"bad"}}', "invalid_request"),
}


@pytest.mark.parametrize(("status", "body", "kind"), ERRORS.values(), ids=ERRORS)
def test_what_its_errors_mean(status: int, body: bytes, kind: str):
    info = OLLAMA.judge(WIRE.decode_error(status, {"retry-after": "3"}, body))
    assert info.kind is ErrorKind(kind)
    assert (info.status, info.retry_after) == (status, 3.0)
    assert info.message
