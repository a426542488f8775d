"""How equals of a profile's order share the work (requirements of the pool; design.md, decision 16).

A strategy is a function from the equals and what is known of their use to the order in which to try them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from addons.pool.candidates import Candidate


@dataclass(slots=True)
class Use:
    """What has been asked of a credential since the start: requests in all, and those under way."""

    total: int = 0
    busy: int = 0


@dataclass(slots=True)
class Book:
    """The use of all credentials, the turn of each group of equals, and chance (seeded in tests)."""

    uses: dict[str, Use] = field(default_factory=dict)
    turns: dict[tuple[str, ...], int] = field(default_factory=dict)
    chance: random.Random = field(default_factory=random.Random)

    def use(self, name: str) -> Use:
        return self.uses.setdefault(name, Use())


Strategy = Callable[[Sequence[Candidate], Book], list[Candidate]]


def priority(equals: Sequence[Candidate], book: Book) -> list[Candidate]:
    """By the credential's own priority, then as written."""
    return sorted(equals, key=lambda candidate: candidate.credential.priority)


def round_robin(equals: Sequence[Candidate], book: Book) -> list[Candidate]:
    """Each in turn."""
    key = tuple(candidate.name for candidate in equals)
    turn = book.turns.get(key, 0)
    book.turns[key] = turn + 1
    start = turn % len(equals)
    return [*equals[start:], *equals[:start]]


def weighted(equals: Sequence[Candidate], book: Book) -> list[Candidate]:
    """By chance in proportion to the credentials' weights; weight 0 comes last."""
    left = list(equals)
    order: list[Candidate] = []
    while left:
        weights = [max(candidate.credential.weight, 0) for candidate in left]
        chosen = book.chance.choices(left, weights)[0] if any(weights) else left[0]
        left.remove(chosen)
        order.append(chosen)
    return order


def least_used(equals: Sequence[Candidate], book: Book) -> list[Candidate]:
    """The one asked least often first."""
    return sorted(equals, key=lambda candidate: book.use(candidate.name).total)


def least_busy(equals: Sequence[Candidate], book: Book) -> list[Candidate]:
    """The one with the fewest requests under way first, the least used among those."""
    return sorted(equals, key=lambda c: (book.use(c.name).busy, book.use(c.name).total))


def shuffled(equals: Sequence[Candidate], book: Book) -> list[Candidate]:
    """In any order."""
    order = list(equals)
    book.chance.shuffle(order)
    return order


STRATEGIES: dict[str, Strategy] = {
    "priority": priority,
    "round_robin": round_robin,
    "weighted": weighted,
    "least_used": least_used,
    "least_busy": least_busy,
    "random": shuffled,
}


def arrange(candidates: Sequence[Candidate], strategy: str, book: Book) -> list[Candidate]:
    """All candidates: positions in order, equals of a position by the strategy."""
    groups: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.position, []).append(candidate)
    order: list[Candidate] = []
    for position in sorted(groups):
        equals = groups[position]
        order += STRATEGIES[strategy](equals, book) if len(equals) > 1 else equals
    return order
