"""References and `allOf` of a JSON Schema written out where they stand, within bounds."""

from __future__ import annotations

from typing import Any

from translators.schema.nodes import join, merge, normal
from translators.schema.references import Refs, name_of, resolve

Json = dict[str, Any]

#: Levels of nesting that are kept; deeper schemas become untyped objects.
MAX_DEPTH = 32
#: Schemas that one call may write. References are copied per use, so a small document can unfold without bound.
MAX_NODES = 5000
#: What stands where a bound is met.
TOO_DEEP = "(nested too deeply to describe)"
#: The references that lead to a document itself: followed before anything is.
ROOT: Refs = frozenset({"#", "#/"})


class Unfolding:
    """The work on one document. `conditions`: properties that only `then` or `else` names count too."""

    def __init__(self, root: Json, *, conditions: bool = False) -> None:
        self._root, self._conditions = root, conditions
        self._nodes = 0

    def ends(self, depth: int) -> bool:
        """Whether a schema at this depth may no longer be written; counts it."""
        self._nodes += 1
        return depth > MAX_DEPTH or self._nodes > MAX_NODES

    def flat(self, node: Json, refs: Refs, depth: int) -> tuple[Json, Refs]:
        """`node` with its reference, `allOf` and conditions merged in; → (a new dict, the references followed)."""
        if self.ends(depth):
            return {"type": "object"}, refs
        node = dict(node)
        reference = node.pop("$ref", None)
        if isinstance(reference, str):
            refs = self._refer(node, reference, refs, depth)
        members = node.pop("allOf", None)
        for member in members if isinstance(members, list) else ():
            if isinstance(member, dict):
                flat, own = self.flat(normal(member), refs, depth + 1)
                merge(node, flat)
                refs |= own
        for key in ("if", "then", "else"):
            member = node.pop(key, None)
            if isinstance(member, dict) and key != "if" and self._conditions:
                flat, own = self.flat(normal(member), refs, depth + 1)
                merge(node, {"properties": flat.get("properties")}, optional=True)
                refs |= own
        return node, refs

    def _refer(self, node: Json, reference: str, refs: Refs, depth: int) -> Refs:
        """What `reference` points to merged into `node`; the second time on one way only its type and name."""
        target = resolve(self._root, reference)
        if target is None or reference in refs:
            kind = target.get("type") if target is not None else None
            merge(node, {"type": kind if isinstance(kind, str) else "object"})
            node["description"] = join(node.get("description"), f"See: {name_of(reference)}")
            return refs
        flat, refs = self.flat(normal(target), refs | {reference}, depth + 1)
        merge(node, flat)
        return refs
