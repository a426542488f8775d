"""Encrypts secrets under a key in a 0600 file beside the database (Fernet: AES-128-CBC with HMAC-SHA-256)."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken


class VaultError(Exception):
    """The key is missing or wrong. Nothing is destroyed; the text says what to do."""


class Cipher:
    """Reads the key file when it is first needed."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._fernet: Fernet | None = None

    def encrypt(self, secret: str, *, first: bool) -> bytes:
        """A token that `decrypt` opens. The key file is made only for the `first` secret of a database: a lost key is
        to be restored, and another in its place would hide that. Raises VaultError."""
        return self._load(create=first).encrypt(secret.encode("utf-8"))

    def decrypt(self, token: bytes) -> str:
        """Raises VaultError when the key is missing or not the one that encrypted `token`."""
        try:
            return self._load(create=False).decrypt(token).decode("utf-8")
        except InvalidToken:
            raise VaultError(
                f"the key in {self._key_file} does not open this credential: restore the key file that belongs to "
                "this state.db, or remove the credential and add it again"
            ) from None

    def _load(self, *, create: bool) -> Fernet:
        if self._fernet is None:
            try:
                key = self._key_file.read_bytes()
            except FileNotFoundError:
                if not create:
                    raise VaultError(
                        f"the key file {self._key_file} is missing: restore it from a backup, or remove the "
                        "credentials and add them again"
                    ) from None
                key = self._create()
            try:
                self._fernet = Fernet(key.strip())
            except ValueError:
                raise VaultError(f"{self._key_file} does not hold a key: restore it from a backup") from None
        return self._fernet

    def _create(self) -> bytes:
        """Under its name only when it is whole: another process may look, or be first."""
        descriptor, name = tempfile.mkstemp(dir=self._key_file.parent, prefix=f".{self._key_file.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(Fernet.generate_key())
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(name, self._key_file)
        finally:
            Path(name).unlink()
        return self._key_file.read_bytes()
