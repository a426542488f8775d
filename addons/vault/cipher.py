"""Encrypts secrets under one key (Fernet: AES-128-CBC with HMAC-SHA-256), kept where keyplace.py says."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from addons.vault.keyplace import KeyPlace, KeyPlaceError


class VaultError(Exception):
    """The key is missing or wrong. Nothing is destroyed; the text says what to do."""


class Cipher:
    """Reads the key when it is first needed."""

    def __init__(self, place: KeyPlace) -> None:
        self.place = place
        self._fernet: Fernet | None = None

    def encrypt(self, secret: str) -> bytes:
        """A token that `decrypt` opens. Raises VaultError."""
        return self._load().encrypt(secret.encode("utf-8"))

    def decrypt(self, token: bytes) -> str:
        """Raises VaultError when the key is missing or not the one that encrypted `token`."""
        known = self._fernet
        try:
            return self._load().decrypt(token).decode("utf-8")
        except InvalidToken:
            if known is not None:
                self._fernet = None  # it may have been restored since it was read
                return self.decrypt(token)
            raise VaultError(
                f"the key in {self.place.name} does not open this credential: restore the key that belongs to "
                "this state.db, or remove the credential and add it again"
            ) from None

    def derived(self, purpose: str) -> Fernet:
        """Another cipher, whose key follows from this one's and from `purpose`: who has it learns nothing of any other
        (HKDF, RFC 5869). Raises VaultError."""
        key = self._key()
        opener(key, self.place)
        made = HKDF(hashes.SHA256(), 32, salt=None, info=b"proxycast " + purpose.encode("utf-8"))
        return Fernet(base64.urlsafe_b64encode(made.derive(base64.urlsafe_b64decode(key.strip()))))

    def _load(self) -> Fernet:
        if self._fernet is None:
            self._fernet = opener(self._key(), self.place)
        return self._fernet

    def _key(self) -> bytes:
        try:
            key = self.place.read()
        except (KeyPlaceError, OSError) as error:
            raise VaultError(f"{self.place.name} cannot be read: {error}; unlock it, then try again") from error
        if key is None:
            raise VaultError(
                f"the key is missing from {self.place.name}: restore it from a backup, or remove the "
                "credentials and add them again"
            )
        return key


def opener(key: bytes, place: KeyPlace) -> Fernet:
    """Raises VaultError for what is no key."""
    try:
        return Fernet(key.strip())
    except ValueError:
        raise VaultError(f"{place.name} does not hold a key: restore it from a backup") from None
