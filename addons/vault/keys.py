"""Client keys: what a client presents to the gateway. Only a SHA-256 is kept: they are random, no salt is needed."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

PREFIX = "pxc_"


@dataclass(frozen=True, slots=True)
class ClientKey:
    """`hash` is the SHA-256 of the key in hex; `profile` pins its requests to one (None = the active one)."""

    name: str
    hash: str
    profile: str | None = None
    created: float = 0.0
    enabled: bool = True


def generate() -> str:
    """A new key: 256 random bits behind a recognisable prefix."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def find(presented: str, keys: list[ClientKey]) -> ClientKey | None:
    """The enabled key that `presented` is. Every key is compared, each in constant time."""
    wanted = digest(presented)
    found = None
    for key in keys:
        if hmac.compare_digest(wanted, key.hash) and key.enabled:
            found = key
    return found
