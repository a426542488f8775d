"""How equals of a profile's order share the work (requirements of the pool; design.md, decision 16).

A strategy is a function from the equals and what is known of their use to the order in which to try them, worked out
only as far as it is looked at: with a thousand equals the first few must not cost a look at all.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

from addons.pool.candidates import Candidate

#: Changes of use that the book remembers; a ranking that missed more is made anew.
REMEMBERED = 10_000
#: Draws by weight before those that are left are put in order at once.
DRAWS = 8


@dataclass(slots=True)
class Use:
    """What has been asked of a credential since the start: requests in all, and those under way."""

    total: int = 0
    busy: int = 0


@dataclass(slots=True)
class Turn:
    """Whose turn it is among some equals."""

    number: int = 0


@dataclass(slots=True)
class Book:
    """The use of all credentials, the turn of each group of equals, and chance (seeded in tests).

    `moves` names those whose use changed, oldest first; `dropped` counts those that are no longer in it."""

    uses: dict[str, Use] = field(default_factory=dict)
    turns: dict[tuple[str, ...], Turn] = field(default_factory=dict)
    chance: random.Random = field(default_factory=random.Random)
    moves: list[str] = field(default_factory=list)
    dropped: int = 0

    def use(self, name: str) -> Use:
        return self.uses.setdefault(name, Use())

    def started(self, name: str) -> None:
        use = self.use(name)
        use.total += 1
        use.busy += 1
        self._moved(name)

    def ended(self, name: str) -> None:
        use = self.use(name)
        use.busy = max(0, use.busy - 1)
        self._moved(name)

    def turn(self, names: tuple[str, ...]) -> Turn:
        return self.turns.setdefault(names, Turn())

    def _moved(self, name: str) -> None:
        self.moves.append(name)
        if len(self.moves) > REMEMBERED:
            half = REMEMBERED // 2
            del self.moves[:half]
            self.dropped += half


Rank = tuple[int, ...]


class Ranking:
    """Equals in the order of their use, kept up with the book."""

    def __init__(self, names: Sequence[str], rank: Callable[[Use], Rank], book: Book) -> None:
        self._names, self._rank = names, rank
        self._place = {name: place for place, name in enumerate(names)}
        self._read(book)

    def places(self, book: Book) -> Iterator[int]:
        """Places of the equals, the least first; those of one rank as they are written."""
        missed = book.dropped + len(book.moves) - self._seen
        if missed > len(book.moves) or missed > len(self._names):
            self._read(book)
        elif missed:
            for name in book.moves[-missed:]:
                place = self._place.get(name)
                if place is not None:
                    del self._order[bisect_left(self._order, self._ranks[place])]
                    self._ranks[place] = (*self._rank(book.use(name)), place)
                    insort(self._order, self._ranks[place])
            self._seen += missed
        return (rank[-1] for rank in self._order.copy())

    def _read(self, book: Book) -> None:
        self._seen = book.dropped + len(book.moves)
        self._ranks: list[Rank] = [(*self._rank(book.use(n)), place) for place, n in enumerate(self._names)]
        self._order = sorted(self._ranks)


class Equals:
    """Candidates of one position, with what the strategies want to know of them and what need not be found out for
    each request."""

    def __init__(self, candidates: Sequence[Candidate], whole: Equals | None = None) -> None:
        """`whole`: the equals that these are a part of, whose turn goes on."""
        self.candidates = tuple(candidates)
        self._whole = whole or self
        self._rankings: dict[str, tuple[Book, Ranking]] = {}
        self._turn: tuple[Book, Turn] | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(candidate.name for candidate in self.candidates)

    @cached_property
    def by_priority(self) -> list[Candidate]:
        return sorted(self.candidates, key=lambda candidate: candidate.credential.priority)

    @cached_property
    def weights(self) -> list[int]:
        return [max(candidate.credential.weight, 0) for candidate in self.candidates]

    @cached_property
    def summed_weights(self) -> list[int]:
        return list(accumulate(self.weights))

    def without(self, left_out: Set[int]) -> Equals:
        """Those whose `id` is not in it."""
        return Equals([candidate for candidate in self.candidates if id(candidate) not in left_out], self._whole)

    def turn(self, book: Book) -> Turn:
        if self._turn is None or self._turn[0] is not book:
            self._turn = book, book.turn(self._whole.names)
        return self._turn[1]

    def ranking(self, name: str, rank: Callable[[Use], Rank], book: Book) -> Ranking:
        known = self._rankings.get(name)
        if known is None or known[0] is not book:
            known = self._rankings[name] = book, Ranking(self.names, rank, book)
        return known[1]


Strategy = Callable[[Equals, Book], Iterator[Candidate]]


def priority(equals: Equals, book: Book) -> Iterator[Candidate]:
    """By the credential's own priority, then as written."""
    return iter(equals.by_priority)


def round_robin(equals: Equals, book: Book) -> Iterator[Candidate]:
    """Each in turn."""
    turn, count = equals.turn(book), len(equals.candidates)
    start = turn.number % count
    turn.number += 1
    return (equals.candidates[(start + step) % count] for step in range(count))


def weighted(equals: Equals, book: Book) -> Iterator[Candidate]:
    """By chance in proportion to the credentials' weights; weight 0 comes last."""
    summed, chance = equals.summed_weights, book.chance
    drawn: set[int] = set()
    for _ in range(DRAWS if summed[-1] else 0):
        place = bisect_right(summed, chance.random() * summed[-1])
        if place not in drawn:
            drawn.add(place)
            yield equals.candidates[place]
    # a random key ** (1 / weight) puts the others in an order with the same chances (Efraimidis and Spirakis)
    left = [place for place in range(len(summed)) if place not in drawn]
    keys = {place: chance.random() ** (1 / w) if (w := equals.weights[place]) else -1.0 for place in left}
    for place in sorted(left, key=lambda place: -keys[place]):
        yield equals.candidates[place]


def least_used(equals: Equals, book: Book) -> Iterator[Candidate]:
    """The one asked least often first."""
    ranking = equals.ranking("least_used", lambda use: (use.total,), book)
    return (equals.candidates[place] for place in ranking.places(book))


def least_busy(equals: Equals, book: Book) -> Iterator[Candidate]:
    """The one with the fewest requests under way first, the least used among those."""
    ranking = equals.ranking("least_busy", lambda use: (use.busy, use.total), book)
    return (equals.candidates[place] for place in ranking.places(book))


def shuffled(equals: Equals, book: Book) -> Iterator[Candidate]:
    """In any order: Fisher and Yates' shuffle, of which only the exchanged places are kept."""
    count, exchanged = len(equals.candidates), dict[int, int]()
    for step in range(count):
        place = book.chance.randrange(step, count)
        yield equals.candidates[exchanged.get(place, place)]
        exchanged[place] = exchanged.get(step, step)


STRATEGIES: dict[str, Strategy] = {
    "priority": priority,
    "round_robin": round_robin,
    "weighted": weighted,
    "least_used": least_used,
    "least_busy": least_busy,
    "random": shuffled,
}


def arrange(groups: Sequence[Equals], strategy: str, book: Book) -> Iterator[Candidate]:
    """All candidates: positions in order, equals of a position by the strategy."""
    for equals in groups:
        yield from STRATEGIES[strategy](equals, book) if len(equals.candidates) > 1 else equals.candidates
