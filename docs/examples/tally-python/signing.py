"""Tally's signature: HMAC-SHA256 over the method and the body, in hexadecimal digits."""

from __future__ import annotations

import hashlib
import hmac


def signature(key: str, method: str, body: bytes) -> str:
    return hmac.new(key.encode(), method.encode() + b"\n" + body, hashlib.sha256).hexdigest()
