"""Takes out what identifies the client to its own vendor and is nobody else's business (mapping.md §2)."""

from __future__ import annotations

import re
from dataclasses import replace

from translators.canonical.blocks import Block, Text
from translators.canonical.repair.notes import Notes
from translators.canonical.request import Request, Role, Turn

#: Claude Code's attribution block. It changes with every request, so it would also defeat any prefix cache.
BILLING_HEADER = "x-anthropic-billing-header:"

#: Claude Code's user ids hold device, account and session ids: JSON, or the older joined form.
_CLAUDE_CODE_USER = re.compile(r"\s*\{|user_[0-9a-fA-F]+_account_")


def without_attribution(request: Request, notes: Notes) -> Request:
    """`request` for a backend that is not Anthropic's."""
    system = [kept for text in request.system if (kept := _without_header(text, notes)) is not None]
    turns = [_of_turn(turn, notes) if turn.role is Role.SYSTEM else turn for turn in request.turns]
    user = request.user
    if user is not None and _CLAUDE_CODE_USER.match(user):
        notes.add("The client's user id was withheld: it holds account ids.")
        user = None
    return request.altered(system=system, turns=turns, user=user)


def _of_turn(turn: Turn, notes: Notes) -> Turn:
    blocks: list[Block] = []
    for block in turn.blocks:
        kept: Block | None = _without_header(block, notes) if isinstance(block, Text) else block
        if kept is not None:
            blocks.append(kept)
    return Turn(turn.role, blocks)


def _without_header(block: Text, notes: Notes) -> Text | None:
    if not block.text.startswith(BILLING_HEADER):
        return block
    notes.add("Claude Code's billing header was taken out of the system text.")
    rest = block.text.partition("\n")[2].lstrip("\n")
    return replace(block, text=rest) if rest else None
