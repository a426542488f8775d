"""The client and its writer process on good days and bad ones. Records are lost by count, never by exception."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from addons.audit import reader
from addons.audit.client import AuditClient
from addons.audit.settings import AuditSettings
from tests.audit.records import conversation, prose, record

pytestmark = pytest.mark.slow  # starts processes, or works hard on purpose

StartClient = Callable[..., AuditClient]


def wait_for(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def recorded(db: Path) -> int:
    try:
        return int(reader.stats(db)["exchanges"])
    except sqlite3.OperationalError:
        return 0  # not made yet


def writers(db: Path) -> list[int]:
    """The process ids of the writers of this database."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"addons.audit.writer" in arguments and str(db).encode() in arguments:
                found.append(int(entry.name))
    return found


def books_balance(stats: dict[str, int]) -> bool:
    return stats["submitted"] == sum(stats[name] for name in ("written", "dropped", "errors", "lost", "queue"))


def test_what_is_submitted_is_written(client: StartClient, db: Path) -> None:
    one = client()
    for number in range(50):
        one.submit(record(f"r{number}"))
    assert one.flush(20)
    assert recorded(db) == 50
    assert one.stats() == {
        "submitted": 50, "written": 50, "dropped": 0, "errors": 0, "lost": 0, "queue": 0, "restarts": 0
    }  # fmt: skip


def test_a_record_that_cannot_be_sent_takes_no_other_with_it(client: StartClient, db: Path) -> None:
    one = client()
    for number in range(9):
        one.submit(record(f"r{number}", extra={"lock": threading.Lock()} if number == 4 else {}))
    assert one.flush(20)
    assert recorded(db) == 8
    assert (one.stats()["written"], one.stats()["lost"], one.stats()["queue"]) == (8, 1, 0)


def test_without_a_flush_it_is_in_the_database_within_a_second(client: StartClient, db: Path) -> None:
    one = client()
    one.submit(record("first"))
    assert one.flush(20), "the writer has started"
    one.submit(record("second"))
    time.sleep(1.0)
    assert recorded(db) == 2


@pytest.mark.slow
def test_ten_thousand_exchanges_arrive(client: StartClient, db: Path) -> None:
    one = client()
    for number in range(10_000):
        one.submit(record(f"r{number}"))
        if number % 2_000 == 1_999:
            assert one.flush(60)
    assert one.stats()["written"] == 10_000
    assert recorded(db) == 10_000


def test_closing_writes_what_is_queued_and_ends_the_writer(client: StartClient, db: Path) -> None:
    one = client()
    for number in range(200):
        one.submit(record(f"r{number}"))
    one.close(20)
    assert recorded(db) == 200
    assert writers(db) == []
    one.submit(record("late"))
    assert (one.stats()["dropped"], books_balance(one.stats())) == (1, True)


def test_mode_off_starts_nothing(client: StartClient, db: Path) -> None:
    one = client(mode="off")
    one.submit(record())
    assert one.flush(1)
    assert one.stats()["submitted"] == 0
    assert not db.exists()
    assert writers(db) == []


def test_settings_take_effect_while_it_runs(client: StartClient, db: Path) -> None:
    one = client(mode="off")
    one.configure(AuditSettings(mode="metadata"))  # type: ignore[arg-type]
    one.submit(record("a"))
    assert one.flush(20)
    one.configure(AuditSettings())
    one.submit(record("b"))
    assert one.flush(20)
    assert {row["id"]: row["mode"] for row in reader.recent(db)} == {"a": "metadata", "b": "redacted"}


def test_a_full_queue_drops_and_counts(client: StartClient, db: Path) -> None:
    one = client(queue_records=10)
    for number in range(5_000):
        one.submit(record(f"r{number}"))
    one.flush(20)
    stats = one.stats()
    assert stats["dropped"] > 0
    assert books_balance(stats)
    assert recorded(db) == stats["written"]


def test_the_queue_is_bounded_by_bytes(client: StartClient) -> None:
    one = client(queue_bytes=50_000)
    one.submit(record("big", request=b"x" * 60_000))
    one.submit(record("small"))
    assert one.flush(20)
    assert one.stats()["dropped"] == 1
    assert one.stats()["written"] == 1


GATEWAY = """
import sys, time
from pathlib import Path
from addons.audit.client import AuditClient
from tests.audit.records import record

if __name__ == "__main__":
    client = AuditClient()
    client.start(Path(sys.argv[1]))
    client.submit(record("warm"))
    client.flush(20)
    for number in range(300):
        client.submit(record(f"r{number}"))
    print("submitted", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def gateway(db: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has just submitted 300 records, and has nothing else to do."""
    process = subprocess.Popen([sys.executable, "-c", GATEWAY, str(db)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "submitted\n"
    yield process
    process.kill()
    process.wait()


def test_kill_9_of_the_gateway_loses_nothing_older_than_a_second(gateway: subprocess.Popen[str], db: Path) -> None:
    time.sleep(1.0)
    gateway.kill()
    gateway.wait()
    assert wait_for(lambda: writers(db) == []), "the writer ends with its gateway"
    assert recorded(db) == 301


def test_kill_9_of_the_gateway_at_once_leaves_a_sound_database(gateway: subprocess.Popen[str], db: Path) -> None:
    gateway.kill()
    gateway.wait()
    assert wait_for(lambda: writers(db) == [])
    connection = sqlite3.connect(db)
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()
    assert recorded(db) >= 1


def test_kill_9_of_both_loses_nothing_older_than_a_second(gateway: subprocess.Popen[str], db: Path) -> None:
    time.sleep(1.0)
    for process in writers(db):
        os.kill(process, signal.SIGKILL)
    gateway.kill()
    gateway.wait()
    assert recorded(db) == 301


def test_a_writer_that_is_killed_is_replaced(client: StartClient, db: Path) -> None:
    one = client()
    one.submit(record("before"))
    assert one.flush(20)
    for process in writers(db):
        os.kill(process, signal.SIGKILL)
    assert wait_for(lambda: writers(db) == [])
    one.submit(record("after"))
    assert wait_for(lambda: one.stats()["restarts"] == 1 and recorded(db) == 2)
    assert books_balance(one.stats())


def test_a_writer_that_hangs_holds_nobody_up(client: StartClient, db: Path) -> None:
    one = client(queue_bytes=4 << 20)
    one.submit(record("before"))
    assert one.flush(20)
    for process in writers(db):
        os.kill(process, signal.SIGSTOP)
    started = time.monotonic()
    for number in range(300):
        one.submit(record(f"r{number}", request=b"x" * 1_000_000))
    assert time.monotonic() - started < 2, "submitting does not wait"
    assert one.stats()["dropped"] > 0
    assert not one.flush(0.2)
    one.close(0.5)
    assert writers(db) == []
    assert books_balance(one.stats())


def test_a_locked_database_is_waited_for(client: StartClient, db: Path) -> None:
    one = client()
    one.submit(record("before"))
    assert one.flush(20)
    other = sqlite3.connect(db, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    one.submit(record("while locked"))
    assert not one.flush(1.0)
    other.execute("COMMIT")
    other.close()
    assert one.flush(20)
    assert recorded(db) == 2


def test_a_database_that_stays_locked_costs_its_batch_and_no_more(client: StartClient, db: Path) -> None:
    one = client(busy_seconds=0.3)
    one.submit(record("before"))
    assert one.flush(20)
    other = sqlite3.connect(db, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    one.submit(record("lost"))
    assert one.flush(20)
    other.execute("COMMIT")
    other.close()
    one.submit(record("after"))
    assert one.flush(20)
    assert {row["id"] for row in reader.recent(db)} == {"before", "after"}
    assert one.stats()["errors"] == 1


def test_a_full_disk_is_counted_and_gone_on_from(
    client: StartClient, db: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = client(max_pages=80)
    one.submit(record("before"))
    assert one.flush(20)
    for number in range(20):
        one.submit(record(f"big{number}", request=os.urandom(100_000)))
        assert one.flush(20)
    assert one.stats()["errors"] > 0
    one.configure(AuditSettings())
    one.submit(record("after"))
    assert one.flush(20)
    assert {"before", "after"} <= {row["id"] for row in reader.recent(db, limit=100)}
    assert books_balance(one.stats())
    lines = [line for line in caplog.messages if "full" in line]
    assert len(lines) == 1, "one line, however often"


def test_a_damaged_database_is_put_aside_and_a_new_one_begun(client: StartClient, db: Path) -> None:
    db.parent.mkdir()
    db.write_bytes(b"this is no database " * 1_000)
    one = client()
    one.submit(record())
    assert one.flush(20)
    assert recorded(db) == 1
    kept = [path for path in db.parent.iterdir() if ".corrupt-" in path.name]
    assert [path.read_bytes()[:7] for path in kept] == [b"this is"]


def test_a_database_that_is_deleted_is_made_anew(client: StartClient, db: Path) -> None:
    one = client()
    one.submit(record("before"))
    assert one.flush(20)
    for path in db.parent.iterdir():
        path.unlink()
    time.sleep(1.2)
    one.submit(record("after"))
    assert one.flush(20)
    assert [row["id"] for row in reader.recent(db)] == ["after"]


def test_a_place_that_cannot_be_written_loses_records_only(client: StartClient, db: Path) -> None:
    db.parent.write_text("a file where the folder should be")
    one = client()
    one.submit(record())
    assert one.flush(20)
    assert (one.stats()["errors"], books_balance(one.stats())) == (1, True)


def test_two_gateways_may_write_into_one_database(client: StartClient, db: Path) -> None:
    clients = [client(), client()]
    turns = conversation(40, 500)

    def work(name: int) -> None:
        for number, turn in enumerate(turns):
            clients[name].submit(record(f"{name}-{number}", request=turn.request, conversation=f"c{number % 3}"))
            if number % 10 == 0:
                clients[name].flush(20)

    threads = [threading.Thread(target=work, args=(name,)) for name in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one.flush(30) for one in clients)
    assert recorded(db) == 80
    for name in (0, 1):
        for number, turn in enumerate(turns):
            assert reader.rebuild(db, f"{name}-{number}", "client_request") == turn.request


def test_a_reader_that_stays_does_not_stop_the_writer(client: StartClient, db: Path) -> None:
    one = client(retention_seconds=0.1)
    one.submit(record("before", request=prose(50_000, 1).encode()))
    assert one.flush(20)
    slow = sqlite3.connect(db, isolation_level=None)
    slow.execute("BEGIN")
    assert slow.execute("SELECT count(*) FROM exchanges").fetchone()[0] == 1
    for number in range(20):
        one.submit(record(f"r{number}"))
        assert one.flush(5)
    slow.close()
    assert recorded(db) == 21
