"""The canonical conversation as messages for a chat backend (mapping.md §2, §5, §6; openai_chat.md §3, §6)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.translators.openai_chat.build import answer, messages, request, say
from tests.translators.openai_chat.support import decode, encode, user
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
)
from translators.canonical.errors import TranslationError
from translators.canonical.request import (
    ChoiceMode,
    Role,
    Tool,
    ToolChoice,
    Turn,
)


def test_system_texts_are_one_message_in_the_role_of_the_target() -> None:
    system = [Text("a"), Text("b")]
    assert messages(system=system)[0] == {"role": "system", "content": "a\n\nb"}
    assert messages(system=system, target={"system_role": "developer"})[0]["role"] == "developer"


def test_claude_codes_billing_header_is_stripped() -> None:
    system = [Text("x-anthropic-billing-header: cc_version=1"), Text("You are.")]
    assert messages(system=system)[0]["content"] == "You are."


@pytest.mark.parametrize("role", ["system", "developer"])
def test_system_text_in_mid_conversation_stays_in_place(role: str) -> None:
    turns = [say("a"), answer("b"), Turn(Role.SYSTEM, [Text("mind")]), say("c")]
    assert [message["role"] for message in messages(*turns, target={"system_role": role})] == [
        "user",
        "assistant",
        role,
        "user",
    ]


def test_system_text_is_folded_for_backends_that_take_it_first_only() -> None:
    turns = [say("a"), answer("b"), Turn(Role.SYSTEM, [Text("mind")]), say("c")]
    assert [message["role"] for message in messages(*turns, target={"mid_system": False})] == [
        "user",
        "assistant",
        "user",
    ]


def test_one_text_is_a_string_and_several_are_parts() -> None:
    assert messages(say("a")) == [{"role": "user", "content": "a"}]
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert messages(say("a", "b")) == [{"role": "user", "content": parts}]


def test_text_of_the_assistant_is_one_string_before_its_calls() -> None:
    call = ToolCall("1", "f", '{"a": 1}')
    found = messages(say("x"), answer("a", call, "b"), say(ToolResult("1", [Text("r")])))
    assert found[1] == {
        "role": "assistant",
        "content": "a\n\nb",
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
    }


def test_cited_passages_go_on_without_a_break() -> None:
    found = messages(say("x"), answer(Text("It is "), Text("blue", citations=[{}]), Text(".")), say("y"))
    assert found[1]["content"] == "It is blue."


def test_calls_alone_have_null_content() -> None:
    found = messages(say("x"), answer(ToolCall("1", "f", "{}")), say(ToolResult("1", [Text("r")])))
    assert found[1]["content"] is None


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ('{"b": 1,  "a": 2}', '{"b": 1,  "a": 2}'),
        ("", "{}"),
        ('{"a": 1,}', '{"a":1}'),
        ("[1]", '{"value":[1]}'),
        ("oops", '{"_raw":"oops"}'),
    ],
)
def test_arguments_in_the_history_are_json_objects(arguments: str, sent: str) -> None:
    found = messages(say("x"), answer(ToolCall("1", "f", arguments)), say(ToolResult("1", [Text("r")])))
    assert found[1]["tool_calls"][0]["function"]["arguments"] == sent


def test_results_are_tool_messages_in_front_of_what_the_user_said() -> None:
    turns = [say("x"), answer(ToolCall("1", "f", "{}"), ToolCall("2", "g", "{}"))]
    found = messages(*turns, say("and", ToolResult("2", [Text("two")]), ToolResult("1", [Text("on"), Text("e")])))
    assert found[2:] == [
        {"role": "tool", "tool_call_id": "1", "content": "on\ne"},
        {"role": "tool", "tool_call_id": "2", "content": "two"},
        {"role": "user", "content": "and"},
    ]


@pytest.mark.parametrize(
    ("text", "sent"), [("no file", "Error: no file"), ("Error: no file", "Error: no file"), ("error 2", "error 2")]
)
def test_failed_results_say_so(text: str, sent: str) -> None:
    found = messages(say("x"), answer(ToolCall("1", "f", "{}")), say(ToolResult("1", [Text(text)], is_error=True)))
    assert found[2]["content"] == sent


def test_images_of_results_are_in_one_user_message_behind_all_tool_messages() -> None:
    image = Image("image/png", "AA==")
    results = [
        ToolResult("1", [Text("shot"), image]),
        ToolResult("2", [Image(url="https://x/y")]),
        ToolResult("3", [Text("t")]),
    ]
    calls = [ToolCall(number, "f", f'{{"n":{number}}}') for number in "123"]
    found = messages(say("x"), answer(*calls), say(*results, "so?"))
    assert found[2:5] == [
        {"role": "tool", "tool_call_id": "1", "content": "shot\n[image in the next message]"},
        {"role": "tool", "tool_call_id": "2", "content": "[image in the next message]"},
        {"role": "tool", "tool_call_id": "3", "content": "t"},
    ]
    assert found[5:] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "[from the result of tool call 1]"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                {"type": "text", "text": "[from the result of tool call 2]"},
                {"type": "image_url", "image_url": {"url": "https://x/y"}},
                {"type": "text", "text": "so?"},
            ],
        }
    ]


PARTS: list[tuple[Block, dict[str, Any]]] = [
    (Image(data="iVBORw0KGgoA"), {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoA"}}),
    (
        Image(data="/9j/AA", detail="low"),
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/AA", "detail": "low"}},
    ),
    (Image(url="https://x/y"), {"type": "image_url", "image_url": {"url": "https://x/y"}}),
    (Media("audio/mpeg", "AA=="), {"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}}),
    (Media("audio/wav", "AA=="), {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}),
    (
        Document("application/pdf", "AA=="),
        {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AA=="}},
    ),
    (
        Document("application/pdf", "AA==", name="a.pdf"),
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
    ),
    (Document("text/plain", text="body", name="a.txt"), {"type": "text", "text": "a.txt\nbody"}),
    (Document("text/plain", "aMOp"), {"type": "text", "text": "hé"}),
    (Document(url="https://x/a.pdf"), {"type": "text", "text": "[document: https://x/a.pdf]"}),
    (Document(file_id="f-1"), {"type": "text", "text": "[document f-1 left out]"}),
    (Image(file_id="f-1"), {"type": "text", "text": "[image left out: it is a file of another service]"}),
]


@pytest.mark.parametrize(("block", "part"), PARTS)
def test_media_parts(block: Block, part: dict[str, Any]) -> None:
    assert messages(say("x", block))[0]["content"][1] == part


@pytest.mark.parametrize("block", [Media("video/mp4", "AA=="), Media("audio/wav", url="https://x")])
def test_media_that_chat_has_no_part_for_are_refused(block: Block) -> None:
    with pytest.raises(TranslationError):
        encode(request(say(block)))


def test_media_urls_of_chat_clients_stay() -> None:
    part = {"type": "video_url", "video_url": {"url": "https://x/v"}}
    assert messages(say(Media("video/mp4", url="https://x/v")), origin="openai_chat")[0]["content"] == [part]


def test_refusals_keep_their_member() -> None:
    assert messages(say("x"), answer(Refusal("no")), say("y"))[1] == {
        "role": "assistant",
        "content": None,
        "refusal": "no",
    }


@pytest.mark.parametrize(
    ("style", "mark"),
    [
        ("cache_control", {"cache_control": {"type": "ephemeral", "ttl": "1h"}}),
        ("prompt_cache_breakpoint", {"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "1h"}}),
    ],
)
def test_cache_markers_are_spelled_as_the_backend_knows_them(style: str, mark: dict[str, Any]) -> None:
    marked = say(Text("a", cache={"type": "ephemeral", "ttl": "1h"}))
    assert messages(marked) == [{"role": "user", "content": "a"}]
    found = messages(
        marked, target={"cache_markers": style}, system=[Text("s", cache={"type": "ephemeral", "ttl": "1h"})]
    )
    assert found == [
        {"role": "system", "content": [{"type": "text", "text": "s", **mark}]},
        {"role": "user", "content": [{"type": "text", "text": "a", **mark}]},
    ]


# -- ids and names


def test_ids_fit_the_backend() -> None:
    long = "toolu_" + "x" * 50
    turns = [say("x"), answer(ToolCall(long, "f", "{}")), say(ToolResult(long, [Text("r")]))]
    found = messages(*turns, target={"tool_id_limit": 40})
    made = found[1]["tool_calls"][0]["id"]
    assert len(made) <= 40
    assert found[2]["tool_call_id"] == made
    assert messages(*turns)[2]["tool_call_id"] == long


def test_long_names_are_mapped_in_definition_history_and_choice() -> None:
    name = "mcp__server__" + "x" * 60
    turns = [say("x"), answer(ToolCall("1", name, "{}")), say(ToolResult("1", [Text("r")]))]
    encoded = encode(request(*turns, tools=[Tool(name)], tool_choice=ToolChoice(ChoiceMode.NAMED, name)))
    short = encoded.body["tools"][0]["function"]["name"]
    assert len(short) <= 64
    assert encoded.body["messages"][1]["tool_calls"][0]["function"]["name"] == short
    assert encoded.body["tool_choice"] == {"type": "function", "function": {"name": short}}
    assert encoded.names.client(short) == name


# -- reasoning in the history


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thinking_goes_into_the_field_that_the_backend_reads(field: str) -> None:
    turns = [say("x"), answer(Thinking("one", "S", "anthropic"), Thinking("two"), "a"), say("y")]
    assert messages(*turns, target={"reasoning_field": field})[1] == {
        "role": "assistant",
        "content": "a",
        field: "one\n\ntwo",
    }


def test_thinking_is_dropped_where_there_is_no_field() -> None:
    turns = [say("x"), answer(Thinking("one", "S", "openai_chat"), Opaque("R", "anthropic"), "a"), say("y")]
    assert messages(*turns, target={"reasoning_field": "none"})[1] == {"role": "assistant", "content": "a"}


@pytest.mark.parametrize("thinking", [[], [Thinking("", "S", "anthropic")]])
def test_reasoning_is_sent_even_if_empty_where_it_is_required(thinking: list[Block]) -> None:
    """DeepSeek answers 400 without it, beside calls only."""
    turns = [
        say("x"),
        answer(*thinking, ToolCall("1", "f", "{}")),
        say(ToolResult("1", [Text("r")])),
        answer("a"),
        say("y"),
    ]
    found = messages(*turns, target={"reasoning_required": True})
    assert found[1]["reasoning_content"] == ""
    assert "reasoning_content" not in found[3]


def test_entries_of_a_chat_backend_go_back_unmodified_in_order() -> None:
    entries = [
        {"type": "reasoning.text", "text": "Hm", "signature": "S", "index": 0, "format": "anthropic-claude-v1"},
        {"type": "reasoning.encrypted", "data": "D", "id": "1", "index": 1},
    ]
    blocks = [{"type": "thinking", "thinking": "Hm", "signature": "S"}]
    call = {
        "id": "1",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"x": "y"}},
    }
    message = {"role": "assistant", "content": "a", "reasoning": "Hm", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "1", "content": "r"}
    for members in ({"reasoning_details": entries}, {"thinking_blocks": blocks}):
        asked = decode(user(), {**message, **members}, result)
        assert encode(asked, reasoning_field="reasoning").body["messages"][1] == {**message, **members}
    plain = encode(decode(user(), message, result), thought_signatures=False).body["messages"][1]
    assert "extra_content" not in plain["tool_calls"][0]
