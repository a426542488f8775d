"""Keeps the database within its limits of age, rows and size: in small steps between batches, and the file shrinks.

A large delete at once would keep every writer out for its length (field.md §3.8, case 93); a step takes a few hundred
exchanges, what only they used, and then gives free pages back to the file system.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from addons.audit.settings import AuditSettings

_DAY = 86_400.0

#: Once over its size the file is brought down to this share of it, so that not every batch deletes.
_TARGET = 0.95

#: Free pages given back in one step: 4 MB.
_VACUUM_PAGES = 1_024

#: One page in so many may stay free.
_SLACK = 50

#: Rows looked at in one step of the search for content that nothing refers to any more.
_SWEEP = 500

#: Seconds between two truncations of the write-ahead log.
_CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """Whether something was deleted, and whether there is `more` to do at once."""

    deleted: bool = False
    more: bool = False


class Retention:
    """Call `step` between batches. Raises sqlite3.Error, having changed nothing then."""

    def __init__(self, connection: sqlite3.Connection, settings: AuditSettings) -> None:
        self._connection = connection
        self._settings = settings
        self._shrinking = False
        self._busy = False
        self._swept = 0
        self._checkpoint = time.monotonic()

    def step(self, now: float) -> Step:
        """`now` in seconds since 1970."""
        doomed = self._doomed(now)
        if doomed:
            delete(self._connection, doomed)
        deleted = bool(doomed) or self._sweep()
        more = vacuum_step(self._connection) or bool(doomed)
        ended_burst = self._busy and not more
        if ended_burst or time.monotonic() - self._checkpoint > _CHECKPOINT_SECONDS:
            checkpoint(self._connection)
            self._checkpoint = time.monotonic()
        self._busy = more
        return Step(deleted, more)

    def _doomed(self, now: float) -> list[int]:
        """The next exchanges to go, oldest first."""
        settings, step = self._settings, self._settings.retention_step
        if settings.max_age_days > 0:
            horizon = now - settings.max_age_days * _DAY
            # what was imported is old by nature and was wanted: only rows and size end it
            sql = "SELECT seq FROM exchanges WHERE started < ? AND origin <> 'imported' ORDER BY started LIMIT ?"
            if found := _column(self._connection, sql, horizon, step):
                return found
        excess = 0
        if settings.max_rows > 0:
            rows = self._connection.execute("SELECT count(*) FROM exchanges").fetchone()[0]
            excess = max(0, rows - settings.max_rows)
        if settings.max_bytes > 0:
            used = used_bytes(self._connection)
            self._shrinking = used > settings.max_bytes * (_TARGET if self._shrinking else 1.0)
            if self._shrinking:
                excess = max(excess, step)
        if not excess:
            return []
        return _column(self._connection, "SELECT seq FROM exchanges ORDER BY seq LIMIT ?", min(excess, step))

    def _sweep(self) -> bool:
        """Look through the next blobs and recipes for orphans, such as a failed record leaves behind; True if found."""
        sql = """
            SELECT id FROM recipes r WHERE id > ? AND id <= ? AND NOT EXISTS (SELECT 1 FROM sides WHERE recipe = r.id)
            AND NOT EXISTS (SELECT 1 FROM recipe_parts WHERE child = r.id)
        """
        blobs = """
            SELECT id FROM blobs b WHERE id > ? AND id <= ?
            AND NOT EXISTS (SELECT 1 FROM recipe_parts WHERE blob = b.id)
        """
        window = (self._swept, self._swept + _SWEEP)
        highest = self._connection.execute(
            "SELECT max(coalesce((SELECT max(id) FROM recipes), 0), coalesce((SELECT max(id) FROM blobs), 0))"
        ).fetchone()[0]
        self._swept = window[1] if window[1] < highest else 0
        unused = "DELETE FROM header_sets WHERE NOT EXISTS (SELECT 1 FROM sides WHERE header_set = header_sets.id)"
        dropped = self._connection.execute(unused).rowcount if not self._swept else 0
        recipes, lost = (_column(self._connection, text, *window) for text in (sql, blobs))
        if recipes or lost:
            with _Transaction(self._connection):
                collect(self._connection, recipes)
                self._connection.executemany("DELETE FROM blobs WHERE id = ?", [(id_,) for id_ in lost])
        return bool(recipes or lost or dropped)


def delete(connection: sqlite3.Connection, exchanges: list[int]) -> None:
    """Delete these exchanges (by `seq`) with all that only they used, in one transaction. Raises sqlite3.Error."""
    keys = [(seq,) for seq in exchanges]
    with _Transaction(connection):
        recipes: set[int] = set()
        for key in keys:
            rows = connection.execute("SELECT recipe FROM sides WHERE exchange = ? AND recipe IS NOT NULL", key)
            recipes.update(row[0] for row in rows)
        connection.executemany("DELETE FROM sides WHERE exchange = ?", keys)
        connection.executemany("DELETE FROM attempts WHERE exchange = ?", keys)
        _let_go_of_messages(connection, exchanges)
        connection.executemany("DELETE FROM exchanges WHERE seq = ?", keys)
        collect(connection, recipes)


def collect(connection: sqlite3.Connection, recipes: Iterable[int]) -> None:
    """Delete those of `recipes` that nothing refers to any more, and what only they referred to."""
    pending = list(recipes)
    blobs: set[int] = set()
    used = """
        SELECT EXISTS (SELECT 1 FROM sides WHERE recipe = :id) OR EXISTS (SELECT 1 FROM recipe_parts WHERE child = :id)
    """
    while pending:
        recipe = pending.pop()
        if connection.execute(used, {"id": recipe}).fetchone()[0]:
            continue
        for blob, child in connection.execute("SELECT blob, child FROM recipe_parts WHERE recipe = ?", (recipe,)):
            if blob is not None:
                blobs.add(blob)
            else:
                pending.append(child)
        connection.execute("DELETE FROM recipe_parts WHERE recipe = ?", (recipe,))
        connection.execute("DELETE FROM recipes WHERE id = ?", (recipe,))
    connection.executemany(
        "DELETE FROM blobs WHERE id = :id AND NOT EXISTS (SELECT 1 FROM recipe_parts WHERE blob = :id)",
        [{"id": blob} for blob in blobs],
    )


def purge(connection: sqlite3.Connection, before: float) -> int:
    """Delete all that began before that time (seconds since 1970), without a trace in the file; how many they were.

    In steps, so that the gateway's writer gets its turn between them. Raises sqlite3.Error.
    """
    count = 0
    sql = "SELECT seq FROM exchanges WHERE started < ? ORDER BY started LIMIT 200"
    while found := _column(connection, sql, before):
        delete(connection, found)
        count += len(found)
    # Deleted words stay in the search index until its segments are merged.
    connection.execute("INSERT INTO messages_fts (messages_fts) VALUES ('optimize')")
    while vacuum_step(connection):
        pass
    checkpoint(connection)
    return count


def used_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something (without free pages and the write-ahead log)."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def vacuum_step(connection: sqlite3.Connection, pages: int = _VACUUM_PAGES) -> bool:
    """Give up to `pages` free pages back, but for a few that the next rows will use; True when there are more."""
    total, free = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count"))
    spare = free - total // _SLACK
    if spare <= 0:
        return False
    # Each row of the pragma is one freed page: it works only as far as it is read.
    connection.execute(f"PRAGMA incremental_vacuum({min(pages, spare)})").fetchall()
    return spare > pages


def checkpoint(connection: sqlite3.Connection) -> None:
    """Move the write-ahead log into the file and truncate it, unless a reader holds it: then the next time."""
    patience = int(connection.execute("PRAGMA busy_timeout").fetchone()[0])
    connection.execute("PRAGMA busy_timeout = 50")
    try:
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience}")


def _let_go_of_messages(connection: sqlite3.Connection, exchanges: list[int]) -> None:
    """Messages first said in a deleted exchange go over to the next of their conversation, whose history has them."""
    last = max(exchanges)
    for seq in exchanges:
        conversations = connection.execute("SELECT DISTINCT conversation FROM messages WHERE exchange = ?", (seq,))
        for (conversation,) in conversations.fetchall():
            heir = None
            if conversation:
                sql = "SELECT min(seq) FROM exchanges WHERE conversation = ? AND conversation != '' AND seq > ?"
                heir = connection.execute(sql, (conversation, last)).fetchone()[0]
            if heir is None:
                connection.execute("DELETE FROM messages WHERE exchange = ? AND conversation = ?", (seq, conversation))
            else:
                connection.execute(
                    "UPDATE messages SET exchange = ? WHERE exchange = ? AND conversation = ?",
                    (heir, seq, conversation),
                )


def _column(connection: sqlite3.Connection, sql: str, *values: float) -> list[int]:
    return [int(row[0]) for row in connection.execute(sql, values)]


class _Transaction:
    """BEGIN IMMEDIATE … COMMIT, rolled back on an exception."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
        elif self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
