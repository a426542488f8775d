"""A plugin's own SQLite file, `data/plugin.db`: its statements run under an authorizer, in a thread, within limits.

SQLite itself refuses what would reach outside of the file (ATTACH, extensions) or change how it is kept (PRAGMA); the
authorizer sees every access that a statement would make, so nothing is guessed from its text.
"""

from __future__ import annotations

import asyncio
import base64
import sqlite3
import time
from pathlib import Path
from typing import Any

from addons.plugins.bridge.limits import MIB

FILE = "plugin.db"
#: Seconds a statement may run, rows and bytes it may give, bytes of one value, pages of 4 KiB in the file.
SECONDS, ROWS, BYTES, VALUE, PAGES = 5.0, 10_000, 8 * MIB, 4 * MIB, 65_536
#: SQLite instructions between two looks at the clock.
_STEP = 10_000

_READING = frozenset((sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE))
_WRITING = _READING | frozenset(
    (
        sqlite3.SQLITE_INSERT,
        sqlite3.SQLITE_UPDATE,
        sqlite3.SQLITE_DELETE,
        sqlite3.SQLITE_CREATE_TABLE,
        sqlite3.SQLITE_CREATE_INDEX,
        sqlite3.SQLITE_CREATE_VIEW,
        sqlite3.SQLITE_CREATE_TRIGGER,
        sqlite3.SQLITE_DROP_TABLE,
        sqlite3.SQLITE_DROP_INDEX,
        sqlite3.SQLITE_DROP_VIEW,
        sqlite3.SQLITE_DROP_TRIGGER,
        sqlite3.SQLITE_ALTER_TABLE,
        sqlite3.SQLITE_REINDEX,
        sqlite3.SQLITE_ANALYZE,
    )
)
_REFUSED_FUNCTIONS = frozenset(("load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"))
#: What each kind of connection may hold; attaching is refused by the limit as well.
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: VALUE,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: MIB,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
}


class DatabaseError(Exception):
    """The statement cannot be run; the text says why."""


class Database:
    """Opened when it is first needed; one statement at a time."""

    def __init__(self, folder: Path, seconds: float = SECONDS) -> None:
        self._path, self._seconds = folder / FILE, seconds
        self._db: sqlite3.Connection | None = None
        self._lock = asyncio.Lock()
        self._allowed = _READING
        self._deadline = 0.0

    async def query(self, sql: str, parameters: object) -> dict[str, Any]:
        """A statement that only reads: {columns, rows, truncated}. Raises DatabaseError."""
        async with self._lock:
            return await asyncio.to_thread(self._query, sql, _bound(parameters))

    async def execute(self, sql: str, parameters: object) -> dict[str, Any]:
        """A statement that may write, in a transaction of its own: {changes, last_id}. Raises DatabaseError."""
        async with self._lock:
            return await asyncio.to_thread(self._execute, sql, _bound(parameters))

    async def close(self) -> None:
        async with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    # -- in the thread

    def _query(self, sql: str, parameters: Any) -> dict[str, Any]:
        with _Faults():
            cursor = self._run(_READING, sql, parameters)
            rows: list[list[object]] = []
            size, truncated = 0, False
            for row in cursor:
                size += sum(_size(value) for value in row)
                if len(rows) >= ROWS or size > BYTES:
                    truncated = True
                    break
                rows.append([_shown(value) for value in row])
            columns = [column[0] for column in cursor.description or ()]
            cursor.close()
            return {"columns": columns, "rows": rows, "truncated": truncated}

    def _execute(self, sql: str, parameters: Any) -> dict[str, Any]:
        with _Faults():
            cursor = self._run(_WRITING, sql, parameters)
            changes, last = cursor.rowcount, cursor.lastrowid
            cursor.close()
            return {"changes": max(changes, 0), "last_id": last}

    def _run(self, allowed: frozenset[int], sql: str, parameters: Any) -> sqlite3.Cursor:
        db = self._opened()
        self._allowed, self._deadline = allowed, time.monotonic() + self._seconds
        return db.execute(sql, parameters)

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            db = sqlite3.connect(self._path, timeout=2, isolation_level=None, check_same_thread=False)
            self._path.chmod(0o600)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute(f"PRAGMA max_page_count={PAGES}")
            db.execute("PRAGMA trusted_schema=OFF")
            for limit, value in _LIMITS.items():
                db.setlimit(limit, value)
            db.set_authorizer(self._authorize)
            db.set_progress_handler(lambda: time.monotonic() > self._deadline, _STEP)
            self._db = db
        return self._db

    def _authorize(self, action: int, first: str | None, second: str | None, *_: object) -> int:
        if action not in self._allowed:
            return sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _REFUSED_FUNCTIONS:
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK


class _Faults:
    """Everything that SQLite or a parameter can raise becomes DatabaseError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, sqlite3.Error | sqlite3.Warning | OverflowError | TypeError | ValueError | OSError):
            text = "it took too long" if "interrupted" in str(error) else str(error)
            raise DatabaseError(text) from error


def _bound(parameters: object) -> Any:
    """A list, or an object for named places; bytes come as {"base64": …}. Raises DatabaseError."""
    if parameters is None:
        return ()
    if isinstance(parameters, list):
        return [_value(value) for value in parameters]
    if isinstance(parameters, dict):
        return {str(name): _value(value) for name, value in parameters.items()}
    raise DatabaseError("params are a list or an object")


def _value(value: object) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict) and isinstance(value.get("base64"), str):
        try:
            return base64.b64decode(value["base64"], validate=True)
        except ValueError:
            raise DatabaseError("a parameter is no base64") from None
    raise DatabaseError("a parameter is null, a number, a text, or {base64}")


def _shown(value: object) -> object:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _size(value: object) -> int:
    return len(value) if isinstance(value, str | bytes) else 8
