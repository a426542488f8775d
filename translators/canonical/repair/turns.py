"""The shape of a conversation: who speaks when, nothing empty, an end that can be answered (mapping.md §2, §6)."""

from __future__ import annotations

from dataclasses import replace

from translators.canonical.blocks import Block, Text, ToolCall, ToolResult, Unknown
from translators.canonical.repair.notes import Notes
from translators.canonical.request import Request, Role, Turn
from translators.canonical.target import Target

#: Stands for a user turn that said nothing.
EMPTY = "(empty)"

#: Asks a backend without prefill to go on with the assistant's text.
CONTINUE = "Continue exactly where you stopped."


def merged(turns: list[Turn]) -> list[Turn]:
    """Neighbours of one role are one turn. The lists are new."""
    out: list[Turn] = []
    for turn in turns:
        if out and out[-1].role is turn.role:
            out[-1].blocks.extend(turn.blocks)
        else:
            out.append(Turn(turn.role, list(turn.blocks)))
    return out


def without_empty_text(request: Request, target: Target) -> Request:
    """No empty text anywhere. An assistant or system turn of nothing else is gone; a user turn stays, without blocks.

    For Anthropic a turn of nothing but white space is empty too (anthropic.md §4).
    """
    strict = target.protocol == "anthropic"
    turns: list[Turn] = []
    for turn in request.turns:
        blocks = _filled(turn.blocks)
        if strict and all(_is_blank(block) for block in blocks):
            blocks = []
        if blocks or turn.role is Role.USER:
            turns.append(Turn(turn.role, blocks))
    system = [text for text in request.system if text.text and not (strict and _is_blank(text))]
    return request.altered(system=system, turns=turns)


def _filled(blocks: list[Block]) -> list[Block]:
    out: list[Block] = []
    for block in blocks:
        if isinstance(block, Text) and not block.text:
            continue
        if isinstance(block, ToolResult) and any(isinstance(b, Text) and not b.text for b in block.blocks):
            block = replace(block, blocks=_filled(block.blocks))
        out.append(block)
    return out


def _is_blank(block: Block) -> bool:
    return isinstance(block, Text) and not block.text.strip()


def with_system_folded(turns: list[Turn], target: Target, notes: Notes) -> list[Turn]:
    """System text in mid-conversation as user text in a tag, at its place, for backends that have no such role.

    Its place is the end of the user turn before it or, behind an assistant turn, the head of the next one: the same on
    every later request, so that prefix caches hold. Tool results have been moved in front of it already.
    """
    if target.mid_system and target.protocol != "gemini":
        return turns
    out: list[Turn] = []
    for turn in turns:
        if turn.role is Role.SYSTEM:
            notes.add("System text in mid-conversation became a reminder in the user turn.")
            turn = Turn(Role.USER, [_reminder(block) for block in turn.blocks])
        out.append(turn)
    return out


def _reminder(block: Block) -> Block:
    if not isinstance(block, Text):
        return block
    return replace(block, text=f"<system-reminder>\n{block.text}\n</system-reminder>")


def with_nothing_empty(turns: list[Turn]) -> list[Turn]:
    """Every user turn says something, and there is at least one turn."""
    filled = [turn if turn.blocks else Turn(turn.role, [Text(EMPTY)]) for turn in turns]
    return filled or [Turn(Role.USER, [Text(EMPTY)])]


def with_answerable_end(turns: list[Turn], target: Target, notes: Notes) -> list[Turn]:
    """A conversation that ends in the assistant's text: prefill where the backend continues it, else an invitation to.

    Calls at the very end are left alone: the client is still working on them. So is a server tool's result: the backend
    paused there and wants to be sent its answer back as it is.
    """
    last = turns[-1]
    if last.role is not Role.ASSISTANT or any(isinstance(block, ToolCall) for block in last.blocks):
        return turns
    if isinstance(last.blocks[-1], ToolResult | Unknown):
        return turns
    if not target.prefill:
        notes.add("The prefilled answer became history, followed by the request to continue it.")
        return [*turns, Turn(Role.USER, [Text(CONTINUE)])]
    tail = last.blocks[-1]
    if not isinstance(tail, Text):
        return turns
    # Anthropic refuses a prefill that ends in white space.
    stripped = tail.text.rstrip()
    blocks = [*last.blocks[:-1], replace(tail, text=stripped)] if stripped else last.blocks[:-1]
    return [*turns[:-1], Turn(last.role, blocks)] if blocks else with_nothing_empty(turns[:-1])
