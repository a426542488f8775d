"""What Responses clients send (openai_responses.md §2 to §4; clients.md §2, Codex)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.translators.openai_responses.support import RESPONSES, body, decode, fixture, message
from translators import registry
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
    ToolChoice,
    Turn,
)
from translators.canonical.target import Target

ID = "openai_responses"
PNG = "data:image/png;base64,iVBORw0KGgo="


def test_codex_with_its_tools_and_history() -> None:
    request = RESPONSES.decode_request(fixture("codex.request.json"))
    assert [text.text for text in request.system] == ["You work in a terminal.", "<skills>none</skills>"]
    assert request.turns == [
        Turn(
            Role.USER,
            [
                Text("<environment_context><cwd>/src</cwd></environment_context>"),
                Text("Fix what this shows."),
                Image("image/png", "iVBORw0KGgo=", detail="high"),
            ],
        ),
        Turn(
            Role.ASSISTANT,
            [
                Thinking("**Looking**", "SIG", "anthropic", item_id="rs_1"),
                Text("I look first.", phase="commentary"),
                ToolCall("call_1", "exec_command", '{"cmd":"ls"}'),
                ToolCall("call_2", "spawn_agent", "{}", namespace="multi_agent_v1"),
                ToolCall("call_3", "apply_patch", "*** Begin Patch\n*** End Patch\n", "custom"),
            ],
        ),
        Turn(
            Role.USER,
            [
                ToolResult("call_1", [Text("a.py\n")]),
                ToolResult("call_2", [Text("seen"), Image("image/png", "iVBORw0KGgo=")]),
                ToolResult("call_3", [Text("Done")], kind="custom"),
            ],
        ),
        Turn(Role.SYSTEM, [Text("The sandbox changed.")]),
    ]
    assert [(tool.kind.value, tool.namespace, tool.name, tool.concept) for tool in request.tools] == [
        ("function", None, "exec_command", None),
        ("custom", None, "apply_patch", None),
        ("function", "multi_agent_v1", "spawn_agent", None),
        ("function", None, "tool_search", None),
        ("server", None, "web_search", "web_search"),
    ]
    assert request.tools[1].format is not None
    assert request.tools[1].format["syntax"] == "lark"
    assert request.tool_choice == ToolChoice(ChoiceMode.AUTO)
    assert request.parallel is True
    assert request.reasoning == Reasoning(ReasoningMode.ADAPTIVE, "medium", show="summary")
    assert request.verbosity == "low"
    assert request.stream is True
    assert request.cache_key == "01a1fbd4-0000-7d92-94ce-f234bd1c88e9"
    assert set(request.extra) == {"store", "include", "client_metadata"}


def test_codex_in_code_mode_brings_its_tools_as_an_item() -> None:
    request = RESPONSES.decode_request(fixture("codex_code_mode.request.json"))
    assert [text.text for text in request.system] == ["You work in a terminal."]
    assert [(tool.namespace, tool.name, tool.kind.value) for tool in request.tools] == [
        ("functions", "exec", "custom"),
        ("functions", "wait", "function"),
    ]
    assert request.turns[1].blocks == [ToolCall("call_1", "exec", "text('hello')", "custom", "functions")]
    assert request.extra["reasoning"] == {"context": "all_turns"}


def test_a_string_is_one_user_message() -> None:
    request = RESPONSES.decode_request({"model": "m", "input": "Hi", "instructions": "Be brief."})
    assert request.turns == [Turn(Role.USER, [Text("Hi")])]
    assert request.system == [Text("Be brief.")]


def test_leading_messages_of_the_system_follow_the_instructions() -> None:
    request = decode(
        message("developer", "b"), {"role": "system", "content": "c"}, message("user", "q"), instructions="a"
    )
    assert [text.text for text in request.system] == ["a", "b", "c"]


def test_later_messages_of_the_system_keep_their_place() -> None:
    request = decode(message("user", "q"), message("developer", "now"), message("user", "r"))
    assert [turn.role for turn in request.turns] == [Role.USER, Role.SYSTEM, Role.USER]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        ({"type": "input_text", "text": "a"}, Text("a")),
        ({"type": "text", "text": "a"}, Text("a")),
        (
            {
                "type": "input_text",
                "text": "a",
                "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"},
            },
            Text("a", cache={"type": "ephemeral", "ttl": "30m"}),
        ),
        ({"type": "input_image", "image_url": PNG, "detail": "auto"}, Image("image/png", "iVBORw0KGgo=")),
        (
            {"type": "input_image", "image_url": "https://x/y.png", "detail": "low"},
            Image(url="https://x/y.png", detail="low"),
        ),
        ({"type": "input_image", "image_url": {"url": "https://x/y.png"}}, Image(url="https://x/y.png")),
        ({"type": "input_image", "file_id": "file-1"}, Image(file_id="file-1")),
        ({"type": "input_file", "file_id": "file-1"}, Document(file_id="file-1")),
        ({"type": "input_file", "file_url": "https://x/y.pdf"}, Document(url="https://x/y.pdf")),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
            Document("application/pdf", "AA==", name="a.pdf"),
        ),
        (
            {"type": "input_file", "filename": "a.txt", "file_data": "AA=="},
            Document("text/plain", "AA==", name="a.txt"),
        ),
        ({"type": "input_file", "file_data": "data:text/plain,a%20b"}, Document("text/plain", "YSBi")),
        ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}}, Media("audio/mp3", "AA==")),
        (
            {"type": "hologram", "x": 1},
            Unknown(ID, {"type": "message", "role": "user", "content": [{"type": "hologram", "x": 1}]}),
        ),
    ],
)
def test_parts_of_a_users_message(part: dict[str, Any], block: Block) -> None:
    assert decode({"role": "user", "content": [part]}).turns[0].blocks == [block]


def test_parts_of_an_assistants_message() -> None:
    note = {"type": "url_citation", "url": "https://a/", "title": "A", "start_index": 0, "end_index": 1}
    content = [
        {"type": "output_text", "text": "a", "annotations": [note]},
        {"type": "output_text", "text": "b", "annotations": []},
        {"type": "refusal", "refusal": "no"},
    ]
    turn = decode(message("user", "q"), {"type": "message", "role": "assistant", "content": content}).turns[1]
    assert turn.blocks == [Text("a", citations=[note]), Text("b"), Refusal("no")]


@pytest.mark.parametrize(
    ("item", "blocks"),
    [
        (
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "E"},
            [Thinking("", "E", ID, item_id="rs_1")],
        ),
        (
            {
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
                "content": [{"type": "reasoning_text", "text": "raw"}],
            },
            [Thinking("a\n\nb")],
        ),
        (
            {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "raw"}]},
            [Thinking("raw", kind="raw")],
        ),
        ({"type": "reasoning", "summary": [], "encrypted_content": "gw1:gemini:S"}, [Thinking("", "S", "gemini")]),
        ({"type": "reasoning", "summary": []}, []),
        ({"type": "compaction", "encrypted_content": "E"}, [Opaque("E", ID, "compaction")]),
        ({"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}, [ToolCall("c", "f", "")]),
        (
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": {"a": 1}},
            [ToolCall("c", "f", '{"a":1}')],
        ),
        (
            {"type": "local_shell_call", "id": "l", "call_id": "c", "action": {"type": "exec", "command": ["ls"]}},
            [ToolCall("c", "local_shell", '{"type":"exec","command":["ls"]}')],
        ),
        (
            {"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}},
            [ToolCall("c", "shell", '{"commands":["ls"]}')],
        ),
        (
            {"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "a"}},
            [ToolCall("c", "apply_patch", '{"type":"delete_file","path":"a"}')],
        ),
        (
            {"type": "tool_search_call", "call_id": "c", "execution": "client", "arguments": {"query": "q"}},
            [ToolCall("c", "tool_search", '{"query":"q"}')],
        ),
        (
            {"type": "tool_search_call", "execution": "server", "arguments": {}},
            [Unknown(ID, {"type": "tool_search_call", "execution": "server", "arguments": {}})],
        ),
        ({"type": "web_search_call", "id": "ws_1"}, [Unknown(ID, {"type": "web_search_call", "id": "ws_1"})]),
        ({"type": "item_of_tomorrow"}, [Unknown(ID, {"type": "item_of_tomorrow"})]),
    ],
)
def test_items_of_the_assistant(item: dict[str, Any], blocks: list[Block]) -> None:
    turns = decode(message("user", "q"), item).turns[1:]
    assert turns == ([Turn(Role.ASSISTANT, blocks)] if blocks else [])


@pytest.mark.parametrize(
    ("item", "result"),
    [
        ({"type": "function_call_output", "call_id": "c", "output": "x"}, ToolResult("c", [Text("x")])),
        ({"type": "function_call_output", "call_id": "c", "output": ""}, ToolResult("c")),
        (
            {"type": "function_call_output", "call_id": "c", "output": {"content": "x", "success": False}},
            ToolResult("c", [Text("x")], is_error=True),
        ),
        (
            {"type": "custom_tool_call_output", "call_id": "c", "output": "x"},
            ToolResult("c", [Text("x")], kind="custom"),
        ),
        ({"type": "local_shell_call_output", "id": "c", "output": "x"}, ToolResult("c", [Text("x")])),
        ({"type": "local_shell_call_output", "id": "item", "output": "x"}, ToolResult("call", [Text("x")])),
        (
            {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "x", "stderr": "", "outcome": {}}]},
            ToolResult("c", [Text('[{"stdout":"x","stderr":"","outcome":{}}]')]),
        ),
        (
            {"type": "apply_patch_call_output", "call_id": "c", "status": "failed", "output": "bad"},
            ToolResult("c", [Text("bad")], is_error=True),
        ),
        (
            {"type": "apply_patch_call_output", "call_id": "c", "status": "completed"},
            ToolResult("c", [Text("completed")]),
        ),
    ],
)
def test_outputs_of_tools(item: dict[str, Any], result: ToolResult) -> None:
    call = {"type": "local_shell_call", "id": "item", "call_id": "call", "action": {}}
    assert decode(message("user", "q"), call, item).turns[-1] == Turn(Role.USER, [result])


def test_tools_that_a_search_found_can_be_called() -> None:
    found = {"type": "function", "name": "found", "parameters": {"type": "object", "properties": {}}}
    request = decode(
        message("user", "q"),
        {"type": "tool_search_call", "call_id": "c", "execution": "client", "arguments": {"query": "q"}},
        {"type": "tool_search_output", "call_id": "c", "execution": "client", "tools": [found]},
        tools=[{"type": "tool_search", "execution": "client"}],
    )
    assert [tool.name for tool in request.tools] == ["tool_search", "found"]
    assert isinstance(request.turns[-1].blocks[0], ToolResult)


def test_settings_that_an_item_changes_hold_for_the_answer() -> None:
    update = {
        "type": "configuration_update",
        "reasoning": {"effort": "high"},
        "text": {"format": {"type": "json_object"}},
    }
    request = decode(message("user", "q"), update, reasoning={"effort": "low", "summary": "auto"})
    assert request.reasoning == Reasoning(ReasoningMode.ADAPTIVE, "high", show="summary")
    assert request.output == Output(json=True)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id", "previous_response_not_found"),
        ({"previous_response_id": "resp_1", "input": None}, "previous_response_id", "previous_response_not_found"),
        ({"conversation": "conv_1"}, "conversation", "previous_response_not_found"),
        ({"conversation": {"id": "conv_1"}}, "conversation", "previous_response_not_found"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]", "previous_response_not_found"),
        ({"input": [{"id": "msg_1"}]}, "input[0]", "previous_response_not_found"),
        ({"background": True}, "background", "unsupported_parameter"),
        ({"prompt": {"id": "pmpt_1"}, "input": None}, "prompt", "unsupported_parameter"),
    ],
)
@pytest.mark.parametrize("backend", ["anthropic", "openai_chat", "openai_responses", "gemini"])
def test_what_needs_the_servers_memory_may_pass_through_but_is_never_translated(
    fields: dict[str, Any], param: str, code: str, backend: str
) -> None:
    request = RESPONSES.decode_request({**body(), **fields})
    with pytest.raises(TranslationError) as raised:
        registry.get(backend).encode_request(request, Target(backend, "m"))
    assert raised.value.info.param == param
    status, answer = RESPONSES.encode_error(raised.value.info)
    assert (status, answer["error"]["code"]) == (400, code)


def test_what_the_server_need_not_remember_is_translated() -> None:
    request = decode(previous_response_id=None, conversation=None, background=False, prompt=None)
    assert request.stateful is None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"input": None}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
        ({"input": [{"type": "message", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:x"}]}]},
            "input[0].content[0].image_url",
        ),
        ({"input": [{"type": "function_call", "name": "f", "arguments": ""}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call", "call_id": "c", "arguments": ""}]}, "input[0].name"),
        ({"input": [{"type": "function_call_output", "output": ""}]}, "input[0].call_id"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"name": "f"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tool_choice": "perhaps"}, "tool_choice"),
        ({"reasoning": {"effort": "enormous"}}, "reasoning.effort"),
        ({"max_output_tokens": "many"}, "max_output_tokens"),
        ({"max_output_tokens": 1.5}, "max_output_tokens"),
        ({"temperature": True}, "temperature"),
        ({"stream": "yes"}, "stream"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.schema"),
    ],
)
def test_what_the_api_refuses_names_the_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(TranslationError) as raised:
        RESPONSES.decode_request({**body(), **fields})
    assert raised.value.info.param == param
    assert raised.value.info.code
