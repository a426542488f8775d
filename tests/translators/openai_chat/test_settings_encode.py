"""Tools and settings of the canonical request as a chat backend takes them (mapping.md §2, §5; openai_chat.md §2)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.translators.openai_chat.build import WEATHER, answer, request, say
from tests.translators.openai_chat.support import decode, encode, function, user
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
    Sampling,
    Tool,
    ToolChoice,
    ToolKind,
)

# -- tools


@pytest.mark.parametrize(
    ("tool", "sent"),
    [
        (Tool("f"), {"name": "f", "parameters": {"type": "object", "properties": {}}}),
        (
            Tool("f", "d", {"type": "object"}),
            {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}},
        ),
        (Tool("f", schema=WEATHER, strict=True), {"name": "f", "parameters": WEATHER}),
    ],
)
def test_tools_always_have_parameters_and_no_null(tool: Tool, sent: dict[str, Any]) -> None:
    assert encode(request(tools=[tool])).body["tools"] == [{"type": "function", "function": sent}]


def test_strict_is_only_forwarded_between_openai_protocols_and_where_allowed() -> None:
    def strict(origin: str, allowed: bool) -> Any:
        asked = request(origin=origin, tools=[Tool("f", schema=WEATHER, strict=True)])
        return encode(asked, strict_tools=allowed).body["tools"][0]["function"].get("strict")

    assert strict("openai_responses", True) is True
    assert strict("openai_responses", False) is None
    assert strict("anthropic", True) is None


CUSTOM = Tool(
    "patch", "d", kind=ToolKind.CUSTOM, format={"type": "grammar", "syntax": "lark", "definition": "start: x"}
)


def test_custom_tools_are_custom_where_the_backend_has_them() -> None:
    turns = [
        say("x"),
        answer(ToolCall("1", "patch", "free", "custom")),
        say(ToolResult("1", [Text("r")], kind="custom")),
    ]
    choice = ToolChoice(ChoiceMode.NAMED, "patch")
    sent = encode(request(*turns, origin="openai_responses", tools=[CUSTOM], tool_choice=choice)).body
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}}
    assert sent["tools"] == [{"type": "custom", "custom": {"name": "patch", "description": "d", "format": grammar}}]
    assert sent["tool_choice"] == {"type": "custom", "custom": {"name": "patch"}}
    assert sent["messages"][1]["tool_calls"] == [
        {"id": "1", "type": "custom", "custom": {"name": "patch", "input": "free"}}
    ]


def test_custom_tools_are_wrapped_where_it_has_not() -> None:
    turns = [
        say("x"),
        answer(ToolCall("1", "patch", "free", "custom")),
        say(ToolResult("1", [Text("r")], kind="custom")),
    ]
    encoded = encode(request(*turns, origin="openai_responses", tools=[CUSTOM]), custom_tools=False)
    wrapped = encoded.body["tools"][0]["function"]
    assert wrapped["parameters"]["properties"] == {"input": {"type": "string"}}
    assert "start: x" in wrapped["description"]
    assert encoded.body["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"input":"free"}'
    assert encoded.names.custom == {"patch"}


SUBSET = ToolChoice(ChoiceMode.REQUIRED, allowed=["g"])
CHOICES: list[tuple[ToolChoice, Any]] = [
    (ToolChoice(ChoiceMode.AUTO), "auto"),
    (ToolChoice(ChoiceMode.REQUIRED), "required"),
    (ToolChoice(ChoiceMode.NONE), "none"),
    (ToolChoice(ChoiceMode.NAMED, "g"), {"type": "function", "function": {"name": "g"}}),
    (
        SUBSET,
        {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]},
        },
    ),
]


@pytest.mark.parametrize(("choice", "sent"), CHOICES)
def test_tool_choice(choice: ToolChoice, sent: Any) -> None:
    body = encode(request(tools=[Tool("f"), Tool("g")], tool_choice=choice)).body
    assert body["tool_choice"] == sent
    assert len(body["tools"]) == 2


def test_a_subset_narrows_the_tools_where_the_choice_cannot() -> None:
    encoded = encode(request(tools=[Tool("f"), Tool("g")], tool_choice=SUBSET), allowed_tools=False)
    assert [tool["function"]["name"] for tool in encoded.body["tools"]] == ["g"]
    assert encoded.body["tool_choice"] == "required"
    assert encoded.notes


def test_nothing_about_tools_without_tools() -> None:
    body = encode(request(tool_choice=ToolChoice(ChoiceMode.AUTO), parallel=False)).body
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & body.keys()


def test_parallel_switch() -> None:
    asked = request(tools=[Tool("f")], parallel=False)
    assert encode(asked).body["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in encode(asked, parallel_switch=False).body


def test_server_tools_only_where_the_backend_has_the_same() -> None:
    search = Tool("web_search", kind=ToolKind.SERVER, origin="anthropic", concept="web_search", raw={"max_uses": 5})
    choice = ToolChoice(ChoiceMode.NAMED, "web_search")
    assert "web_search_options" not in encode(request(tools=[search], tool_choice=choice)).body
    with_it = encode(request(tools=[search, Tool("f")], tool_choice=choice), server_tools=("web_search",)).body
    assert with_it["web_search_options"] == {}
    assert "tool_choice" not in with_it


# -- settings


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(("wanted", "sent"), [(5, 5), (0, 1), (99, 10), (None, None)])
def test_max_tokens_in_the_field_of_the_target(field: str, wanted: int | None, sent: int | None) -> None:
    body = encode(request(max_tokens=wanted), max_tokens_field=field, max_output_tokens=10).body
    assert body.get(field) == sent
    assert len({"max_tokens", "max_completion_tokens"} & body.keys()) == (sent is not None)


def test_sampling() -> None:
    sampling = Sampling(0.5, 0.9, 40, 0.1, 0.2, 7)
    sent = {"temperature": 0.5, "top_p": 0.9, "presence_penalty": 0.1, "frequency_penalty": 0.2, "seed": 7}
    body = encode(request(origin="gemini", sampling=sampling)).body
    assert {key: body[key] for key in sent} == sent
    assert "top_k" not in body
    assert encode(request(origin="openai_chat", sampling=sampling)).body["top_k"] == 40
    strict = encode(request(sampling=sampling), sampling=False)
    assert not {"temperature", "top_p", "presence_penalty"} & strict.body.keys()
    assert any("temperature" in note for note in strict.notes)


@pytest.mark.parametrize("sampling", [Sampling(n=2), Sampling(logprobs=True), Sampling(top_logprobs=3)])
def test_several_answers_and_log_probabilities_are_for_chat_clients_only(sampling: Sampling) -> None:
    with pytest.raises(TranslationError):
        encode(request(origin="gemini", sampling=sampling))
    kept = encode(request(origin="openai_chat", sampling=sampling)).body
    assert {key: kept.get(key) for key in ("n", "logprobs", "top_logprobs")} == {
        "n": sampling.n,
        "logprobs": sampling.logprobs,
        "top_logprobs": sampling.top_logprobs,
    }


def test_stop_is_always_a_list_of_at_most_four() -> None:
    assert encode(request(stop=["a"])).body["stop"] == ["a"]
    cut = encode(request(stop=list("abcdef")))
    assert cut.body["stop"] == list("abcd")
    assert any("stop" in note for note in cut.notes)
    assert "stop" not in encode(request()).body


ON = Reasoning(ReasoningMode.ADAPTIVE, "high")
OFF = Reasoning(ReasoningMode.OFF)
BUDGET = Reasoning(ReasoningMode.BUDGET, budget=5000)
REASONING: list[tuple[Reasoning, dict[str, Any], dict[str, Any]]] = [
    (Reasoning(), {}, {}),
    (Reasoning(ReasoningMode.ADAPTIVE), {}, {}),
    (Reasoning(ReasoningMode.ADAPTIVE), {"reasoning_style": "thinking"}, {}),
    (ON, {}, {"reasoning_effort": "high"}),
    (ON, {"efforts": ("low", "medium")}, {"reasoning_effort": "medium"}),
    (ON, {"efforts": ()}, {}),
    (ON, {"thinking": "none"}, {}),
    (OFF, {}, {"reasoning_effort": "none"}),
    (OFF, {"efforts": ("minimal", "low")}, {"reasoning_effort": "minimal"}),
    (BUDGET, {}, {"reasoning_effort": "medium"}),
    (Reasoning(ReasoningMode.BUDGET, budget=-1), {}, {}),
    (ON, {"reasoning_style": "reasoning"}, {"reasoning": {"effort": "high"}}),
    (OFF, {"reasoning_style": "reasoning"}, {"reasoning": {"enabled": False}}),
    (BUDGET, {"reasoning_style": "reasoning", "max_budget": 4000}, {"reasoning": {"max_tokens": 4000}}),
    (ON, {"reasoning_style": "thinking"}, {"thinking": {"type": "enabled"}}),
    (
        ON,
        {"reasoning_style": "thinking", "thinking": "effort"},
        {"thinking": {"type": "enabled"}, "reasoning_effort": "high"},
    ),
    (
        BUDGET,
        {"reasoning_style": "thinking", "thinking": "budget"},
        {"thinking": {"type": "enabled", "budget_tokens": 5000}},
    ),
    (OFF, {"reasoning_style": "thinking"}, {"thinking": {"type": "disabled"}}),
    (BUDGET, {"reasoning_style": "enable_thinking"}, {"enable_thinking": True, "thinking_budget": 5000}),
    (OFF, {"reasoning_style": "enable_thinking"}, {"enable_thinking": False}),
    (OFF, {"reasoning_style": "chat_template_kwargs"}, {"chat_template_kwargs": {"enable_thinking": False}}),
]
REASONING_FIELDS = {
    "reasoning_effort",
    "reasoning",
    "thinking",
    "enable_thinking",
    "thinking_budget",
    "chat_template_kwargs",
}


@pytest.mark.parametrize(("reasoning", "target", "sent"), REASONING)
def test_reasoning_in_the_dialect_of_the_target(
    reasoning: Reasoning, target: dict[str, Any], sent: dict[str, Any]
) -> None:
    body = encode(request(reasoning=reasoning), **target).body
    assert {key: body[key] for key in REASONING_FIELDS & body.keys()} == sent


def test_structured_output() -> None:
    assert encode(request(output=Output(json=True))).body["response_format"] == {"type": "json_object"}
    form = encode(request(output=Output(WEATHER, name="a b", strict=True))).body["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["name"].startswith("a_b_")
    assert (form["json_schema"]["schema"], form["json_schema"]["strict"]) == (WEATHER, True)
    assert encode(request(output=Output(WEATHER))).body["response_format"]["json_schema"] == {
        "name": "response",
        "schema": WEATHER,
    }


@pytest.mark.parametrize("system", [[], [Text("s")]])
def test_the_schema_is_told_where_the_backend_only_knows_json_mode(system: list[Text]) -> None:
    body = encode(request(system=system, output=Output(WEATHER)), json_schema=False).body
    assert body["response_format"] == {"type": "json_object"}
    told = body["messages"][0]
    assert told["role"] == "system"
    assert '"city"' in told["content"]
    assert "JSON" in told["content"]


def test_usage_is_always_asked_for_on_streams() -> None:
    assert encode(request(stream=True)).body["stream_options"] == {"include_usage": True}
    assert "stream_options" not in encode(request(stream=True), include_usage=False).body
    assert not {"stream", "stream_options"} & encode(request()).body.keys()


def test_what_identifies_the_user_is_withheld_if_it_is_claude_codes() -> None:
    assert encode(request(user="u-1")).body["user"] == "u-1"
    assert "user" not in encode(request(user='{"device_id":"d"}')).body


def test_extra_fields_only_come_from_chat_clients() -> None:
    assert encode(request(origin="openai_chat", extra={"min_p": 0.1})).body["min_p"] == 0.1
    assert "min_p" not in encode(request(origin="anthropic", extra={"min_p": 0.1})).body
    assert encode(request(origin="openai_chat", extra={"model": "evil"})).body["model"] == "m-1"


def test_service_tier_only_between_openai_protocols() -> None:
    assert encode(request(origin="openai_responses", service_tier="flex")).body["service_tier"] == "flex"
    assert "service_tier" not in encode(request(service_tier="standard_only")).body


def test_fields_that_the_backend_refuses_are_left_out() -> None:
    encoded = encode(request(cache_key="k", stream=True), refused_fields=("prompt_cache_key", "stream_options", "seed"))
    assert not {"prompt_cache_key", "stream_options"} & encoded.body.keys()
    assert any("prompt_cache_key, stream_options" in note for note in encoded.notes)


def test_encoding_is_pure() -> None:
    """mapping.md §0.2: the same history gives the same bytes, and the request is not changed."""
    asked = decode(
        user(),
        {"role": "assistant", "content": "a", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "1", "content": "r"},
        tools=[function("f")],
        n=2,
    )
    before = copy.deepcopy(asked)
    assert encode(asked).body == encode(asked).body
    assert asked == before
