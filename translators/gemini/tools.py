"""`tools` and `toolConfig`, both ways."""

from __future__ import annotations

from typing import Any

from translators.canonical.errors import TranslationError
from translators.canonical.request import ChoiceMode, Tool, ToolChoice, ToolKind
from translators.canonical.target import Target
from translators.gemini import wire
from translators.gemini.wire import PROTOCOL_ID, get
from translators.schema.json_dialect import to_json_dialect
from translators.schema.lower import from_openapi, lower_types
from translators.schema.openapi import to_openapi

Json = dict[str, Any]

#: Tools that Gemini executes itself → what they do, in the words all protocols share.
_CONCEPTS = {
    "googleSearch": "web_search",
    "googleSearchRetrieval": "web_search",
    "enterpriseWebSearch": "web_search",
    "parallelAiSearch": "web_search",
    "exaAiSearch": "web_search",
    "urlContext": "web_fetch",
    "codeExecution": "code_execution",
    "computerUse": "computer_use",
    "fileSearch": "file_search",
    "googleMaps": "maps",
    "retrieval": "retrieval",
    "mcpServers": "mcp",
}
#: Of each concept the tool that is offered for another protocol's.
_OFFERED = {"web_search": "googleSearch", "web_fetch": "urlContext", "code_execution": "codeExecution"}

#: Keywords of a parameters schema that say nothing when there are no properties.
_EMPTY_SCHEMA = frozenset({"type", "properties", "required", "additionalProperties", "$schema", "title", "description"})


# -- from a client


def decode_tools(tools: list[Any]) -> list[Tool]:
    out: list[Tool] = []
    for entry in tools:
        if not isinstance(entry, dict):
            raise wire.invalid("tools", "TYPE_MESSAGE")
        for key, value in entry.items():
            name = wire.camel(key)
            if name == "functionDeclarations":
                declarations = wire.items(entry, "functionDeclarations", "tools.function_declarations")
                out.extend(_function(declaration) for declaration in declarations)
            elif value is not None:
                out.append(
                    Tool(
                        wire.snake(name),
                        kind=ToolKind.SERVER,
                        origin=PROTOCOL_ID,
                        concept=_CONCEPTS.get(name),
                        raw={name: value},
                    )
                )
    return out


def _function(declaration: Any) -> Tool:
    if not isinstance(declaration, dict):
        raise wire.invalid("tools.function_declarations", "TYPE_MESSAGE")
    name = wire.text(declaration, "name", "function_declarations.name")
    if not name:
        raise TranslationError("function_declarations.name: Name cannot be empty.", param="tools")
    schema = wire.mapping(declaration, "parametersJsonSchema", "function_declarations.parameters_json_schema")
    if schema is not None:
        schema = lower_types(schema)
    else:
        schema = wire.mapping(declaration, "parameters", "function_declarations.parameters")
        if schema is not None:
            schema = from_openapi(schema)
    return Tool(name, wire.text(declaration, "description"), schema)


def decode_choice(config: Json | None) -> ToolChoice | None:
    calling = wire.mapping(config, "functionCallingConfig") if config is not None else None
    if calling is None:
        return None
    mode = (wire.text(calling, "mode") or "").upper()
    allowed = [name for name in wire.items(calling, "allowedFunctionNames") if isinstance(name, str)] or None
    match mode:
        case "ANY" if allowed is not None and len(allowed) == 1:
            return ToolChoice(ChoiceMode.NAMED, allowed[0])
        case "ANY":
            return ToolChoice(ChoiceMode.REQUIRED, allowed=allowed)
        case "NONE":
            return ToolChoice(ChoiceMode.NONE)
        case "AUTO" | "VALIDATED":
            return ToolChoice(ChoiceMode.AUTO, allowed=allowed)
        case "" | "MODE_UNSPECIFIED":
            return None
    raise wire.invalid("tool_config.function_calling_config.mode", "TYPE_ENUM")


def own_tool_config(config: Json | None) -> Json:
    """What of `toolConfig` only Gemini understands, to be sent to it again."""
    if config is None:
        return {}
    out = {wire.camel(key): value for key, value in config.items() if wire.camel(key) != "functionCallingConfig"}
    calling = get(config, "functionCallingConfig")
    if isinstance(calling, dict):
        own = {
            wire.camel(key): value
            for key, value in calling.items()
            if wire.camel(key) not in ("mode", "allowedFunctionNames")
        }
        if str(calling.get("mode", "")).upper() == "VALIDATED":
            own["mode"] = "VALIDATED"
        if own:
            out["functionCallingConfig"] = own
    return out


# -- to a backend


def encode_tools(tools: list[Tool], target: Target) -> list[Json]:
    """One entry for all functions, then one for each tool that the backend executes."""
    declarations = [_declaration(tool, target) for tool in tools if tool.kind is not ToolKind.SERVER]
    out: list[Json] = [{"functionDeclarations": declarations}] if declarations else []
    for tool in tools:
        if tool.kind is ToolKind.SERVER:
            entry = _server_tool(tool)
            if entry is not None and entry not in out:
                out.append(entry)
    return out


def _declaration(tool: Tool, target: Target) -> Json:
    out: Json = {"name": tool.name}
    if tool.description:
        out["description"] = tool.description
    schema = tool.schema
    if schema and not _takes_nothing(schema):  # without parameters both fields are left out
        if target.schema_dialect == "openapi":
            out["parameters"] = to_openapi(schema, parameters=True)
        else:
            out["parametersJsonSchema"] = {"type": "object", **to_json_dialect(schema)}
    return out


def _takes_nothing(schema: Json) -> bool:
    return (
        not schema.get("properties")
        and not schema.keys() - _EMPTY_SCHEMA
        and not isinstance(schema.get("additionalProperties"), dict)
    )


def _server_tool(tool: Tool) -> Json | None:
    if tool.origin == PROTOCOL_ID:
        return tool.raw
    name = _OFFERED.get(tool.concept or "")
    return {name: {}} if name else None


def encode_choice(choice: ToolChoice | None) -> Json | None:
    """→ `functionCallingConfig`. A free choice among some is VALIDATED: AUTO does not take names."""
    if choice is None:
        return None
    match choice.mode:
        case ChoiceMode.NAMED:
            return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
        case ChoiceMode.REQUIRED:
            out: Json = {"mode": "ANY"}
        case ChoiceMode.NONE:
            return {"mode": "NONE"}
        case ChoiceMode.AUTO:
            out = {"mode": "VALIDATED" if choice.allowed else "AUTO"}
    if choice.allowed:
        out["allowedFunctionNames"] = choice.allowed
    return out
