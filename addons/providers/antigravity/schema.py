"""JSON Schema as Antigravity's function declarations take it: the cleaning table of antigravity.md §6.2.

Only nodes that are schemas are touched, never example data or a property's name. What cannot be said is hinted at in
the description.
"""

from __future__ import annotations

from typing import Any

from translators.schema.nodes import as_text, guess_type, join, merge, normal, types_of, values_of
from translators.schema.references import Refs
from translators.schema.unfold import ROOT, TOO_DEEP, Unfolding

Json = dict[str, Any]

#: Constraints that become a hint.
HINTED = (
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
)
#: All that a cleaned node may have; whatever else stands there is dropped.
KEPT = ("type", "description", "nullable", "enum", "items", "properties", "required")
#: What a function without arguments asks Claude for: its mode VALIDATED refuses an object without properties.
REASON: Json = {"type": "string", "description": "Why this is called, in a few words."}
#: What a nested object gets that requires nothing.
PLACEHOLDER = "_"
_HINT_LENGTH = 160
_OTHERS = 120


def cleaned(schema: Json | None, *, claude: bool) -> Json:
    """`schema` of a function's parameters: always an object. The argument is not changed."""
    root = schema or {}
    cleaner = _Cleaner(root)
    made = cleaner.node(root, ROOT, 0)
    if made.get("type") != "object":
        made = {"type": "object", **({"description": made["description"]} if "description" in made else {})}
    made.pop("nullable", None)
    made.pop("enum", None)
    if claude:
        _fill(made, top=True)
    return {"type": "object", "properties": {}, **made} if claude else made


def _fill(node: Json, *, top: bool) -> None:
    """Claude's objects, so that VALIDATED takes them: none without properties or, inside, without a required one."""
    for child in node.get("properties", {}).values():
        _fill(child, top=False)
    if "items" in node:
        _fill(node["items"], top=False)
    if node.get("type") != "object":
        return
    properties = node.setdefault("properties", {})
    if not properties:
        properties["reason"] = dict(REASON)
        node["required"] = ["reason"]
    elif not top and not node.get("required"):
        properties.setdefault(PLACEHOLDER, {"type": "boolean"})
        node["required"] = [PLACEHOLDER]


class _Cleaner:
    def __init__(self, root: Json) -> None:
        self._unfolding = Unfolding(root)

    def node(self, schema: Any, refs: Refs, depth: int) -> Json:
        if self._unfolding.ends(depth):
            return {"type": "object", "description": TOO_DEEP}
        if not isinstance(schema, dict):  # true, or nonsense: anything goes
            return {"type": "string"}
        node, refs = self._unfolding.flat(normal(schema), refs, depth)
        description = node.get("description") if isinstance(node.get("description"), str) else None
        node, refs, others, null = self._chosen(node, refs, depth)
        types, also_null = types_of(node)
        enum, null_value = values_of(node)
        kind = "string" if enum else types[0] if types else guess_type(node)
        out: Json = {"type": kind}
        hints = [f"{name}: {as_text(node[name])}"[:_HINT_LENGTH] for name in HINTED if name in node]
        if len(types) > 1 and not enum:
            hints.append(f"or {', '.join(types[1:])}")
        hints += others
        if null or also_null or null_value or node.get("nullable") is True:
            out["nullable"] = True
        if enum:
            out["enum"] = enum
        if kind == "array":
            out["items"] = self._items(node, refs, depth)
        elif kind == "object":
            self._object(node, out, refs, depth)
        text = description or (node.get("description") if isinstance(node.get("description"), str) else "")
        if hints:
            text = join(text, f"({'; '.join(hints)})")
        if text:
            out["description"] = text
        return {name: out[name] for name in KEPT if name in out}

    def _chosen(self, node: Json, refs: Refs, depth: int) -> tuple[Json, Refs, list[str], bool]:
        """The richest branch of `anyOf`/`oneOf` merged in; → (node, references, hints at the others, null is one)."""
        branches: list[tuple[Json, Refs]] = []
        null = False
        for key in ("anyOf", "oneOf"):
            listed = node.pop(key, None)
            for branch in listed if isinstance(listed, list) else ():
                if not isinstance(branch, dict):
                    continue
                flat, own = self._unfolding.flat(normal(branch), refs, depth + 1)
                types, is_null = types_of(flat)
                if is_null and not types and "enum" not in flat:
                    null = True
                else:
                    branches.append((flat, own))
        if not branches:
            return node, refs, [], null
        best, own = max(branches, key=lambda one: _richness(one[0]))
        hints = [f"or {_told(branch)}" for branch, _ in branches if branch is not best]
        merge(node, best)
        if "anyOf" in best or "oneOf" in best:  # a choice within a choice
            node, own, more, inner_null = self._chosen(node, refs | own, depth + 1)
            return node, refs | own, hints + more, null or inner_null
        return node, refs | own, list(dict.fromkeys(hints)), null

    def _items(self, node: Json, refs: Refs, depth: int) -> Json:
        items = node.get("items")
        if isinstance(items, list) or not isinstance(items, dict):
            places = items if isinstance(items, list) else node.get("prefixItems")
            items = max((p for p in places if isinstance(p, dict)), key=_richness, default={}) if places else {}
        return self.node(items, refs, depth + 1)

    def _object(self, node: Json, out: Json, refs: Refs, depth: int) -> None:
        properties = node.get("properties")
        if not isinstance(properties, dict):
            return
        out["properties"] = {name: self.node(value, refs, depth + 1) for name, value in properties.items()}
        required = node.get("required")
        names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        names = [name for name in dict.fromkeys(names) if name in out["properties"]]
        if names:
            out["required"] = names


def _richness(schema: Json) -> int:
    """Objects say most, then lists, then what names values, then plain types."""
    if isinstance(schema.get("properties"), dict):
        return 1000 + len(schema["properties"])
    types, _ = types_of(schema)
    ranks = {"object": 500, "array": 400, "string": 2, "number": 1, "integer": 1, "boolean": 1}
    rank = max((ranks.get(kind, 0) for kind in types), default=3 if "anyOf" in schema or "oneOf" in schema else 0)
    return rank + (100 if "enum" in schema or "const" in schema else 0)


def _told(schema: Json) -> str:
    """A branch that was not taken, for the description."""
    values, _ = values_of(schema)
    types, _ = types_of(schema)
    if values:
        told = f"one of {', '.join(values)}"
    elif isinstance(schema.get("properties"), dict) and schema["properties"]:
        told = f"an object with {', '.join(schema['properties'])}"
    else:
        told = " or ".join(types) or guess_type(schema)
    return told[:_OTHERS]
