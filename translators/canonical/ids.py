"""Tool-call ids: one pure function for call and result, so that no state is needed (mapping.md §4)."""

from __future__ import annotations

import hashlib
import re


def fit(identifier: str, limit: int = 64) -> str:
    """`identifier` where a backend takes it (`[A-Za-z0-9_-]{1,limit}`), else a stable substitute."""
    if 0 < len(identifier) <= limit and re.fullmatch(r"[A-Za-z0-9_-]+", identifier):
        return identifier
    return "call_" + hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def derive(seed: str, *parts: object, prefix: str = "", length: int = 24) -> str:
    """An id made up from what is known: unique to (seed, parts), always the same: `derive(seed, 3, prefix="call_")`."""
    text = "\x1f".join([seed, *map(str, parts)])
    return prefix + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]
