"""Old exchanges go, by age, rows and size, with all that only they used; the file shrinks; what others use stays."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from addons.audit import reader
from addons.audit.client import AuditClient
from addons.audit.record import Origin
from addons.audit.retention import Retention, purge
from addons.audit.settings import AuditSettings
from addons.audit.store import Store
from tests.audit.records import NOW, conversation, record

pytestmark = pytest.mark.slow  # starts processes, or works hard on purpose

MakeStore = Callable[..., Store]
DAY = 86_400.0
TABLES = ("exchanges", "attempts", "sides", "recipes", "recipe_parts", "blobs", "messages")


def settle(store: Store, now: float, **limits: float) -> None:
    """Steps until there is nothing more to do."""
    retention = Retention(store.connection, AuditSettings(**limits))  # type: ignore[arg-type]
    for _ in range(1_000):
        if not retention.step(now).more:
            break
    store.forget()


def counts(db: Path) -> dict[str, int]:
    connection = sqlite3.connect(db)
    found = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES}
    connection.close()
    return found


def test_exchanges_beyond_the_age_go(store: MakeStore, db: Path) -> None:
    one = store()
    one.write([record(f"day{n}", started=NOW + n * DAY, conversation=f"c{n}") for n in range(10)], 60)
    settle(one, NOW + 10 * DAY, max_age_days=4)
    assert [row["id"] for row in reader.recent(db)] == ["day9", "day8", "day7", "day6"]


def test_an_imported_capture_is_not_too_old(store: MakeStore, db: Path) -> None:
    one = store()
    one.write([record("old", started=NOW, conversation="a", origin=Origin.IMPORTED)], 60)
    settle(one, NOW + 400 * DAY, max_age_days=4)
    assert [row["id"] for row in reader.recent(db)] == ["old"]


def test_the_oldest_beyond_the_number_of_rows_go(store: MakeStore, db: Path) -> None:
    one = store()
    one.write([record(f"r{n}") for n in range(500)], 60)
    settle(one, NOW, max_rows=120)
    kept = reader.recent(db, limit=1_000)
    assert [kept[-1]["id"], kept[0]["id"], len(kept)] == ["r380", "r499", 120]


def test_beyond_its_size_the_file_shrinks(store: MakeStore, db: Path) -> None:
    one = store()
    for number in range(40):
        one.write([record(f"r{number}", request=os.urandom(200_000), conversation=str(number))], 60)
    before = reader.stats(db)["file_bytes"]
    settle(one, NOW, max_bytes=3_000_000, retention_step=2)
    assert before > 8_000_000
    assert db.stat().st_size < 3_300_000
    assert reader.stats(db)["file_bytes"] < 3_300_000
    assert 3 < reader.stats(db)["exchanges"] < 16


@pytest.mark.parametrize("limit", ["max_age_days", "max_rows", "max_bytes"])
def test_zero_is_no_limit(store: MakeStore, db: Path, limit: str) -> None:
    one = store()
    one.write([record(f"r{n}", started=NOW) for n in range(10)], 60)
    settle(one, NOW, **{limit: 0})
    assert reader.stats(db)["exchanges"] == 10


def test_a_step_is_small(store: MakeStore, db: Path) -> None:
    one = store()
    one.write([record(f"r{n}") for n in range(100)], 60)
    Retention(one.connection, AuditSettings(max_rows=10, retention_step=15)).step(NOW)
    assert reader.stats(db)["exchanges"] == 85


def test_nothing_stays_behind_when_all_are_gone(store: MakeStore, db: Path) -> None:
    one = store()
    turns = conversation(30, 1_500)
    one.write([record(f"t{n}", request=turn.request, answer=turn.answer) for n, turn in enumerate(turns)], 60)
    settle(one, NOW + 100 * DAY, max_age_days=1)
    assert set(counts(db).values()) == {0}
    assert reader.search(db, "file") == []


def test_what_later_turns_use_stays(store: MakeStore, db: Path) -> None:
    one = store()
    turns = conversation(30, 1_500)
    one.write([record(f"t{n}", request=turn.request, answer=turn.answer) for n, turn in enumerate(turns)], 60)
    settle(one, NOW, max_rows=3)
    for number in (27, 28, 29):
        assert reader.rebuild(db, f"t{number}", "client_request") == turns[number].request
    # 30 questions and 30 answers are in the history of the turns that are left, and can be found there.
    assert reader.stats(db)["messages"] == 60
    assert {row["exchange"] for row in reader.search(db, "file", limit=100)} <= {"t27", "t28", "t29"}
    one.write([record("again", request=turns[29].request)], 60)
    assert reader.rebuild(db, "again", "client_request") == turns[29].request


def test_orphans_are_collected(store: MakeStore, db: Path) -> None:
    one = store()
    one.write([record("kept")], 60)
    before = counts(db)
    one.connection.execute("BEGIN IMMEDIATE")
    one.bodies.begin(one.connection)
    one.bodies.save(conversation(3, 2_000)[-1].request)
    one.bodies.flush()
    one.connection.execute("COMMIT")
    assert counts(db)["blobs"] > before["blobs"]
    retention = Retention(one.connection, AuditSettings())
    for _ in range(3):
        retention.step(NOW)
    assert counts(db) == before


def test_a_purge_leaves_no_trace_in_the_file(store: MakeStore, db: Path) -> None:
    one = store()
    secret_word = "xylophonic"
    body = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"%s"}]}' % secret_word.encode()
    one.write([record("old", request=body)], 60)
    one.write([record("new", started=NOW + DAY, conversation="other")], 60)
    assert len(reader.search(db, secret_word)) == 1
    assert purge(one.connection, NOW + 1) == 1
    assert reader.search(db, secret_word) == []
    for path in db.parent.iterdir():
        assert secret_word.encode() not in path.read_bytes()
    assert [row["id"] for row in reader.recent(db)] == ["new"]


def test_the_writer_keeps_to_its_limits_by_itself(client: Callable[..., AuditClient], db: Path) -> None:
    one = client(max_rows=20, max_age_days=0, retention_seconds=0.05)
    for number in range(300):
        one.submit(record(f"r{number}"))
        if number % 50 == 0:
            one.flush(20)
    one.close(20)
    again = client(max_rows=20, max_age_days=0, retention_seconds=0.05)
    again.submit(record("last"))
    assert again.flush(20)
    again.close(20)
    assert reader.stats(db)["exchanges"] < 300
    assert reader.recent(db)[0]["id"] == "last"
