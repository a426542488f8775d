"""What stood in a client's files before it was pointed at the gateway: in `state.db`, encrypted, since keys may be
among it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from addons.clients.known import Edit
from addons.vault.cipher import VaultError

PURPOSE = "clients"
_TABLE = (
    "CREATE TABLE IF NOT EXISTS pointed_clients "
    "(name TEXT PRIMARY KEY, key_name TEXT NOT NULL, since REAL NOT NULL, record BLOB NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class KeptFile:
    """`before` and `mode` are None for a file that was not there; `after` is the SHA-256 of what we wrote."""

    path: str
    before: str | None
    mode: int | None
    after: str


@dataclass(frozen=True, slots=True)
class Pointed:
    """A client that was pointed at the gateway: its client key's name, its files, and what was changed in them."""

    name: str
    key_name: str
    since: float
    files: tuple[KeptFile, ...]
    edits: tuple[Edit, ...]


class KeptClients:
    """A connection of its own to `state.db`. Raises sqlite3.Error."""

    def __init__(self, path: Path, cipher: Callable[[str], Fernet]) -> None:
        self._cipher = cipher
        self._db = sqlite3.connect(path, timeout=10, isolation_level=None)
        self._db.execute(_TABLE)

    def close(self) -> None:
        self._db.close()

    def key_names(self) -> dict[str, str]:
        """Who is pointed at the gateway → the name of its client key."""
        return dict(self._db.execute("SELECT name, key_name FROM pointed_clients ORDER BY name").fetchall())

    def get(self, name: str) -> Pointed | None:
        """Raises VaultError where the vault's key does not open it."""
        row = self._db.execute("SELECT key_name, since, record FROM pointed_clients WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        key_name, since, sealed = row
        try:
            record: dict[str, Any] = json.loads(self._cipher(PURPOSE).decrypt(sealed))
        except InvalidToken:
            raise VaultError(
                f"the vault's key does not open what stood in the files of {name}: restore the key that belongs to "
                f"this state.db, or mend the files by hand and say `proxycast client disconnect {name} --forget`"
            ) from None
        files = tuple(KeptFile(**file) for file in record["files"])
        edits = tuple(Edit(Path(e["file"]), tuple(e["keys"]), e["value"], e["member"]) for e in record["edits"])
        return Pointed(name, key_name, since, files, edits)

    def put(self, pointed: Pointed) -> None:
        """Raises VaultError."""
        record = {
            "files": [asdict(file) for file in pointed.files],
            "edits": [{**asdict(edit), "file": str(edit.file)} for edit in pointed.edits],
        }
        sealed = self._cipher(PURPOSE).encrypt(json.dumps(record).encode("utf-8"))
        row = (pointed.name, pointed.key_name, pointed.since, sealed)
        self._db.execute("INSERT INTO pointed_clients VALUES (?,?,?,?)", row)

    def remove(self, name: str) -> None:
        self._db.execute("DELETE FROM pointed_clients WHERE name = ?", (name,))
