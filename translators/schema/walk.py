"""Which keywords of a JSON Schema hold schemas, and one step down into them.

Everything else that a schema holds is data (`enum`, `default`, a property *named* `type`), never to be touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

#: Keywords whose value is a schema.
ONE = frozenset(
    [
        "items",
        "additionalItems",
        "additionalProperties",
        "unevaluatedItems",
        "unevaluatedProperties",
        "propertyNames",
        "contains",
        "contentSchema",
        "not",
        "if",
        "then",
        "else",
    ]
)
#: Keywords whose value is a list of schemas (`items` may be one in old drafts).
LISTS = frozenset(["anyOf", "oneOf", "allOf", "prefixItems", "items"])
#: Keywords whose value maps names to schemas.
MAPS = frozenset(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"])


def rebuild(schema: Json, visit: Callable[[Json], Any]) -> Json:
    """A copy of `schema` in which `visit` has replaced each schema directly below it; data is shared."""
    out: Json = {}
    for key, value in schema.items():
        if isinstance(value, dict):
            if key in ONE:
                value = visit(value)
            elif key in MAPS:
                value = {name: visit(item) if isinstance(item, dict) else item for name, item in value.items()}
        elif isinstance(value, list) and key in LISTS:
            value = [visit(item) if isinstance(item, dict) else item for item in value]
        out[key] = value
    return out
