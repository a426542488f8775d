"""Tool definitions and the tool choice, both ways (openai_responses.md §2, §4)."""

from __future__ import annotations

from translators import openai_wire as wire
from translators.canonical.request import ChoiceMode, Tool, ToolChoice, ToolKind
from translators.openai_responses import client_tools
from translators.openai_responses.wire import ID, Json

#: Server tools by what they do; versions of a type share its concept (`web_search_preview_2025_03_11`).
_CONCEPTS = (
    ("web_search", "web_search"),
    ("file_search", "file_search"),
    ("code_interpreter", "code_execution"),
    ("image_generation", "image_generation"),
    ("computer", "computer_use"),
    ("mcp", "mcp"),
    ("tool_search", "tool_search"),
)

#: What stands for another protocol's server tool of that concept.
_OF_CONCEPT: dict[str, Json] = {
    "web_search": {"type": "web_search"},
    "code_execution": {"type": "code_interpreter", "container": {"type": "auto"}},
    "image_generation": {"type": "image_generation"},
}

#: Members of a function or custom tool that the canonical form has words for.
_WORDED = frozenset({"type", "name", "description", "parameters", "strict", "format"})

#: Where the description of a namespace is kept: in `raw` of each of its tools.
_NAMESPACE_DESCRIPTION = "namespace_description"

_MODES = {"auto": ChoiceMode.AUTO, "required": ChoiceMode.REQUIRED, "none": ChoiceMode.NONE}


def decode_tools(raw: object, where: str) -> list[Tool]:
    """Raises TranslationError for what is no tool at all; unknown types are server tools."""
    found: list[Tool] = []
    for index, entry in enumerate(wire.items(raw, where)):
        found.extend(_decode_tool(wire.mapping(entry, f"{where}[{index}]"), f"{where}[{index}]"))
    return found


def _decode_tool(raw: Json, where: str) -> list[Tool]:
    kind = wire.text(raw.get("type"), f"{where}.type")
    if kind in ("function", "custom"):
        return [_callable(raw, where)]
    if kind == "namespace":
        name = wire.text(raw.get("name"), f"{where}.name")
        inner = decode_tools(raw.get("tools"), f"{where}.tools")
        for tool in inner:
            tool.namespace = name
            tool.origin = ID
            tool.raw = {**(tool.raw or {}), _NAMESPACE_DESCRIPTION: raw.get("description") or ""}
        return inner
    known = client_tools.decode_tool(raw)
    return [known if known is not None else _server_tool(kind, raw)]


def _callable(raw: Json, where: str) -> Tool:
    """A function or custom tool; `{function: {…}}`, which Chat clients send here by mistake, is understood."""
    nested = raw.get("function")
    if isinstance(nested, dict) and "name" not in raw:
        raw = {**nested, "type": "function"}
    extra = {key: value for key, value in raw.items() if key not in _WORDED}
    custom = raw["type"] == "custom"
    schema = wire.optional_mapping(raw.get("parameters"), f"{where}.parameters") if raw.get("parameters") else None
    form = raw.get("format")
    return Tool(
        wire.text(raw.get("name"), f"{where}.name"),
        wire.optional_text(raw.get("description"), f"{where}.description"),
        None if custom else schema,
        ToolKind.CUSTOM if custom else ToolKind.FUNCTION,
        strict=None if custom else wire.optional_bool(raw.get("strict"), f"{where}.strict"),
        format=form if custom and isinstance(form, dict) else None,
        origin=ID if extra else None,
        raw=extra or None,
    )


def _server_tool(kind: str, raw: Json) -> Tool:
    concept = next((concept for prefix, concept in _CONCEPTS if kind.startswith(prefix)), None)
    label = raw.get("server_label")
    name = label if kind == "mcp" and isinstance(label, str) else kind
    return Tool(name, kind=ToolKind.SERVER, origin=ID, concept=concept, raw=raw)


def encode_tools(tools: list[Tool], *, own: bool, strict: bool) -> list[Json]:
    """`own`: the client spoke this protocol, so `strict` stays as it was. Else it is false unless asked for and
    `strict` (the target) allows it: the API tries strict mode where the member is left out."""
    out: list[Json] = []
    namespaces: dict[str, Json] = {}
    for tool in tools:
        encoded = _encode_tool(tool, own, strict)
        if tool.namespace is None:
            out.append(encoded)
            continue
        if tool.namespace not in namespaces:
            description = (tool.raw or {}).get(_NAMESPACE_DESCRIPTION, "")
            holder: Json = {"type": "namespace", "name": tool.namespace, "description": description, "tools": []}
            namespaces[tool.namespace] = holder
            out.append(holder)
        namespaces[tool.namespace]["tools"].append(encoded)
    return out


def _encode_tool(tool: Tool, own: bool, strict: bool) -> Json:
    raw = tool.raw or {}
    if tool.kind is ToolKind.SERVER:
        return raw if tool.origin == ID else _foreign_server_tool(tool)
    if client_tools.of_tool(tool) is not None:
        return {key: value for key, value in raw.items() if key != _NAMESPACE_DESCRIPTION}
    extra = {key: value for key, value in raw.items() if key != _NAMESPACE_DESCRIPTION} if tool.origin == ID else {}
    encoded: Json = {"type": tool.kind.value, "name": tool.name}
    if tool.description is not None:
        encoded["description"] = tool.description
    if tool.kind is ToolKind.CUSTOM:
        if tool.format is not None:
            encoded["format"] = _flat_format(tool.format)
        return {**encoded, **extra}
    encoded["parameters"] = _parameters(tool.schema)
    if not own:
        encoded["strict"] = bool(tool.strict) and strict
    elif tool.strict is not None:
        encoded["strict"] = tool.strict
    return {**encoded, **extra}


def _parameters(schema: Json | None) -> Json:
    """The API refuses an object without `properties`."""
    if schema is None:
        return {"type": "object", "properties": {}}
    if schema.get("type") == "object" and "properties" not in schema:
        return {**schema, "properties": {}}
    return schema


def _flat_format(form: Json) -> Json:
    """Chat nests a grammar in a member of its own."""
    nested = form.get("grammar")
    return {"type": "grammar", **nested} if isinstance(nested, dict) else form


def _foreign_server_tool(tool: Tool) -> Json:
    raw = tool.raw or {}
    encoded = dict(_OF_CONCEPT.get(tool.concept or "", {"type": tool.concept or tool.name}))
    if tool.concept == "web_search":
        if raw.get("allowed_domains"):
            encoded["filters"] = {"allowed_domains": raw["allowed_domains"]}
        if isinstance(raw.get("user_location"), dict):
            encoded["user_location"] = raw["user_location"]
    return encoded


def decode_choice(raw: object, where: str = "tool_choice") -> ToolChoice | None:
    if raw is None:
        return None
    if isinstance(raw, str):
        if raw not in _MODES:
            raise wire.refuse(f"Invalid value for '{where}': {raw!r}.", where, "invalid_value")
        return ToolChoice(_MODES[raw])
    choice = wire.mapping(raw, where)
    kind = wire.text(choice.get("type"), f"{where}.type")
    if kind == "allowed_tools":
        entries = wire.items(choice.get("tools"), f"{where}.tools")
        allowed = [_chosen(wire.mapping(entry, f"{where}.tools"), f"{where}.tools") for entry in entries]
        return ToolChoice(_MODES.get(str(choice.get("mode")), ChoiceMode.AUTO), allowed=allowed)
    return ToolChoice(ChoiceMode.NAMED, _chosen(choice, where))


def _chosen(choice: Json, where: str) -> str:
    """The canonical name of the tool that a choice names; Chat's `{function: {name}}` is understood."""
    kind = choice.get("type")
    nested = choice.get("function")
    if kind == "function" and isinstance(nested, dict):
        choice = {**nested, **choice}
    if kind in ("function", "custom"):
        return wire.text(choice.get("name"), f"{where}.name")
    if kind == "mcp":
        return wire.text(choice.get("server_label"), f"{where}.server_label")
    return wire.text(kind, f"{where}.type")


def encode_choice(choice: ToolChoice, tools: list[Tool]) -> str | Json:
    """`tools` are the tools of the same (prepared) request."""
    by_name = {tool.name: tool for tool in tools}
    if choice.allowed is not None and choice.mode in (ChoiceMode.AUTO, ChoiceMode.REQUIRED):
        chosen = [_reference(name, by_name.get(name)) for name in choice.allowed]
        return {"type": "allowed_tools", "mode": choice.mode.value, "tools": chosen}
    if choice.mode is ChoiceMode.NAMED:
        return _reference(choice.name or "", by_name.get(choice.name or ""))
    return choice.mode.value


def _reference(name: str, tool: Tool | None) -> Json:
    if tool is None:
        return {"type": "function", "name": name}
    if tool.kind is ToolKind.SERVER or client_tools.of_tool(tool) is not None:
        kind = _encode_tool(tool, own=True, strict=False)["type"]
        return {"type": kind, "server_label": name} if kind == "mcp" else {"type": kind}
    return {"type": tool.kind.value, "name": name}
