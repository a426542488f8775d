"""Seals text under a passphrase: scrypt makes the key, Fernet encrypts and authenticates. For `proxycast export`."""

from __future__ import annotations

import base64
import json
import os

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

FORMAT = "proxycast-export-1"
#: scrypt's cost, fixed by the format: 64 MiB and some 0.2 s for each guess.
_N, _R, _P = 1 << 16, 8, 1


class SealError(Exception):
    """The passphrase is wrong, or this is no such file; the text says which."""


def seal(text: str, passphrase: str) -> str:
    """One line of JSON that only the passphrase opens. Raises SealError for an empty one."""
    if not passphrase:
        raise SealError("an empty passphrase protects nothing")
    salt = os.urandom(16)
    token = _fernet(passphrase, salt).encrypt(text.encode("utf-8"))
    return json.dumps({"format": FORMAT, "salt": base64.b64encode(salt).decode("ascii"), "data": token.decode("ascii")})


def unseal(sealed: str, passphrase: str) -> str:
    """The text again; raises SealError."""
    try:
        parsed = json.loads(sealed)
        known = parsed["format"] == FORMAT
        salt, token = base64.b64decode(parsed["salt"], validate=True), parsed["data"].encode("ascii")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SealError("this is not a file that `proxycast export` wrote") from None
    if not known:
        raise SealError(f"this file has the format {parsed['format']!r}; this version reads {FORMAT!r}")
    try:
        return _fernet(passphrase, salt).decrypt(token).decode("utf-8")
    except InvalidToken:
        raise SealError("the passphrase is wrong, or the file was changed") from None


def _fernet(passphrase: str, salt: bytes) -> Fernet:
    key = Scrypt(salt=salt, length=32, n=_N, r=_R, p=_P).derive(passphrase.encode("utf-8"))
    return Fernet(base64.urlsafe_b64encode(key))
