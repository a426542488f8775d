"""Requests for Responses backends (openai_responses.md §2 to §4, mapping.md §2, §5, §6)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.standin.rules_openai_responses import check
from tests.translators.openai_responses.support import RESPONSES, decode, encode, fixture, message
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
    Reasoning,
    ReasoningMode,
    Request,
    Role,
    Tool,
    ToolChoice,
    ToolKind,
    Turn,
)
from translators.canonical.target import Target

ID = "openai_responses"
HEADERS = {"authorization": "Bearer k"}
READ = Tool("read", "Reads.", {"type": "object", "properties": {"path": {"type": "string"}}})


def asked(*turns: Turn, origin: str = "anthropic", **fields: Any) -> Request:
    """A request of a client of another protocol."""
    return Request(origin, "client-model", turns=list(turns) or [Turn(Role.USER, [Text("q")])], **fields)


def items(*blocks: Block, role: Role = Role.ASSISTANT, origin: str = ID) -> list[dict[str, Any]]:
    """The items of one turn between two of the user's."""
    turns = [Turn(Role.USER, [Text("q")]), Turn(role, list(blocks)), Turn(Role.USER, [Text("go on")])]
    encoded: list[dict[str, Any]] = encode(asked(*turns, origin=origin)).body["input"]
    return encoded[1:-1]


def user(*blocks: Block, origin: str = "anthropic") -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = encode(asked(Turn(Role.USER, list(blocks)), origin=origin)).body["input"][0][
        "content"
    ]
    return content


def conversation() -> Request:
    """Another protocol's agent in the middle of its work."""
    return asked(
        Turn(Role.USER, [Text("Fix it"), Image("image/png", "iVBORw0KGgo=")]),
        Turn(
            Role.ASSISTANT,
            [
                Thinking("hm", "SIG", "anthropic"),
                Text("I look."),
                ToolCall("toolu_" + "x" * 80, "read", '{"path":"a"}'),
                ToolCall("t:2", "mcp__" + "y" * 70, ""),
            ],
        ),
        Turn(
            Role.USER,
            [
                ToolResult("t:2", [Text("denied")], is_error=True),
                ToolResult("toolu_" + "x" * 80, [Text("a"), Image("image/png", "iVBORw0KGgo=")]),
                Text("Well?"),
            ],
        ),
        Turn(Role.SYSTEM, [Text("The date is new.")]),
        Turn(Role.USER, [Document("application/pdf", "AA==")]),
        system=[Text("You are helpful."), Text("Be brief.")],
        tools=[
            READ,
            Tool("mcp__" + "y" * 70, "", {"type": "object"}, strict=True),
            Tool("none"),
            Tool("web_search", kind=ToolKind.SERVER, origin="anthropic", concept="web_search", raw={"type": "w"}),
        ],
        tool_choice=ToolChoice(ChoiceMode.REQUIRED),
        parallel=False,
        max_tokens=4,
        stop=["END"],
        reasoning=Reasoning(ReasoningMode.BUDGET, budget=9000),
        stream=True,
    )


def test_another_protocols_agent_is_understood_by_the_api() -> None:
    encoded = encode(conversation(), server_tools=("web_search",))
    assert check(encoded.body, HEADERS) is None
    body = encoded.body
    assert body["instructions"] == "You are helpful.\n\nBe brief."
    assert body["store"] is False
    assert body["stream"] is True
    assert body["include"] == ["reasoning.encrypted_content"]
    assert body["max_output_tokens"] == 16
    assert body["reasoning"] == {"effort": "high", "summary": "auto"}
    assert body["tool_choice"] == "required"
    assert body["parallel_tool_calls"] is False
    assert [item["type"] for item in body["input"]] == [
        "message",
        "message",
        "function_call",
        "function_call",
        "function_call_output",
        "function_call_output",
        "message",
        "message",
        "message",
    ]
    assert [tool.get("strict") for tool in body["tools"]] == [False, False, False, None]
    assert body["tools"][1]["parameters"] == {"type": "object", "properties": {}}
    assert body["tools"][2]["parameters"] == {"type": "object", "properties": {}}
    assert body["tools"][3] == {"type": "web_search"}
    assert body["input"][3]["arguments"] == "{}"
    assert body["input"][5]["output"] == "Error: denied"
    assert body["input"][7] == message("developer", "The date is new.")
    assert not any("id" in item for item in body["input"])
    assert any("stop sequences" in note for note in encoded.notes)
    assert encoded.names.client(body["tools"][1]["name"]) == "mcp__" + "y" * 70


def test_encoding_is_pure() -> None:
    request = conversation()
    assert encode(request).body == encode(request).body
    assert request == conversation()


def test_codex_passes_through_translation() -> None:
    for name in ("codex.request.json", "codex_code_mode.request.json"):
        body = fixture(name)
        request = RESPONSES.decode_request(body)
        encoded = encode(request).body
        again = RESPONSES.decode_request(encoded)
        assert again.tools == request.tools
        assert again.system == request.system
        assert encoded["client_metadata" if "client_metadata" in body else "model"]
        assert encoded["text"] == body["text"]
        assert encoded["reasoning"] == body["reasoning"]


def test_system_text_of_our_own_clients_keeps_its_borders() -> None:
    body = encode(decode(message("developer", "a"), message("developer", "b"), message("user", "q"))).body
    assert body["instructions"] == "a"
    assert body["input"][0] == message("developer", "b")


def test_no_system_text_means_no_instructions() -> None:
    assert "instructions" not in encode(asked()).body


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (Text("a"), {"type": "input_text", "text": "a"}),
        (
            Image("image/png", "AA==", detail="low"),
            {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
        ),
        (Image(url="https://x/y"), {"type": "input_image", "image_url": "https://x/y", "detail": "auto"}),
        (
            Image(file_id="file_1"),
            {"type": "input_text", "text": "[image left out: it is stored at another provider]"},
        ),
        (
            Document("application/pdf", "AA=="),
            {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,AA=="},
        ),
        (
            Document("text/plain", "AA==", name="n.txt"),
            {"type": "input_file", "filename": "n.txt", "file_data": "data:text/plain;base64,AA=="},
        ),
        (Document(url="https://x/y.pdf"), {"type": "input_file", "file_url": "https://x/y.pdf"}),
        (Document(text="words", name="Title"), {"type": "input_text", "text": "Title\nwords"}),
    ],
)
def test_parts_of_a_users_message(block: Block, part: dict[str, Any]) -> None:
    assert user(block) == [part]


def test_files_of_openais_other_api_are_the_same_files() -> None:
    assert user(Image(file_id="file-1"), origin="openai_chat") == [
        {"type": "input_image", "file_id": "file-1", "detail": "auto"}
    ]


def test_sound_is_refused() -> None:
    with pytest.raises(TranslationError):
        user(Media("audio/wav", "AA=="))


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        (
            [Text("a"), Text("b")],
            [
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "a"}, {"type": "output_text", "text": "b"}],
                }
            ],
        ),
        (
            [Text("a", phase="commentary"), Text("b", phase="final_answer")],
            [
                message("assistant", "a", phase="commentary"),
                message("assistant", "b", phase="final_answer"),
            ],
        ),
        (
            [Refusal("no")],
            [{"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}],
        ),
        (
            [Thinking("t", "E", ID, item_id="rs_1"), Text("a")],
            [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}], "encrypted_content": "E"},
                message("assistant", "a"),
            ],
        ),
        (
            [Thinking("t", "E", ID, "raw"), Text("a")],
            [
                {
                    "type": "reasoning",
                    "summary": [],
                    "content": [{"type": "reasoning_text", "text": "t"}],
                    "encrypted_content": "E",
                },
                message("assistant", "a"),
            ],
        ),
        ([Text("a"), Thinking("t", "E", ID)], [message("assistant", "a")]),
        ([Thinking("t"), Text("a")], [message("assistant", "a")]),
        ([Thinking("t", "S", "gemini"), Text("a")], [message("assistant", "a")]),
        ([Opaque("E", ID, "compaction")], [{"type": "compaction", "encrypted_content": "E"}]),
        ([Opaque("E", "anthropic"), Text("a")], [message("assistant", "a")]),
        ([Unknown(ID, {"type": "web_search_call", "id": "ws_1"})], [{"type": "web_search_call", "id": "ws_1"}]),
        ([Unknown("anthropic", {"type": "x"}), Text("a")], [message("assistant", "a")]),
        ([Image("image/png", "AA=="), Text("a")], [message("assistant", "a")]),
    ],
)
def test_what_the_assistant_said(blocks: list[Block], expected: list[dict[str, Any]]) -> None:
    assert items(*blocks) == expected


@pytest.mark.parametrize(
    ("call", "result", "expected"),
    [
        (
            ToolCall("c", "f", "not json"),
            ToolResult("c", [Text("x")]),
            [
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "not json"},
                {"type": "function_call_output", "call_id": "c", "output": "x"},
            ],
        ),
        (
            ToolCall("c", "f", "x", "custom", "ns"),
            ToolResult("c", [Text("x")], kind="custom"),
            [
                {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x", "namespace": "ns"},
                {"type": "custom_tool_call_output", "call_id": "c", "output": "x"},
            ],
        ),
        (
            ToolCall("c", "f", "{}"),
            ToolResult("c", [Image("image/png", "AA==")], is_error=True),
            [
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {
                    "type": "function_call_output",
                    "call_id": "c",
                    "output": [
                        {"type": "input_text", "text": "Error:"},
                        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"},
                    ],
                },
            ],
        ),
        (
            ToolCall("c", "f", "{}"),
            ToolResult("c", [Text("error: twice")], is_error=True),
            [
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "error: twice"},
            ],
        ),
        (
            ToolCall("c", "f", "{}"),
            ToolResult("c"),
            [
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": ""},
            ],
        ),
    ],
)
def test_calls_and_their_results(call: ToolCall, result: ToolResult, expected: list[dict[str, Any]]) -> None:
    turns = [Turn(Role.USER, [Text("q")]), Turn(Role.ASSISTANT, [call]), Turn(Role.USER, [result])]
    assert encode(asked(*turns)).body["input"][1:] == expected


@pytest.mark.parametrize(
    "history",
    [
        [
            {
                "type": "local_shell_call",
                "id": "c",
                "call_id": "c",
                "status": "completed",
                "action": {"type": "exec", "env": {}, "command": ["ls"]},
            },
            {"type": "local_shell_call_output", "id": "c", "output": "x"},
        ],
        [
            {"type": "shell_call", "call_id": "c", "status": "completed", "action": {"commands": ["ls"]}},
            {
                "type": "shell_call_output",
                "call_id": "c",
                "output": [{"stdout": "x", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
            },
        ],
        [
            {
                "type": "apply_patch_call",
                "call_id": "c",
                "status": "completed",
                "operation": {"type": "delete_file", "path": "a"},
            },
            {"type": "apply_patch_call_output", "call_id": "c", "status": "failed", "output": "no"},
        ],
        [
            {
                "type": "tool_search_call",
                "call_id": "c",
                "status": "completed",
                "execution": "client",
                "arguments": {"query": "q"},
            },
            {
                "type": "tool_search_output",
                "call_id": "c",
                "execution": "client",
                "tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}],
            },
        ],
    ],
)
def test_built_in_tools_of_the_client_keep_their_own_items(history: list[dict[str, Any]]) -> None:
    kind = history[0]["type"].removesuffix("_call")
    declared: dict[str, Any] = {"type": kind}
    if kind == "tool_search":
        declared["execution"] = "client"
    encoded = encode(decode(message("user", "q"), *history, tools=[declared])).body
    assert encoded["tools"][0] == declared
    assert encoded["input"][1:] == history


def test_a_shell_result_of_plain_text_becomes_a_chunk() -> None:
    request = decode(tools=[{"type": "shell"}])
    request.turns += [
        Turn(Role.ASSISTANT, [ToolCall("c", "shell", "{}")]),
        Turn(Role.USER, [ToolResult("c", [Text("gone")], is_error=True)]),
    ]
    output = encode(request).body["input"][-1]["output"]
    assert output == [{"stdout": "gone", "stderr": "", "outcome": {"type": "exit", "exit_code": 1}}]


def test_a_count_has_only_what_is_counted() -> None:
    body = RESPONSES.encode_count_request(conversation(), Target(ID, "m-1"))
    assert body is not None
    assert check(body, HEADERS, endpoint="count") is None
    assert set(body) == {
        "model",
        "instructions",
        "input",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning",
    }
