"""Function declarations with cleaned schemas, and arguments without what the cleaning had to add (antigravity.md
§6.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from addons.providers.antigravity.schema import PLACEHOLDER, REASON, cleaned
from translators.canonical.names import NameMap

Json = dict[str, Any]

_SOURCES = ("parametersJsonSchema", "parameters")


@dataclass(slots=True)
class Names(NameMap):
    """`padded`: by a function's name at the backend its schema, where properties were added to please the service."""

    padded: dict[str, Json] = field(default_factory=dict)


def with_clean_schemas(tools: list[Json], names: NameMap, *, claude: bool) -> tuple[list[Json], Names]:
    """`tools` as the service takes them, and the map of their names with what was added."""
    known = Names(names.to_backend, names.to_client, names.custom, names.namespaces)
    out = []
    for tool in tools:
        declarations = tool.get("functionDeclarations")
        if isinstance(declarations, list):
            tool = {**tool, "functionDeclarations": [_declaration(one, known, claude) for one in declarations]}
        out.append(tool)
    return out, known


def _declaration(declaration: Json, names: Names, claude: bool) -> Json:
    schema = next((declaration[name] for name in _SOURCES if isinstance(declaration.get(name), dict)), None)
    out = {name: value for name, value in declaration.items() if name not in _SOURCES}
    if schema is None and not claude:  # without parameters the field is left out
        return out
    made = cleaned(schema, claude=claude)
    if not claude and not made.get("properties"):
        return out
    if claude and _is_padded(made):
        names.padded[str(declaration.get("name"))] = made
    return {**out, "parameters": made}


def unpadded(arguments: Any, schema: Json) -> Any:
    """A call's arguments without the properties that were added to `schema`."""
    if isinstance(arguments, list):
        items = schema.get("items")
        return [unpadded(item, items) for item in arguments] if isinstance(items, dict) else arguments
    properties = schema.get("properties")
    if not isinstance(arguments, dict) or not isinstance(properties, dict):
        return arguments
    added = _added(schema)
    return {
        name: unpadded(value, properties[name]) if isinstance(properties.get(name), dict) else value
        for name, value in arguments.items()
        if name != added
    }


def _added(schema: Json) -> str:
    properties, required = schema.get("properties", {}), schema.get("required")
    if properties == {"reason": REASON}:
        return "reason"
    if required == [PLACEHOLDER] and properties.get(PLACEHOLDER) == {"type": "boolean"}:
        return PLACEHOLDER
    return ""


def _is_padded(schema: Json) -> bool:
    children = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return bool(_added(schema)) or any(_is_padded(child) for child in children)
