"""Where the key that opens credentials is kept: in the system keyring where there is one, else in a 0600 file."""

from __future__ import annotations

import os
import tempfile
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

SERVICE = "proxycast"
FILE = "file"
_KEYRING = "keyring:"
#: Seconds that a keyring has to answer: it may ask its user for a password.
PATIENCE = 30.0


class KeyPlaceError(Exception):
    """The place cannot be asked now; the text says why."""


class KeyPlace(Protocol):
    """`record` is what state.db keeps of the choice; `name` is for people."""

    @property
    def record(self) -> str: ...
    @property
    def name(self) -> str: ...
    def read(self) -> bytes | None:
        """The key, None when it is not there. Raises KeyPlaceError."""

    def keep(self, key: bytes) -> bytes:
        """Put a new key there; the one that is there afterwards, which another process may have been first to put."""


class KeyFile:
    """A file of its owner alone."""

    record = FILE

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        return f"the key file {self.path}"

    def read(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def keep(self, key: bytes) -> bytes:
        """Under its name only when it is whole: another process may look, or be first."""
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(key)
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(name, self.path)
        finally:
            Path(name).unlink()
        return self.path.read_bytes()


class KeyInKeyring:
    """An entry of the system keyring, named by an id that belongs to one state.db."""

    def __init__(self, entry: str) -> None:
        self.entry = entry

    @property
    def record(self) -> str:
        return _KEYRING + self.entry

    @property
    def name(self) -> str:
        return f"the system keyring (service {SERVICE!r}, entry {self.entry!r})"

    def read(self) -> bytes | None:
        import keyring

        found = _patiently(lambda: keyring.get_password(SERVICE, self.entry))
        return None if found is None else found.encode("ascii", "replace")

    def keep(self, key: bytes) -> bytes:
        import keyring

        _patiently(lambda: keyring.set_password(SERVICE, self.entry, key.decode("ascii")))
        kept = self.read()
        if kept != key:
            raise KeyPlaceError("the system keyring did not keep what it was given")
        return kept

    def forget(self) -> None:
        import keyring

        with suppress(KeyPlaceError):
            _patiently(lambda: keyring.delete_password(SERVICE, self.entry))


def recorded(record: str, key_file: Path) -> KeyPlace:
    """The place that a database names; the file for one that names none."""
    return KeyInKeyring(record.removeprefix(_KEYRING)) if record.startswith(_KEYRING) else KeyFile(key_file)


def keyring_is_usable() -> bool:
    """Whether there is a real keyring: one that encrypts, not the place-holders that the package has for none.

    `PYTHON_KEYRING_BACKEND=keyring.backends.null.Keyring` (the package's own variable) turns it off."""
    try:
        import keyring

        return bool(keyring.get_keyring().priority >= 1)
    except Exception:  # any backend of any system may fail in its own way
        return False


def choose(key_file: Path, key: bytes) -> tuple[KeyPlace, bytes]:
    """A place for the first key of a database, and the key that is now there."""
    file = KeyFile(key_file)
    if file.read() is None and keyring_is_usable():
        entry = KeyInKeyring(uuid.uuid4().hex)
        with suppress(KeyPlaceError):
            return entry, entry.keep(key)
    return file, file.read() or file.keep(key)


def _patiently[T](ask: Callable[[], T]) -> T:
    """Asked in a thread, because a locked keyring may wait for its user for ever. Raises KeyPlaceError."""
    answers: list[T] = []
    faults: list[Exception] = []

    def work() -> None:
        try:
            answers.append(ask())
        except Exception as error:
            faults.append(error)

    thread = threading.Thread(target=work, name="keyring", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if answers:
        return answers[0]
    if faults:
        raise KeyPlaceError(f"the system keyring refuses ({faults[0]})") from faults[0]
    raise KeyPlaceError(f"the system keyring did not answer within {PATIENCE:g} s")
