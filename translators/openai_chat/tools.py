"""Tools and tool choice, both ways, in all spellings of the chat path (openai_chat.md §2, clients.md §6)."""

from __future__ import annotations

from translators import openai_wire as wire
from translators.canonical.errors import TranslationError
from translators.canonical.request import ChoiceMode, Request, Tool, ToolChoice, ToolKind
from translators.canonical.target import Target
from translators.openai_chat.wire import ID, Json

#: Responses' built-in tools, which Cursor sends on the chat path → what they do.
_CONCEPTS = {
    "web_search": "web_search",
    "web_search_preview": "web_search",
    "code_interpreter": "code_execution",
    "file_search": "file_search",
    "image_generation": "image_generation",
}

_WORDS: dict[str, ChoiceMode] = {
    "auto": ChoiceMode.AUTO,
    "required": ChoiceMode.REQUIRED,
    "any": ChoiceMode.REQUIRED,
    "none": ChoiceMode.NONE,
}
_SPELLINGS = {ChoiceMode.AUTO: "auto", ChoiceMode.REQUIRED: "required", ChoiceMode.NONE: "none"}

#: Protocols whose `strict` means the same subset of JSON Schema.
_SAME_STRICT = frozenset({"openai_chat", "openai_responses"})


def decode_tools(body: Json) -> tuple[list[Tool], bool]:
    """→ (tools, they came as legacy `functions`). `web_search_options` is a server tool."""
    tools = [
        _tool(wire.mapping(raw, f"tools[{index}]"), f"tools[{index}]")
        for index, raw in enumerate(wire.items(body.get("tools"), "tools"))
    ]
    functions = wire.items(body.get("functions"), "functions")
    for index, raw in enumerate(functions):
        tools.append(_function(wire.mapping(raw, f"functions[{index}]"), f"functions[{index}]"))
    options = body.get("web_search_options")
    if isinstance(options, dict):
        tools.append(Tool("web_search", kind=ToolKind.SERVER, origin=ID, concept="web_search", raw=options))
    return tools, bool(functions)


def _tool(raw: Json, where: str) -> Tool:
    """Nested as Chat has it, or flat as Responses (and, with `input_schema`, Anthropic) has it."""
    kind = raw.get("type", "function")
    if kind == "custom":
        return _custom(wire.mapping(raw.get("custom", raw), f"{where}.custom"), where)
    if kind == "function":
        return _function(wire.mapping(raw.get("function", raw), f"{where}.function"), where)
    if not isinstance(kind, str):
        raise wire.wrong(f"{where}.type", "a string")
    concept = next((concept for word, concept in _CONCEPTS.items() if kind.startswith(word)), None)
    return Tool(kind, kind=ToolKind.SERVER, origin="openai_responses", concept=concept, raw=raw)


def _function(raw: Json, where: str) -> Tool:
    schema = raw.get("parameters", raw.get("input_schema"))
    cache = raw.get("cache_control")
    return Tool(
        _name(raw, where),
        wire.optional_text(raw.get("description"), f"{where}.description"),
        None if schema is None else wire.mapping(schema, f"{where}.parameters"),
        strict=wire.optional_bool(raw.get("strict"), f"{where}.strict"),
        cache=cache if isinstance(cache, dict) else None,
    )


def _custom(raw: Json, where: str) -> Tool:
    """A grammar is kept in Responses' flat form, so that both protocols find its members in one place."""
    form = raw.get("format")
    if isinstance(form, dict) and isinstance(form.get("grammar"), dict):
        form = {"type": "grammar", **form["grammar"]}
    return Tool(
        _name(raw, where),
        wire.optional_text(raw.get("description"), f"{where}.description"),
        kind=ToolKind.CUSTOM,
        format=form if isinstance(form, dict) else None,
    )


def _name(raw: Json, where: str) -> str:
    name = wire.text(raw.get("name"), f"{where}.name")
    if not name:
        raise TranslationError(f"Invalid '{where}.name': empty string.", param=f"{where}.name")
    return name


def decode_choice(body: Json) -> ToolChoice | None:
    """`tool_choice`, or the legacy `function_call` with its names."""
    choice = body.get("tool_choice", body.get("function_call"))
    if choice is None:
        return None
    if isinstance(choice, str):
        if choice not in _WORDS:
            raise wire.wrong("tool_choice", "none, auto, required or an object")
        return ToolChoice(_WORDS[choice])
    raw = wire.mapping(choice, "tool_choice")
    kind = raw.get("type")
    if kind == "allowed_tools":
        return _subset(wire.mapping(raw.get("allowed_tools", raw), "tool_choice.allowed_tools"))
    if isinstance(kind, str) and kind in _WORDS:
        return ToolChoice(_WORDS[kind])
    name = _chosen(raw)
    if name is None:
        raise TranslationError("Missing required parameter: 'tool_choice.function.name'.", param="tool_choice")
    return ToolChoice(ChoiceMode.NAMED, name)


def _subset(raw: Json) -> ToolChoice:
    mode = ChoiceMode.REQUIRED if raw.get("mode") == "required" else ChoiceMode.AUTO
    entries = (entry for entry in wire.items(raw.get("tools"), "tool_choice.allowed_tools.tools"))
    names = [_chosen(wire.mapping(entry, "tool_choice.allowed_tools.tools")) for entry in entries]
    return ToolChoice(mode, allowed=[name for name in names if name is not None])


def _chosen(raw: Json) -> str | None:
    """The name in `{type, function|custom: {name}}`, `{type, name}` or `{name}`; a built-in tool goes by its type."""
    for holder in (raw.get("function"), raw.get("custom"), raw):
        if isinstance(holder, dict) and isinstance(holder.get("name"), str):
            return str(holder["name"])
    kind = raw.get("type")
    return kind if isinstance(kind, str) and kind not in ("function", "custom") else None


# -- encode


def encode_tools(request: Request, target: Target, notes: list[str]) -> Json:
    """`tools`, `web_search_options`, and only beside tools `tool_choice` and `parallel_tool_calls`."""
    fields: Json = {}
    offered = [tool for tool in request.tools if tool.kind is not ToolKind.SERVER]
    for tool in request.tools:
        if tool.kind is ToolKind.SERVER:
            fields.update(_server_tool(tool, notes))
    choice = request.tool_choice
    if choice is not None and choice.allowed is not None and not target.allowed_tools:
        offered = [tool for tool in offered if tool.name in choice.allowed]
        choice = ToolChoice(choice.mode, choice.name)
        notes.append("Only the allowed tools were offered: the backend takes no subset in tool_choice.")
    if not offered:
        return fields
    fields["tools"] = [_encode_tool(tool, request, target) for tool in offered]
    custom = {tool.name for tool in offered if tool.kind is ToolKind.CUSTOM}
    if choice is not None:
        spelled = _encode_choice(choice, custom, {tool.name for tool in offered})
        if spelled is None:
            notes.append("The choice of a server tool was dropped: chat can only force functions.")
        else:
            fields["tool_choice"] = spelled
    if request.parallel is not None and target.parallel_switch:
        fields["parallel_tool_calls"] = request.parallel
    return fields


def _server_tool(tool: Tool, notes: list[str]) -> Json:
    """Chat has one server tool. What another protocol says about it (filters, limits) has no place here."""
    if tool.concept != "web_search":
        notes.append(f"The server tool {tool.name} was dropped: chat has none like it.")
        return {}
    return {"web_search_options": tool.raw if tool.origin == ID and tool.raw is not None else {}}


def _encode_tool(tool: Tool, request: Request, target: Target) -> Json:
    if tool.kind is ToolKind.CUSTOM:
        inner: Json = {"name": tool.name}
        if tool.description is not None:
            inner["description"] = tool.description
        if tool.format is not None:
            inner["format"] = _format(tool.format)
        return {"type": "custom", "custom": inner}
    function: Json = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = complete_schema(tool.schema)
    if tool.strict is not None and target.strict_tools and request.origin in _SAME_STRICT:
        function["strict"] = tool.strict
    spelled: Json = {"type": "function", "function": function}
    if tool.cache is not None and target.cache_markers == "cache_control":
        spelled["cache_control"] = tool.cache
    return spelled


def _format(form: Json) -> Json:
    if form.get("type") != "grammar" or "grammar" in form:
        return form
    return {"type": "grammar", "grammar": {key: value for key, value in form.items() if key != "type"}}


def complete_schema(schema: Json | None) -> Json:
    """OpenAI refuses an object without `properties`; no schema at all is one without any (mapping.md §2)."""
    if not schema:
        return {"type": "object", "properties": {}}
    if schema.get("type") == "object" and "properties" not in schema:
        return {**schema, "properties": {}}
    return schema


def _encode_choice(choice: ToolChoice, custom: set[str], offered: set[str]) -> str | Json | None:
    if choice.mode is ChoiceMode.NAMED:
        return _named(choice.name or "", custom) if choice.name in offered else None
    if choice.allowed is not None and choice.mode is not ChoiceMode.NONE:
        tools = [_named(name, custom) for name in choice.allowed if name in offered]
        return {"type": "allowed_tools", "allowed_tools": {"mode": _SPELLINGS[choice.mode], "tools": tools}}
    return _SPELLINGS[choice.mode]


def _named(name: str, custom: set[str]) -> Json:
    kind = "custom" if name in custom else "function"
    return {"type": kind, kind: {"name": name}}
