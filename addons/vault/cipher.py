"""Encrypts secrets under a key in a 0600 file beside the database (Fernet: AES-128-CBC with HMAC-SHA-256)."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken


class VaultError(Exception):
    """The key is missing or wrong. Nothing is destroyed; the text says what to do."""


class Cipher:
    """Made lazily: the key file is written when the first secret is stored, and never over an existing one."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._fernet: Fernet | None = None

    def encrypt(self, secret: str) -> bytes:
        return self._load(create=True).encrypt(secret.encode("utf-8"))

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
                    raise VaultError(f"the key file {self._key_file} is missing: restore it from a backup") from None
                key = self._create()
            try:
                self._fernet = Fernet(key.strip())
            except ValueError:
                raise VaultError(f"{self._key_file} does not hold a key: restore it from a backup") from None
        return self._fernet

    def _create(self) -> bytes:
        key = Fernet.generate_key()
        try:
            descriptor = os.open(self._key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another process was first
            return self._key_file.read_bytes()
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
        return key
