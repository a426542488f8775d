"""JSON Schema → Gemini's `Schema` dialect: a subset of OpenAPI 3.0 where an unknown name is a 400 (gemini.md §2).

For older and compatible backends; Google's own API takes JSON Schema (`json_dialect`). What the dialect cannot say is
kept as a hint in the description. Only ever applied to a schema: argument values may use the same names as keywords.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from translators.schema.nodes import (
    OWN,
    as_text,
    described,
    guess_type,
    hints_of,
    is_count,
    is_null,
    is_number,
    merge,
    normal,
    required_sets,
    types_of,
    values_of,
    without_foreign,
)
from translators.schema.references import Refs
from translators.schema.unfold import ROOT, TOO_DEEP, Unfolding

Json = dict[str, Any]

#: The formats each type may have; any other is only a hint.
_FORMATS = {
    "string": frozenset({"date-time", "enum"}),
    "number": frozenset({"float", "double"}),
    "integer": frozenset({"int32", "int64"}),
}
_NUMBERS = ("minimum", "maximum")
_COUNTS = ("minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength")


def to_openapi(schema: Json, *, parameters: bool = False) -> Json:
    """`schema` in the dialect; the argument is not changed. With `parameters` the result is always of type OBJECT."""
    return _Cleaner(schema).node(schema, ROOT, 0, parameters=parameters)


class _Cleaner:
    def __init__(self, root: Json) -> None:
        self._unfolding = Unfolding(root, conditions=True)

    def node(self, schema: Any, refs: Refs, depth: int, *, parameters: bool = False) -> Json:
        if self._unfolding.ends(depth):
            return {"type": "OBJECT", "description": TOO_DEEP}
        if not isinstance(schema, dict):  # true, or nonsense: anything goes
            return {"type": "STRING"}
        node, refs = self._unfolding.flat(normal(schema), refs, depth)
        hints = hints_of(node)
        nullable = node.get("nullable") is True
        branches, null = self._branches(node, refs, depth)
        nullable = nullable or null
        while len(branches) == 1:  # no choice at all, but perhaps another one inside
            refs |= branches[0][1]
            merge(node, branches[0][0])
            branches, null = self._branches(node, refs, depth)
            nullable = nullable or null
        if branches:
            if "properties" not in node and not parameters:
                return self._any_of(node, branches, refs, depth, nullable, hints)
            # The dialect refuses anyOf beside properties: offer the properties of all alternatives, none required.
            for branch, own in branches:
                refs |= own
                merge(node, branch, optional=True)
            if wants := required_sets(branches):
                hints.append(f"at least: {' or '.join(wants)}")
        if parameters:
            return self._of_type(node, "object", [], refs, depth, False, hints)
        types, null = types_of(node)
        nullable = nullable or null
        values, null = values_of(node)
        nullable = nullable or null
        if len(types) > 1 and not values:
            split = [({**without_foreign(node, kind), "type": kind}, refs) for kind in types]
            return self._any_of(node, split, refs, depth, nullable, hints)
        if is_null(node):
            return _ordered({"type": "NULL", "description": described(node, hints)})
        kind = "string" if values else types[0] if types else guess_type(node)
        return self._of_type(node, kind, values, refs, depth, nullable, hints)

    def _of_type(
        self, node: Json, kind: str, values: list[str], refs: Refs, depth: int, nullable: bool, hints: list[str]
    ) -> Json:
        out: Json = {"type": kind.upper()}
        form = node.get("format")
        if isinstance(form, str) and not values:
            if form in _FORMATS.get(kind, ()):
                out["format"] = form
            else:
                hints.append(f"format: {form}")
        if isinstance(node.get("title"), str):
            out["title"] = node["title"]
        if nullable:
            out["nullable"] = True
        if values:
            out["enum"] = values
        for key in ("default", "example"):
            if key in node:
                out[key] = node[key]
        if values and "default" in out and not isinstance(out["default"], str):
            out["default"] = as_text(out["default"])
        if kind in ("number", "integer"):
            out.update({key: node[key] for key in _NUMBERS if is_number(node.get(key))})
        if kind == "string" and not values and isinstance(node.get("pattern"), str):
            out["pattern"] = node["pattern"]
        out.update(
            {key: node[key] for key in _COUNTS if key in OWN.get(kind, ()) and is_count(node.get(key)) and not values}
        )
        if kind == "array":
            out["items"] = self._items(node, refs, depth)
        elif kind == "object":
            self._object(node, out, refs, depth)
        out["description"] = described(node, hints)
        return _ordered(out)

    def _items(self, node: Json, refs: Refs, depth: int) -> Json:
        items = node.get("items")
        places = node.get("prefixItems")
        if not isinstance(places, list):
            places = items if isinstance(items, list) else []
        if isinstance(items, dict) and not places:
            return self.node(items, refs, depth + 1)
        cleaned = _distinct(self.node(place, refs, depth + 2) for place in places)
        if len(cleaned) == 1:
            return cleaned[0]
        return {"anyOf": cleaned} if cleaned else {"type": "STRING"}

    def _object(self, node: Json, out: Json, refs: Refs, depth: int) -> None:
        properties = node.get("properties")
        if not isinstance(properties, dict):
            return
        cleaned = {name: self.node(value, refs, depth + 1) for name, value in properties.items()}
        if not cleaned:
            return
        out["properties"] = cleaned
        required = node.get("required")
        names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        # Sloppy servers mark the property itself as required, as OpenAPI does for parameters.
        names += [
            name for name, value in properties.items() if isinstance(value, dict) and value.get("required") is True
        ]
        names = [name for name in dict.fromkeys(names) if name in cleaned]
        if names:
            out["required"] = names
        order = node.get("propertyOrdering")
        if isinstance(order, list) and all(isinstance(name, str) and name in cleaned for name in order):
            out["propertyOrdering"] = order

    def _any_of(
        self, node: Json, branches: list[tuple[Json, Refs]], refs: Refs, depth: int, nullable: bool, hints: list[str]
    ) -> Json:
        types, _ = types_of(node)
        cleaned = []
        for branch, own in branches:
            if "type" not in branch and len(types) == 1:
                branch = {**branch, "type": types[0]}
            cleaned.append(self.node(branch, refs | own, depth + 1))
        cleaned = _distinct(cleaned)
        out: Json = cleaned[0] if len(cleaned) == 1 else {"anyOf": cleaned}
        if isinstance(node.get("title"), str):
            out["title"] = node["title"]
        if nullable:
            out["nullable"] = True
        out["description"] = described(node, hints) or out.get("description")
        return _ordered(out)

    def _branches(self, node: Json, refs: Refs, depth: int) -> tuple[list[tuple[Json, Refs]], bool]:
        """The real alternatives of `anyOf`/`oneOf`, flattened, and whether null was one; both are taken out."""
        raw: list[Any] = []
        for key in ("anyOf", "oneOf"):
            value = node.pop(key, None)
            if isinstance(value, list) and not raw:
                raw = [item for item in value if isinstance(item, dict)]
        out = []
        nullable = False
        for item in raw:
            flat, own = self._unfolding.flat(normal(item), refs, depth + 1)
            if is_null(flat):
                nullable = True
            else:
                out.append((flat, own))
        return out, nullable


def _distinct(schemas: Iterable[Json]) -> list[Json]:
    out: list[Json] = []
    for schema in schemas:
        if schema not in out:
            out.append(schema)
    return out


_ORDER = [
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "default",
    "example",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "items",
    "minItems",
    "maxItems",
    "properties",
    "required",
    "propertyOrdering",
    "minProperties",
    "maxProperties",
    "anyOf",
]


def _ordered(schema: Json) -> Json:
    """Only names of the dialect, always in the same order; None counts as absent."""
    return {key: schema[key] for key in _ORDER if schema.get(key) is not None}
