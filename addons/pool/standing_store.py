"""Standings kept in `state.db`: they survive a restart, and other gateways and the command see them at once."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from addons.pool.standing import Standing, State
from addons.vault.private_file import keep_private

_TABLES = """
CREATE TABLE IF NOT EXISTS credential_states (
    name TEXT NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL, cause TEXT NOT NULL,
    until REAL NOT NULL, since REAL NOT NULL, PRIMARY KEY (name, model)
);
CREATE TABLE IF NOT EXISTS notices (at REAL NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL);
"""
#: Columns that came later, in their order.
_ADDED = {"basis": "TEXT NOT NULL DEFAULT ''", "banned": "INTEGER NOT NULL DEFAULT 0"}
KEPT_NOTICES = 500


_STORE = (
    "INSERT OR REPLACE INTO credential_states (name, model, state, cause, until, since, basis, banned) "
    "VALUES (?,?,?,?,?,?,?,?)"
)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know of a credential; `at` in seconds since 1970."""

    at: float
    name: str
    text: str


class StandingStore:
    """A connection of its own, so that a busy vault never waits for it. Raises sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        keep_private(path)
        self._db = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_TABLES)
        if self._missing():
            self._db.execute("BEGIN IMMEDIATE")
            for column in self._missing():  # unless another process was first
                self._db.execute(f"ALTER TABLE credential_states ADD COLUMN {column} {_ADDED[column]}")
            self._db.execute("COMMIT")
        self._version = -1

    def _missing(self) -> list[str]:
        present = {row[1] for row in self._db.execute("PRAGMA table_info(credential_states)")}
        return [column for column in _ADDED if column not in present]

    def changed(self) -> bool:
        """Whether another process wrote to the database since the last look."""
        version = self._db.execute("PRAGMA data_version").fetchone()[0]
        changed = version != self._version
        self._version = version
        return bool(changed)

    def load(self, now: float) -> list[tuple[str, Standing]]:
        """What is stored and still holds."""
        rows = self._db.execute("SELECT name, model, state, cause, until, since, basis, banned FROM credential_states")
        found = [
            (name, Standing(State(state), cause, until, since, model or None, basis, bool(banned)))
            for name, model, state, cause, until, since, basis, banned in rows
        ]
        return [(name, s) for name, s in found if s.state is not State.COOLING or s.until > now]

    def save(self, changes: list[tuple[str, Standing]]) -> None:
        """Store the new standings and a notice for each that the user should know of, in one transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for name, standing in changes:
                key = (name, standing.model or "")
                if standing.state is State.ACTIVE:
                    self._db.execute("DELETE FROM credential_states WHERE name = ? AND model = ?", key)
                else:
                    row = (*key, standing.state.value, standing.cause, standing.until, standing.since)
                    self._db.execute(_STORE, (*row, standing.basis, standing.banned))
                text = notice_of(name, standing)
                if text:
                    self._db.execute("INSERT INTO notices VALUES (?,?,?)", (standing.since, name, text))
            self._trim()
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def _trim(self) -> None:
        self._db.execute(
            "DELETE FROM notices WHERE rowid NOT IN (SELECT rowid FROM notices ORDER BY rowid DESC LIMIT ?)",
            (KEPT_NOTICES,),
        )

    def forget(self, name: str | None = None) -> None:
        """A credential was removed or changed, or the user wants it used again; None = all of them."""
        if name is None:
            self._db.execute("DELETE FROM credential_states")
        else:
            self._db.execute("DELETE FROM credential_states WHERE name = ?", (name,))

    def add_notice(self, name: str, text: str) -> None:
        """Something that somebody else has to say of `name`."""
        self._db.execute("INSERT INTO notices VALUES (?,?,?)", (time.time(), name, text))
        self._trim()

    def notices(self, limit: int = 20) -> list[Notice]:
        """The latest first."""
        rows = self._db.execute("SELECT at, name, text FROM notices ORDER BY rowid DESC LIMIT ?", (limit,))
        return [Notice(*row) for row in rows]

    def close(self) -> None:
        self._db.close()


def notice_of(name: str, standing: Standing) -> str:
    """What the user is told of a change; "" where it is everyday (a model cools for seconds)."""
    cause = f": {standing.cause}" if standing.cause else ""
    match standing.state:
        case State.OUT_OF_SERVICE if standing.basis:
            return (
                f"{name} is out of service{cause}. Another login ends that, or `proxycast credentials enable {name}`."
            )
        case State.OUT_OF_SERVICE:
            alone = " Its provider's other accounts do not do its work, unless the profile says take_over."
            return (
                f"{name} is out of service{cause}.{alone if standing.banned else ''} "
                f"`proxycast credentials enable {name}` ends that."
            )
        case State.UNHEALTHY:
            return f"{name} is failing and is probed until it answers{cause}"
        case State.COOLING if standing.until - standing.since >= 60:
            until = time.strftime("%H:%M:%S", time.localtime(standing.until))
            what = f"{name} ({standing.model})" if standing.model else name
            return f"{what} rests until {until}{cause}"
        case State.ACTIVE if standing.model is None:
            return f"{name} is back"
        case _:
            return ""
