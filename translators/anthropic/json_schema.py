"""JSON Schema as Anthropic takes it: any object for tool input, a subset for guaranteed output (anthropic.md §5)."""

from __future__ import annotations

from typing import Any

from translators import jsonio

Json = dict[str, Any]

_COMBINATORS = ("allOf", "anyOf", "oneOf")

#: Formats that the guaranteed subset knows (SDK `lib/_parse/_transform.py`).
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"},
)
_PLAIN = ("type", "title", "description", "enum", "const", "default", "required", "$ref")
_IGNORED = frozenset({"$schema", "$id", "$comment", "examples", "deprecated", "readOnly", "writeOnly"})
_MAX_DEPTH = 64


class _InexpressibleError(ValueError):
    """The schema says something the subset has no way to say."""


def input_schema(schema: Json | None) -> Json:
    """`schema` with `type: object` at the top, as every tool needs.

    Alternatives at the top, which Anthropic refuses, are merged into one object that allows them all.
    """
    if not schema:
        return {"type": "object", "properties": {}}
    result = dict(schema)
    for word in _COMBINATORS:
        branches = result.pop(word, None)
        if isinstance(branches, list):
            _merge(result, [branch for branch in branches if isinstance(branch, dict)], every=word == "allOf")
    result["type"] = "object"
    return result


def _merge(result: Json, branches: list[Json], *, every: bool) -> None:
    """Add the branches' properties; what is required stays so if `every` branch holds, else if all branches agree."""
    properties = _properties(result)
    required: list[set[str]] = []
    for branch in branches:
        properties = {**_properties(branch), **properties}
        required.append(set(_required(branch)))
    joined = (set.union(*required) if every else set.intersection(*required)) if required else set()
    result["properties"] = properties
    names = [*dict.fromkeys([*_required(result), *sorted(joined)])]
    if names:
        result["required"] = names


def _properties(schema: Json) -> Json:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _required(schema: Json) -> list[str]:
    found = schema.get("required")
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def guaranteed(schema: Json) -> Json | None:
    """`schema` in the subset of `output_config.format` and `strict`, or None where the subset cannot say it.

    Limits such as `minimum` move into the description; objects are closed; recursion, free-form objects and references
    out of the schema cannot be said.
    """
    try:
        _check_references(schema, schema, (), set())
        return _convert(schema, 0)
    except (_InexpressibleError, RecursionError):
        return None


def _convert(schema: Any, depth: int) -> Json:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        raise _InexpressibleError
    result: Json = {}
    limits: Json = {}
    for key, value in schema.items():
        if key in _PLAIN:
            result[key] = value
        elif key in ("properties", "$defs", "definitions"):
            result[key] = {name: _convert(sub, depth + 1) for name, sub in _mapping(value).items()}
        elif key == "items":
            result[key] = _convert(value, depth + 1)
        elif key in ("anyOf", "oneOf"):
            result["anyOf"] = [_convert(sub, depth + 1) for sub in _list(value)]
        elif key == "allOf":
            if any(isinstance(sub, dict) and "$ref" in sub for sub in _list(value)):
                raise _InexpressibleError
            result[key] = [_convert(sub, depth + 1) for sub in value]
        elif (key == "format" and isinstance(value, str) and value in _FORMATS) or (
            key == "minItems" and value in (0, 1)
        ):
            result[key] = value
        elif key == "additionalProperties":
            if isinstance(value, dict):
                raise _InexpressibleError
        elif key not in _IGNORED:
            limits[key] = value
    _close(result, schema)
    if limits:
        note = jsonio.dumps_str(limits)
        description = result.get("description")
        result["description"] = f"{description}\n\n{note}" if isinstance(description, str) else note
    return result


def _mapping(value: Any) -> Json:
    if not isinstance(value, dict):
        raise _InexpressibleError
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _InexpressibleError
    return value


def _close(result: Json, schema: Json) -> None:
    kind = schema.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema:
        if not result.get("properties") and schema.get("additionalProperties") is not False:
            raise _InexpressibleError  # free-form: closed, it could only ever be empty
        result["additionalProperties"] = False


def _check_references(node: Any, root: Json, trail: tuple[str, ...], sound: set[str]) -> None:
    """Raise where a `$ref` leaves the schema or leads back to itself; `sound` are those that were followed already."""
    if len(trail) > _MAX_DEPTH:
        raise _InexpressibleError
    if isinstance(node, list):
        for item in node:
            _check_references(item, root, trail, sound)
    if not isinstance(node, dict):
        return
    reference = node.get("$ref")
    if isinstance(reference, str) and reference not in sound:
        if reference in trail or not reference.startswith("#/"):
            raise _InexpressibleError
        target: Any = root
        for step in reference[2:].split("/"):
            target = target.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(target, dict) else None
        if not isinstance(target, dict):
            raise _InexpressibleError
        _check_references(target, root, (*trail, reference), sound)
        sound.add(reference)
    for key, value in node.items():
        if key not in ("$defs", "definitions", "enum", "const", "default", "examples"):
            _check_references(value, root, trail, sound)
