"""Depth of reasoning, told in words or in tokens, and fitted to what a model lists (mapping.md §5, Configuration)."""

from __future__ import annotations

from collections.abc import Sequence

from translators.canonical.request import Effort
from translators.canonical.target import ALL_EFFORTS

#: Tokens that an effort stands for, where a backend wants a budget.
_BUDGET: dict[Effort, int] = {
    "none": 0,
    "minimal": 512,
    "low": 1024,
    "medium": 8192,
    "high": 24_576,
    "xhigh": 32_768,
    "max": 128_000,
}

#: Up to so many tokens a budget stands for that effort; above all of them, for xhigh.
_EFFORT_UP_TO: tuple[tuple[int, Effort], ...] = (
    (0, "none"),
    (512, "minimal"),
    (1024, "low"),
    (8192, "medium"),
    (24_576, "high"),
)


def budget_of_effort(effort: Effort) -> int:
    """The tokens that `effort` stands for."""
    return _BUDGET[effort]


def effort_of_budget(budget: int) -> Effort:
    """The effort that a budget in tokens stands for; a negative one (gemini: automatic) is taken for medium."""
    if budget < 0:
        return "medium"
    for limit, effort in _EFFORT_UP_TO:
        if budget <= limit:
            return effort
    return "xhigh"


def clamp_effort(effort: Effort, allowed: Sequence[Effort]) -> Effort | None:
    """`effort` where the model lists it, else the next lower that it does, else its lowest; None if it lists none.

    "none" is no low effort but the absence of thinking: only the wish for "none" leads there.
    """
    ranked = [word for word in ALL_EFFORTS if word in allowed and (word != "none" or effort == "none")]
    if not ranked:
        return None
    rank = ALL_EFFORTS.index(effort)
    lower = [word for word in ranked if ALL_EFFORTS.index(word) <= rank]
    return lower[-1] if lower else ranked[0]
