"""What Responses clients ask for beside their input: tools, reasoning, formats (openai_responses.md §2, §4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.translators.openai_responses.support import RESPONSES, decode
from translators.canonical.request import (
    ChoiceMode,
    Output,
    Reasoning,
    ReasoningMode,
    Tool,
    ToolChoice,
    ToolKind,
)

ID = "openai_responses"


@pytest.mark.parametrize(
    ("raw", "tools"),
    [
        (
            {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
            [Tool("f", "d", {"type": "object"}, strict=True)],
        ),
        ({"type": "function", "name": "f", "parameters": None}, [Tool("f")]),
        ({"type": "function", "function": {"name": "f"}}, [Tool("f")]),
        (
            {"type": "function", "name": "f", "defer_loading": True},
            [Tool("f", origin=ID, raw={"defer_loading": True})],
        ),
        (
            {"type": "custom", "name": "c", "format": {"type": "text"}},
            [Tool("c", kind=ToolKind.CUSTOM, format={"type": "text"})],
        ),
        (
            {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", "name": "f"}]},
            [Tool("f", namespace="n", origin=ID, raw={"namespace_description": "d"})],
        ),
        (
            {"type": "web_search_preview_2025_03_11"},
            [
                Tool(
                    "web_search_preview_2025_03_11",
                    kind=ToolKind.SERVER,
                    origin=ID,
                    concept="web_search",
                    raw={"type": "web_search_preview_2025_03_11"},
                )
            ],
        ),
        (
            {"type": "mcp", "server_label": "wiki"},
            [
                Tool(
                    "wiki",
                    kind=ToolKind.SERVER,
                    origin=ID,
                    concept="mcp",
                    raw={"type": "mcp", "server_label": "wiki"},
                )
            ],
        ),
        (
            {"type": "tool_of_tomorrow"},
            [Tool("tool_of_tomorrow", kind=ToolKind.SERVER, origin=ID, raw={"type": "tool_of_tomorrow"})],
        ),
    ],
)
def test_tools(raw: dict[str, Any], tools: list[Tool]) -> None:
    assert decode(tools=[raw]).tools == tools


@pytest.mark.parametrize("kind", ["local_shell", "shell", "apply_patch"])
def test_tools_that_the_client_executes_are_functions_elsewhere(kind: str) -> None:
    (tool,) = decode(tools=[{"type": kind}]).tools
    assert (tool.name, tool.kind) == (kind, ToolKind.FUNCTION)
    assert tool.description
    assert tool.schema is not None
    assert tool.schema["required"]


@pytest.mark.parametrize(
    ("raw", "choice"),
    [
        ("auto", ToolChoice(ChoiceMode.AUTO)),
        ("required", ToolChoice(ChoiceMode.REQUIRED)),
        ("none", ToolChoice(ChoiceMode.NONE)),
        ({"type": "function", "name": "f"}, ToolChoice(ChoiceMode.NAMED, "f")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice(ChoiceMode.NAMED, "f")),
        ({"type": "custom", "name": "c"}, ToolChoice(ChoiceMode.NAMED, "c")),
        ({"type": "mcp", "server_label": "wiki", "name": "x"}, ToolChoice(ChoiceMode.NAMED, "wiki")),
        ({"type": "web_search_preview"}, ToolChoice(ChoiceMode.NAMED, "web_search_preview")),
        ({"type": "apply_patch"}, ToolChoice(ChoiceMode.NAMED, "apply_patch")),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "f"}, {"type": "web_search"}],
            },
            ToolChoice(ChoiceMode.REQUIRED, allowed=["f", "web_search"]),
        ),
        (None, None),
    ],
)
def test_tool_choices(raw: Any, choice: ToolChoice | None) -> None:
    assert decode(tool_choice=raw).tool_choice == choice


@pytest.mark.parametrize(
    ("raw", "reasoning"),
    [
        (None, Reasoning()),
        ({}, Reasoning()),
        ({"effort": None, "summary": None}, Reasoning()),
        ({"effort": "none"}, Reasoning(ReasoningMode.OFF, "none")),
        ({"effort": "xhigh"}, Reasoning(ReasoningMode.ADAPTIVE, "xhigh")),
        ({"summary": "detailed"}, Reasoning(show="summary")),
        ({"generate_summary": "auto"}, Reasoning(show="summary")),
        ({"effort": "low", "summary": "none"}, Reasoning(ReasoningMode.ADAPTIVE, "low", show="none")),
    ],
)
def test_reasoning(raw: Any, reasoning: Reasoning) -> None:
    assert decode(reasoning=raw).reasoning == reasoning


@pytest.mark.parametrize(
    ("raw", "output"),
    [
        (None, None),
        ({"format": {"type": "text"}}, None),
        ({"format": {"type": "json_object"}}, Output(json=True)),
        (
            {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}},
            Output({"type": "object"}, name="n", strict=True),
        ),
        (
            {"format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}},
            Output({}, name="n"),
        ),
    ],
)
def test_structured_output(raw: Any, output: Output | None) -> None:
    assert decode(text=raw).output == output


def test_plain_settings() -> None:
    request = decode(temperature=0.5, top_p=1, max_output_tokens=20.0, user="u", service_tier="flex", top_logprobs=3)
    assert (request.sampling.temperature, request.sampling.top_p, request.sampling.top_logprobs) == (0.5, 1, 3)
    assert (request.max_tokens, request.user, request.service_tier) == (20, "u", "flex")


def test_the_url_may_name_model_and_streaming() -> None:
    request = RESPONSES.decode_request({"input": "q", "stream": False}, model="other", stream=True)
    assert (request.model, request.stream) == ("other", True)
