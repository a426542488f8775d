"""The last seen quotas: the newest of each limit, kept for other processes."""

from pathlib import Path

from addons.pool.quotas import KEPT, QuotaBook, QuotaStore
from addons.providers.quota import Quota


def quota(remaining: float, seen: float, counts: str = "requests", model: str | None = "m") -> Quota:
    return Quota(counts, remaining, 50.0, seen + 60, model, "left", seen)


def test_the_newest_of_each_limit_is_taken_once() -> None:
    book = QuotaBook()
    book.note("a", [quota(9, 1), quota(100, 1, "tokens")])
    book.note("a", [quota(8, 2)])
    book.note("b", [quota(7, 2)])
    assert book.take() == [("a", quota(8, 2)), ("a", quota(100, 1, "tokens")), ("b", quota(7, 2))]
    assert book.take() == []


def test_another_process_reads_what_was_stored(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = QuotaStore(path)
    store.save([("a", quota(9, 10)), ("a", quota(5, 10, model=None)), ("b", quota(1, 10))])
    store.save([("a", quota(8, 11))])
    assert QuotaStore(path).load("a") == [("a", quota(5, 10, model=None)), ("a", quota(8, 11))]
    assert [name for name, _ in QuotaStore(path).load()] == ["a", "a", "b"]
    store.forget("a")
    assert QuotaStore(path).load("a") == []


def test_an_older_sighting_does_not_replace_a_newer(tmp_path: Path) -> None:
    store = QuotaStore(tmp_path / "state.db")
    store.save([("a", quota(9, 10))])
    store.save([("a", quota(30, 4))])
    assert store.load("a") == [("a", quota(9, 10))]


def test_what_was_not_seen_for_long_is_forgotten(tmp_path: Path) -> None:
    store = QuotaStore(tmp_path / "state.db")
    store.save([("old", quota(9, 10))])
    store.save([("new", quota(9, KEPT + 11))])
    assert [name for name, _ in store.load()] == ["new"]


def test_one_process_asks_and_the_others_wait_their_turn(tmp_path: Path) -> None:
    one, two = QuotaStore(tmp_path / "state.db"), QuotaStore(tmp_path / "state.db")
    assert one.claim("a", 1000, 300)
    assert not two.claim("a", 1299, 300)
    assert two.claim("b", 1299, 300)
    assert two.claim("a", 1300, 300)
    assert not one.claim("a", 1301, 300)
    assert one.claim("a", 900, 300), "a clock that was set back stops nobody"
    one.forget("a")
    assert two.claim("a", 901, 300)
