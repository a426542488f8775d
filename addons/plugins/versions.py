"""Compares versions such as `1.2`, `v1.10.0` and `2.0.0-beta.1`: numbers as such, a pre-release before its release."""

from __future__ import annotations

import re
from importlib import metadata

_PARTS = re.compile(r"v?(\d+(?:\.\d+)*)(.*)", re.DOTALL)

type Key = tuple[tuple[int, ...], bool, tuple[tuple[int, int | str], ...]]


def key(version: str) -> Key:
    """What versions are sorted by; one that begins with no number comes before all others."""
    found = _PARTS.match(version.strip())
    if found is None:
        return (), False, ((1, version.strip()),)
    numbers = [int(part) for part in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    suffix = found[2].partition("+")[0].strip("-._")
    words = re.findall(r"\d+|[a-zA-Z]+", suffix)
    return tuple(numbers), not suffix, tuple((0, int(w)) if w.isdigit() else (1, w) for w in words)


def newer(version: str, than: str) -> bool:
    return key(version) > key(than)


def own() -> str:
    """ProxyCast's."""
    return metadata.version("proxycast")
