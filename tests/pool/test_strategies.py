"""Strategies among equals; the profile's order between positions is never broken."""

import random
from collections import Counter

import pytest

from addons.pool.candidates import Candidate
from addons.pool.strategies import STRATEGIES, Book, arrange
from addons.providers.registry import built_in
from addons.vault.credential import Credential

DEMO = built_in().get("demo")


def candidate(name: str, position: int = 0, **changes: int) -> Candidate:
    return Candidate(Credential(name, "demo", **changes), DEMO, "m", "", position)  # type: ignore[arg-type]


def first(strategy: str, candidates: list[Candidate], book: Book, times: int) -> list[str]:
    return [arrange(candidates, strategy, book)[0].name for _ in range(times)]


ABC = [candidate("a"), candidate("b"), candidate("c")]


def test_priority_then_as_written() -> None:
    order = arrange(
        [candidate("a", priority=5), candidate("b", priority=1), candidate("c", priority=5)], "priority", Book()
    )
    assert [c.name for c in order] == ["b", "a", "c"]


def test_round_robin_takes_each_in_turn() -> None:
    assert first("round_robin", ABC, Book(), 6) == ["a", "b", "c", "a", "b", "c"]


def test_weighted_follows_the_weights() -> None:
    heavy = [candidate("a", weight=3), candidate("b", weight=1), candidate("c", weight=0)]
    shares = Counter(first("weighted", heavy, Book(chance=random.Random(1)), 4000))
    assert 0.70 < shares["a"] / 4000 < 0.80 and shares["c"] == 0


def test_least_used_and_least_busy() -> None:
    book = Book()
    book.use("a").total, book.use("b").total, book.use("c").total = 5, 2, 3
    book.use("b").busy = 4
    assert first("least_used", ABC, book, 1) == ["b"]
    assert first("least_busy", ABC, book, 1) == ["c"]


def test_random_reaches_all() -> None:
    assert set(first("random", ABC, Book(chance=random.Random(1)), 60)) == {"a", "b", "c"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_positions_come_before_strategies_and_nobody_is_lost(strategy: str) -> None:
    mixed = [candidate("late", 1), candidate("x", 0), candidate("y", 0), candidate("last", 2)]
    for _ in range(10):
        order = [c.name for c in arrange(mixed, strategy, Book())]
        assert set(order[:2]) == {"x", "y"} and order[2:] == ["late", "last"]
