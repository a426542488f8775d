"""Blocks that only their own protocol can read: kept at home, degraded or dropped elsewhere (mapping.md §5)."""

from __future__ import annotations

from dataclasses import replace

from translators.canonical.blocks import Block, Opaque, Refusal, Text, Thinking, ToolCall, ToolResult, Unknown
from translators.canonical.repair.notes import Notes
from translators.canonical.request import Reasoning, ReasoningMode, Request, Role, Turn
from translators.canonical.target import Target

#: Protocols in which the assistant's refusal is a part of its own; elsewhere it is text.
_HAVE_REFUSALS = frozenset({"openai_chat", "openai_responses"})


def without_foreign(request: Request, target: Target, notes: Notes) -> Request:
    """Every block is one that the target's protocol has, or was dropped with a note."""
    turns = [Turn(turn.role, _blocks(turn.blocks, request.origin, target, notes)) for turn in request.turns]
    request = request.altered(turns=turns)
    if _lost_required_thinking(request, target):
        notes.add("Thinking was switched off: the turn in progress lost the signed thinking that the model demands.")
        request = request.altered(reasoning=Reasoning(ReasoningMode.OFF))
    return request


def _blocks(blocks: list[Block], origin: str, target: Target, notes: Notes) -> list[Block]:
    out: list[Block] = []
    for block in blocks:
        kept = _block(block, origin, target, notes)
        if kept is not None:
            out.append(kept)
    return out


def _block(block: Block, origin: str, target: Target, notes: Notes) -> Block | None:
    match block:
        case Thinking():
            return _thinking(block, target, notes)
        case Opaque() if block.origin != target.protocol:
            notes.add(f"Opaque {block.kind} of {block.origin} was dropped.")
            return None
        case Unknown() if block.origin != target.protocol:
            notes.add(f"A {block.raw.get('type', 'nameless')} block of {block.origin} was dropped.")
            return None
        case ToolCall(kind="server") | ToolResult(kind="server") if origin != target.protocol:
            notes.add("Calls of server tools in the history were dropped.")
            return None
        case ToolResult() if any(isinstance(inner, Unknown) for inner in block.blocks):
            return replace(block, blocks=_blocks(block.blocks, origin, target, notes))
        case Refusal() if target.protocol not in _HAVE_REFUSALS:
            return Text(block.text)
    return block


def _thinking(block: Thinking, target: Target, notes: Notes) -> Block | None:
    """Signed thinking only goes home; unsigned has a slot in chat dialects alone and is never shown as text."""
    at_home = block.origin == target.protocol and bool(block.signature)
    if target.protocol == "openai_chat":
        if target.reasoning_field == "none":
            notes.add("Thinking was dropped: the backend has no field for it.")
            return None
        if at_home:
            return block
        if block.text:
            return replace(block, signature=None, origin=None, item_id=None)
    if at_home:
        return block
    notes.add("Thinking without a signature that the backend knows was dropped.")
    return None


def _lost_required_thinking(request: Request, target: Target) -> bool:
    """Whether a model with a thinking budget would find its latest calls without their thinking (anthropic.md §4)."""
    if target.protocol != "anthropic" or target.thinking != "budget":
        return False
    if request.reasoning.mode not in (ReasoningMode.ADAPTIVE, ReasoningMode.BUDGET):
        return False
    for turn in reversed(request.turns):
        if turn.role is Role.USER and not any(isinstance(block, ToolResult) for block in turn.blocks):
            return False
        if turn.role is Role.ASSISTANT and any(isinstance(block, ToolCall) for block in turn.blocks):
            return not any(isinstance(block, Thinking | Opaque) for block in turn.blocks)
    return False
