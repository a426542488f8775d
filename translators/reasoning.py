"""Takes reasoning out of a request: when it is bound to another account, or was refused (design.md, decision 4)."""

from __future__ import annotations

from dataclasses import replace

from translators.canonical.blocks import Block, Opaque, Thinking
from translators.canonical.request import Request, Turn


def without_reasoning(request: Request) -> Request:
    """A copy without thinking and opaque blocks; the rest of each turn stays as it is."""
    turns = []
    for turn in request.turns:
        kept: list[Block] = [block for block in turn.blocks if not isinstance(block, Thinking | Opaque)]
        if kept or not turn.blocks:
            turns.append(turn if len(kept) == len(turn.blocks) else Turn(turn.role, kept))
    return replace(request, turns=turns)
