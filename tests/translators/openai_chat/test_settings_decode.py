"""Tools and settings of a client's chat body, and Responses' spelling of it (openai_chat.md §2, clients.md §6)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.translators.openai_chat.support import CHAT, body, decode, function, user
from translators.canonical.blocks import (
    Text,
    ToolCall,
    ToolResult,
)
from translators.canonical.errors import TranslationError
from translators.canonical.request import (
    ChoiceMode,
    Output,
    Reasoning,
    ReasoningMode,
    Role,
    Tool,
    ToolChoice,
    ToolKind,
    Turn,
)

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}}


def call(call_id: str, name: str = "f", arguments: Any = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def assistant(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, **fields}


# -- tools

TOOLS: list[tuple[dict[str, Any], Tool]] = [
    (function("f", description="d", parameters=WEATHER, strict=True), Tool("f", "d", WEATHER, strict=True)),
    (function("f", description=None), Tool("f")),
    (
        {"type": "function", "name": "f", "parameters": WEATHER, "strict": False},
        Tool("f", schema=WEATHER, strict=False),
    ),
    ({"name": "f", "input_schema": WEATHER}, Tool("f", schema=WEATHER)),
    (
        {
            "type": "custom",
            "custom": {"name": "p", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "s"}}},
        },
        Tool("p", kind=ToolKind.CUSTOM, format={"type": "grammar", "syntax": "lark", "definition": "s"}),
    ),
    ({"type": "custom", "name": "p", "description": "d"}, Tool("p", "d", kind=ToolKind.CUSTOM)),
    (
        {"type": "web_search_preview"},
        Tool(
            "web_search_preview",
            kind=ToolKind.SERVER,
            origin="openai_responses",
            concept="web_search",
            raw={"type": "web_search_preview"},
        ),
    ),
]


@pytest.mark.parametrize(("raw", "tool"), TOOLS)
def test_tools_nested_flat_and_custom(raw: dict[str, Any], tool: Tool) -> None:
    assert decode(user(), tools=[raw]).tools == [tool]


def test_web_search_options_are_a_server_tool() -> None:
    request = decode(user(), web_search_options={"search_context_size": "low"})
    assert [(tool.kind, tool.concept, tool.raw) for tool in request.tools] == [
        (ToolKind.SERVER, "web_search", {"search_context_size": "low"})
    ]
    assert "web_search_options" not in request.extra


CHOICES: list[tuple[Any, ToolChoice | None]] = [
    (None, None),
    ("auto", ToolChoice(ChoiceMode.AUTO)),
    ("required", ToolChoice(ChoiceMode.REQUIRED)),
    ("none", ToolChoice(ChoiceMode.NONE)),
    ({"type": "function", "function": {"name": "f"}}, ToolChoice(ChoiceMode.NAMED, "f")),
    ({"type": "function", "name": "f"}, ToolChoice(ChoiceMode.NAMED, "f")),
    ({"type": "custom", "custom": {"name": "f"}}, ToolChoice(ChoiceMode.NAMED, "f")),
    (
        {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
        },
        ToolChoice(ChoiceMode.REQUIRED, allowed=["f"]),
    ),
    (
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        ToolChoice(ChoiceMode.AUTO, allowed=["f"]),
    ),
]


@pytest.mark.parametrize(("raw", "choice"), CHOICES)
def test_tool_choice(raw: Any, choice: ToolChoice | None) -> None:
    assert decode(user(), tools=[function("f")], tool_choice=raw).tool_choice == choice


# -- settings


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
        ({"max_tokens": 5.0}, 5),
        ({}, None),
    ],
)
def test_both_names_of_max_tokens(fields: dict[str, Any], limit: int | None) -> None:
    assert decode(user(), **fields).max_tokens == limit


@pytest.mark.parametrize(("stop", "wanted"), [("x", ["x"]), (["x", "y"], ["x", "y"]), (None, [])])
def test_stop_is_a_list(stop: Any, wanted: list[str]) -> None:
    assert decode(user(), stop=stop).stop == wanted


EFFORTS: list[tuple[dict[str, Any], Reasoning]] = [
    ({}, Reasoning()),
    ({"reasoning_effort": "high"}, Reasoning(ReasoningMode.ADAPTIVE, "high")),
    ({"reasoning_effort": "none"}, Reasoning(ReasoningMode.OFF)),
    ({"reasoning": {"effort": "low", "exclude": True}}, Reasoning(ReasoningMode.ADAPTIVE, "low", show="none")),
    ({"reasoning": {"effort": "low", "summary": "auto"}}, Reasoning(ReasoningMode.ADAPTIVE, "low", show="summary")),
    ({"reasoning": {"max_tokens": 2000}}, Reasoning(ReasoningMode.BUDGET, budget=2000)),
    ({"reasoning": {"enabled": False}}, Reasoning(ReasoningMode.OFF)),
    ({"reasoning": {"enabled": True}}, Reasoning(ReasoningMode.ADAPTIVE)),
    ({"thinking": {"type": "enabled"}}, Reasoning(ReasoningMode.ADAPTIVE)),
    ({"thinking": {"type": "enabled", "budget_tokens": 99}}, Reasoning(ReasoningMode.BUDGET, budget=99)),
    ({"thinking": {"type": "disabled"}}, Reasoning(ReasoningMode.OFF)),
    ({"enable_thinking": False}, Reasoning(ReasoningMode.OFF)),
    ({"enable_thinking": True, "thinking_budget": 7}, Reasoning(ReasoningMode.BUDGET, budget=7)),
    ({"chat_template_kwargs": {"enable_thinking": False}}, Reasoning(ReasoningMode.OFF)),
]


@pytest.mark.parametrize(("fields", "wanted"), EFFORTS)
def test_reasoning_in_every_dialect(fields: dict[str, Any], wanted: Reasoning) -> None:
    assert decode(user(), **fields).reasoning == wanted


OUTPUTS: list[tuple[Any, Output | None]] = [
    (None, None),
    ({"type": "text"}, None),
    ({"type": "json_object"}, Output(json=True)),
    (
        {"type": "json_schema", "json_schema": {"name": "n", "schema": WEATHER, "strict": True, "description": "d"}},
        Output(WEATHER, False, "n", "d", True),
    ),
]


@pytest.mark.parametrize(("form", "output"), OUTPUTS)
def test_response_format(form: Any, output: Output | None) -> None:
    assert decode(user(), response_format=form).output == output


def test_what_has_no_canonical_place_travels_in_extra() -> None:
    request = decode(user(), store=False, metadata={"a": "b"}, min_p=0.1, n=2, user="u", prompt_cache_key="k")
    assert request.extra == {"store": False, "metadata": {"a": "b"}, "min_p": 0.1}
    assert (request.sampling.n, request.user, request.cache_key) == (2, "u", "k")


def test_url_wins_over_body() -> None:
    request = CHAT.decode_request(body(stream=False), model="from-url", stream=True)
    assert (request.model, request.stream) == ("from-url", True)


def test_usage_is_only_included_if_asked_for() -> None:
    assert decode(user(), stream=True, stream_options={"include_usage": True}).include_usage
    assert not decode(user(), stream=True).include_usage


# -- Responses' spelling on the chat path (clients.md §6)


def test_a_responses_body_is_read_as_the_chat_body_it_means() -> None:
    request = CHAT.decode_request(
        {
            "model": "m",
            "instructions": "sys",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
                {"type": "reasoning", "summary": []},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
                {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
                {"type": "custom_tool_call", "call_id": "2", "name": "p", "input": "x"},
                {"type": "function_call_output", "call_id": "1", "output": "one"},
                {"type": "custom_tool_call_output", "call_id": "2", "output": "two"},
            ],
            "tools": [{"type": "function", "name": "f"}],
            "tool_choice": {"type": "function", "name": "f"},
            "max_output_tokens": 9,
            "reasoning": {"effort": "low"},
            "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": WEATHER}},
            "stream": True,
        }
    )
    assert request.origin == "openai_chat"
    assert request.system == [Text("sys")]
    assert [turn.blocks for turn in request.turns] == [
        [Text("a")],
        [Text("b"), ToolCall("1", "f", "{}"), ToolCall("2", "p", "x", "custom")],
        [ToolResult("1", [Text("one")]), ToolResult("2", [Text("two")], kind="custom")],
    ]
    assert request.tools == [Tool("f")]
    assert request.tool_choice == ToolChoice(ChoiceMode.NAMED, "f")
    assert (request.max_tokens, request.reasoning.effort, request.verbosity) == (9, "low", "low")
    assert request.output == Output(WEATHER, name="n")
    assert request.extra == {}


def test_input_may_be_a_string() -> None:
    assert CHAT.decode_request({"model": "m", "input": "Hi"}).turns == [Turn(Role.USER, [Text("Hi")])]


# -- what the protocol itself refuses

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"model": "m"}, "messages"),
    ({"messages": []}, "model"),
    (body(messages="x"), "messages"),
    (body({"role": "wizard", "content": "x"}), "messages[0].role"),
    (body({"content": "x"}), "messages[0].role"),
    (body({"role": "user", "content": 7}), "messages[0].content"),
    (body({"role": "user", "content": [7]}), "messages[0].content[0]"),
    (body({"role": "user", "content": [{"type": "text"}]}), "messages[0].content[0].text"),
    (body({"role": "tool", "content": "x"}), "messages[0].tool_call_id"),
    (body(assistant(tool_calls=[{"type": "function", "function": {"name": "f"}}])), "messages[0].tool_calls[0].id"),
    (body(tools=[{"type": "function", "function": {}}]), "tools[0].name"),
    (body(tools=[function("")]), "tools[0].name"),
    (body(tool_choice="perhaps"), "tool_choice"),
    (body(temperature="hot"), "temperature"),
    (body(max_tokens=1.5), "max_tokens"),
    (body(stream="yes"), "stream"),
    (body(reasoning_effort="extreme"), "reasoning_effort"),
    (body(response_format={"type": "json_schema"}), "response_format.json_schema"),
    (body(stop=[1]), "stop[0]"),
]


@pytest.mark.parametrize(("raw", "param"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_malformed_requests_are_a_400_that_names_the_place(raw: dict[str, Any], param: str) -> None:
    with pytest.raises(TranslationError) as caught:
        CHAT.decode_request(raw)
    assert caught.value.info.param == param
    assert caught.value.info.http_status == 400
