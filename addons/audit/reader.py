"""Reads the audit database: single exchanges, rebuilt bodies, search. For the command line and for tests.

Every function opens the file for a short read of its own (a reader that stays holds the write-ahead log back), and
raises sqlite3.OperationalError where there is no database, NotFoundError where there is no such row.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from addons.audit.bodies import decompress
from addons.audit.schema import open_for_reading

SIDES = ("client_request", "upstream_request", "upstream_response", "delivered")

Row = dict[str, Any]

_JSON_COLUMNS = ("notes", "extra", "usage_raw", "headers")

#: Scripts without spaces between words: the index takes whole runs of them for one word, so they are searched as text.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]")


class NotFoundError(LookupError):
    """There is no such exchange or side."""


def recent(db: Path, *, limit: int = 20, errors: bool = False, **equal: str) -> list[Row]:
    """The latest exchanges, newest first, of those whose columns are `equal` (client, provider, served_model, …)."""
    with _reading(db) as connection:
        conditions, values = ["1"], []
        known = {row[1] for row in connection.execute("PRAGMA table_info(exchanges)")}
        for column, value in equal.items():
            if column not in known:
                raise NotFoundError(f"exchanges have no {column}")
            conditions.append(f"{column} = ?")
            values.append(value)
        if errors:
            conditions.append("(status >= 400 OR error_kind != '')")
        sql = f"SELECT * FROM exchanges WHERE {' AND '.join(conditions)} ORDER BY seq DESC LIMIT ?"  # noqa: S608
        return [_row(row) for row in connection.execute(sql, (*values, limit))]


def exchange(db: Path, exchange_id: str) -> Row:
    """One exchange with its `attempt_list` and `sides` (without bodies). `exchange_id` is its id or its `seq`."""
    with _reading(db) as connection:
        row = _find(connection, exchange_id)
        key = (row["seq"],)
        attempts = connection.execute("SELECT * FROM attempts WHERE exchange = ? ORDER BY number", key)
        sides = connection.execute("SELECT * FROM v_sides WHERE exchange = ? ORDER BY attempt, side", key)
        return {**_row(row), "attempt_list": [_row(one) for one in attempts], "sides": [_row(one) for one in sides]}


def rebuild(db: Path, exchange_id: str, side: str, attempt: int | None = None) -> bytes:
    """The body of one side, as it was but for redaction marks and the size cap.

    `attempt` counts from 1 and is for the upstream sides; without it, the last attempt that has that side.
    """
    with _reading(db) as connection:
        seq = _find(connection, exchange_id)["seq"]
        found = connection.execute(
            "SELECT recipe FROM sides WHERE exchange = ? AND side = ? AND (? IS NULL OR attempt = ?)"
            " ORDER BY attempt DESC LIMIT 1",
            (seq, side, attempt, attempt),
        ).fetchone()
        if found is None:
            raise NotFoundError(f"exchange {exchange_id} has no {side}")
        return b"".join(_pieces(connection, found["recipe"])) if found["recipe"] is not None else b""


def search(db: Path, query: str, *, limit: int = 20) -> list[Row]:
    """Messages that contain every word of `query`, best first; "quoted words" are a phrase, `word*` a beginning.

    Each has exchange id and `seq`, time, role, kind, text and a snippet with the words between `[` and `]`.
    """
    with _reading(db) as connection:
        columns = "e.id AS exchange, e.seq, m.time, m.conversation, m.role, m.kind, m.text, e.client, e.served_model"
        if _UNSPACED.search(query):
            escaped = re.sub(r"([%_\\])", r"\\\1", query.strip())
            sql = f"""
                SELECT {columns}, substr(m.text, max(1, instr(m.text, ?) - 30), 90) AS snippet
                FROM messages m JOIN exchanges e ON e.seq = m.exchange
                WHERE m.text LIKE ? ESCAPE '\\' ORDER BY m.id DESC LIMIT ?
            """  # noqa: S608 - only our own columns are put in
            return [_row(row) for row in connection.execute(sql, (query.strip(), f"%{escaped}%", limit))]
        expression = match_expression(query)
        if not expression:
            return []
        sql = f"""
            SELECT {columns}, snippet(messages_fts, 0, '[', ']', '…', 16) AS snippet
            FROM messages_fts JOIN messages m ON m.id = messages_fts.rowid JOIN exchanges e ON e.seq = m.exchange
            WHERE messages_fts MATCH ? ORDER BY rank LIMIT ?
        """  # noqa: S608
        return [_row(row) for row in connection.execute(sql, (expression, limit))]


def match_expression(query: str) -> str:
    """`query` as an FTS5 expression: every word quoted, so that nothing in it is taken for an operator."""
    terms = []
    for phrase, word in re.findall(r'"([^"]+)"|([^\s"]+)', query):
        if phrase:
            terms.append(f'"{phrase}"')
        elif word.strip("*"):
            terms.append(f'"{word.rstrip("*")}"' + ("*" if word.endswith("*") else ""))
    return " ".join(terms)


def stats(db: Path) -> Row:
    """Counts of rows and tokens, cost (what is known of it), sizes in bytes, first and last time."""
    with _reading(db) as connection:
        row = connection.execute(
            "SELECT count(*) AS exchanges, coalesce(sum(status >= 400), 0) AS errors, sum(input_total) AS tokens_in,"
            " sum(cache_read) AS tokens_cached, sum(output) AS tokens_out,"
            " sum(CASE WHEN subscription THEN NULL ELSE cost_usd END) AS cost_usd,"
            " sum(CASE WHEN subscription THEN cost_usd END) AS subscription_would_cost_usd,"
            " coalesce(sum(NOT cost_known), 0) AS cost_unknown,"
            " min(started) AS first, max(ended) AS last FROM exchanges"
        ).fetchone()
        stored = connection.execute("SELECT count(*), coalesce(sum(size), 0) FROM blobs").fetchone()
        bodies = connection.execute("SELECT coalesce(sum(size), 0) FROM sides").fetchone()[0]
        messages = connection.execute("SELECT count(*) FROM messages").fetchone()[0]
    files = (db, db.with_name(db.name + "-wal"))
    return {
        **dict(row),
        "messages": messages,
        "blobs": stored[0],
        "body_bytes": bodies,
        "distinct_bytes": stored[1],
        "file_bytes": sum(file.stat().st_size for file in files if file.exists()),
    }


@contextmanager
def _reading(db: Path) -> Iterator[sqlite3.Connection]:
    connection = open_for_reading(db)
    try:
        connection.execute("BEGIN")
        yield connection
    finally:
        connection.close()


def _find(connection: sqlite3.Connection, exchange_id: str) -> sqlite3.Row:
    row = connection.execute("SELECT * FROM exchanges WHERE id = ?", (exchange_id,)).fetchone()
    if row is None and exchange_id.isdecimal() and len(exchange_id) < 19:
        row = connection.execute("SELECT * FROM exchanges WHERE seq = ?", (int(exchange_id),)).fetchone()
    if row is None:
        raise NotFoundError(f"there is no exchange {exchange_id}")
    found: sqlite3.Row = row
    return found


def _pieces(connection: sqlite3.Connection, recipe: int) -> Iterator[bytes]:
    """The blobs of a recipe, in order. A stack rather than recursion: the tree is read as it is on disk."""
    sql = """
        SELECT p.child, b.encoding, b.content, b.size FROM recipe_parts p LEFT JOIN blobs b ON b.id = p.blob
        WHERE p.recipe = ? ORDER BY p.position
    """
    pending: list[Iterator[sqlite3.Row]] = [iter(connection.execute(sql, (recipe,)).fetchall())]
    while pending:
        part = next(pending[-1], None)
        if part is None:
            pending.pop()
        elif part["child"] is not None:
            pending.append(iter(connection.execute(sql, (part["child"],)).fetchall()))
        else:
            yield decompress(part["encoding"], part["content"], part["size"])


def _row(row: sqlite3.Row) -> Row:
    result: Row = dict(row)
    for name in _JSON_COLUMNS:
        if isinstance(result.get(name), str):
            try:
                result[name] = json.loads(result[name])
            except ValueError:
                continue  # cut at its limit: shown as it is
    return result
