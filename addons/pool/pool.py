"""The pool: which candidate comes first, and what each attempt taught about its credential.

Stickiness, standings, strategies and limits put together; the times are passed in, `now` in seconds since 1970.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from addons.pool import ratelimits
from addons.pool.candidates import Candidate
from addons.pool.lazy import Lazy
from addons.pool.limits import Limits, reserve
from addons.pool.lists import Listed, Lists
from addons.pool.quotas import QuotaBook
from addons.pool.shares import Shares
from addons.pool.standing import Standing, Standings, State
from addons.pool.standing_store import StandingStore, notice_of
from addons.pool.stickiness import Stickiness
from addons.pool.strategies import Book, arrange
from addons.providers.quota import Quota
from addons.vault.credential import Credential
from translators.canonical.errors import ErrorInfo, ErrorKind

log = logging.getLogger(__name__)
#: A rest shorter than this many seconds is not worth storing: it is over before anybody could read it.
BRIEF = 2.0


@dataclass(frozen=True, slots=True)
class Ordered:
    """A candidate in its place, with what keeps it from being asked now (None = nothing)."""

    candidate: Candidate
    standing: Standing | None
    held: bool  # the conversation was here before


class Pool:
    def __init__(self, store: StandingStore | None = None, revived: Callable[[str], None] = lambda _: None) -> None:
        """`revived` is told of credentials whose login was over and which may be tried again."""
        self.standings = Standings()
        self.stickiness = Stickiness()
        self.limits = Limits()
        self.book = Book()
        self.quotas = QuotaBook()
        self.lists = Lists()
        self.refused: set[str] = set()  # whose limits are worth a question: a refusal was about them
        self._store, self._revived = store, revived
        self._stored: set[tuple[str, str | None]] = set()  # whose standing state.db has

    # -- choosing

    def order(
        self,
        candidates: Listed,
        *,
        strategy: str,
        conversation: str,
        keep: float,
        now: float,
        take_over: bool = False,
    ) -> tuple[Lazy[Ordered], str]:
        """→ (the candidates in order, the credential that served this conversation before or "").

        Usable ones first: the conversation's own, then by position and strategy. Those that rest follow, soonest first:
        asked only when nobody else is left. Out of service and disabled ones are not in it; nor, unless `take_over`,
        are other accounts of a banned one's provider where it would have been the banned one's turn (shares.py)."""
        self._sync(now)
        held = self.stickiness.held(conversation, now, keep) or "" if conversation else ""
        split = candidates.split_by(self.standings, now)
        shares = None if take_over or not split.banned else Shares(split.banned)
        return Lazy(self._ordered(candidates, strategy, conversation, held, now, shares)), held

    def _ordered(
        self, candidates: Listed, strategy: str, conversation: str, held: str, now: float, shares: Shares | None
    ) -> Iterator[Ordered]:
        split = candidates.split_by(self.standings, now)
        later: list[Candidate] = []  # whom something befell since then: this is worked out as far as it is looked at
        own = candidates.by_name.get(held)
        if own is not None and shares is not None and not shares.admits(own):
            self.stickiness.hold(conversation, held, now)
        if own is not None and self.standings.of(own.name, own.limited, now) is None:
            yield Ordered(own, None, True)
        else:
            own = None
        dealt = (
            arrange(split.groups, strategy, self.book) if shares is None else shares.deal(split, strategy, self.book)
        )
        for candidate in dealt:
            if candidate is own:
                continue
            if shares is not None and not shares.admits(candidate):
                if shares.first is candidate:
                    self._passed_over(candidate, conversation, now)
                continue
            if self.standings.of(candidate.name, candidate.limited, now) is None:
                yield Ordered(candidate, None, False)
            else:
                later.append(candidate)
        for candidate in [*(candidate for candidate, _ in split.resting), *later]:
            if shares is not None and not shares.admits(candidate):
                continue
            standing = self.standings.of(candidate.name, candidate.limited, now)
            if standing is None or standing.state is not State.OUT_OF_SERVICE:
                yield Ordered(candidate, standing, candidate.name == held)

    def out_of_service(self, candidates: Iterable[Candidate], now: float) -> list[tuple[str, str]]:
        """(name, cause) of the candidates that only their owner can bring back."""
        found = []
        for candidate in candidates:
            standing = self.standings.of(candidate.name, candidate.limited, now)
            if standing is not None and standing.state is State.OUT_OF_SERVICE:
                found.append((candidate.name, standing.cause))
        return found

    def _passed_over(self, banned: Candidate, conversation: str, now: float) -> None:
        """A banned credential's turn: it counts as used, and as where the conversation lives until another has it."""
        self.book.started(banned.name)
        self.book.ended(banned.name)
        if conversation:
            self.stickiness.hold(conversation, banned.name, now)

    # -- learning

    def started(self, candidate: Candidate, now: float) -> None:
        self.book.started(candidate.name)
        self.limits.started(candidate.name, candidate.pacing, now)

    def ended(self, candidate: Candidate) -> None:
        self.book.ended(candidate.name)
        self.limits.ended(candidate.name)

    def told(self, candidate: Candidate, quotas: Sequence[Quota], now: float) -> None:
        """The head of an answer said what remains: a credential rests before its provider has to refuse it."""
        self.quotas.note(candidate.name, quotas)
        short = ratelimits.spent(quotas, reserve(candidate.credential.settings), now)
        if short:
            self.standings.spent(candidate.name, short, now)
            self._store_changes()

    def asked(self, credential: Credential, quotas: Sequence[Quota], again: float, now: float) -> None:
        """A service was asked what is left: where nothing is, the credential rests until that is whole again, or until
        `again` where nobody knows when that will be."""
        self.quotas.note(credential.name, quotas)
        dated = [quota if quota.resets > now else replace(quota, resets=again) for quota in quotas]
        short = ratelimits.spent(dated, reserve(credential.settings), now)
        if short:
            self.standings.spent(credential.name, short, now)
            self._store_changes()

    def succeeded(self, candidate: Candidate, conversation: str, now: float, began: float | None = None) -> None:
        self.standings.succeeded(candidate.name, candidate.limited, now, began)
        if conversation:
            self.stickiness.hold(conversation, candidate.name, now)
        self._store_changes()

    def failed(self, candidate: Candidate, error: ErrorInfo, now: float, quotas: Iterable[Quota] = ()) -> None:
        """`quotas`: what the headers of the refusal told."""
        quotas = list(quotas)
        self.quotas.note(candidate.name, quotas)
        short = ratelimits.spent(quotas, 0.0, now)
        self.standings.failed(candidate.name, candidate.limited, error, now, short)
        if error.kind in (ErrorKind.RATE_LIMIT, ErrorKind.BILLING):
            self.refused.add(candidate.name)
        self._store_changes()

    def probed(self, name: str, *, well: bool, now: float) -> None:
        self.standings.probed(name, well=well, now=now)
        self._store_changes()

    def over(self, name: str, cause: str, basis: str, now: float) -> None:
        """Its login cannot be renewed (`basis`: which login that is), or its account is closed (`basis` "")."""
        self.standings.banned(name, cause, now, basis)
        self._store_changes()

    def back(self, name: str, now: float) -> None:
        """There is another login."""
        self.standings.enabled(name, now)
        self._revived(name)
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
            key = (name, standing.model)
            if key in self._stored and key not in known:
                self.standings.restore(name, Standing(State.ACTIVE, model=standing.model))
                if standing.basis:
                    self._revived(name)
        for name, standing in stored:
            self.standings.restore(name, standing)
        self._stored = known

    def _store_changes(self) -> None:
        if not self.standings.changes:
            return
        changes = [change for change in self.standings.changes if self._is_worth_storing(*change)]
        self.standings.changes = []
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

    def _is_worth_storing(self, name: str, standing: Standing) -> bool:
        key = (name, standing.model)
        if key not in self._stored:
            brief = standing.state is State.COOLING and standing.until - standing.since < BRIEF
            if standing.state is State.ACTIVE or brief:
                return False
            self._stored.add(key)
        elif standing.state is State.ACTIVE:
            self._stored.discard(key)
        return True
