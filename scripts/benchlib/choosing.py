"""What choosing among many credentials costs a request: the candidate list, the pool's order, the first of it.

Measured in this process, with the gateway's own state.db, beside the same with one credential.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from addons.config.settings import Profile, Settings
from addons.pool.candidates import Candidate
from addons.pool.lists import Listed
from addons.pool.pool import Pool
from addons.pool.standing_store import StandingStore
from addons.pool.strategies import STRATEGIES
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from addons.vault.store import StateStore
from translators.canonical.errors import ErrorInfo, ErrorKind

CREDENTIALS = 1000
#: What choosing among them may add, in milliseconds a request (issue "Credentials").
WANTED = 0.1
REQUESTS, BATCH = 4000, 50
MODEL = "claude-sonnet-5-5"
LIMITED = ErrorInfo(ErrorKind.RATE_LIMIT, "limited", retry_after=3600)


@dataclass(frozen=True, slots=True)
class Choosing:
    """Medians in milliseconds a request: among one, among many. `resting`: how many of the many are at rest."""

    strategy: str
    resting: int
    one: float
    many: float

    @property
    def added(self) -> float:
        return self.many - self.one


def measure() -> Iterator[Choosing]:
    logging.getLogger("addons.pool").setLevel(logging.ERROR)  # not a line for each that comes to rest
    for strategy in STRATEGIES:
        yield Choosing(strategy, 0, _cost(strategy, 1, 0), _cost(strategy, CREDENTIALS, 0))
    resting = CREDENTIALS // 2
    yield Choosing("least_busy", resting, _cost("least_busy", 1, 0), _cost("least_busy", CREDENTIALS, resting))


def lines(found: list[Choosing]) -> Iterator[str]:
    yield f"Choosing, ms a request: among one credential, among {CREDENTIALS}, what that adds."
    yield f"{'':>11}  resting      one     many    added"
    for row in found:
        yield f"{row.strategy:>11} {row.resting:>8} {row.one:>8.4f} {row.many:>8.4f} {row.added:>8.4f}"
    yield ""
    for row in found:
        good = row.added < WANTED
        text = f"{row.strategy}, {row.resting} resting: {row.added:.4f} ms added (< {WANTED})"
        yield f"{'reached    ' if good else 'NOT REACHED'} {text}"


def as_json(found: list[Choosing]) -> list[dict[str, Any]]:
    return [
        {"strategy": r.strategy, "credentials": CREDENTIALS, "resting": r.resting, "one": r.one, "many": r.many}
        for r in found
    ]


def _cost(strategy: str, count: int, resting: int) -> float:
    """The median over batches of requests, each of a conversation of its own; a few are under way at a time."""
    with tempfile.TemporaryDirectory(prefix="proxycast-choosing-") as folder:
        home = Path(folder)
        store = StateStore(home / "state.db", home / "vault.key")
        made = (Credential(f"c{number}", "anthropic", "", {}, weight=1 + number % 3) for number in range(count))
        store.take_over(made, [])
        pool, registry, settings = Pool(StandingStore(home / "state.db")), built_in(), Settings()
        profile = Profile(use=[list(store.credentials)])

        def listed() -> Listed:
            return pool.lists.find(
                "p", profile, MODEL, store.credentials, registry, settings=settings, version=store.version
            )

        def choose(conversation: str, now: float) -> Candidate:
            ordered, _ = pool.order(listed(), strategy=strategy, conversation=conversation, keep=300, now=now)
            return next(iter(ordered)).candidate

        for candidate in list(listed())[:resting]:
            pool.failed(candidate, LIMITED, time.time())
        batches = []
        for batch in range(REQUESTS // BATCH):
            under_way: list[Candidate] = []
            began = time.perf_counter()
            for number in range(BATCH):
                now = time.time()
                candidate = choose(f"{batch}.{number}", now)
                pool.started(candidate, now)
                under_way.append(candidate)
                if len(under_way) > 8:
                    done = under_way.pop(0)
                    pool.ended(done)
                    pool.succeeded(done, f"{batch}.{number}", now, now)
            batches.append((time.perf_counter() - began) * 1000 / BATCH)
            for candidate in under_way:
                pool.ended(candidate)
        store.close()
    return median(batches)
