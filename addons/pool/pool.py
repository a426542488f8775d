"""The pool: which candidate comes first, and what each attempt taught about its credential.

Stickiness, standings, strategies and limits put together; the times are passed in, `now` in seconds since 1970.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from addons.pool.candidates import Candidate
from addons.pool.limits import Limits
from addons.pool.standing import Standing, Standings, State
from addons.pool.standing_store import StandingStore, notice_of
from addons.pool.stickiness import Stickiness
from addons.pool.strategies import Book, arrange
from translators.canonical.errors import ErrorInfo

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ordered:
    """A candidate in its place, with what keeps it from being asked now (None = nothing)."""

    candidate: Candidate
    standing: Standing | None
    held: bool  # the conversation was here before


class Pool:
    def __init__(self, store: StandingStore | None = None) -> None:
        self.standings = Standings()
        self.stickiness = Stickiness()
        self.limits = Limits()
        self.book = Book()
        self._store = store

    # -- choosing

    def order(
        self, candidates: Sequence[Candidate], *, strategy: str, conversation: str, keep: float, now: float
    ) -> list[Ordered]:
        """Usable ones first: the conversation's own, then by position and strategy. Those that rest follow, soonest
        first: asked only when nobody else is left. Out of service and disabled ones are not in it."""
        self._sync(now)
        held = self.stickiness.held(conversation, now, keep) if conversation else None
        usable: list[Ordered] = []
        resting: list[Ordered] = []
        for candidate in arrange(candidates, strategy, self.book):
            standing = self.standings.of(candidate.name, candidate.model, now)
            if standing is not None and standing.state is State.OUT_OF_SERVICE:
                continue
            ordered = Ordered(candidate, standing, candidate.name == held)
            (usable if standing is None else resting).append(ordered)
        usable.sort(key=lambda one: not one.held)
        resting.sort(key=lambda one: one.standing.until if one.standing is not None else 0.0)
        return usable + resting

    def out_of_service(self, candidates: Sequence[Candidate], now: float) -> list[tuple[str, str]]:
        """(name, cause) of the candidates that only their owner can bring back."""
        found = []
        for candidate in candidates:
            standing = self.standings.of(candidate.name, candidate.model, now)
            if standing is not None and standing.state is State.OUT_OF_SERVICE:
                found.append((candidate.name, standing.cause))
        return found

    # -- learning

    def started(self, candidate: Candidate, now: float) -> None:
        use = self.book.use(candidate.name)
        use.total += 1
        use.busy += 1
        self.limits.started(candidate.name, candidate.credential.settings, now)

    def ended(self, candidate: Candidate) -> None:
        use = self.book.use(candidate.name)
        use.busy = max(0, use.busy - 1)
        self.limits.ended(candidate.name)

    def succeeded(self, candidate: Candidate, conversation: str, now: float) -> None:
        self.standings.succeeded(candidate.name, candidate.model, now)
        if conversation:
            self.stickiness.hold(conversation, candidate.name, now)
        self._store_changes()

    def failed(self, candidate: Candidate, error: ErrorInfo, now: float) -> None:
        self.standings.failed(candidate.name, candidate.model, error, now)
        self._store_changes()

    def probed(self, name: str, *, well: bool, now: float) -> None:
        self.standings.probed(name, well=well, now=now)
        self._store_changes()

    # -- within

    def _sync(self, now: float) -> None:
        """Take over what other processes wrote: another gateway's findings, or the user's `enable`."""
        if self._store is None:
            return
        try:
            if not self._store.changed():
                return
            stored = self._store.load(now)
        except sqlite3.Error as error:
            log.warning("proxycast: the states of credentials cannot be read: %s", error)
            return
        known = {(name, standing.model) for name, standing in stored}
        for name, standing in list(self.standings.all(now)):
            if (name, standing.model) not in known:
                self.standings.restore(name, Standing(State.ACTIVE, model=standing.model))
        for name, standing in stored:
            self.standings.restore(name, standing)

    def _store_changes(self) -> None:
        changes, self.standings.changes = self.standings.changes, []
        if not changes:
            return
        for name, standing in changes:
            text = notice_of(name, standing)
            if text:
                log.warning("proxycast: %s", text)
        if self._store is not None:
            try:
                self._store.save(changes)
            except sqlite3.Error as error:
                log.warning("proxycast: the states of credentials cannot be stored: %s", error)
