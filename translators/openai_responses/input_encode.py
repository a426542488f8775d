"""Turns into `input` items for a backend (openai_responses.md §3).

Item ids are left out: the API checks their prefixes and ties reasoning to what followed it by them. `call_id` carries
the correlation, and reasoning stands directly before what it led to, or is dropped.
"""

from __future__ import annotations

from translators.canonical.blocks import (
    Block,
    Document,
    Image,
    Media,
    Opaque,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from translators.canonical.request import Request, Role, Turn
from translators.openai_responses import client_tools
from translators.openai_responses.content import PartEncoder
from translators.openai_responses.wire import Json

_ROLE = {Role.USER: "user", Role.SYSTEM: "developer"}
_ERROR = "Error: "


def encode_input(request: Request, parts: PartEncoder, notes: list[str]) -> list[Json]:
    """`request` is prepared. Raises TranslationError for content that the API cannot take."""
    encoder = _Encoder(request, parts, notes)
    items: list[Json] = []
    for turn in request.turns:
        items.extend(encoder.turn(turn))
    return items


class _Encoder:
    def __init__(self, request: Request, parts: PartEncoder, notes: list[str]) -> None:
        self._parts = parts
        self._notes = notes
        self._client_tools = client_tools.by_name(request.tools)
        self._called: dict[str, client_tools.ClientTool] = {}  # call_id → the built-in that was called

    def turn(self, turn: Turn) -> list[Json]:
        if turn.role is Role.ASSISTANT:
            return self._assistant(turn.blocks)
        items: list[Json] = []
        for block in turn.blocks:
            if isinstance(block, ToolResult):
                items.append(self._result(block))
            elif isinstance(block, Unknown):
                items.append(block.raw)
            else:
                _into_message(items, _ROLE[turn.role], self._parts.user(block))
        return items

    def _assistant(self, blocks: list[Block]) -> list[Json]:
        items: list[Json] = []
        for block in blocks:
            match block:
                case Text() | Refusal():
                    phase = block.phase if isinstance(block, Text) else None
                    _into_message(items, "assistant", self._parts.assistant(block), phase)
                case Thinking():
                    items.append(_reasoning(block))
                case ToolCall():
                    items.append(self._call(block))
                case Opaque():
                    items.append({"type": "compaction", "encrypted_content": block.data})
                case Unknown():
                    items.append(block.raw)
                case Image() | Document() | Media() | ToolResult():
                    self._note("Media that the assistant had written were left out.")
        while items and items[-1].get("type") == "reasoning":
            self._note("Reasoning that led to nothing was left out: the API wants its item behind it.")
            items.pop()
        return items

    def _call(self, call: ToolCall) -> Json:
        known = self._client_tools.get(call.name)
        if known is not None and call.kind == "function":
            self._called[call.id] = known
            item = known.call_item(call.id, call.arguments)
            if known.type == "local_shell":
                item["id"] = call.id  # the one item whose output names the item, not the call
            return item
        if call.kind == "custom":
            item = {"type": "custom_tool_call", "call_id": call.id, "name": call.name, "input": call.arguments}
        else:
            arguments = call.arguments or "{}"
            item = {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments}
        if call.namespace is not None:
            item["namespace"] = call.namespace
        return item

    def _result(self, result: ToolResult) -> Json:
        known = self._called.get(result.id)
        if known is not None:
            text = "\n".join(block.text for block in result.blocks if isinstance(block, Text))
            item = {"type": known.output, **known.encode_output(text, result.is_error)}
            item["id" if known.type == "local_shell" else "call_id"] = result.id
            return item
        kind = "custom_tool_call_output" if result.kind == "custom" else "function_call_output"
        return {"type": kind, "call_id": result.id, "output": self._output(result)}

    def _output(self, result: ToolResult) -> str | list[Json]:
        """A plain string where it says all. There is no error flag: failure is told in the text (mapping.md §2)."""
        blocks = result.blocks
        if result.is_error:
            blocks = _with_error(blocks)
        if not blocks:
            return ""
        if len(blocks) == 1 and isinstance(blocks[0], Text) and blocks[0].cache is None:
            return blocks[0].text
        return [self._parts.user(block) for block in blocks]

    def _note(self, sentence: str) -> None:
        if sentence not in self._notes:
            self._notes.append(sentence)


def _with_error(blocks: list[Block]) -> list[Block]:
    first = blocks[0] if blocks else Text("")
    if not isinstance(first, Text):
        return [Text(_ERROR.rstrip()), *blocks]
    if first.text.lower().startswith("error"):
        return blocks
    return [Text(_ERROR + first.text, cache=first.cache), *blocks[1:]]


def _into_message(items: list[Json], role: str, part: Json, phase: str | None = None) -> None:
    """Add `part` to the message at the end if it is one of the same role and phase, else begin one."""
    last = items[-1] if items else None
    if last is not None and last.get("type") == "message" and last["role"] == role and last.get("phase") == phase:
        last["content"].append(part)
        return
    message: Json = {"type": "message", "role": role, "content": [part]}
    if phase is not None:
        message["phase"] = phase
    items.append(message)


def _reasoning(thinking: Thinking) -> Json:
    """`prepare` has left only thinking that this protocol's backend encrypted."""
    item: Json = {"type": "reasoning", "summary": []}
    if thinking.text and thinking.kind == "raw":
        item["content"] = [{"type": "reasoning_text", "text": thinking.text}]
    elif thinking.text:
        item["summary"] = [{"type": "summary_text", "text": thinking.text}]
    item["encrypted_content"] = thinking.signature
    return item
