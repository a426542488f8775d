"""Rewrites of a client's own body for a same-protocol backend: taking out thinking that this backend would refuse.

Passing through needs no translation, but a history may hold thinking that another backend wrote and this gateway tagged
(mapping.md §5, Carrier), or, after a switch of accounts or a signature error, thinking that is bound elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from translators.anthropic.blocks_decode import ID, REDACTED
from translators.anthropic.wire import Json
from translators.canonical import carrier
from translators.reasoning import Keeps, nothing

_TYPES = ("thinking", REDACTED)


def without_foreign_thinking(body: Json) -> Json:
    """`body` without unsigned and tagged thinking; the very same object if there is none."""
    return _without(body, _is_foreign)


def without_thinking(body: Json, keeps: Keeps = nothing) -> Json:
    """`body` without any thinking of the past but what `keeps` names; the very same object if nothing goes.

    Where the tool-use turn that still runs loses its thinking, a budget model refuses to go on thinking: `thinking` of
    type enabled becomes disabled.
    """
    return _without(body, lambda block: _is_foreign(block) or not keeps(str(_payload(block))))


def _payload(block: Json) -> Any:
    return block.get("data" if block["type"] == REDACTED else "signature")


def _is_foreign(block: Json) -> bool:
    opaque = _payload(block)
    return not isinstance(opaque, str) or not opaque or carrier.unwrap(opaque, ID)[1] != ID


def _without(body: Json, drops: Callable[[Json], bool]) -> Json:
    messages: list[Any] = body.get("messages") or []
    kept = [_message(message, drops) for message in messages]
    if all(new is old for new, old in zip(kept, messages, strict=True)):
        return body
    result = {**body, "messages": [message for message in kept if message is not None]}
    thinking = body.get("thinking")
    if isinstance(thinking, dict) and thinking.get("type") == "enabled" and _loop_is_bare(result["messages"]):
        result["thinking"] = {"type": "disabled"}
    return result


def _message(message: Any, drops: Callable[[Json], bool]) -> Any:
    """The message, a shorter copy, or None when nothing is left of it."""
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        return message
    kept = [
        block for block in content if not (isinstance(block, dict) and block.get("type") in _TYPES and drops(block))
    ]
    if len(kept) == len(content):
        return message
    return {**message, "content": kept} if kept else None


def _loop_is_bare(messages: list[Any]) -> bool:
    """Whether the running tool-use turn begins without thinking."""
    for message in reversed(messages):
        blocks = message.get("content") if isinstance(message, dict) else None
        types = [block.get("type") for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
        if message.get("role") == "user" and "tool_result" not in types:
            return False
        if message.get("role") == "assistant" and "tool_use" in types and types[0] not in _TYPES:
            return True
    return False
