"""`state.db`: credentials (encrypted) and client keys (hashed). Any process may change it; readers notice at once."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from addons.vault import keyplace, keys
from addons.vault.cipher import Cipher, VaultError
from addons.vault.credential import Credential, secrets_among
from addons.vault.keys import ClientKey
from addons.vault.private_file import keep_private


class DuplicateError(Exception):
    """That name is taken."""


class NotFoundError(Exception):
    """There is nothing of that name."""


def _first_tables(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE credentials (name TEXT PRIMARY KEY, provider TEXT NOT NULL, secret BLOB, settings TEXT NOT NULL, "
        "enabled INTEGER NOT NULL, priority INTEGER NOT NULL, weight INTEGER NOT NULL, created REAL NOT NULL)"
    )
    db.execute(
        "CREATE TABLE client_keys (name TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, profile TEXT, "
        "created REAL NOT NULL, enabled INTEGER NOT NULL)"
    )


def _objects(db: sqlite3.Connection) -> None:
    """Which credential made an object that lives in one account (design.md, decision 13)."""
    db.execute("CREATE TABLE objects (id TEXT PRIMARY KEY, credential TEXT NOT NULL, created REAL NOT NULL)")


def _key_place(db: sqlite3.Connection) -> None:
    """Where the key is kept (keyplace.py): decided once, with the first secret. No row = in the file."""
    db.execute("CREATE TABLE vault (id INTEGER PRIMARY KEY CHECK (id = 1), place TEXT NOT NULL)")


def _revisions(db: sqlite3.Connection) -> None:
    """How often what this store returns was changed, by whomever: much else is written to the same file (states,
    quotas, objects), and secrets take long to open. Objects are found by age, to forget the old."""
    db.execute("CREATE TABLE revision (id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL)")
    db.execute("INSERT INTO revision VALUES (1, 0)")
    for table in ("credentials", "client_keys", "vault"):
        for change in ("INSERT", "UPDATE", "DELETE"):
            db.execute(
                f"CREATE TRIGGER {table}_{change.lower()} AFTER {change} ON {table} "  # noqa: S608
                "BEGIN UPDATE revision SET number = number + 1; END"
            )
    db.execute("CREATE INDEX objects_created ON objects (created)")


#: Applied once each, in order; `PRAGMA user_version` counts how many have been.
MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [_first_tables, _objects, _key_place, _revisions]

#: Seconds for which it is remembered who made an object, and after how many new ones the old are looked for.
OBJECTS_KEPT = 90 * 86400.0
OBJECTS_BETWEEN = 1000


class StateStore:
    """One connection to `state.db`. Reading is cached until any process changes the database.

    `fresh`: seconds during which it is not asked again whether one has; a request looks several times at once."""

    def __init__(self, path: Path, key_file: Path, fresh: float = 0.0) -> None:
        self._fresh, self._looked = fresh, 0.0
        self._key_file = key_file
        self.cipher = Cipher(keyplace.KeyFile(key_file))
        self.problems: dict[str, str] = {}  # credential name → why it cannot be opened
        self._revision = -1
        self._objects_made = 0
        self._version = -1  # SQLite's, or -1 after a change of our own, which it does not count
        self._readings = 0
        self._credentials: dict[str, Credential] = {}
        self._keys: list[ClientKey] = []
        keep_private(path)
        self._db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._migrate()

    def close(self) -> None:
        self._db.close()

    # -- reading

    @property
    def key_place(self) -> str:
        """Where the key that opens credentials is kept, for people."""
        self._follow_place()
        return self.cipher.place.name

    @property
    def credentials(self) -> dict[str, Credential]:
        """By name, in order of priority and age. One that the key does not open is left out; see `problems`."""
        self._refresh()
        return self._credentials

    @property
    def keys(self) -> list[ClientKey]:
        self._refresh()
        return self._keys

    @property
    def version(self) -> int:
        """Changes whenever what this store returns may have changed."""
        self._refresh()
        return self._readings

    def find_key(self, presented: str) -> ClientKey | None:
        return keys.find(presented, self.keys)

    def object_owner(self, object_id: str) -> str | None:
        """The name of the credential that made the object."""
        row = self._db.execute("SELECT credential FROM objects WHERE id = ?", (object_id,)).fetchone()
        return None if row is None else str(row[0])

    # -- writing

    def add_credential(self, credential: Credential) -> None:
        """Raises DuplicateError."""
        self._insert("INSERT INTO credentials VALUES (?,?,?,?,?,?,?,?)", self._row(credential), credential.name)

    def update_credential(self, credential: Credential, *, secret: bool = True) -> None:
        """Replace all but name and age; raises NotFoundError. Without `secret` the one that is kept stays: a login may
        have been renewed since `credential` was read."""
        values = {
            "provider": credential.provider,
            "settings": self._written(credential.settings),
            "enabled": credential.enabled,
            "priority": credential.priority,
            "weight": credential.weight,
        }
        if secret:
            values["secret"] = self._encrypted(credential.secret)
        columns = ", ".join(f"{name}=?" for name in values)
        self._change(f"UPDATE credentials SET {columns} WHERE name=?", (*values.values(), credential.name))  # noqa: S608

    def change_secret(self, name: str, change: Callable[[str], str | None]) -> None:
        """Replace a secret by what `change` makes of it (None: leave it), with no other change in between. Raises
        NotFoundError and VaultError."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            row = self._db.execute("SELECT secret FROM credentials WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise NotFoundError(f"there is none named {name!r}")
            self._follow_place()
            changed = change(self.cipher.decrypt(row[0]) if row[0] else "")
            if changed is not None:
                secret = self._encrypted(changed)
                self._db.execute("UPDATE credentials SET secret = ? WHERE name = ?", (secret, name))
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        self._version = -1

    def remove_credential(self, name: str) -> None:
        self._change("DELETE FROM credentials WHERE name=?", (name,))

    def add_key(self, name: str, key: str, profile: str | None = None) -> ClientKey:
        """Keep the hash of `key`; raises DuplicateError."""
        made = ClientKey(name, keys.digest(key), profile, time.time(), True)
        self._insert("INSERT INTO client_keys VALUES (?,?,?,?,?)", _key_row(made), name)
        return made

    def take_over(self, credentials: Iterable[Credential], keys: Iterable[ClientKey]) -> None:
        """Add all of them or, if something fails, none; those of the same name are replaced."""
        rows = [self._row(credential) for credential in credentials]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("INSERT OR REPLACE INTO credentials VALUES (?,?,?,?,?,?,?,?)", rows)
            self._db.executemany("INSERT OR REPLACE INTO client_keys VALUES (?,?,?,?,?)", map(_key_row, keys))
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        self._version = -1

    def remove_key(self, name: str) -> None:
        self._change("DELETE FROM client_keys WHERE name=?", (name,))

    def enable_key(self, name: str, enabled: bool) -> None:
        self._change("UPDATE client_keys SET enabled=? WHERE name=?", (enabled, name))

    def remember_object(self, object_id: str, credential: str) -> None:
        """Told with every answer that a provider keeps, so it does not wait for the disk: after a power failure the
        last may be missing. The others of this store must not be."""
        now = time.time()
        self._db.execute("PRAGMA synchronous=NORMAL")
        try:
            self._db.execute("INSERT OR REPLACE INTO objects VALUES (?,?,?)", (object_id, credential, now))
            if self._objects_made % OBJECTS_BETWEEN == 0:
                self._db.execute("DELETE FROM objects WHERE created < ?", (now - OBJECTS_KEPT,))
            self._objects_made += 1
        finally:
            self._db.execute("PRAGMA synchronous=FULL")

    # -- within

    def _row(self, credential: Credential) -> tuple[object, ...]:
        return (
            credential.name,
            credential.provider,
            self._encrypted(credential.secret),
            self._written(credential.settings),
            credential.enabled,
            credential.priority,
            credential.weight,
            credential.created or time.time(),
        )

    def _written(self, settings: dict[str, Any]) -> str:
        """Settings as JSON; encrypted, where there are secrets among them (a proxy's password, a header)."""
        text = json.dumps(settings)
        sealed = self._encrypted(text) if secrets_among(settings) else None
        return text if sealed is None else sealed.decode("ascii")

    def _read(self, settings: str) -> dict[str, Any]:
        """Raises VaultError."""
        text = settings if settings.startswith("{") else self.cipher.decrypt(settings.encode("ascii"))
        found: dict[str, Any] = json.loads(text)
        return found

    def _encrypted(self, secret: str) -> bytes | None:
        if not secret:
            return None
        self._follow_place()
        if not self._opens_what_is_kept():
            self._provide_key()
        return self.cipher.encrypt(secret)

    def _opens_what_is_kept(self) -> bool:
        """False where no secret is kept. Raises VaultError for a key that opens none of them: what another than theirs
        encrypts would be lost when theirs is restored."""
        wrong: VaultError | None = None
        for secret, settings in self._db.execute(
            "SELECT secret, settings FROM credentials WHERE secret IS NOT NULL OR settings NOT LIKE '{%'"
        ):
            try:
                self.cipher.decrypt(secret or settings.encode("ascii"))
            except VaultError as error:
                wrong = error
            else:
                return True
        if wrong is not None:
            raise wrong
        return False

    def own_cipher(self, purpose: str) -> Fernet:
        """A cipher for that purpose alone, of a key derived from the vault's. Raises VaultError."""
        self._encrypted("any text")  # sees to it that there is a key, if none was needed so far
        return self.cipher.derived(purpose)

    def _follow_place(self) -> None:
        """The cipher of the place that is on record: another process may have decided."""
        row = self._db.execute("SELECT place FROM vault").fetchone()
        record = keyplace.FILE if row is None else str(row[0])
        if record != self.cipher.place.record:
            self.cipher = Cipher(keyplace.recorded(record, self._key_file))

    def _provide_key(self) -> None:
        """No secret needs a key yet: make one unless it is there. With secrets a lost key is to be restored, and
        another in its place would hide that."""
        try:
            if self.cipher.place.read() is not None:
                return
        except keyplace.KeyPlaceError:
            pass
        place, _ = keyplace.choose(self._key_file, Fernet.generate_key())
        self._db.execute(
            "INSERT INTO vault VALUES (1, ?) ON CONFLICT DO UPDATE SET place = excluded.place WHERE place = ?",
            (place.record, self.cipher.place.record),
        )
        self.cipher = Cipher(place)
        self._follow_place()
        if isinstance(place, keyplace.KeyInKeyring) and self.cipher.place is not place:
            place.forget()  # another process was first

    def _insert(self, sql: str, row: tuple[object, ...], name: str) -> None:
        try:
            self._db.execute(sql, row)
        except sqlite3.IntegrityError:
            raise DuplicateError(f"there is already one named {name!r}") from None
        self._version = -1

    def _change(self, sql: str, row: tuple[object, ...]) -> None:
        if self._db.execute(sql, row).rowcount == 0:
            raise NotFoundError(f"there is none named {row[-1]!r}")
        self._version = -1

    def _migrate(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        done = self._db.execute("PRAGMA user_version").fetchone()[0]
        if done > len(MIGRATIONS):
            self._db.close()
            raise sqlite3.DatabaseError("state.db was made by a newer version of ProxyCast")
        for migration in MIGRATIONS[done:]:
            migration(self._db)
        self._db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        self._db.execute("COMMIT")

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._looked < self._fresh and self._version != -1:
            return
        self._looked = now
        version = self._db.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return
        revision = self._db.execute("SELECT number FROM revision").fetchone()[0]
        self._version = version
        if revision == self._revision and not self.problems:  # a key that was lost may be back
            return
        self._revision = revision
        self._readings += 1
        self._follow_place()
        self.problems = {}
        rows = self._db.execute(
            "SELECT name, provider, secret, settings, enabled, priority, weight, created FROM credentials "
            "ORDER BY priority, created"
        ).fetchall()
        credentials: dict[str, Credential] = {}
        for name, provider, secret, settings, enabled, priority, weight, created in rows:
            try:
                opened, read = self.cipher.decrypt(secret) if secret else "", self._read(settings)
            except VaultError as error:
                self.problems[name] = str(error)
                continue
            credentials[name] = Credential(name, provider, opened, read, bool(enabled), priority, weight, created)
        self._credentials = credentials
        self._keys = [
            ClientKey(name, digest, profile, created, bool(enabled))
            for name, digest, profile, created, enabled in self._db.execute(
                "SELECT name, hash, profile, created, enabled FROM client_keys ORDER BY created"
            )
        ]


def _key_row(key: ClientKey) -> tuple[object, ...]:
    return (key.name, key.hash, key.profile, key.created, key.enabled)
