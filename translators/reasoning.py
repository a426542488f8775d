"""Takes reasoning out of a request: when it is bound to another account, or was refused (design.md, decision 4).

Whoever knows that some of it was made by the very account that is asked names that: it stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from translators.canonical.blocks import Opaque, Thinking
from translators.canonical.request import Request, Turn

#: Whether reasoning stays, by its opaque payload (a signature, encrypted content).
Keeps = Callable[[str], bool]


def nothing(_: str) -> bool:
    """All of it goes."""
    return False


def without_reasoning(request: Request, keeps: Keeps = nothing) -> Request:
    """A copy without thinking and opaque blocks but those that `keeps` names; the rest of each turn is as it was."""
    turns = []
    for turn in request.turns:
        kept = [block for block in turn.blocks if not isinstance(block, Thinking | Opaque) or stays(block, keeps)]
        if kept or not turn.blocks:
            turns.append(turn if len(kept) == len(turn.blocks) else Turn(turn.role, kept))
    return replace(request, turns=turns)


def stays(block: Thinking | Opaque, keeps: Keeps) -> bool:
    """Whether `keeps` names the block; what has no payload cannot be named."""
    payload = block.signature if isinstance(block, Thinking) else block.data
    return bool(payload) and keeps(payload or "")
