"""What the demo says: a greeting, structured output where asked for, one harmless tool call where tools are offered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from translators import jsonio
from translators.canonical.blocks import Block, Text, Thinking, ToolCall, ToolResult
from translators.canonical.estimate import estimate_tokens
from translators.canonical.events import BlockDelta, StopReason, StreamEvent, Usage
from translators.canonical.ids import derive
from translators.canonical.request import ChoiceMode, Request, Role, Tool, ToolKind
from translators.canonical.response import Response

Json = dict[str, Any]

#: Tools that run a shell command, as coding agents name them, and the argument that takes it (clients.md).
_SHELLS = re.compile(r"(?i)^(bash|shell|exec_command|run_shell_command|local_shell|execute_command|terminal)$")
_COMMAND = "echo Hello from ProxyCast"
#: Tools whose names say that they change nothing.
_HARMLESS = re.compile(r"(?i)(get|read|list|search|find|look|weather|time|echo|calc|query|fetch|glob|grep|ls)")
_DEPTH = 6


def answer_to(request: Request) -> Response:
    """The demo's answer. The same request gets the same answer."""
    blocks: list[Block] = []
    call = _call(request)
    if call is not None:
        blocks = [Text("I am ProxyCast's demo. Let me try one of your tools."), call]
    elif request.output is not None:
        blocks = [Text(jsonio.dumps_str(example(request.output.schema or {"type": "object"})))]
    else:
        if request.reasoning.show == "summary":
            blocks.append(
                Thinking("The demo does not think, but this is where thinking would stand.", None, "anthropic")
            )
        blocks.append(Text(_text(request)))
    said = "".join(b.text if isinstance(b, Text) else b.arguments if isinstance(b, ToolCall) else "" for b in blocks)
    return Response(
        model=request.model,
        blocks=blocks,
        stop=StopReason.TOOL_USE if call is not None else StopReason.END,
        usage=Usage(input_fresh=estimate_tokens(request), output=max(1, len(said) // 4)),
    )


def in_pieces(events: Iterable[StreamEvent]) -> Iterator[StreamEvent]:
    """The same events with texts in a few words each, as a model would stream them."""
    for event in events:
        if isinstance(event, BlockDelta) and event.kind in ("text", "thinking"):
            for piece in re.findall(r"(?:\S+\s*){1,3}", event.text):
                yield BlockDelta(event.index, event.kind, piece)
        else:
            yield event


def _text(request: Request) -> str:
    asked = _last_user_text(request)
    quoted = f" You said: “{asked[:200]}”." if asked else ""
    return (
        f"Hello from ProxyCast's demo 👋 — no account is configured yet, so this canned answer came through the whole "
        f"gateway.{quoted} Add a credential with `proxycast credentials add`."
    )


def _last_user_text(request: Request) -> str:
    for turn in reversed(request.turns):
        if turn.role is Role.USER:
            texts = [block.text for block in turn.blocks if isinstance(block, Text)]
            if texts:
                return texts[-1].strip()
    return ""


def _call(request: Request) -> ToolCall | None:
    """One call in answer to the user's text; none once a result is there, or when the client forbade it."""
    choice = request.tool_choice
    if not request.tools or (choice is not None and choice.mode is ChoiceMode.NONE):
        return None
    last = request.turns[-1] if request.turns else None
    if last is not None and any(isinstance(block, ToolResult) for block in last.blocks):
        return None
    forced = choice is not None and choice.mode in (ChoiceMode.REQUIRED, ChoiceMode.NAMED)
    tool = _pick(request, forced=forced)
    if tool is None:
        return None
    arguments = example(tool.schema or {"type": "object"})
    if _SHELLS.match(tool.name) and isinstance(arguments, dict):
        arguments = _with_command(tool, arguments)
    call_id = derive("demo", tool.name, len(request.turns), prefix="toolu_")
    return ToolCall(call_id, tool.name, jsonio.dumps_str(arguments))


def _pick(request: Request, *, forced: bool) -> Tool | None:
    """The named tool, else a shell (its command is an echo), else one that sounds harmless, else any if it must be."""
    functions = [tool for tool in request.tools if tool.kind is ToolKind.FUNCTION]
    choice = request.tool_choice
    if choice is not None and choice.mode is ChoiceMode.NAMED:
        return next((tool for tool in functions if tool.name == choice.name), None)
    for pattern in (_SHELLS, _HARMLESS):
        for tool in functions:
            if pattern.search(tool.name):
                return tool
    return functions[0] if functions and (forced or len(functions) == 1) else None


def _with_command(tool: Tool, arguments: Json) -> Json:
    properties = (tool.schema or {}).get("properties")
    if not isinstance(properties, dict):
        return arguments
    for name in ("command", "cmd", "script"):
        if name in properties:
            is_list = isinstance(properties[name], dict) and properties[name].get("type") == "array"
            return {**arguments, name: ["bash", "-lc", _COMMAND] if is_list else _COMMAND}
    return arguments


def example(schema: Any, depth: int = 0) -> Any:
    """A small instance of a JSON Schema: required properties, first of an enum, the shortest of the rest."""
    if not isinstance(schema, dict) or depth > _DEPTH:
        return {}
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("enum", "anyOf", "oneOf", "allOf"):
        choices = schema.get(key)
        if isinstance(choices, list) and choices:
            return choices[0] if key == "enum" else example(choices[0], depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    match str(kind).lower():
        case "object":
            properties, required = schema.get("properties"), schema.get("required")
            known = properties if isinstance(properties, dict) else {}
            names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
            return {name: example(known.get(name, {}), depth + 1) for name in names}
        case "array":
            return [example(schema.get("items", {}), depth + 1)] if schema.get("minItems") else []
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            shortest = schema.get("minLength", 0)
            return "demo".ljust(min(shortest, 1000) if isinstance(shortest, int) else 0, ".")
