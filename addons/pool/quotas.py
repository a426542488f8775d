"""The last seen quota of every credential, kept in `state.db` for the command to show; written off the hot path."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from addons.providers.quota import Quota
from addons.vault.private_file import keep_private

_TABLE = """
CREATE TABLE IF NOT EXISTS credential_quotas (
    name TEXT NOT NULL, model TEXT NOT NULL, counts TEXT NOT NULL, remaining REAL NOT NULL, of REAL,
    resets REAL NOT NULL, source TEXT NOT NULL, seen REAL NOT NULL, PRIMARY KEY (name, model, counts)
);
CREATE TABLE IF NOT EXISTS quota_questions (name TEXT PRIMARY KEY, asked REAL NOT NULL);
"""
#: Seconds after which a quota that was not seen again is forgotten.
KEPT = 30 * 86400.0

Seen = tuple[str, Quota]  # a credential's name, and what it was told


class QuotaBook:
    """What was seen since the last look, the newest of each limit. For one thread."""

    def __init__(self) -> None:
        self._new: dict[tuple[str, str | None, str], Quota] = {}

    def note(self, name: str, quotas: Iterable[Quota]) -> None:
        for quota in quotas:
            self._new[name, quota.model, quota.counts] = quota

    def take(self) -> list[Seen]:
        """What is new, once."""
        taken, self._new = self._new, {}
        return [(name, quota) for (name, _, _), quota in taken.items()]


class QuotaStore:
    """A connection of its own, so that another thread can write while requests go on. Raises sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        keep_private(path)
        self._db = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_TABLE)

    def save(self, seen: Sequence[Seen]) -> None:
        """Store what was seen, in one transaction; a later sighting of another gateway stays."""
        if not seen:
            return
        rows = [(n, q.model or "", q.counts, q.remaining, q.limit, q.resets, q.source, q.seen) for n, q in seen]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(
                "INSERT INTO credential_quotas VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET "
                "remaining = excluded.remaining, of = excluded.of, resets = excluded.resets, source = excluded.source, "
                "seen = excluded.seen WHERE excluded.seen >= seen",
                rows,
            )
            self._db.execute("DELETE FROM credential_quotas WHERE seen < ?", (max(r[-1] for r in rows) - KEPT,))
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def claim(self, name: str, now: float, interval: float) -> bool:
        """Whether this process is the one to ask for that credential: nobody has within `interval` seconds."""
        claimed = self._db.execute(
            "INSERT INTO quota_questions VALUES (:name, :now) ON CONFLICT DO UPDATE SET asked = excluded.asked "
            "WHERE asked <= :now - :interval OR asked > :now",
            {"name": name, "now": now, "interval": interval},
        )
        return claimed.rowcount > 0

    def load(self, name: str | None = None) -> list[Seen]:
        """The quotas of one credential or of all, by model and kind."""
        rows = self._db.execute(
            "SELECT name, counts, remaining, of, resets, model, source, seen FROM credential_quotas "
            "WHERE :name IS NULL OR name = :name ORDER BY name, model, counts",
            {"name": name},
        )
        return [
            (n, Quota(c, left, of, resets, m or None, source, seen)) for n, c, left, of, resets, m, source, seen in rows
        ]

    def forget(self, name: str) -> None:
        """A credential was removed."""
        self._db.execute("DELETE FROM credential_quotas WHERE name = ?", (name,))
        self._db.execute("DELETE FROM quota_questions WHERE name = ?", (name,))

    def close(self) -> None:
        self._db.close()
