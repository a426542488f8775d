"""Short words for requests in tests."""

from __future__ import annotations

from typing import Any

from translators.canonical.blocks import Block, Text, Thinking, ToolCall, ToolResult
from translators.canonical.prepare import prepare
from translators.canonical.request import Request, Role, Turn
from translators.canonical.target import Target

PROTOCOLS = ["anthropic", "openai_chat", "openai_responses", "gemini"]


def user(*blocks: Block | str) -> Turn:
    return Turn(Role.USER, [_block(b) for b in blocks])


def assistant(*blocks: Block | str) -> Turn:
    return Turn(Role.ASSISTANT, [_block(b) for b in blocks])


def system(*blocks: Block | str) -> Turn:
    return Turn(Role.SYSTEM, [_block(b) for b in blocks])


def call(identifier: str = "c1", name: str = "shell", arguments: str = "{}", **more: Any) -> ToolCall:
    return ToolCall(identifier, name, arguments, **more)


def result(identifier: str = "c1", text: str = "ok", **more: Any) -> ToolResult:
    return ToolResult(identifier, [Text(text)], **more)


def signed(origin: str, text: str = "hm") -> Thinking:
    return Thinking(text, "sig", origin)


def request(*turns: Turn, origin: str = "anthropic", **more: Any) -> Request:
    return Request(origin, "model", turns=list(turns), **more)


def target(protocol: str = "openai_responses", **more: Any) -> Target:
    return Target(protocol, "model", **more)


def turns_for(wire: Target, *turns: Turn, **more: Any) -> list[Turn]:
    """The conversation as `wire` gets it."""
    return prepare(request(*turns, **more), wire)[0].turns


def notes_for(wire: Target, wanted: Request) -> str:
    return " ".join(prepare(wanted, wire)[2])


def _block(block: Block | str) -> Block:
    return Text(block) if isinstance(block, str) else block
