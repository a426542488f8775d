"""Gemini's schemas → the canonical form, which is JSON Schema with lower-case type names.

Gemini CLI puts upper-case type names even into `responseJsonSchema` (clients.md §3). The `Schema` dialect of
`parameters` and `responseSchema` is proto-JSON: snake_case names, counts as strings and
`nullable` occur (gemini.md §2).
"""

from __future__ import annotations

from typing import Any

from translators.schema.walk import rebuild

Json = dict[str, Any]

#: Levels of nesting that are read; what lies deeper is dropped (the schema allows anything there).
MAX_DEPTH = 64

TYPES = frozenset(["string", "number", "integer", "boolean", "array", "object", "null"])

_SNAKE = {
    "any_of": "anyOf",
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
    "property_ordering": "propertyOrdering",
    "additional_properties": "additionalProperties",
    "defs": "$defs",
    "ref": "$ref",
}
_COUNTS = frozenset(["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"])


def lower_types(schema: Json) -> Json:
    """`schema`, already JSON Schema, with its type names in lower case."""
    return _lower(schema, 0)


def from_openapi(schema: Json) -> Json:
    """A `Schema` object as JSON Schema."""
    return _from_openapi(schema, 0)


def _lower(schema: Json, depth: int) -> Json:
    if depth >= MAX_DEPTH:
        return {}
    out = rebuild(schema, lambda child: _lower(child, depth + 1))
    if "type" in out:
        _lower_type(out)
    return out


def _lower_type(schema: Json) -> None:
    kind = schema["type"]
    if isinstance(kind, str):
        if kind.lower() in TYPES:
            schema["type"] = kind.lower()
        elif kind == "TYPE_UNSPECIFIED":
            del schema["type"]
    elif isinstance(kind, list):
        schema["type"] = [item.lower() if isinstance(item, str) and item.lower() in TYPES else item for item in kind]


def _from_openapi(schema: Json, depth: int) -> Json:
    if depth >= MAX_DEPTH:
        return {}
    named = {_SNAKE.get(key, key): value for key, value in schema.items()}
    out = rebuild(named, lambda child: _from_openapi(child, depth + 1))
    if "type" in out:
        _lower_type(out)
    reference = out.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/defs/"):
        out["$ref"] = "#/$" + reference[2:]
    for key in _COUNTS & out.keys():
        value = out[key]
        if isinstance(value, str) and value.isascii() and value.isdigit():
            out[key] = int(value)
    if out.pop("nullable", None) is True:
        _allow_null(out)
    return out


def _allow_null(schema: Json) -> None:
    kind = schema.get("type")
    if isinstance(kind, str) and kind != "null":
        schema["type"] = [kind, "null"]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
