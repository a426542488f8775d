"""Tool-call ids: one pure function for call and result, so that no state is needed (mapping.md §4)."""

from __future__ import annotations

import hashlib
import re

_USUAL = len("call_") + 24  # the substitute that every other backend takes


def fit(identifier: str, limit: int = 64) -> str:
    """`identifier` where a backend takes it (`[A-Za-z0-9_-]{1,limit}`), else a stable substitute.

    A limit too small for our usual substitutes is Mistral's: exactly so many letters and digits.
    """
    short = limit < _USUAL
    fits = re.compile(rf"[A-Za-z0-9]{{{limit}}}" if short else rf"[A-Za-z0-9_-]{{1,{limit}}}")
    if fits.fullmatch(identifier):
        return identifier
    digest = hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()
    return digest[:limit] if short else "call_" + digest[:24]


def derive(seed: str, *parts: object, prefix: str = "", length: int = 24) -> str:
    """An id made up from what is known: unique to (seed, parts), always the same: `derive(seed, 3, prefix="call_")`."""
    text = "\x1f".join([seed, *map(str, parts)])
    return prefix + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]
