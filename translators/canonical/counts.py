"""How many tokens a backend says there were: its numbers are not always whole, positive or sane."""

from __future__ import annotations

#: Nobody has used more: beyond it stands something else, an address or a mistake.
LARGEST = 10**15


def count(value: object) -> int | None:
    """A float is a whole number in disguise, a negative one means nothing (0). None for what is no count."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        return None
    return max(int(value), 0)
