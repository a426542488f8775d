"""Issues and recognises the services' opaque tokens: thinking signatures, encrypted reasoning, thought signatures.

A token is a keyed hash over what it belongs to, so that any stand-in of the same account can tell its own tokens from
foreign and edited ones without keeping state.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

MAGIC = b"standin:"
MAC_LENGTH = 16


def digest(value: Any) -> str:
    """A short hash of a JSON value that does not depend on key order or spacing."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def mac(account: str, kind: str, claims: bytes) -> bytes:
    key = hashlib.sha256(f"stand-in of {account}".encode()).digest()
    return hmac.new(key, kind.encode() + b"\0" + claims, hashlib.sha256).digest()[:MAC_LENGTH]


def seal(account: str, kind: str, **claims: Any) -> str:
    """A base64 token for ``claims``; ``kind`` says where it may stand, for example ``anthropic.thinking``."""
    data = json.dumps(claims, sort_keys=True).encode()
    return base64.b64encode(MAGIC + mac(account, kind, data) + data).decode()


def unseal(account: str, kind: str, token: str) -> dict[str, Any] | None:
    """The claims of a token that :func:`seal` made for this account and kind, else None (URL-safe base64 is fine)."""
    try:
        padded = token.replace("-", "+").replace("_", "/")
        raw = base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    body = raw.removeprefix(MAGIC)
    tag, data = body[:MAC_LENGTH], body[MAC_LENGTH:]
    if body == raw or not hmac.compare_digest(tag, mac(account, kind, data)):
        return None
    claims: dict[str, Any] = json.loads(data)
    return claims
