"""JSON Schema as `parametersJsonSchema` and `responseJsonSchema` read it (the keyword list in gemini.md §2).

Unknown keywords are let through there, so only what would be misread is rewritten: `definitions` → `$defs`, `const` →
`enum`, `oneOf` stays (it is read as `anyOf`), and beside a `$ref` only `$…` keys may stand.
"""

from __future__ import annotations

from typing import Any

from translators.schema.lower import MAX_DEPTH, lower_types
from translators.schema.walk import rebuild

Json = dict[str, Any]


def to_json_dialect(schema: Json) -> Json:
    """`schema` for Gemini's JSON-Schema fields; the argument is not changed."""
    return _node(lower_types(schema), 0)


def _node(schema: Json, depth: int) -> Json:
    if depth >= MAX_DEPTH:
        return {}
    reference = schema.get("$ref")
    if isinstance(reference, str):
        schema = {key: value for key, value in schema.items() if key.startswith("$") or key == "definitions"}
        if reference.startswith("#/definitions/"):
            schema["$ref"] = "#/$defs/" + reference.removeprefix("#/definitions/")
    out = rebuild(schema, lambda child: _node(child, depth + 1))
    definitions = out.pop("definitions", None)
    if isinstance(definitions, dict):
        own = out.get("$defs")
        out["$defs"] = {**definitions, **own} if isinstance(own, dict) else definitions
    if "const" in out and "enum" not in out:
        value = out["const"]
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            out["enum"] = [value]
            del out["const"]
    return out
