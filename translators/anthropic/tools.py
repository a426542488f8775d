"""Tool definitions and tool choice, both ways (anthropic.md §5, mapping.md §2)."""

from __future__ import annotations

from translators.anthropic import cache, json_schema, typed_tools, wire
from translators.anthropic.blocks_decode import ID
from translators.anthropic.wire import Json
from translators.canonical.request import ChoiceMode, Request, Tool, ToolChoice, ToolKind
from translators.canonical.target import Target

_HELD = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})

_MODES: dict[str, ChoiceMode] = {
    "auto": ChoiceMode.AUTO,
    "any": ChoiceMode.REQUIRED,
    "tool": ChoiceMode.NAMED,
    "none": ChoiceMode.NONE,
}
_WORDS = {mode: word for word, mode in _MODES.items()}


def decode_tool(raw: Json, where: str) -> Tool:
    """A definition. Typed ones keep their own object in `raw`; of the others `raw` holds what has no canonical word."""
    type_ = wire.optional_text(raw.get("type"), f"{where}.type")
    cache = wire.optional_mapping(raw.get("cache_control"), f"{where}.cache_control")
    if type_ in (None, "custom"):
        rest = {key: value for key, value in raw.items() if key not in _HELD}
        return Tool(
            wire.text(raw.get("name"), f"{where}.name"),
            wire.optional_text(raw.get("description"), f"{where}.description"),
            wire.mapping(raw.get("input_schema"), f"{where}.input_schema"),
            strict=wire.optional_bool(raw.get("strict"), f"{where}.strict"),
            origin=ID if rest else None,
            raw=rest or None,
            cache=cache,
        )
    assert type_ is not None
    own = {key: value for key, value in raw.items() if key != "cache_control"}
    name = wire.optional_text(raw.get("name"), f"{where}.name") or type_
    known = typed_tools.CLIENT_TOOLS.get(type_)
    if known is not None:
        return Tool(name, known.description, known.schema, origin=ID, raw=own, cache=cache)
    return Tool(name, kind=ToolKind.SERVER, origin=ID, concept=typed_tools.concept_of(type_), raw=own, cache=cache)


def decode_choice(value: object, where: str) -> tuple[ToolChoice | None, bool | None]:
    """→ (choice, may calls be parallel)."""
    if value is None:
        return None, None
    raw = wire.mapping(value, where)
    mode = _MODES.get(wire.text(raw.get("type"), f"{where}.type"))
    if mode is None:
        raise wire.refuse(f"{where}.type", "Input should be 'auto', 'any', 'tool' or 'none'")
    name = wire.text(raw.get("name"), f"{where}.name") if mode is ChoiceMode.NAMED else None
    single = wire.optional_bool(raw.get("disable_parallel_tool_use"), f"{where}.disable_parallel_tool_use")
    parallel = None if single is None or mode is ChoiceMode.NONE else not single
    return ToolChoice(mode, name), parallel


def encode_tools(request: Request, target: Target, notes: list[str]) -> list[Json]:
    """The definitions for the backend; with an allowed subset only those (Anthropic has no other way to say it)."""
    allowed = request.tool_choice.allowed if request.tool_choice is not None else None
    encoded = []
    for tool in request.tools:
        if allowed is not None and tool.name not in allowed:
            notes.append(f"The tool {tool.name} was left out: it is not among the allowed ones.")
            continue
        spelled = _encode_tool(tool, request.origin, target, notes)
        if spelled is not None:
            encoded.append(cache.mark(spelled, tool.cache))
    return encoded


def _encode_tool(tool: Tool, origin: str, target: Target, notes: list[str]) -> Json | None:
    own = tool.raw if tool.origin == ID else None
    if own is not None and "type" in own:
        return dict(own)
    if tool.kind is ToolKind.SERVER:
        known = typed_tools.SERVER_TOOLS.get(tool.concept or "")
        if known is None:
            notes.append(f"The server tool {tool.name} was dropped: Anthropic has none like it.")
        return dict(known) if known is not None else None
    result: Json = {"name": tool.name}
    if tool.description is not None:
        result["description"] = tool.description
    result["input_schema"] = json_schema.input_schema(tool.schema)
    if tool.strict and target.strict_tools:
        strict = result["input_schema"] if origin == ID else json_schema.guaranteed(result["input_schema"])
        if strict is None:
            notes.append(f"The tool {tool.name} was sent without strict: its schema is outside of what strict allows.")
        else:
            result["input_schema"] = strict
            result["strict"] = True
    if own is not None:
        result.update(own)
    return result


def encode_choice(request: Request, tools: list[Json]) -> Json | None:
    """The choice; None without tools, where Anthropic refuses any."""
    if not tools:
        return None
    choice = request.tool_choice
    if choice is None:
        return {"type": "auto", "disable_parallel_tool_use": True} if request.parallel is False else None
    result: Json = {"type": _WORDS[choice.mode]}
    if choice.mode is ChoiceMode.NAMED:
        result["name"] = choice.name
    if request.parallel is not None and choice.mode is not ChoiceMode.NONE:
        result["disable_parallel_tool_use"] = not request.parallel
    return result
