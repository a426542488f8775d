"""Tool definitions and tool choice of a Converse request (apikey_backends.md §6; AWS API reference, ToolChoice)."""

from __future__ import annotations

from typing import Any

from translators.anthropic.json_schema import input_schema
from translators.bedrock import cache
from translators.canonical.blocks import ToolCall
from translators.canonical.request import ChoiceMode, Request, Tool, ToolKind
from translators.canonical.target import Target

Json = dict[str, Any]

#: Converse cannot forbid calls, and wants the tools as long as the history speaks of them.
NO_CALLS = "Do not call any tool in this answer."


def encode(request: Request, target: Target, *, thinks: bool, notes: list[str]) -> tuple[Json | None, str | None]:
    """→ (`toolConfig`, an instruction that says what it cannot).

    A history with calls must come with tools: where the client sent none, they are declared by their names alone.
    """
    called = _called(request)
    choice = request.tool_choice
    forbidden = choice is not None and choice.mode is ChoiceMode.NONE
    if forbidden and not called:
        return None, None
    allowed = choice.allowed if choice is not None else None
    tools: list[Json] = []
    for tool in request.tools:
        if allowed is not None and tool.name not in allowed and tool.name not in called:
            notes.append(f"The tool {tool.name} was left out: it is not among the allowed ones.")
            continue
        if tool.kind is ToolKind.SERVER:
            continue
        tools.append({"toolSpec": _spec(tool, target)})
        point = cache.point(tool.cache, target)
        if point is not None:
            tools.append(point)
    if not tools and not called:
        return None, None
    if not any("toolSpec" in tool for tool in tools):
        notes.append("The tools that the history mentions were declared without their schemas: Bedrock wants some.")
        tools = [{"toolSpec": {"name": name, "inputSchema": {"json": input_schema(None)}}} for name in called]
        return {"tools": tools}, NO_CALLS
    config: Json = {"tools": tools}
    spelled = _choice(request, target, thinks=thinks, notes=notes)
    if spelled is not None:
        config["toolChoice"] = spelled
    if request.parallel is False:
        notes.append("The wish for one call at a time was dropped: Converse cannot say it.")
    if forbidden:
        notes.append("The tool choice none was asked for in words: Converse cannot say it.")
    return config, NO_CALLS if forbidden else None


def _called(request: Request) -> list[str]:
    blocks = (block for turn in request.turns for block in turn.blocks)
    return list(dict.fromkeys(block.name for block in blocks if isinstance(block, ToolCall)))


def _spec(tool: Tool, target: Target) -> Json:
    spec: Json = {"name": tool.name}
    if tool.description:
        spec["description"] = tool.description
    spec["inputSchema"] = {"json": input_schema(tool.schema)}
    if tool.strict and target.strict_tools:
        spec["strict"] = True
    return spec


def _choice(request: Request, target: Target, *, thinks: bool, notes: list[str]) -> Json | None:
    choice = request.tool_choice
    if choice is None or choice.mode is ChoiceMode.NONE:
        return None
    if choice.mode is ChoiceMode.AUTO:
        return {"auto": {}}
    if not target.forced_tools or (thinks and not target.forced_tools_with_thinking):
        notes.append("The forced tool choice became auto: the model refuses it.")
        return {"auto": {}}
    return {"any": {}} if choice.mode is ChoiceMode.REQUIRED else {"tool": {"name": choice.name}}
