"""A client's chat body as the canonical request (openai_chat.md §2, §3; mapping.md §2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.translators.openai_chat.support import CHAT, body, decode, function, user
from translators.canonical.blocks import (
    Block,
    Document,
    Image,
    Media,
    Opaque,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
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


# -- messages


def test_leading_system_and_developer_messages_are_the_system_text() -> None:
    request = decode(
        {"role": "system", "content": "a"}, {"role": "developer", "content": [{"type": "text", "text": "b"}]}, user()
    )
    assert request.system == [Text("a"), Text("b")]
    assert request.turns == [Turn(Role.USER, [Text("Hi")])]


@pytest.mark.parametrize("role", ["system", "developer"])
def test_system_text_in_mid_conversation_stays_in_place(role: str) -> None:
    request = decode(user(), {"role": role, "content": "mind"}, user("b"))
    assert [turn.role for turn in request.turns] == [Role.USER, Role.SYSTEM, Role.USER]
    assert request.system == []


def test_neighbours_of_one_role_are_one_turn() -> None:
    request = decode(user("a"), user("b"), assistant(content="c"), assistant(tool_calls=[call("1")]), user("d"))
    assert request.turns[0].blocks == [Text("a"), Text("b")]
    assert request.turns[1].blocks == [Text("c"), ToolCall("1", "f", "{}")]


def test_tool_messages_and_the_user_message_behind_them_are_one_turn() -> None:
    request = decode(
        user(),
        assistant(content="Look.", tool_calls=[call("1"), call("2", "g")]),
        {"role": "tool", "tool_call_id": "2", "content": "two"},
        {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "one"}]},
        user("so?"),
    )
    assert request.turns[1].blocks == [Text("Look."), ToolCall("1", "f", "{}"), ToolCall("2", "g", "{}")]
    assert request.turns[2].blocks == [ToolResult("2", [Text("two")]), ToolResult("1", [Text("one")]), Text("so?")]


def test_media_in_tool_messages_are_accepted() -> None:
    """clients.md §4: Qwen Code sends them."""
    parts = [
        {"type": "text", "text": "shot"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    ]
    request = decode(user(), assistant(tool_calls=[call("1")]), {"role": "tool", "tool_call_id": "1", "content": parts})
    assert request.turns[2].blocks == [ToolResult("1", [Text("shot"), Image("image/png", "AA==")])]


@pytest.mark.parametrize("content", [None, "", []])
def test_empty_content_is_no_block(content: Any) -> None:
    assert decode({"role": "user", "content": content}).turns == [Turn(Role.USER, [])]


@pytest.mark.parametrize(("arguments", "text"), [({"a": 1}, '{"a":1}'), (None, ""), ("{broken", "{broken")])
def test_arguments_are_text_whatever_they_came_as(arguments: Any, text: str) -> None:
    assert decode(user(), assistant(tool_calls=[call("1", "f", arguments)])).turns[1].blocks == [
        ToolCall("1", "f", text)
    ]


def test_custom_calls_and_their_results_are_custom() -> None:
    raw = {"id": "1", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}
    request = decode(user(), assistant(tool_calls=[raw]), {"role": "tool", "tool_call_id": "1", "content": "done"})
    assert request.turns[1].blocks == [ToolCall("1", "patch", "*** Begin", "custom")]
    assert request.turns[2].blocks == [ToolResult("1", [Text("done")], kind="custom")]


def test_legacy_calls_are_paired_with_their_results_by_name() -> None:
    request = decode(
        user(),
        assistant(function_call={"name": "f", "arguments": "{}"}),
        {"role": "function", "name": "f", "content": "1"},
        assistant(function_call={"name": "f", "arguments": "{}"}),
        {"role": "function", "name": "f", "content": "2"},
        functions=[{"name": "f", "parameters": WEATHER}],
        function_call={"name": "f"},
    )
    made = [block for turn in request.turns for block in turn.blocks if isinstance(block, ToolCall)]
    answered = [block for turn in request.turns for block in turn.blocks if isinstance(block, ToolResult)]
    assert [block.id for block in made] == [block.id for block in answered]
    assert len({block.id for block in made}) == 2
    assert request.tools == [Tool("f", schema=WEATHER)]
    assert request.tool_choice == ToolChoice(ChoiceMode.NAMED, "f")
    assert request.legacy_functions
    assert request.parallel is False


def test_refusals_come_as_member_or_part() -> None:
    request = decode(
        user(), assistant(refusal="no"), user(), assistant(content=[{"type": "refusal", "refusal": "nor"}])
    )
    assert request.turns[1].blocks == [Refusal("no")]
    assert request.turns[3].blocks == [Refusal("nor")]


def test_think_tags_are_left_alone() -> None:
    request = decode(user(), assistant(content="<think>a</think>b"))
    assert request.turns[1].blocks == [Text("<think>a</think>b")]


# -- parts

PARTS: list[tuple[dict[str, Any] | str, Block]] = [
    ("bare", Text("bare")),
    ({"type": "text", "text": "a"}, Text("a")),
    ({"text": "a"}, Text("a")),
    ({"type": "input_text", "text": "a"}, Text("a")),
    ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, Text("a", cache={"type": "ephemeral"})),
    (
        {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "1h"}},
        Text("a", cache={"type": "ephemeral", "ttl": "1h"}),
    ),
    (
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
        Image(url="https://x/y.png", detail="low"),
    ),
    ({"type": "image_url", "image_url": "https://x/y.png"}, Image(url="https://x/y.png")),
    ({"type": "input_image", "image_url": "data:image/PNG;base64,AA=="}, Image("image/png", "AA==")),
    ({"type": "input_image", "file_id": "file-1"}, Image(file_id="file-1")),
    ({"type": "image_url", "image_url": {"url": "data:,%00"}}, Image(None, "AA==")),
    (
        {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0=="}},
        Image("image/gif", "R0=="),
    ),
    ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}}, Media("audio/mp3", "AA==")),
    ({"type": "video_url", "video_url": {"url": "https://x/v"}}, Media("video/mp4", url="https://x/v")),
    (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
        Document("application/pdf", "AA==", name="a.pdf"),
    ),
    ({"type": "file", "file": {"file_id": "file-1"}}, Document(file_id="file-1")),
    ({"type": "input_file", "file_url": "https://x/a.pdf"}, Document(url="https://x/a.pdf")),
    ({"type": "hologram", "x": 1}, Unknown("openai_chat", {"type": "hologram", "x": 1})),
]


@pytest.mark.parametrize(("part", "block"), PARTS)
def test_parts(part: Any, block: Block) -> None:
    assert decode({"role": "user", "content": [part]}).turns[0].blocks == [block]


# -- reasoning in the history


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning_content": "Hm"},
        {"reasoning": "Hm"},
        {"reasoning_content": "Hm", "reasoning": "Hm"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "Hm", "index": 0}]},
        {"reasoning": "Hm", "reasoning_details": [{"type": "reasoning.text", "text": "Hm", "index": 0}]},
    ],
)
def test_visible_reasoning_is_read_once(fields: dict[str, Any]) -> None:
    request = decode(user(), assistant(content="Yes", **fields))
    assert request.turns[1].blocks == [Thinking("Hm", kind="raw"), Text("Yes")]


@pytest.mark.parametrize("empty", ["", None, " \n"])
def test_empty_reasoning_is_no_block(empty: Any) -> None:
    """DeepSeek's clients send it beside every call."""
    assert decode(user(), assistant(content="a", reasoning_content=empty)).turns[1].blocks == [Text("a")]


def test_signatures_of_other_protocols_return_from_reasoning_details_to_their_places() -> None:
    entries = [
        {"type": "reasoning.text", "text": "one", "signature": "gw1:anthropic:S1", "id": "1", "index": 0},
        {"type": "reasoning.text", "text": "", "signature": "gw1:gemini:S2", "id": "2", "index": 1},
        {"type": "reasoning.encrypted", "data": "gw1:anthropic:R", "index": 2},
        {"type": "reasoning.text", "text": "", "signature": "gw1:gemini:S3", "id": "after_text", "index": 3},
    ]
    message = assistant(
        content="t", reasoning_content="zeroone", reasoning_details=entries, tool_calls=[call("1"), call("2")]
    )
    assert decode(user(), message).turns[1].blocks == [
        Thinking("zero", kind="raw"),
        Opaque("R", "anthropic"),
        Text("t"),
        Thinking("", "S3", "gemini"),
        Thinking("one", "S1", "anthropic"),
        ToolCall("1", "f", "{}"),
        Thinking("", "S2", "gemini"),
        ToolCall("2", "f", "{}"),
    ]


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
