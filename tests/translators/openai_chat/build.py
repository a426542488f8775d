"""Canonical requests in few words, for the tests of the chat encoder."""

from __future__ import annotations

from typing import Any

from tests.translators.openai_chat.support import encode
from translators.canonical.blocks import (
    Block,
    Text,
)
from translators.canonical.request import (
    Request,
    Role,
    Turn,
)

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}}


def request(*turns: Turn, origin: str = "anthropic", **fields: Any) -> Request:
    return Request(origin, "asked-model", turns=list(turns) or [say("Hi")], **fields)


def say(*blocks: str | Block) -> Turn:
    return Turn(Role.USER, [Text(block) if isinstance(block, str) else block for block in blocks])


def answer(*blocks: str | Block) -> Turn:
    return Turn(Role.ASSISTANT, [Text(block) if isinstance(block, str) else block for block in blocks])


def messages(*turns: Turn, target: dict[str, Any] | None = None, **fields: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = encode(request(*turns, **fields), **(target or {})).body["messages"]
    return found
