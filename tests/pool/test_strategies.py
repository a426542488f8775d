"""Strategies among equals; the profile's order between positions is never broken."""

import random
from collections import Counter

import pytest

from addons.pool.candidates import Candidate
from addons.pool.lists import Listed
from addons.pool.strategies import REMEMBERED, STRATEGIES, Book, arrange
from addons.providers.registry import built_in
from addons.vault.credential import Credential

DEMO = built_in().get("demo")


def candidate(name: str, position: int = 0, **changes: int) -> Candidate:
    return Candidate(Credential(name, "demo", **changes), DEMO, "m", "", position)  # type: ignore[arg-type]


def first(strategy: str, candidates: list[Candidate], book: Book, times: int) -> list[str]:
    groups = Listed(candidates).groups
    return [next(arrange(groups, strategy, book)).name for _ in range(times)]


ABC = [candidate("a"), candidate("b"), candidate("c")]


def test_priority_then_as_written() -> None:
    mixed = Listed([candidate("a", priority=5), candidate("b", priority=1), candidate("c", priority=5)])
    order = arrange(mixed.groups, "priority", Book())
    assert [c.name for c in order] == ["b", "a", "c"]


def test_round_robin_takes_each_in_turn() -> None:
    assert first("round_robin", ABC, Book(), 6) == ["a", "b", "c", "a", "b", "c"]


def test_weighted_follows_the_weights() -> None:
    heavy = [candidate("a", weight=3), candidate("b", weight=1), candidate("c", weight=0)]
    shares = Counter(first("weighted", heavy, Book(chance=random.Random(1)), 4000))
    assert 0.70 < shares["a"] / 4000 < 0.80 and shares["c"] == 0


def test_least_used_and_least_busy() -> None:
    book = Book()
    groups = Listed(ABC).groups

    def order(strategy: str) -> list[str]:
        return [c.name for c in arrange(groups, strategy, book)]

    assert order("least_used") == order("least_busy") == ["a", "b", "c"]
    for name, started, ended in (("a", 5, 5), ("b", 2, 0), ("c", 3, 3)):
        for _ in range(started):
            book.started(name)
        for _ in range(ended):
            book.ended(name)
    assert order("least_used") == ["b", "c", "a"]
    assert order("least_busy") == ["c", "a", "b"]
    book.ended("b")
    book.ended("b")
    assert order("least_busy") == ["b", "c", "a"]


@pytest.mark.parametrize("strategy", ["least_used", "least_busy"])
def test_a_ranking_keeps_up_with_whatever_happens(strategy: str) -> None:
    chance, book = random.Random(7), Book()
    many = [candidate(f"c{number}") for number in range(30)]
    groups = Listed(many).groups
    for turn in range(300):
        for _ in range(REMEMBERED if turn == 150 else chance.choice([0, 1, 2, 5, 50])):
            name = f"c{chance.randrange(35)}"  # some are none of these equals
            (book.started if chance.random() < 0.6 else book.ended)(name)
        order = [c.name for c in arrange(groups, strategy, book)]
        assert order == [c.name for c in arrange(Listed(many).groups, strategy, book)]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_whole_order_has_each_once(strategy: str) -> None:
    many = [candidate(f"c{number}", weight=number % 4) for number in range(50)]
    order = [c.name for c in arrange(Listed(many).groups, strategy, Book(chance=random.Random(3)))]
    assert sorted(order) == sorted(c.name for c in many)


def test_random_reaches_all() -> None:
    assert set(first("random", ABC, Book(chance=random.Random(1)), 60)) == {"a", "b", "c"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_positions_come_before_strategies_and_nobody_is_lost(strategy: str) -> None:
    mixed = [candidate("late", 1), candidate("x", 0), candidate("y", 0), candidate("last", 2)]
    for _ in range(10):
        order = [c.name for c in arrange(Listed(mixed).groups, strategy, Book())]
        assert set(order[:2]) == {"x", "y"} and order[2:] == ["late", "last"]
