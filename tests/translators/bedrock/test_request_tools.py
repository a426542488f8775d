"""Tools of a request to Converse, their calls and results (apikey_backends.md §6)."""

from __future__ import annotations

from typing import Any

import pytest

from translators.canonical.blocks import (
    Image,
    Text,
    ToolCall,
    ToolResult,
)
from translators.canonical.request import (
    ChoiceMode,
    Reasoning,
    ReasoningMode,
    Role,
    Tool,
    ToolChoice,
    ToolKind,
)
from translators.canonical.target import Target

from .support import PNG, RUN, ask, body, called, encoded, messages, other, talk, target

# -- tools


def test_calls_and_results_with_their_status() -> None:
    request = talk(
        (Role.USER, [Text("do")]),
        (Role.ASSISTANT, [Text("ok"), ToolCall("call_1", "run", '{"a":1}'), ToolCall("call_2", "run", "")]),
        (
            Role.USER,
            [
                Text("so?"),
                ToolResult("call_2", [], is_error=True),
                ToolResult("call_1", [Text("done"), Image("image/png", PNG)]),
            ],
        ),
        tools=[RUN],
    )
    assert messages(request)[1:] == [
        (
            "assistant",
            [
                {"text": "ok"},
                {"toolUse": {"toolUseId": "call_1", "name": "run", "input": {"a": 1}}},
                {"toolUse": {"toolUseId": "call_2", "name": "run", "input": {}}},
            ],
        ),
        (
            "user",
            [
                {
                    "toolResult": {
                        "toolUseId": "call_1",
                        "content": [{"text": "done"}, {"image": {"format": "png", "source": {"bytes": PNG}}}],
                        "status": "success",
                    }
                },
                {"toolResult": {"toolUseId": "call_2", "content": [{"text": "(empty)"}], "status": "error"}},
                {"text": "so?"},
            ],
        ),
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"), [("[1]", {"value": [1]}), ("{broken", {"_raw": "{broken"}), ("null", {"value": None})]
)
def test_arguments_are_always_an_object(arguments: str, expected: Any) -> None:
    assert messages(called(arguments=arguments))[1][1][0]["toolUse"]["input"] == expected


def test_a_tool_with_all_and_one_with_nothing() -> None:
    sent = body(ask(tools=[RUN, Tool("bare", "", None)]))
    assert sent["toolConfig"] == {
        "tools": [
            {"toolSpec": {"name": "run", "description": "Runs.", "inputSchema": {"json": RUN.schema}}},
            {"toolSpec": {"name": "bare", "inputSchema": {"json": {"type": "object", "properties": {}}}}},
        ]
    }


def test_names_and_ids_that_do_not_fit_are_mangled_and_led_back() -> None:
    name = "mcp.server/" + "x" * 80
    request = talk(
        (Role.USER, [Text("do")]),
        (Role.ASSISTANT, [ToolCall("id with spaces", name, "{}")]),
        (Role.USER, [ToolResult("id with spaces", [Text("done")])]),
        tools=[Tool(name, None, {"type": "object"})],
    )
    found = encoded(request)
    sent = found.body["messages"][1]["content"][0]["toolUse"]
    assert found.names.client(sent["name"]) == name
    assert found.body["messages"][2]["content"][0]["toolResult"]["toolUseId"] == sent["toolUseId"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice(ChoiceMode.AUTO), {"auto": {}}),
        (ToolChoice(ChoiceMode.REQUIRED), {"any": {}}),
        (ToolChoice(ChoiceMode.NAMED, "run"), {"tool": {"name": "run"}}),
        (ToolChoice(ChoiceMode.NAMED, "absent"), None),
        (None, None),
    ],
)
def test_tool_choice(choice: ToolChoice | None, expected: Any) -> None:
    assert body(ask(tools=[RUN], tool_choice=choice))["toolConfig"].get("toolChoice") == expected


@pytest.mark.parametrize("to", [target(), other(forced_tools=False)], ids=["while thinking", "a model that refuses"])
def test_a_forced_choice_gives_way_where_the_model_refuses_it(to: Target) -> None:
    wish = Reasoning(ReasoningMode.BUDGET, budget=2000)
    found = encoded(ask(tools=[RUN], tool_choice=ToolChoice(ChoiceMode.REQUIRED), reasoning=wish), to)
    assert found.body["toolConfig"]["toolChoice"] == {"auto": {}}
    assert any("tool choice" in note for note in found.notes)


def test_without_tools_there_is_no_tool_config() -> None:
    assert "toolConfig" not in body(ask(tool_choice=ToolChoice(ChoiceMode.REQUIRED)))


def test_no_calls_wanted_and_none_made_leaves_the_tools_out() -> None:
    assert "toolConfig" not in body(ask(tools=[RUN], tool_choice=ToolChoice(ChoiceMode.NONE)))


def test_no_calls_wanted_in_a_history_with_calls_is_said_in_words() -> None:
    request = called()
    request.tool_choice = ToolChoice(ChoiceMode.NONE)
    found = encoded(request)
    assert "toolChoice" not in found.body["toolConfig"]
    assert found.body["system"] == [{"text": "Do not call any tool in this answer."}]


def test_a_history_with_calls_has_tools_though_the_client_sent_none() -> None:
    request = called()
    request.tools = []
    sent = body(request)
    assert [tool["toolSpec"]["name"] for tool in sent["toolConfig"]["tools"]] == ["run"]
    assert sent["system"] == [{"text": "Do not call any tool in this answer."}]


def test_an_allowed_subset_narrows_the_tools_but_not_what_history_mentions() -> None:
    request = called()
    request.tools = [RUN, Tool("walk"), Tool("fly")]
    request.tool_choice = ToolChoice(ChoiceMode.AUTO, allowed=["walk"])
    assert [tool["toolSpec"]["name"] for tool in body(request)["toolConfig"]["tools"]] == ["run", "walk"]


def test_free_text_tools_are_wrapped_and_server_tools_dropped() -> None:
    tools = [
        Tool("patch", kind=ToolKind.CUSTOM),
        Tool("web_search", kind=ToolKind.SERVER, origin="anthropic", concept="web_search"),
    ]
    found = encoded(ask(tools=tools))
    assert [tool["toolSpec"]["name"] for tool in found.body["toolConfig"]["tools"]] == ["patch"]
    assert found.names.custom == {"patch"}


def test_strict_only_where_the_model_takes_it() -> None:
    request = ask(tools=[Tool("run", None, RUN.schema, strict=True)])
    assert "strict" not in body(request)["toolConfig"]["tools"][0]["toolSpec"]
    assert body(request, target(strict_tools=True))["toolConfig"]["tools"][0]["toolSpec"]["strict"] is True
