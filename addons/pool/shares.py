"""Whose share of the work a banned account leaves behind: nobody's of the same provider (design.md, decision 5).

The strategies deal the work as if the banned account were still there. What they deal to it goes to accounts of other
providers: another one of its own provider would only bring the ban upon itself. `take_over` in a profile lifts that.
"""

from __future__ import annotations

from collections.abc import Iterator

from addons.pool.candidates import Candidate
from addons.pool.lists import Split
from addons.pool.strategies import Book, arrange

#: Nothing is ever under way at a banned account: by that measure it would be dealt all the work of busy hours.
_DEALT_BY = {"least_busy": "least_used"}


class Shares:
    """One request's. `first` is the candidate that it is dealt to, once known; `banned` are names."""

    def __init__(self, banned: frozenset[str]) -> None:
        self.first: Candidate | None = None
        self._banned = banned
        self._shut: set[tuple[str, str]] = set()
        self._served: set[tuple[str, str]] = set()

    def deal(self, split: Split, strategy: str, book: Book) -> Iterator[Candidate]:
        """All that can be asked and the banned, as the strategy deals the work to them."""
        for equals in split.dealt:
            some_banned = any(name in self._banned for name in equals.names)
            yield from arrange([equals], _DEALT_BY.get(strategy, strategy) if some_banned else strategy, book)

    def admits(self, candidate: Candidate) -> bool:
        """Whether the candidate, whose turn it is now, may be asked. A banned one may not; and after its turn nobody of
        its service, unless one of them has had a turn before."""
        self.first = self.first or candidate
        if candidate.name in self._banned:
            if candidate.service not in self._served:
                self._shut.add(candidate.service)
            return False
        if candidate.service in self._shut:
            return False
        self._served.add(candidate.service)
        return True
