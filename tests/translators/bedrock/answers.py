"""Answers as Bedrock writes them, whole and in pieces; each is one that botocore's model knows."""

from __future__ import annotations

from typing import Any

from tests.standin.bedrock_model import answer_faults
from translators.canonical.blocks import Opaque, Text, Thinking, ToolCall

from .support import framed

USAGE = {
    "inputTokens": 10,
    "outputTokens": 20,
    "totalTokens": 75,
    "cacheReadInputTokens": 30,
    "cacheWriteInputTokens": 15,
    "cacheDetails": [{"ttl": "1h", "inputTokens": 5}, {"ttl": "5m", "inputTokens": 10}],
}
CHAR = {"documentChar": {"documentIndex": 1, "start": 2, "end": 5}}
CITED = {"title": "T", "sourceContent": [{"text": "abc"}], "location": CHAR}
CITATION = {
    "type": "char_location",
    "cited_text": "abc",
    "document_index": 1,
    "start_char_index": 2,
    "end_char_index": 5,
    "document_title": "T",
}


def answer(*content: Any, stop: str = "end_turn", **fields: Any) -> dict[str, Any]:
    """A whole answer that botocore's model knows."""
    body = {
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": stop,
        "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
        "metrics": {"latencyMs": 5},
        **fields,
    }
    assert list(answer_faults("Converse", body)) == []
    return body


def start(number: int, what: Any) -> bytes:
    return framed("contentBlockStart", {"contentBlockIndex": number, "start": what})


def delta(number: int, what: Any) -> bytes:
    return framed("contentBlockDelta", {"contentBlockIndex": number, "delta": what})


def stop(number: int) -> bytes:
    return framed("contentBlockStop", {"contentBlockIndex": number})


OPEN = framed("messageStart", {"role": "assistant"})
METADATA = framed("metadata", {"usage": USAGE, "metrics": {"latencyMs": 5}})


def ended(reason: str = "end_turn", **fields: Any) -> bytes:
    return framed("messageStop", {"stopReason": reason, **fields})


def call(number: int, *fragments: str, name: str = "run") -> bytes:
    pieces = [delta(number, {"toolUse": {"input": fragment}}) for fragment in fragments]
    return b"".join([start(number, {"toolUse": {"toolUseId": f"t{number}", "name": name}}), *pieces, stop(number)])


FULL = [
    OPEN,
    delta(0, {"reasoningContent": {"text": "hm"}}),
    delta(0, {"reasoningContent": {"text": "m"}}),
    delta(0, {"reasoningContent": {"signature": "si"}}),
    delta(0, {"reasoningContent": {"signature": "g"}}),
    stop(0),
    delta(1, {"reasoningContent": {"redactedContent": "cmVk"}}),
    stop(1),
    delta(2, {"text": "Grüße "}),
    delta(2, {"text": "日本"}),
    stop(2),
    call(3, '{"a"', ":1}"),
    call(4, ""),
    ended("tool_use"),
    METADATA,
]
FULL_BLOCKS = [
    Thinking("hmm", "sig", "bedrock"),
    Opaque("cmVk", "bedrock"),
    Text("Grüße 日本"),
    ToolCall("t3", "run", '{"a":1}'),
    ToolCall("t4", "run", ""),
]
