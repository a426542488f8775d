"""What a stored exchange looks like: columns, four sides, what was said; and how little a long conversation takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from addons.audit import reader
from addons.audit.record import AttemptRecord, Side
from addons.audit.settings import AuditSettings
from addons.audit.store import Store
from tests.audit.records import NOW, conversation, message, record, stream
from translators.canonical.events import Usage

MakeStore = Callable[..., Store]
AT_LEISURE = 60.0


def test_an_exchange_is_found_with_tokens_cost_and_timing(store: MakeStore, db: Path) -> None:
    usage = Usage(input_fresh=100, cache_read=1_000, cache_write_5m=50, output=20, reasoning=5, raw={"a": 1})
    store().write([record(usage=usage, ttft=0.5, max_gap=2.5, stalls=1, notes=["a note"], extra={"k": 1})], AT_LEISURE)
    row = reader.exchange(db, "one")
    assert row["duration"] == pytest.approx(1.0)
    assert (row["ttft"], row["max_gap"], row["stalls"]) == (0.5, 2.5, 1)
    assert (row["input_fresh"], row["cache_read"], row["cache_write_5m"], row["cache_write_1h"]) == (
        100,
        1_000,
        50,
        None,
    )
    assert (row["input_total"], row["output"], row["reasoning"], row["total_tokens"]) == (1_150, 20, 5, 1_170)
    assert row["usage_raw"] == {"a": 1}
    assert row["cost_known"] == 1
    assert 0 < row["cost_usd"] < 0.01
    assert (row["notes"], row["extra"]) == (["a note"], {"k": 1})
    assert row["attempt_list"][0]["why"] == "first in the profile"


def test_an_unknown_cost_is_empty_and_said_to_be_unknown(store: MakeStore, db: Path) -> None:
    store().write([record(served_model="nobody-knows-it", usage=Usage(input_fresh=1, output=1))], AT_LEISURE)
    row = reader.exchange(db, "one")
    assert (row["cost_usd"], row["cost_known"]) == (None, 0)


def test_what_a_subscription_would_have_cost_is_kept_apart(store: MakeStore, db: Path) -> None:
    store().write([record(subscription=True)], AT_LEISURE)
    assert reader.exchange(db, "one")["subscription"] == 1
    totals = reader.stats(db)
    assert totals["cost_usd"] is None
    assert totals["subscription_would_cost_usd"] > 0


BODIES = {
    "json with odd spaces and key order": b'{ "messages" :\t[ {"b":1, "a":2} ],\r\n "model":"m" }',
    "escapes as they came": rb'{"messages":[{"role":"user","content":"\u00e9\/\ud83d"}]}',
    "long json": json.dumps(
        {"messages": [{"content": "x" * 5_000} for _ in range(9)], "z": "y" * 900}, indent=1
    ).encode(),
    "stream": stream("one", " two", "\n"),
    "not text": bytes(range(256)) * 20,
    "empty": b"",
    "not json after all": b'{"messages": [{"a": ' + b"[" * 2_000,
    "byte order mark": b'\xef\xbb\xbf{"a":1}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("side", reader.SIDES)
def test_every_side_is_rebuilt_byte_for_byte(store: MakeStore, db: Path, side: str, body: bytes) -> None:
    store().write([record(request=body, answer=body)], AT_LEISURE)
    assert reader.rebuild(db, "one", side) == body


def test_each_attempt_keeps_its_own_sides(store: MakeStore, db: Path) -> None:
    attempts = [
        AttemptRecord(number=n, url=f"http://h/{n}", started=NOW, request=Side(body=b"q%d" % n), response=answer)
        for n, answer in ((1, Side(body=b"a1")), (2, None), (3, Side(body=b"a3")))
    ]
    store().write([record(attempts=attempts)], AT_LEISURE)
    assert [reader.rebuild(db, "one", "upstream_request", n) for n in (1, 2, 3)] == [b"q1", b"q2", b"q3"]
    assert reader.rebuild(db, "one", "upstream_response") == b"a3"
    with pytest.raises(reader.NotFoundError):
        reader.rebuild(db, "one", "upstream_response", 2)


def test_a_body_beyond_the_cap_keeps_its_head_and_says_so(store: MakeStore, db: Path) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "x" * 3_000}]}).encode()
    store(body_cap=1_000).write([record(request=body)], AT_LEISURE)
    assert reader.rebuild(db, "one", "client_request") == body[:1_000]
    sides = {side["side"]: side for side in reader.exchange(db, "one")["sides"]}
    assert sides["client_request"]["truncated"] == 1
    assert sides["client_request"]["size"] == len(body)
    assert sides["delivered"]["truncated"] == 0


def test_a_second_exchange_of_the_same_id_is_kept_and_marked(store: MakeStore, db: Path) -> None:
    one = store()
    one.write([record(), record()], AT_LEISURE)
    one.write([record()], AT_LEISURE)
    rows = reader.recent(db)
    assert {row["id"] for row in rows} == {"one", "one~2", "one~3"}
    assert sum("another exchange of this id was recorded before" in row["notes"] for row in rows) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"client": "surrogate \udce9"},
        {"error": "nul \0 and \x1b[31m"},
        {"usage": Usage(input_fresh=2**80, output=-(2**70))},
        {"ttft": float("nan"), "max_gap": float("inf")},
        {"extra": {"object": object()}},
        {"extra": {"deep": json.loads("[" * 400 + "]" * 400)}},
        {"path": "/" + "p" * 100_000},
        {"headers": [("x-" + "n" * 9_000, "v" * 90_000)] * 300},
        {"started": float("inf")},
        {"started": 1e300, "ended": -1e300},
        {"client_protocol": "no_such_protocol", "output_protocol": "no_such_protocol"},
        {"request": b'{"messages": 7}', "answer": b"<html>not json</html>"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whatever_an_exchange_holds_it_has_a_row(store: MakeStore, db: Path, changes: dict[str, Any]) -> None:
    assert store().write([record(**changes)], AT_LEISURE).written == 1
    assert reader.exchange(db, "one")["id"] == "one"


@pytest.mark.parametrize(
    ("mode", "bodies", "said"), [("redacted", True, True), ("full", True, True), ("metadata", False, False)]
)
def test_the_mode_says_what_is_kept(store: MakeStore, db: Path, mode: str, bodies: bool, said: bool) -> None:
    one = record()
    store(mode=mode).write([one], AT_LEISURE)
    assert (reader.rebuild(db, "one", "client_request") == one.client_request.body) is bodies
    assert bool(reader.search(db, "hello")) is said
    row = reader.exchange(db, "one")
    assert (row["mode"], row["output"]) == (mode, 5)


def test_what_was_said_is_found_by_its_words(store: MakeStore, db: Path) -> None:
    request = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "messages": [
            {"role": "user", "content": "why does the zebra build fail?"},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t1", "name": "shell", "input": {"cmd": "ls"}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "quagga.txt"}]},
        ],
    }
    answer = stream("the okapi ", "is missing")
    store().write([record(request=json.dumps(request).encode(), answer=answer)], AT_LEISURE)
    found = {
        word: [(row["role"], row["kind"]) for row in reader.search(db, word)]
        for word in ("zebra", "shell", "quagga", '"okapi is missing"', "zeb*", "unicorn", "zebra okapi")
    }
    assert found == {
        "zebra": [("user", "text")],
        "shell": [("assistant", "tool_call")],
        "quagga": [("tool", "tool_result")],
        '"okapi is missing"': [("assistant", "text")],
        "zeb*": [("user", "text")],
        "unicorn": [],
        "zebra okapi": [],
    }


def test_text_without_spaces_between_words_is_found_too(store: MakeStore, db: Path) -> None:
    store().write([record(answer=message("我们修复了构建错误，100% 完成"))], AT_LEISURE)
    assert len(reader.search(db, "构建错误")) == 1
    assert reader.search(db, "不存在") == []


@pytest.mark.parametrize("query", ['"', "a OR", "NEAR(", "text:x", "*", "-", "a AND NOT b", "'; DROP TABLE x", "%"])
def test_no_query_is_a_syntax_error(store: MakeStore, db: Path, query: str) -> None:
    store().write([record()], AT_LEISURE)
    assert isinstance(reader.search(db, query), list)


@pytest.fixture(scope="module")
def long_conversation(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes], int]:
    """300 turns of 2 kB messages in a database: its path, the requests, and the bytes that were new."""
    db = tmp_path_factory.mktemp("long") / "audit.db"
    turns = conversation(300, 2_000)
    store = Store(db, AuditSettings())
    for number, turn in enumerate(turns):
        store.write([record(f"turn{number}", request=turn.request, answer=turn.answer, stream=True)], AT_LEISURE)
    store.close()
    return db, [turn.request for turn in turns], sum(turn.new for turn in turns)


@pytest.mark.slow
def test_a_long_conversation_takes_no_more_than_what_is_new_in_it(
    long_conversation: tuple[Path, list[bytes], int],
) -> None:
    db, requests, new = long_conversation
    sent = sum(map(len, requests))
    assert sent > 20 * new, "the requests repeat their history"
    assert db.stat().st_size < 2.5 * new


@pytest.mark.slow
def test_every_turn_of_a_long_conversation_is_rebuilt(long_conversation: tuple[Path, list[bytes], int]) -> None:
    db, requests, _ = long_conversation
    for number in range(0, 300, 7):
        assert reader.rebuild(db, f"turn{number}", "client_request") == requests[number]
        assert reader.rebuild(db, f"turn{number}", "upstream_request") == requests[number]


@pytest.mark.slow
def test_each_message_of_a_conversation_is_said_once(long_conversation: tuple[Path, list[bytes], int]) -> None:
    assert reader.stats(long_conversation[0])["messages"] == 600


def test_the_same_content_is_stored_once_whoever_sends_it(store: MakeStore, db: Path) -> None:
    turn = conversation(3, 3_000)[-1]
    one = store()
    one.write([record("a", request=turn.request)], AT_LEISURE)
    blobs = reader.stats(db)["blobs"]
    store().write([record("b", request=turn.request, conversation="other")], AT_LEISURE)
    one.write([record("c", request=turn.request)], AT_LEISURE)
    assert reader.stats(db)["blobs"] == blobs


def test_files_are_readable_by_their_owner_alone(store: MakeStore, db: Path) -> None:
    one = store()
    one.write([record()], AT_LEISURE)
    assert {path.name: path.stat().st_mode & 0o777 for path in db.parent.iterdir()} == {
        "audit.db": 0o600,
        "audit.db-wal": 0o600,
        "audit.db-shm": 0o600,
    }
    assert db.parent.stat().st_mode & 0o777 == 0o700


def test_an_existing_file_that_others_can_read_is_closed_to_them(store: MakeStore, db: Path) -> None:
    db.parent.mkdir()
    db.touch(0o644)
    db.chmod(0o644)
    store()
    assert db.stat().st_mode & 0o777 == 0o600
