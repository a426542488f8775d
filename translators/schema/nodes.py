"""Reading one schema node leniently: its types, values, hints, and merging two into one (for `openapi`)."""

from __future__ import annotations

from typing import Any

from translators import jsonio
from translators.schema.references import Refs

Json = dict[str, Any]

_ALIASES = {
    "str": "string",
    "text": "string",
    "int": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
    "map": "object",
}
_TYPES = frozenset(["string", "number", "integer", "boolean", "array", "object"])

#: The keywords of the dialect that belong to one type, and by whose presence a missing type is guessed, in this order.
OWN = {
    "object": ("properties", "required", "minProperties", "maxProperties", "propertyOrdering", "additionalProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"),
    "string": ("pattern", "minLength", "maxLength"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
#: Constraints that the dialect has no word for but a model can obey when told.
_HINTS = (
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "not",
)
_HINT_LENGTH = 160

#: Keywords under which a mapping is legal, so that their presence shows a real schema and no bare map of properties.
_STRUCTURE = frozenset(
    [
        "properties",
        "items",
        "anyOf",
        "oneOf",
        "allOf",
        "not",
        "if",
        "then",
        "else",
        "additionalProperties",
        "patternProperties",
        "$defs",
        "definitions",
        "$ref",
        "enum",
        "const",
        "dependentSchemas",
        "propertyNames",
        "contains",
    ]
)
_SCHEMA_SIGNS = ("type", "$ref", "anyOf", "oneOf", "enum", "properties", "description")


def normal(schema: Json) -> Json:
    """A bare map of properties, as sloppy servers send it, as an object; any other schema as it is."""
    if not schema or schema.keys() & _STRUCTURE:
        return schema
    if all(isinstance(value, dict) and any(sign in value for sign in _SCHEMA_SIGNS) for value in schema.values()):
        return {"type": "object", "properties": schema}
    return schema


def merge(into: Json, other: Json, *, optional: bool = False) -> None:
    """Add what `other` says to `into`, which wins; `optional`: without making anything required."""
    for key, value in other.items():
        own = into.get(key)
        if key == "properties":
            if isinstance(value, dict):
                mine = own if isinstance(own, dict) else {}
                into[key] = {**mine, **{name: item for name, item in value.items() if name not in mine}}
        elif key == "required":
            if not optional and isinstance(value, list):
                into[key] = [*own, *value] if isinstance(own, list) else value
        elif own is None:
            into[key] = value


def types_of(node: Json) -> tuple[list[str], bool]:
    """The real types that `type` names, in lower case, and whether null is one."""
    raw = node.get("type")
    names = [item.lower() for item in (raw if isinstance(raw, list) else [raw]) if isinstance(item, str)]
    names = [_ALIASES.get(name, name) for name in names]
    return [name for name in dict.fromkeys(names) if name in _TYPES], "null" in names


def values_of(node: Json) -> tuple[list[str], bool]:
    """The values of `enum` or `const` as texts, and whether null is one."""
    raw = node.get("enum")
    if not isinstance(raw, list):
        raw = [node["const"]] if "const" in node else []
    texts = [as_text(value) for value in raw if value is not None]
    return [text for text in dict.fromkeys(texts) if text], None in raw


def is_null(node: Json) -> bool:
    types, null = types_of(node)
    values, null_value = values_of(node)
    return not types and not values and (null or null_value)


def guess_type(node: Json) -> str:
    for kind, keys in OWN.items():
        if any(key in node for key in keys):
            return kind
    return "string"


def without_foreign(node: Json, kind: str) -> Json:
    """What of `node` concerns values of type `kind`; the words about all of them stay with the whole."""
    family = "number" if kind == "integer" else kind
    foreign = {key for name, keys in OWN.items() if name != family for key in keys}
    return {key: value for key, value in node.items() if key not in foreign | {"title", "description", "default"}}


def required_sets(branches: list[tuple[Json, Refs]]) -> list[str]:
    """For alternatives that only say what is required: each set of names."""
    if len(branches) < 2 or not all(isinstance(branch.get("required"), list) for branch, _ in branches):
        return []
    return ["+".join(map(str, branch["required"])) for branch, _ in branches]


def hints_of(node: Json) -> list[str]:
    out = [f"{key}: {as_text(node[key])}"[:_HINT_LENGTH] for key in _HINTS if key in node]
    extra = node.get("additionalProperties")
    if isinstance(extra, dict) and extra and not node.get("properties"):
        out.append(f"values: {as_text(extra)}"[:_HINT_LENGTH])
    return out


def described(node: Json, hints: list[str]) -> str | None:
    text = node.get("description")
    text = text if isinstance(text, str) and text else None
    return join(text, f"({'; '.join(hints)})") if hints else text


def join(text: Any, more: str) -> str:
    return f"{text} {more}" if isinstance(text, str) and text else more


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else jsonio.dumps_str(value)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
