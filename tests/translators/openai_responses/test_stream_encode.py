"""The stream that a Responses client reads (openai_responses.md §6, mapping.md §7, clients.md §2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.translators.openai_responses.support import (
    REPLY,
    RESPONSES,
    decode,
    done_items,
    payloads,
    write,
)
from translators.canonical.blocks import Block, Image, Opaque, Refusal, Text, Thinking, ToolCall, ToolResult, Unknown
from translators.canonical.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Ping,
    Start,
    StopReason,
    StreamEvent,
)
from translators.canonical.response import Response, unfold


def answer(*blocks: Block, stop: StopReason = StopReason.END, **fields: Any) -> list[StreamEvent]:
    return list(unfold(Response("up", "m", 1, list(blocks), stop, **fields)))


def kinds(data: bytes) -> list[str]:
    return [event["type"].removeprefix("response.") for event in payloads(data)]


TEXT_ITEM = [
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.done",
    "content_part.done",
    "output_item.done",
]


@pytest.mark.parametrize(
    ("block", "item"),
    [
        (Text("Hi"), TEXT_ITEM),
        (
            Refusal("no"),
            [
                "output_item.added",
                "content_part.added",
                "refusal.delta",
                "refusal.done",
                "content_part.done",
                "output_item.done",
            ],
        ),
        (
            Thinking("hm"),
            [
                "output_item.added",
                "reasoning_summary_part.added",
                "reasoning_summary_text.delta",
                "reasoning_summary_text.done",
                "reasoning_summary_part.done",
                "output_item.done",
            ],
        ),
        (
            Thinking("hm", None, "openai_responses", "raw"),
            [
                "output_item.added",
                "content_part.added",
                "reasoning_text.delta",
                "reasoning_text.done",
                "content_part.done",
                "output_item.done",
            ],
        ),
        (Thinking("", "SIG", "openai_responses"), ["output_item.added", "output_item.done"]),
        (
            ToolCall("c", "f", "{}"),
            [
                "output_item.added",
                "function_call_arguments.delta",
                "function_call_arguments.done",
                "output_item.done",
            ],
        ),
        (
            ToolCall("c", "f", "x", "custom"),
            [
                "output_item.added",
                "custom_tool_call_input.delta",
                "custom_tool_call_input.done",
                "output_item.done",
            ],
        ),
        (Image("image/png", "AAAA"), ["output_item.added", "output_item.done"]),
    ],
)
def test_each_block_is_an_item_with_its_own_sequence_of_events(block: Block, item: list[str]) -> None:
    assert kinds(write(answer(block))) == ["created", "in_progress", *item, "completed"]


def test_sequence_numbers_rise_by_one_and_positions_count_all_items() -> None:
    events = payloads(write(answer(Thinking("hm"), Text("a"), ToolCall("c", "f", "{}"), ToolCall("d", "g", "{}"))))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    added = [event for event in events if event["type"] == "response.output_item.added"]
    assert [event["output_index"] for event in added] == [0, 1, 2, 3]
    names = {event["output_index"]: event["item"]["id"] for event in added}
    assert len(set(names.values())) == 4
    for event in events:
        if "item_id" in event:
            assert event["item_id"] == names[event["output_index"]]
    assert [item["id"] for item in events[-1]["response"]["output"]] == list(names.values())


@pytest.mark.parametrize(
    ("block", "prefix"),
    [
        (Text("a"), "msg_"),
        (Thinking("a"), "rs_"),
        (ToolCall("c", "f", "{}"), "fc_"),
        (ToolCall("c", "f", "x", "custom"), "ctc_"),
    ],
)
def test_ids_come_from_the_seed_and_have_the_prefix_that_the_api_checks(block: Block, prefix: str) -> None:
    item = done_items(write(answer(block)))[0]
    assert item["id"].startswith(prefix)
    assert len(item["id"]) <= 64
    assert done_items(write(answer(block)))[0]["id"] == item["id"]
    assert done_items(write(answer(block), replace(REPLY, seed="other")))[0]["id"] != item["id"]


def test_whole_items_are_what_codex_acts_on() -> None:
    data = write(
        answer(
            Thinking("hm", "SIG", "anthropic"),
            Text("Hi", phase="commentary"),
            ToolCall("call_1", "exec_command", '{"cmd":"ls"}'),
            ToolCall("call_2", "spawn", '{"a":1}', namespace="agents"),
            ToolCall("call_3", "apply_patch", "*** Begin Patch", "custom"),
            stop=StopReason.TOOL_USE,
        )
    )
    items = [{key: value for key, value in item.items() if key != "id"} for item in done_items(data)]
    assert items == [
        {
            "type": "reasoning",
            "status": "completed",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "gw1:anthropic:SIG",
        },
        {
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "phase": "commentary",
            "content": [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}],
        },
        {
            "type": "function_call",
            "status": "completed",
            "call_id": "call_1",
            "name": "exec_command",
            "arguments": '{"cmd":"ls"}',
        },
        {
            "type": "function_call",
            "status": "completed",
            "call_id": "call_2",
            "name": "spawn",
            "namespace": "agents",
            "arguments": '{"a":1}',
        },
        {
            "type": "custom_tool_call",
            "status": "completed",
            "call_id": "call_3",
            "name": "apply_patch",
            "input": "*** Begin Patch",
        },
    ]
    assert payloads(data)[-1]["response"]["output"] == done_items(data)


def test_reasoning_of_other_protocols_is_a_summary_that_codex_shows_and_sends_back() -> None:
    item = done_items(write(answer(Thinking("raw", None, "openai_chat", "raw"))))[0]
    assert item["summary"] == [{"type": "summary_text", "text": "raw"}]
    assert "content" not in item


def test_opaque_thinking_of_another_protocol_comes_back_as_it_was() -> None:
    item = done_items(write(answer(Opaque("DATA", "anthropic"))))[0]
    assert item["type"] == "reasoning"
    request = decode({"type": "message", "role": "user", "content": "q"}, item)
    assert request.turns[-1].blocks == [Opaque("DATA", "anthropic", "redacted_thinking")]


def test_a_signature_of_another_protocol_comes_back_as_it_was() -> None:
    item = done_items(write(answer(Thinking("t", "S:1/=", "gemini"), Text("x"))))[0]
    block = decode({"type": "message", "role": "user", "content": "q"}, item).turns[-1].blocks[0]
    assert isinstance(block, Thinking)
    assert (block.text, block.signature, block.origin) == ("t", "S:1/=", "gemini")


def test_keep_alives_are_comments_at_any_moment() -> None:
    encoder = RESPONSES.stream_encoder(REPLY)
    assert encoder.keepalive() == b": keep-alive\n\n"
    assert encoder.encode(Ping()) == b": keep-alive\n\n"
    assert payloads(encoder.encode(Start()))[0]["sequence_number"] == 0


def test_awkward_text_survives_the_prepared_frames() -> None:
    text = '"\\\u2028\n\x00é\ud83d'
    events: list[StreamEvent] = [Start(), BlockStart(0, "text"), BlockDelta(0, "text", text), BlockStop(0)]
    delta = next(event for event in payloads(write(events)) if event["type"] == "response.output_text.delta")
    assert delta["delta"] == text
    assert delta["logprobs"] == []


def test_citations_become_annotations() -> None:
    own = {"type": "url_citation", "start_index": 0, "end_index": 2, "url": "https://a/", "title": "A"}
    nested = {"type": "url_citation", "url_citation": {"start_index": 1, "end_index": 2, "url": "https://b/"}}
    web = {"type": "web_search_result_location", "url": "https://c/", "title": None, "cited_text": "x"}
    other = {"type": "char_location", "document_index": 0}
    data = write(answer(Text("Hi", citations=[own, nested, web, other])))
    annotations = done_items(data)[0]["content"][0]["annotations"]
    assert annotations == [
        own,
        {"type": "url_citation", "start_index": 1, "end_index": 2, "url": "https://b/", "title": ""},
        {"type": "url_citation", "start_index": 0, "end_index": 2, "url": "https://c/", "title": ""},
    ]
    added = [event for event in payloads(data) if event["type"] == "response.output_text.annotation.added"]
    assert [event["annotation_index"] for event in added] == [0, 1, 2]


def test_calls_that_the_backend_ran_itself_are_never_the_clients_to_run() -> None:
    data = write(
        answer(
            ToolCall("s1", "web_search", '{"query":"weather"}', "server"),
            ToolResult("s1", [Text("sunny")], kind="server"),
            ToolCall("s2", "bash", '{"command":"ls"}', "server"),
            Unknown("anthropic", {"type": "odd"}),
            Text("Sunny."),
        )
    )
    items = done_items(data)
    assert [item["type"] for item in items] == ["web_search_call", "message"]
    assert items[0]["action"] == {"type": "search", "query": "weather"}
    assert [item["type"] for item in payloads(data)[-1]["response"]["output"]] == ["web_search_call", "message"]


def test_this_protocols_own_items_pass_as_they_came() -> None:
    raw = {"id": "mcp_1", "type": "mcp_call", "name": "x"}
    assert done_items(write(answer(Unknown("openai_responses", raw)))) == [raw]
    assert done_items(write(answer(Opaque("E", "openai_responses", "compaction"))))[0]["encrypted_content"] == "E"


@pytest.mark.parametrize(
    ("tool", "call", "item"),
    [
        (
            {"type": "local_shell"},
            ToolCall("c", "local_shell", '{"command":["ls"]}'),
            {"type": "local_shell_call", "action": {"type": "exec", "env": {}, "command": ["ls"]}},
        ),
        (
            {"type": "shell"},
            ToolCall("c", "shell", '{"commands":["ls"]}'),
            {"type": "shell_call", "action": {"commands": ["ls"]}},
        ),
        (
            {"type": "apply_patch"},
            ToolCall("c", "apply_patch", '{"type":"delete_file","path":"a"}'),
            {"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "a"}},
        ),
        (
            {"type": "tool_search", "execution": "client", "parameters": {"type": "object", "properties": {}}},
            ToolCall("c", "tool_search", '{"query":"q"}'),
            {"type": "tool_search_call", "execution": "client", "arguments": {"query": "q"}},
        ),
    ],
)
def test_built_in_tools_of_the_client_are_called_in_their_own_form(
    tool: dict[str, Any], call: ToolCall, item: dict[str, Any]
) -> None:
    reply = replace(REPLY, request=decode(tools=[tool]))
    found = done_items(write(answer(call), reply))[0]
    assert found.pop("id")
    assert found == {**item, "call_id": "c", "status": "completed"}
    assert done_items(write(answer(call)))[0]["type"] == "function_call"


def test_the_response_echoes_what_was_asked() -> None:
    asked = {
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": True}
        ],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 99,
        "reasoning": {"effort": "low", "summary": "detailed"},
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "metadata": {"a": "b"},
        "truncation": "auto",
        "prompt_cache_key": "k",
        "service_tier": "flex",
        "user": "u",
    }
    reply = replace(REPLY, request=decode(**asked))
    for event in payloads(write(answer(Text("a")), reply)):
        if "response" in event:
            response = event["response"]
            assert {key: response[key] for key in asked} == asked
            assert response["model"] == "client-model"
            assert response["created_at"] == 1_700_000_000
            assert response["store"] is False
