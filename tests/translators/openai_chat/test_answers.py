"""Canonical answers as a chat client reads them, whole and streamed (openai_chat.md §4 to §6, mapping.md §7)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.translators.openai_chat.support import CHAT, REPLY, chunks, decode, joined, user, write
from translators.canonical.blocks import Block, Image, Opaque, Refusal, Text, Thinking, ToolCall, Unknown
from translators.canonical.events import StopReason, Usage
from translators.canonical.request import Reasoning, Request
from translators.canonical.response import Response, unfold
from translators.protocol import Reply

USAGE = Usage(input_fresh=5, cache_read=3, cache_write_5m=2, output=7, reasoning=4)
LEGACY = replace(REPLY, request=Request("openai_chat", "m", legacy_functions=True))
HIDDEN = replace(REPLY, request=Request("openai_chat", "m", reasoning=Reasoning(show="none")))


def answer(*blocks: Block, stop: StopReason = StopReason.END) -> Response:
    return Response("up-1", "up-model", 1, list(blocks), stop, usage=USAGE)


def message(*blocks: Block, reply: Reply = REPLY, stop: StopReason = StopReason.END) -> dict[str, Any]:
    found: dict[str, Any] = CHAT.encode_response(answer(*blocks, stop=stop), reply)["choices"][0]["message"]
    return found


ANSWERS: list[tuple[str, list[Block], dict[str, Any]]] = [
    ("text", [Text("Hi ✓ "), Text("there")], {"content": "Hi ✓ there"}),
    ("nothing", [], {"content": ""}),
    (
        "calls",
        [Text("a"), ToolCall("1", "f", '{"x":1}'), ToolCall("2", "g", "{}")],
        {
            "content": "a",
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
                {"id": "2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
    ),
    (
        "call_without_arguments",
        [ToolCall("1", "f", "")],
        {"tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
    ),
    (
        "custom",
        [ToolCall("1", "patch", "free {text", "custom")],
        {"tool_calls": [{"id": "1", "type": "custom", "custom": {"name": "patch", "input": "free {text"}}]},
    ),
    ("server_call", [ToolCall("1", "web_search", "{}", "server"), Text("a")], {"content": "a"}),
    ("refusal", [Refusal("no")], {"refusal": "no"}),
    ("thinking", [Thinking("Hm"), Text("a")], {"reasoning_content": "Hm", "content": "a"}),
    (
        "signed_thinking",
        [Thinking("Hm", "S", "anthropic"), Text("a")],
        {
            "reasoning_content": "Hm",
            "content": "a",
            "reasoning_details": [
                {
                    "type": "reasoning.text",
                    "text": "Hm",
                    "signature": "gw1:anthropic:S",
                    "format": "anthropic-claude-v1",
                    "index": 0,
                }
            ],
        },
    ),
    (
        "opaque",
        [Opaque("R", "anthropic"), Text("a")],
        {
            "content": "a",
            "reasoning_details": [
                {"type": "reasoning.encrypted", "data": "gw1:anthropic:R", "format": "anthropic-claude-v1", "index": 0}
            ],
        },
    ),
    (
        "signature_of_a_call",
        [ToolCall("1", "f", "{}"), Thinking("", "S", "gemini"), ToolCall("2", "g", "{}")],
        {
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
            "reasoning_details": [
                {
                    "type": "reasoning.text",
                    "text": "",
                    "signature": "gw1:gemini:S",
                    "id": "2",
                    "format": "google-gemini-v1",
                    "index": 0,
                }
            ],
        },
    ),
    (
        "signature_behind_text",
        [Text("a"), Thinking("", "S", "gemini")],
        {
            "content": "a",
            "reasoning_details": [
                {
                    "type": "reasoning.text",
                    "text": "",
                    "signature": "gw1:gemini:S",
                    "id": "after_text",
                    "format": "google-gemini-v1",
                    "index": 0,
                }
            ],
        },
    ),
    (
        "entries_of_a_chat_backend",
        [Thinking("Hm", '{"details":[{"type":"reasoning.text","signature":"S","index":0}]}', "openai_chat"), Text("a")],
        {
            "reasoning_content": "Hm",
            "content": "a",
            "reasoning_details": [{"type": "reasoning.text", "text": "Hm", "signature": "S", "index": 0}],
        },
    ),
    (
        "extra_content_of_a_chat_backend",
        [
            Thinking("", '{"extra_content":{"google":{"thought_signature":"T"}}}', "openai_chat"),
            ToolCall("1", "f", "{}"),
        ],
        {
            "tool_calls": [
                {
                    "id": "1",
                    "type": "function",
                    "function": {"name": "f", "arguments": "{}"},
                    "extra_content": {"google": {"thought_signature": "T"}},
                }
            ]
        },
    ),
    (
        "image",
        [Text("a"), Image("image/png", "AA==")],
        {"content": "a", "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
    ),
    (
        "citations",
        [
            Text("Sky: "),
            Text("blue", citations=[{"type": "web_search_result_location", "url": "https://x", "title": "X"}]),
            Text(
                "!",
                citations=[
                    {"type": "url_citation", "url": "https://y", "title": "Y", "start_index": 0, "end_index": 1}
                ],
            ),
            Text(".", citations=[{"type": "char_location", "document_index": 0}]),
        ],
        {
            "content": "Sky: blue!.",
            "annotations": [
                {
                    "type": "url_citation",
                    "url_citation": {"start_index": 5, "end_index": 9, "title": "X", "url": "https://x"},
                },
                {
                    "type": "url_citation",
                    "url_citation": {"start_index": 9, "end_index": 10, "title": "Y", "url": "https://y"},
                },
            ],
        },
    ),
    ("unknown", [Unknown("anthropic", {"type": "x"}), Text("a")], {"content": "a"}),
]


@pytest.mark.parametrize(("blocks", "wanted"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_whole_and_streamed_answers_say_the_same(blocks: list[Block], wanted: dict[str, Any]) -> None:
    whole = message(*blocks)
    assert {key: value for key, value in whole.items() if value is not None and key != "role"} == wanted
    streamed = joined(chunks(write(unfold(answer(*blocks)))))
    told = {key: value for key, value in streamed.items() if value not in (None, "") and key != "role"}
    assert told == {key: value for key, value in wanted.items() if value != ""}


@pytest.mark.parametrize("blocks", [row[1] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_the_official_sdk_takes_every_answer(blocks: list[Block]) -> None:
    ChatCompletion.model_validate(CHAT.encode_response(answer(*blocks), REPLY))
    if any(isinstance(block, ToolCall) and block.kind == "custom" for block in blocks):
        return  # the SDK's chunk type has no custom calls yet
    for chunk in chunks(write(unfold(answer(*blocks)), replace(REPLY, include_usage=True))):
        if chunk != "[DONE]":
            ChatCompletionChunk.model_validate(chunk)


CARRIED = [
    [
        Thinking("one", "S1", "anthropic"),
        Opaque("R", "anthropic"),
        Text("t"),
        Thinking("two", "S2", "anthropic"),
        ToolCall("1", "f", "{}"),
    ],
    [Text("t"), ToolCall("1", "f", "{}"), Thinking("", "S", "gemini"), ToolCall("2", "g", "{}")],
    [Thinking("sum", "E", "openai_responses"), Text("t")],
    [Text("t"), Thinking("", "S", "gemini")],
    [Opaque("C", "openai_responses", "compaction"), Text("t")],
]


@pytest.mark.parametrize("blocks", CARRIED)
def test_opaque_reasoning_survives_a_client_that_keeps_its_entries(blocks: list[Block]) -> None:
    """Answer → client → next request: the blocks are back in their places with their origins."""
    whole = message(*blocks)
    streamed = {"content": None, **joined(chunks(write(unfold(answer(*blocks)))))}
    for told in (whole, streamed):
        assert decode(user(), told).turns[1].blocks == blocks
