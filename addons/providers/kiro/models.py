"""Kiro's names of models, and what it tells of none of them: the size of a context window (kiro.md §6.2). Pure."""

from __future__ import annotations

import re

#: What clients put behind a model's name, in any order: a date, a wish to think, a wish for the long window.
_SUFFIX = re.compile(r"(-20\d{6}|-thinking|-latest|\[1m\])$", re.IGNORECASE)
_VERSIONED = re.compile(r"(claude-(?:opus|sonnet|haiku|fable)-\d+)-(\d+)")
#: Of before there was a rule.
_OLD = {
    "claude-3-7-sonnet": "CLAUDE_3_7_SONNET_20250219_V1_0",
    "claude-sonnet-4-0": "claude-sonnet-4",
}
#: §6.2: a million tokens for 4.6 and later; the others' is Claude's usual one.
_LONG = re.compile(r"claude-(?:opus|sonnet)-4\.[6-9]|claude-(?:opus|sonnet|fable)-5(?:\.\d+)?")
_LONG_WINDOW, _WINDOW = 1_000_000, 200_000


def kiro_id(model: str) -> str:
    """The service's name for a model by whatever name a client knows it: `claude-sonnet-4-5-20250929` is
    `claude-sonnet-4.5`. A name that is already the service's stays."""
    name = model.strip()
    while (shorter := _SUFFIX.sub("", name)) != name:
        name = shorter
    if name in _OLD:
        return _OLD[name]
    versioned = _VERSIONED.fullmatch(name)
    return f"{versioned[1]}.{versioned[2]}" if versioned else name


def window(model: str) -> int:
    """Tokens of the context of a model, by the service's name."""
    return _LONG_WINDOW if _LONG.fullmatch(model) else _WINDOW
