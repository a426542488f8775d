"""Local `$ref`s of a JSON Schema, looked up by JSON pointer."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

Json = dict[str, Any]

#: References followed on the way to a node; meeting one again is a cycle.
Refs = frozenset[str]


def resolve(root: Json, reference: str) -> Json | None:
    """The schema that `reference` points to inside `root`; None if it points elsewhere or to nothing."""
    if reference in ("#", "#/"):
        return root
    if not reference.startswith("#"):
        return None
    if not reference.startswith("#/"):
        return _anchor(root, reference[1:])
    at: Any = root
    for step in unquote(reference[2:]).split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(at, list) and key.isascii() and key.isdigit() and int(key) < len(at):
            at = at[int(key)]
        elif isinstance(at, dict) and key in at:
            at = at[key]
        else:
            return None
    return at if isinstance(at, dict) else None


def name_of(reference: str) -> str:
    """What a reader would call the target: the last step of the pointer."""
    return reference.rstrip("/#").rpartition("/")[2] or "the whole"


def _anchor(root: Json, name: str) -> Json | None:
    for group in ("$defs", "definitions"):
        definitions = root.get(group)
        if isinstance(definitions, dict):
            for schema in definitions.values():
                if isinstance(schema, dict) and schema.get("$anchor") == name:
                    return schema
    return None
