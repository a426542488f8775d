"""Tool definitions, and in words what the service has no field for: choice and form of an answer (kiro.md §6, §6.1).
Pure."""

from __future__ import annotations

from typing import Any

from addons.providers.kiro.dialect import Dialect
from translators import jsonio
from translators.anthropic.json_schema import input_schema
from translators.canonical.blocks import ToolCall
from translators.canonical.request import ChoiceMode, Output, Request, ToolKind

Json = dict[str, Any]

#: Stands for a description that is too long for its place.
ELSEWHERE = 'What it does and how it is used is said under "Tool {}" at the head of the conversation.'
#: Stands for a tool that the history mentions and the client no longer offers.
GONE = "No longer available: do not call it."
NO_CALLS = "Do not call any tool in this answer."
ONE_CALL = "Call at most one tool in this answer."
_ANY_CALL = "You must call one of the tools in this answer."
_THIS_CALL = "You must call the tool {} in this answer."
_ANY_OBJECT = "Answer with one JSON object and nothing else: no words around it, no code fence."
_BY_SCHEMA = (
    "Answer with one JSON value and nothing else: no words around it, no code fence. "
    "It must be valid against this JSON Schema:\n"
)
#: Words of a schema whose values are data, not schemas.
_DATA = frozenset({"enum", "const", "default", "examples"})


def encode(request: Request, dialect: Dialect, notes: list[str]) -> tuple[list[Json], list[str]]:
    """→ (the specifications: of tools offered and allowed, and of each other that the history mentions; descriptions
    too long to stand there, which belong behind the system text)."""
    called = {block.name for turn in request.turns for block in turn.blocks if isinstance(block, ToolCall)}
    allowed = request.tool_choice.allowed if request.tool_choice is not None else None
    offered: dict[str, Json] = {}
    moved: list[str] = []
    for tool in request.tools:
        if tool.kind is ToolKind.SERVER:
            continue
        if allowed is not None and tool.name not in allowed and tool.name not in called:
            notes.append(f"The tool {tool.name} was left out: it is not among the allowed ones.")
            continue
        if tool.name.lower() in offered:
            notes.append(f"The tool {tool.name} was left out: another differs from it by case alone.")
            continue
        description = (tool.description or "").strip() or f"The tool {tool.name}."
        if 0 < dialect.description_bytes < len(description.encode("utf-8", "replace")):
            moved.append(f"# Tool {tool.name}\n\n{description}")
            description = ELSEWHERE.format(tool.name)
        offered[tool.name.lower()] = _spec(tool.name, description, cleaned(input_schema(tool.schema), dialect))
    for name in sorted(called):
        if name.lower() not in offered:
            notes.append("Tools that only the history mentions were declared without their schemas.")
            offered[name.lower()] = _spec(name, GONE, input_schema(None))
    return list(offered.values()), moved


def in_words(request: Request, notes: list[str]) -> list[str]:
    """What is said at the end of the current message."""
    return [*_choice(request, notes), *_output(request.output, notes)]


def _choice(request: Request, notes: list[str]) -> list[str]:
    choice, said = request.tool_choice, []
    if not request.tools:
        called = any(isinstance(block, ToolCall) for turn in request.turns for block in turn.blocks)
        return [NO_CALLS] if called else []
    if choice is not None and choice.mode is not ChoiceMode.AUTO:
        notes.append("The tool choice was asked for in words: the service has no field for it.")
        words = {ChoiceMode.NONE: NO_CALLS, ChoiceMode.REQUIRED: _ANY_CALL}
        said.append(words.get(choice.mode) or _THIS_CALL.format(choice.name))
    if request.parallel is False and (choice is None or choice.mode is not ChoiceMode.NONE):
        notes.append("One call at a time was asked for in words: the service has no field for it.")
        said.append(ONE_CALL)
    return said


def _output(output: Output | None, notes: list[str]) -> list[str]:
    if output is None or (output.schema is None and not output.json):
        return []
    notes.append("The form of the answer was asked for in words: the service guarantees none.")
    return [_ANY_OBJECT if output.schema is None else _BY_SCHEMA + jsonio.dumps_str(output.schema)]


def _spec(name: str, description: str, schema: Json) -> Json:
    return {"toolSpecification": {"name": name, "description": description, "inputSchema": {"json": schema}}}


def cleaned(schema: Json, dialect: Dialect) -> Json:
    """`schema` without what the service refuses: nulls for `required` and `properties` and, of older servers,
    `additionalProperties` and an empty `required`."""
    found = _cleaned(schema, dialect.plain_schemas)
    found.setdefault("properties", {})
    return found


def _cleaned(schema: Json, plain: bool) -> Json:
    out: Json = {}
    for word, value in schema.items():
        if word in ("required", "properties") and value is None:
            continue
        if plain and (word == "additionalProperties" or (word == "required" and value == [])):
            continue
        if word in _DATA or word == "required":
            out[word] = value
        elif word in ("properties", "$defs", "definitions", "patternProperties") and isinstance(value, dict):
            out[word] = {name: _any(inner, plain) for name, inner in value.items()}
        else:
            out[word] = _any(value, plain)
    return out


def _any(value: Any, plain: bool) -> Any:
    if isinstance(value, dict):
        return _cleaned(value, plain)
    if isinstance(value, list):
        return [_any(item, plain) for item in value]
    return value
