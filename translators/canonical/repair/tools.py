"""Tools as the backend can have them: names that it takes, plain functions for all else (mapping.md §2, §4)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from translators.canonical import names
from translators.canonical.arguments import CUSTOM_SCHEMA, wrap_custom
from translators.canonical.blocks import Block, ToolCall, ToolResult
from translators.canonical.names import NameMap, NameRule
from translators.canonical.repair.notes import Notes
from translators.canonical.request import ChoiceMode, Request, Tool, ToolChoice, ToolKind, Turn
from translators.canonical.target import Target

_HAVE_CUSTOM_TOOLS = frozenset({"openai_chat", "openai_responses"})
_HAVE_NAMESPACES = frozenset({"openai_responses"})

#: For private wires that name no rule: what every backend takes.
_NARROWEST = NameRule(r"[A-Za-z0-9_-]", 64)


def with_tools_fitted(request: Request, target: Target, notes: Notes) -> tuple[Request, NameMap]:
    """Definitions, history and choice in the backend's terms, and the map that leads its calls back."""
    tools = [tool for tool in request.tools if _is_offered(tool, target, notes)]
    flat = _Flattening.of(tools, target)
    functions = _unique([flat.tool(tool) for tool in tools], notes)
    choice = _choice(request.tool_choice, functions, flat, notes)
    turns = [Turn(turn.role, [flat.block(block) for block in turn.blocks]) for turn in request.turns]

    fitted = names.build(_names(functions, turns), _rule(target))
    fitted.namespaces = {name: place for place, name in flat.names.items()}
    if target.protocol not in _HAVE_CUSTOM_TOOLS or not target.custom_tools:
        fitted.custom = {tool.name for tool in functions if tool.kind is ToolKind.CUSTOM}
        functions = [_as_function(tool) for tool in functions]
        turns = [Turn(turn.role, [_wrapped(block) for block in turn.blocks]) for turn in turns]
    if fitted.to_backend:
        functions = [_renamed(tool, fitted) for tool in functions]
        turns = [Turn(turn.role, [_renamed_block(block, fitted) for block in turn.blocks]) for turn in turns]
        choice = _renamed_choice(choice, fitted)
    parallel = request.parallel if functions else None
    return request.altered(tools=functions, tool_choice=choice, turns=turns, parallel=parallel), fitted


def _is_offered(tool: Tool, target: Target, notes: Notes) -> bool:
    if tool.kind is not ToolKind.SERVER or tool.origin == target.protocol or tool.concept in target.server_tools:
        return True
    notes.add(f"The server tool {tool.name} was dropped: the backend has none like it.")
    return False


def _unique(tools: list[Tool], notes: Notes) -> list[Tool]:
    seen: dict[tuple[bool, str | None, str], Tool] = {}
    for tool in tools:
        if seen.setdefault((tool.kind is ToolKind.SERVER, tool.namespace, tool.name), tool) is not tool:
            notes.add(f"A second definition of the tool {tool.name} was dropped.")
    return list(seen.values())


@dataclass(slots=True)
class _Flattening:
    """(namespace, name) → the one name it goes by; empty where the backend has namespaces."""

    names: dict[tuple[str, str], str]
    applies: bool

    @classmethod
    def of(cls, tools: list[Tool], target: Target) -> _Flattening:
        applies = target.protocol not in _HAVE_NAMESPACES
        result: dict[tuple[str, str], str] = {}
        if applies:
            taken = {tool.name for tool in tools if tool.namespace is None}
            for tool in tools:
                if tool.namespace is not None and (tool.namespace, tool.name) not in result:
                    name = _flat_name(tool.namespace, tool.name, taken)
                    taken.add(name)
                    result[tool.namespace, tool.name] = name
        return cls(result, applies)

    def name(self, namespace: str, name: str) -> str:
        return self.names.get((namespace, name)) or f"{namespace}__{name}"

    def tool(self, tool: Tool) -> Tool:
        if tool.namespace is None or not self.applies:
            return tool
        return replace(tool, name=self.name(tool.namespace, tool.name), namespace=None)

    def block(self, block: Block) -> Block:
        if not isinstance(block, ToolCall) or block.namespace is None or not self.applies:
            return block
        return replace(block, name=self.name(block.namespace, block.name), namespace=None)

    def chosen(self, name: str, known: set[str]) -> str:
        """A choice names a tool of a namespace by its bare name."""
        if name in known:
            return name
        return next((flat for (_, bare), flat in self.names.items() if bare == name), name)


def _flat_name(namespace: str, name: str, taken: set[str]) -> str:
    flat = f"{namespace}__{name}"
    if flat in taken:
        digest = hashlib.sha256(f"{namespace}\x1f{name}".encode("utf-8", "surrogatepass")).hexdigest()[:8]
        flat = f"{flat}_{digest}"
    return flat


def _choice(choice: ToolChoice | None, tools: list[Tool], flat: _Flattening, notes: Notes) -> ToolChoice | None:
    """A choice of what is not there is none: backends answer it with a 400."""
    if choice is None or not tools:
        return None
    known = {tool.name for tool in tools}
    if choice.mode is ChoiceMode.NAMED:
        name = flat.chosen(choice.name or "", known)
        if name not in known:
            notes.add(f"The tool choice {choice.name} was dropped: there is no such tool.")
            return None
        choice = replace(choice, name=name)
    if choice.allowed is not None:
        allowed = [flat.chosen(name, known) for name in choice.allowed]
        allowed = [name for name in allowed if name in known]
        if not allowed:
            notes.add("The tool choice was dropped: none of the tools that it allows is there.")
            return None
        choice = replace(choice, allowed=allowed)
    return choice


def _names(tools: list[Tool], turns: list[Turn]) -> list[str]:
    found = {tool.name: None for tool in tools if tool.kind is not ToolKind.SERVER}
    for turn in turns:
        for block in turn.blocks:
            if isinstance(block, ToolCall) and block.kind != "server":
                found[block.name] = None
    return list(found)


def _rule(target: Target) -> NameRule:
    rule = names.RULES.get(target.protocol, _NARROWEST)
    return rule if target.tool_name_limit is None else replace(rule, limit=target.tool_name_limit)


def _as_function(tool: Tool) -> Tool:
    """A free-text tool as a function with one string, its grammar told in the description."""
    if tool.kind is not ToolKind.CUSTOM:
        return tool
    description = tool.description or ""
    definition = _grammar(tool)
    if definition:
        description = f"{description}\n\nThe input must follow this grammar:\n{definition}".strip()
    return replace(
        tool, kind=ToolKind.FUNCTION, description=description or None, schema=CUSTOM_SCHEMA, format=None, strict=None
    )


def _grammar(tool: Tool) -> str | None:
    """Responses keeps `definition` in the format itself, Chat under `grammar`."""
    form = tool.format or {}
    nested = form.get("grammar")
    found = (nested if isinstance(nested, dict) else form).get("definition")
    return found if isinstance(found, str) else None


def _wrapped(block: Block) -> Block:
    match block:
        case ToolCall(kind="custom"):
            return replace(block, kind="function", arguments=wrap_custom(block.arguments))
        case ToolResult(kind="custom"):
            return replace(block, kind="function")
    return block


def _renamed(tool: Tool, fitted: NameMap) -> Tool:
    if tool.kind is ToolKind.SERVER or tool.name not in fitted.to_backend:
        return tool
    return replace(tool, name=fitted.backend(tool.name))


def _renamed_block(block: Block, fitted: NameMap) -> Block:
    match block:
        case ToolCall() if block.kind != "server" and block.name in fitted.to_backend:
            return replace(block, name=fitted.backend(block.name))
        case ToolResult(name=str(name)) if block.kind != "server" and name in fitted.to_backend:
            return replace(block, name=fitted.backend(name))
    return block


def _renamed_choice(choice: ToolChoice | None, fitted: NameMap) -> ToolChoice | None:
    if choice is None:
        return None
    name = None if choice.name is None else fitted.backend(choice.name)
    allowed = None if choice.allowed is None else [fitted.backend(name) for name in choice.allowed]
    return replace(choice, name=name, allowed=allowed)
