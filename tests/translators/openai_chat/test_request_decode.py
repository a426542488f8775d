"""A client's chat messages as canonical turns (openai_chat.md §3, mapping.md §2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.translators.openai_chat.support import decode, user
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
from translators.canonical.request import (
    ChoiceMode,
    Role,
    Tool,
    ToolChoice,
    Turn,
)

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}}


def call(call_id: str, name: str = "f", arguments: Any = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def assistant(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, **fields}


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
