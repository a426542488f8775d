"""Model overrides: what a profile or a credential asks for instead of the model that the client named."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping

#: Claude Code's model families → what their names contain (clients.md §1). `small_fast`, however it is
#: written, is the older name of haiku's role.
FAMILIES = {
    "opus": "opus",
    "sonnet": "sonnet",
    "haiku": "haiku",
    "fable": "fable",
    "small_fast": "haiku",
    "small-fast": "haiku",
}


def override(model: str, table: Mapping[str, str]) -> str | None:
    """The table's answer for `model`: an exact name, else the longest matching pattern, else its family, else
    `default`."""
    if model in table:
        return table[model]
    patterns = [key for key in table if any(c in key for c in "*?[") and fnmatch.fnmatchcase(model, key)]
    if patterns:
        return table[max(patterns, key=len)]
    lowered = model.lower()
    for family, part in FAMILIES.items():
        if family in table and part in lowered:
            return table[family]
    return table.get("default")
