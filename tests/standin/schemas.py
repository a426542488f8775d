"""JSON Schemas as the services judge them, and the smallest instance that satisfies one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]

TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
MAPS = ("properties", "$defs", "definitions", "patternProperties")
LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
SINGLES = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")

# anthropic.md section 5: strict tools and structured outputs know a subset only (the keywords that the SDK takes out).
ANTHROPIC_STRICT_REFUSED = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "contains",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "not",
    "if",
    "then",
    "else",
    "oneOf",
    "dependentRequired",
    "dependentSchemas",
]
ANTHROPIC_FORMATS = "date-time time date duration email hostname uri ipv4 ipv6 uuid".split()  # noqa: SIM905
OPENAI_STRICT_REFUSED = [
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
    "unevaluatedItems",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
]


def walk(schema: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every sub-schema with its path, the schema itself first. Names under ``properties`` are data, not keywords."""
    yield path, schema
    if not isinstance(schema, dict):
        return
    for key in MAPS:
        children = schema.get(key)
        if isinstance(children, dict):
            for name, child in children.items():
                yield from walk(child, (*path, key, name))
    for key in LISTS:
        members = schema.get(key)
        if isinstance(members, list):
            for index, child in enumerate(members):
                yield from walk(child, (*path, key, index))
    for key in SINGLES:
        if key in schema:
            yield from walk(schema[key], (*path, key))


def faults(schema: Any, *, any_case: bool = False) -> Iterator[tuple[Path, str]]:
    """What makes ``schema`` no JSON Schema at all: (where, why). ``any_case`` lets type names be upper case."""
    for path, part in walk(schema):
        if isinstance(part, bool):
            continue
        if not isinstance(part, dict):
            yield path, "a schema must be an object or a boolean"
            continue
        names = part.get("type", [])
        for name in names if isinstance(names, list) else [names]:
            if not isinstance(name, str) or (name.lower() if any_case else name) not in TYPES:
                yield (*path, "type"), f"{name!r} is not valid under any of the given schemas"
        for key in MAPS:
            if not isinstance(part.get(key, {}), dict):
                yield (*path, key), f"{part[key]!r} is not of type 'object'"
        for key in LISTS:
            if key in part and not (isinstance(part[key], list) and part[key]):
                yield (*path, key), f"{part[key]!r} should be a non-empty array"
        required = part.get("required", [])
        if not (isinstance(required, list) and all(isinstance(name, str) for name in required)):
            yield (*path, "required"), f"{required!r} is not of type 'array'"
        if "enum" in part and not (isinstance(part["enum"], list) and part["enum"]):
            yield (*path, "enum"), f"{part['enum']!r} should be a non-empty array"


def anthropic_strict_faults(schema: Any) -> Iterator[tuple[Path, str]]:
    """What ``strict: true`` and ``output_config.format`` refuse (anthropic.md section 5)."""
    for path, part in walk(schema):
        if not isinstance(part, dict):
            continue
        if part.get("type") == "object" and part.get("additionalProperties") is not False:
            yield path, "For 'object' type, 'additionalProperties' must be explicitly set to false"
        for key in ANTHROPIC_STRICT_REFUSED:
            if key in part:
                yield path, f"For '{part.get('type', 'any')}' type, property '{key}' is not supported"
        if part.get("format", "date") not in ANTHROPIC_FORMATS:
            yield path, f"For 'string' type, format '{part['format']}' is not supported"
        reference = part.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            yield path, f"External $ref '{reference}' is not supported"
        if reference is not None and "allOf" in part:
            yield path, "'allOf' combined with '$ref' is not supported"
    if is_circular(schema):
        yield (), "Circular $ref is not supported"


def openai_strict_faults(schema: Any) -> Iterator[tuple[Path, str]]:
    """What OpenAI's strict mode refuses, as (where, why)."""
    for path, part in walk(schema):
        if not isinstance(part, dict):
            continue
        if part.get("type") == "object" or "properties" in part:
            if part.get("additionalProperties") is not False:
                yield path, "'additionalProperties' is required to be supplied and to be false"
            absent = [name for name in part.get("properties", {}) if name not in part.get("required", [])]
            if absent:
                listed = "'required' is required to be supplied and to be an array including every key in properties"
                yield path, f"{listed}. Missing '{absent[0]}'"
        for key in OPENAI_STRICT_REFUSED:
            if key in part:
                yield path, f"'{key}' is not permitted"


def is_circular(schema: Any) -> bool:
    """Whether following local references from the root comes back to a definition that is still open."""

    def visit(part: Any, open_refs: tuple[str, ...]) -> bool:
        for path, child in walk(part):
            if any(step in ("$defs", "definitions") for step in path) or not isinstance(child, dict):
                continue
            reference = child.get("$ref")
            if not isinstance(reference, str):
                continue
            if reference in open_refs or visit(resolve(reference, schema), (*open_refs, reference)):
                return True
        return False

    return visit(schema, ())


def resolve(reference: str, root: Any) -> Any:
    """The part of ``root`` that a local reference names; an empty schema when there is no such part."""
    if not reference.startswith("#"):
        return {}
    part = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            part = part.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(part, dict) else {}
    return part


def instance(schema: Any, root: Any = None, depth: int = 0) -> Any:
    """A small value that satisfies ``schema`` (types in either case): required properties only, first choices."""
    root = schema if root is None else root
    if not isinstance(schema, dict) or depth > 20:
        return {}
    if "$ref" in schema:
        return instance(resolve(schema["$ref"], root), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return instance(schema[key][0], root, depth + 1)
    if schema.get("allOf"):
        return instance(merged(schema, root), root, depth + 1)
    return MAKERS[kind_of(schema)](schema, root, depth)


def merged(schema: dict[str, Any], root: Any) -> dict[str, Any]:
    result: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        part = resolve(part["$ref"], root) if "$ref" in part else part
        properties = {**result.get("properties", {}), **part.get("properties", {})}
        required = [*result.get("required", []), *part.get("required", [])]
        result = {**result, **part, "properties": properties, "required": required}
    return result


def kind_of(schema: dict[str, Any]) -> str:
    named = schema.get("type")
    named = next((name for name in named if name != "null"), "null") if isinstance(named, list) else named
    if isinstance(named, str):
        return named.lower()
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def make_object(schema: dict[str, Any], root: Any, depth: int) -> dict[str, Any]:
    properties = schema.get("properties", {})
    names = schema.get("required", list(properties) if depth == 0 else [])
    return {name: instance(properties.get(name, {"type": "string"}), root, depth + 1) for name in names}


def make_array(schema: dict[str, Any], root: Any, depth: int) -> list[Any]:
    items = schema.get("items", {"type": "string"})
    return [instance(items, root, depth + 1) for _ in range(int(schema.get("minItems", 0)))]


def make_number(schema: dict[str, Any], root: Any, depth: int) -> int | float:
    low: int | float | None = schema.get("minimum", schema.get("exclusiveMinimum"))
    high: int | float = schema.get("maximum", 1)
    if low is None:
        return min(1, high)
    return low + 1 if "exclusiveMinimum" in schema else low


def make_string(schema: dict[str, Any], root: Any, depth: int) -> str:
    text = {"date-time": "2026-01-01T00:00:00Z", "date": "2026-01-01"}.get(schema.get("format", ""), "ok")
    pattern = schema.get("pattern")
    if pattern and not re.search(pattern, text):
        text = next((guess for guess in ("a", "A", "1", "") if re.search(pattern, guess)), text)
    return text.ljust(int(schema.get("minLength", 0)), "x")


MAKERS: dict[str, Any] = {
    "object": make_object,
    "array": make_array,
    "number": make_number,
    "integer": make_number,
    "string": make_string,
    "boolean": lambda schema, root, depth: True,
    "null": lambda schema, root, depth: None,
}
