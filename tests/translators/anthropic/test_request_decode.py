"""A Messages body as the canonical request."""

import json
from typing import Any

import pytest

from tests.translators.anthropic.support import PROTOCOL, json_fixture
from translators.canonical.blocks import Block, Document, Image, Opaque, Text, Thinking, ToolCall, ToolResult, Unknown
from translators.canonical.errors import TranslationError
from translators.canonical.request import ChoiceMode, Reasoning, ReasoningMode, Request, Role, ToolChoice, ToolKind

USER = {"role": "user", "content": "hi"}


def decode(**fields: Any) -> Request:
    return PROTOCOL.decode_request({"model": "m", "max_tokens": 10, "messages": [USER], **fields})


def decode_block(block: dict[str, Any], role: str = "user") -> list[Block]:
    (turn,) = decode(messages=[{"role": role, "content": [block]}]).turns
    return turn.blocks


def test_claude_codes_request_is_understood_whole():
    request = PROTOCOL.decode_request(json_fixture("claude_code.request.json"))
    assert [turn.role for turn in request.turns] == [
        Role.USER,
        Role.ASSISTANT,
        Role.USER,
        Role.SYSTEM,
        Role.ASSISTANT,
        Role.USER,
    ]
    assert [tool.kind for tool in request.tools] == [ToolKind.FUNCTION] * 3 + [ToolKind.SERVER]
    assert request.tools[3].concept == "web_search"
    assert request.cache_key == "11111111-2222-3333-4444-555555555555"
    assert request.user is None, "device and account ids are Anthropic's alone"
    assert request.reasoning == Reasoning(ReasoningMode.ADAPTIVE, effort="high", show="summary")
    assert request.stream and request.max_tokens == 32000


BLOCKS = [
    ({"type": "text", "text": "a"}, [Text("a")]),
    (
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        [Text("a", cache={"type": "ephemeral"})],
    ),
    (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        [Image("image/png", data="AA==")],
    ),
    ({"type": "image", "source": {"type": "url", "url": "https://x/y"}}, [Image(url="https://x/y")]),
    ({"type": "image", "source": {"type": "file", "file_id": "file_1"}}, [Image(file_id="file_1")]),
    (
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="}},
        [Document("application/pdf", data="AA==")],
    ),
    (
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "t"},
            "title": "T",
            "context": "C",
            "citations": {"enabled": True},
        },
        [Document("text/plain", text="t", name="T", context="C", citations={"enabled": True})],
    ),
    ({"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}}, [Document(url="https://x/y.pdf")]),
    ({"type": "document", "source": {"type": "file", "file_id": "file_1"}}, [Document(file_id="file_1")]),
    (
        {"type": "document", "source": {"type": "content", "content": "plain"}},
        [Document("text/plain", text="plain")],
    ),
    (
        {
            "type": "document",
            "title": "T",
            "source": {
                "type": "content",
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "image", "source": {"type": "url", "url": "https://x/y"}},
                ],
            },
        },
        [Text("T"), Text("a"), Image(url="https://x/y")],
    ),
    ({"type": "tool_result", "tool_use_id": "t"}, [ToolResult("t")]),
    ({"type": "tool_result", "tool_use_id": "t", "content": ""}, [ToolResult("t")]),
    (
        {"type": "tool_result", "tool_use_id": "t", "content": "x", "is_error": True},
        [ToolResult("t", [Text("x")], is_error=True)],
    ),
    (
        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_reference", "tool_name": "n"}]},
        [ToolResult("t", [Unknown("anthropic", {"type": "tool_reference", "tool_name": "n"})])],
    ),
]

ASSISTANT_BLOCKS = [
    ({"type": "thinking", "thinking": "t", "signature": "s"}, [Thinking("t", "s", "anthropic")]),
    ({"type": "thinking", "thinking": "", "signature": "s"}, [Thinking("", "s", "anthropic")]),
    ({"type": "thinking", "thinking": "t", "signature": ""}, [Thinking("t", None, "anthropic")]),
    ({"type": "thinking", "thinking": "t", "signature": "gw1:gemini:s"}, [Thinking("t", "s", "gemini")]),
    ({"type": "thinking", "thinking": "t", "signature": "gw1:openai_chat:"}, [Thinking("t", None, "openai_chat")]),
    ({"type": "redacted_thinking", "data": "d"}, [Opaque("d", "anthropic")]),
    (
        {"type": "redacted_thinking", "data": "gw1:openai_responses:compaction:a:b"},
        [Opaque("a:b", "openai_responses", "compaction")],
    ),
    ({"type": "tool_use", "id": "t", "name": "n", "input": {"a": [1]}}, [ToolCall("t", "n", '{"a":[1]}')]),
    *(
        ({"type": kind, "x": 1}, [Unknown("anthropic", {"type": kind, "x": 1})])
        for kind in (
            "server_tool_use",
            "web_search_tool_result",
            "web_fetch_tool_result",
            "code_execution_tool_result",
            "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result",
            "tool_search_tool_result",
            "container_upload",
            "mcp_tool_use",
            "mcp_tool_result",
            "compaction",
            "fallback",
            "block_of_next_year",
        )
    ),
]


@pytest.mark.parametrize(("block", "expected"), BLOCKS, ids=lambda value: str(value)[:60])
def test_user_blocks(block, expected):
    assert decode_block(block) == expected


@pytest.mark.parametrize(("block", "expected"), ASSISTANT_BLOCKS, ids=lambda value: str(value)[:60])
def test_assistant_blocks(block, expected):
    assert decode_block(block, "assistant") == expected


def test_neighbours_of_one_role_are_one_turn():
    (turn,) = decode(messages=[USER, {"role": "user", "content": [{"type": "text", "text": "there"}]}]).turns
    assert turn.blocks == [Text("hi"), Text("there")]


def test_leading_system_messages_are_system_text_and_later_ones_keep_their_place():
    request = decode(
        system="a", messages=[{"role": "system", "content": "b"}, USER, {"role": "system", "content": "c"}]
    )
    assert [block.text for block in request.system] == ["a", "b"]
    assert [turn.role for turn in request.turns] == [Role.USER, Role.SYSTEM]


def test_a_system_message_that_a_later_user_message_cleared_is_not_seen():
    cleared = {"role": "system", "content": "old", "clear_at": "next_user_message"}
    live = {**cleared, "content": "live"}
    request = decode(messages=[USER, cleared, USER, live])
    assert [block for turn in request.turns for block in turn.blocks] == [Text("hi"), Text("hi"), Text("live")]


@pytest.mark.parametrize(("system", "expected"), [(None, []), ("", []), ("s", [Text("s")])])
def test_system_text(system, expected):
    assert decode(system=system).system == expected


CHOICES = [
    (None, None, None),
    ({"type": "auto"}, ToolChoice(ChoiceMode.AUTO), None),
    ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice(ChoiceMode.AUTO), False),
    ({"type": "any", "disable_parallel_tool_use": False}, ToolChoice(ChoiceMode.REQUIRED), True),
    ({"type": "tool", "name": "n"}, ToolChoice(ChoiceMode.NAMED, "n"), None),
    ({"type": "none"}, ToolChoice(ChoiceMode.NONE), None),
]


@pytest.mark.parametrize(("choice", "expected", "parallel"), CHOICES)
def test_tool_choice(choice, expected, parallel):
    request = decode(tool_choice=choice)
    assert (request.tool_choice, request.parallel) == (expected, parallel)


THINKING = [
    ({}, Reasoning()),
    ({"thinking": {"type": "adaptive"}}, Reasoning(ReasoningMode.ADAPTIVE)),
    (
        {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max"}},
        Reasoning(ReasoningMode.ADAPTIVE, effort="max", show="none"),
    ),
    ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, Reasoning(ReasoningMode.BUDGET, budget=2048)),
    ({"thinking": {"type": "disabled"}}, Reasoning(ReasoningMode.OFF)),
    ({"thinking": {"type": "between_tools"}}, Reasoning(ReasoningMode.OFF)),
    ({"output_config": {"effort": "low"}}, Reasoning(effort="low")),
]


@pytest.mark.parametrize(("fields", "expected"), THINKING)
def test_thinking(fields, expected):
    assert decode(**fields).reasoning == expected


@pytest.mark.parametrize("spelling", ["output_config", "output_format"])
def test_structured_output_in_both_spellings(spelling):
    form = {"type": "json_schema", "schema": {"type": "object"}}
    fields = {"output_config": {"format": form}} if spelling == "output_config" else {"output_format": form}
    output = decode(**fields).output
    assert output is not None and output.schema == {"type": "object"}


USER_IDS = [
    ("plain-user", "plain-user", None),
    ("user_" + "a" * 64 + "_account__session_" + "b" * 8 + "-" + "c" * 27, None, "b" * 8 + "-" + "c" * 27),
    (json.dumps({"device_id": "d", "account_uuid": "", "session_id": "s"}), None, "s"),
    (json.dumps({"device_id": "d"}), None, None),
]


@pytest.mark.parametrize(("user_id", "user", "session"), USER_IDS)
def test_only_plain_user_ids_are_shared_and_claude_codes_session_is_the_cache_key(user_id, user, session):
    request = decode(metadata={"user_id": user_id})
    assert (request.user, request.cache_key) == (user, session)


def test_typed_tools_of_the_client_have_a_schema_for_other_backends():
    bash, editor = decode(
        tools=[
            {"type": "bash_20250124", "name": "bash"},
            {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
        ]
    ).tools
    assert bash.kind is ToolKind.FUNCTION and bash.schema is not None and "command" in bash.schema["properties"]
    assert editor.schema is not None and editor.schema["properties"]["command"]["enum"] == [
        "view",
        "create",
        "str_replace",
        "insert",
    ]


def test_unknown_fields_travel_in_extra():
    assert decode(speed="fast", inference_geo="eu").extra == {"speed": "fast", "inference_geo": "eu"}


def test_a_count_body_without_max_tokens_is_a_request():
    assert PROTOCOL.decode_request({"model": "m", "messages": [USER]}).max_tokens is None


def test_model_and_stream_of_the_url_win():
    request = PROTOCOL.decode_request({"messages": [USER]}, model="from-url", stream=True)
    assert (request.model, request.stream) == ("from-url", True)


REFUSED = [
    ({"model": None}, "model: Field required"),
    ({"messages": None}, "messages: Field required"),
    ({"messages": "hi"}, "messages: Input should be a valid list"),
    ({"messages": ["hi"]}, "messages.0: Input should be a valid dictionary"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
    ({"messages": [{"role": ["user"], "content": "x"}]}, "messages.0.role"),
    ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
    ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages.0.content.0.type"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text"),
    ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages.0.content.0.source"),
    ({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": 1}]}]}, "messages.0.content.0.id"),
    ({"system": [{"type": "image", "source": {"type": "url", "url": "u"}}]}, "system.0.type"),
    ({"system": 1}, "system: Input should be a valid list"),
    ({"max_tokens": "10"}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": True}, "max_tokens: Input should be a valid integer"),
    ({"temperature": "hot"}, "temperature: Input should be a valid number"),
    ({"stream": "yes"}, "stream: Input should be a valid boolean"),
    ({"tools": [{"name": "n"}]}, "tools.0.input_schema: Field required"),
    ({"tools": [{"input_schema": {}}]}, "tools.0.name: Field required"),
    ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
    ({"output_config": {"effort": "huge"}}, "output_config.effort"),
    ({"stop_sequences": [1]}, "stop_sequences.0"),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED, ids=lambda value: str(value)[:50])
def test_what_anthropic_would_refuse_is_refused_by_the_path_of_the_field(fields, message):
    with pytest.raises(TranslationError) as caught:
        decode(**fields)
    assert message in caught.value.info.message
    assert caught.value.info.http_status == 400
