"""The random parts of a login: PKCE's verifier and challenge (RFC 7636), and `state`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets


def verifier() -> str:
    """43 characters of 32 random bytes."""
    return secrets.token_urlsafe(32)


def challenge(verifier: str) -> str:
    """S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode()


def state() -> str:
    return secrets.token_urlsafe(32)


def same(one: str, other: str) -> bool:
    """In a time that tells nothing of where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
