"""`input` into system text and turns (openai_responses.md §3).

Successive items of one side are one turn: several calls and the text before them are one assistant turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from translators import jsonio
from translators import openai_wire as wire
from translators.canonical import carrier
from translators.canonical.blocks import Block, Opaque, Text, Thinking, ToolCall, ToolResult, Unknown
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.request import Request, Role, Turn
from translators.openai_responses import client_tools, settings, tools
from translators.openai_responses.content import decode_content
from translators.openai_responses.wire import ID, Json

#: Items without a word in the canonical form that the user's side sends; all other unknown ones are the assistant's.
_USER_SIDE = frozenset({"computer_call_output", "mcp_approval_response", "compaction_trigger"})

#: Separates the parts of a reasoning summary in the one text that they become.
PART_BREAK = "\n\n"

#: What a tagged origin says besides the protocol: opaque blocks of Anthropic travel as reasoning too.
_OPAQUE = "/opaque"

_ROLES = {
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
}


def carry(signature: str, origin: str | None, *, opaque: bool = False) -> str:
    """`encrypted_content` for a client: what another protocol's backend signed, tagged (carrier.py)."""
    return carrier.wrap(signature, f"{origin}{_OPAQUE}" if opaque and origin else origin, ID)


def decode_input(request: Request, raw: object) -> None:
    """Fill turns (and system text, tools, settings that items carry). Raises TranslationError."""
    if isinstance(raw, str):
        request.turns.append(Turn(Role.USER, [Text(raw)]))
        return
    history = _History(request)
    for index, item in enumerate(wire.items(raw, "input")):
        where = f"input[{index}]"
        history.add(wire.mapping(item, where), where)


class _History:
    """What must be remembered from item to item."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._calls: dict[str, str] = {}  # id of a call item → its call_id: local_shell outputs name the item
        self._readers: dict[str, Callable[[Json, str], None]] = {
            "message": self._message,
            "reasoning": self._reasoning,
            "function_call": self._function_call,
            "custom_tool_call": self._custom_call,
            "function_call_output": self._function_output,
            "custom_tool_call_output": self._custom_output,
            "additional_tools": self._additional_tools,
            "configuration_update": self._configuration_update,
            "compaction": self._compaction,
            "compaction_summary": self._compaction,
            "item_reference": self._item_reference,
            **dict.fromkeys(client_tools.BY_CALL, self._client_call),
            **dict.fromkeys(client_tools.BY_OUTPUT, self._client_output),
        }

    def add(self, item: Json, where: str) -> None:
        kind = item.get("type")
        if kind is None and set(item) == {"id"}:
            kind = "item_reference"
        kind = wire.text("message" if kind is None else kind, f"{where}.type")
        self._readers.get(kind, self._unknown)(item, where)

    def _append(self, role: Role, *blocks: Block) -> None:
        turns = self._request.turns
        if turns and turns[-1].role is role:
            turns[-1].blocks.extend(blocks)
        elif blocks:
            turns.append(Turn(role, list(blocks)))

    def _message(self, item: Json, where: str) -> None:
        role = _ROLES.get(wire.text(item.get("role"), f"{where}.role"))
        if role is None:
            raise wire.refuse(f"Invalid value for '{where}.role': {item['role']!r}.", f"{where}.role", "invalid_value")
        blocks = decode_content(item.get("content"), f"{where}.content")
        # An unknown part goes home in a message of its own: among blocks it would be taken for an item.
        blocks = [
            Unknown(ID, {"type": "message", "role": item["role"], "content": [block.raw]})
            if isinstance(block, Unknown)
            else block
            for block in blocks
        ]
        if role is Role.SYSTEM:
            self._system(blocks)
            return
        if role is Role.ASSISTANT and isinstance(item.get("phase"), str):
            for block in blocks:
                if isinstance(block, Text):
                    block.phase = item["phase"]
        self._append(role, *blocks)

    def _system(self, blocks: list[Block]) -> None:
        """Leading system text is the system prompt: Codex sends its own so, without `instructions` (clients.md §2)."""
        texts = [block for block in blocks if isinstance(block, Text)]
        if self._request.turns:
            self._append(Role.SYSTEM, *texts)
        else:
            self._request.system.extend(texts)
        self._append(Role.USER, *(block for block in blocks if not isinstance(block, Text)))

    def _reasoning(self, item: Json, where: str) -> None:
        text, kind = reasoning_text(item)
        signature: str | None = None
        origin: str | None = None
        encrypted = wire.optional_text(item.get("encrypted_content"), f"{where}.encrypted_content")
        if encrypted:
            signature, origin = carrier.unwrap(encrypted, ID)
            if origin.endswith(_OPAQUE):
                self._append(Role.ASSISTANT, Opaque(signature, origin.removesuffix(_OPAQUE)))
                return
        if text or signature:
            identity = item.get("id")
            identity = identity if isinstance(identity, str) else None
            self._append(Role.ASSISTANT, Thinking(text, signature, origin, kind, identity))

    def _function_call(self, item: Json, where: str) -> None:
        arguments = item.get("arguments")
        if not isinstance(arguments, str):
            arguments = "" if arguments is None else jsonio.dumps_str(arguments)
        self._call(item, where, arguments, "function")

    def _custom_call(self, item: Json, where: str) -> None:
        self._call(item, where, wire.text(item.get("input"), f"{where}.input"), "custom")

    def _call(self, item: Json, where: str, arguments: str, kind: Literal["function", "custom"]) -> None:
        name = wire.text(item.get("name"), f"{where}.name")
        namespace = wire.optional_text(item.get("namespace"), f"{where}.namespace")
        self._append(Role.ASSISTANT, ToolCall(self._call_id(item, where), name, arguments, kind, namespace or None))

    def _call_id(self, item: Json, where: str) -> str:
        call_id = item.get("call_id") or item.get("id")
        if not isinstance(call_id, str) or not call_id:
            raise wire.missing(f"{where}.call_id")
        if isinstance(item.get("id"), str):
            self._calls[item["id"]] = call_id
        return call_id

    def _function_output(self, item: Json, where: str) -> None:
        self._output(item, where, "function")

    def _custom_output(self, item: Json, where: str) -> None:
        self._output(item, where, "custom")

    def _output(self, item: Json, where: str, kind: Literal["function", "custom"]) -> None:
        call_id = wire.text(item.get("call_id"), f"{where}.call_id")
        output = item.get("output")
        failed = False
        if isinstance(output, dict):  # as older versions of Codex put it
            failed = output.get("success") is False
            output = output.get("content")
        blocks = decode_content(output, f"{where}.output")
        name = wire.optional_text(item.get("name"), f"{where}.name")
        self._append(Role.USER, ToolResult(call_id, blocks, failed, name, kind))

    def _client_call(self, item: Json, where: str) -> None:
        if not client_tools.is_client_executed(item):
            self._unknown(item, where)
            return
        known = client_tools.BY_CALL[item["type"]]
        self._append(Role.ASSISTANT, ToolCall(self._call_id(item, where), known.name, known.arguments(item)))

    def _client_output(self, item: Json, where: str) -> None:
        if item["type"] == "tool_search_output":  # what was found can be called from here on
            self._declare(item, where)
        if not client_tools.is_client_executed(item):
            self._append(Role.ASSISTANT, Unknown(ID, item))
            return
        identity = item.get("call_id") or item.get("id")
        call_id = wire.text(identity, f"{where}.call_id")
        blocks, failed = client_tools.BY_OUTPUT[item["type"]].decode_output(item)
        self._append(Role.USER, ToolResult(self._calls.get(call_id, call_id), blocks, failed))

    def _additional_tools(self, item: Json, where: str) -> None:
        self._declare(item, where)

    def _declare(self, item: Json, where: str) -> None:
        known = {(tool.namespace, tool.name) for tool in self._request.tools}
        for tool in tools.decode_tools(item.get("tools"), f"{where}.tools"):
            if (tool.namespace, tool.name) not in known:
                known.add((tool.namespace, tool.name))
                self._request.tools.append(tool)

    def _configuration_update(self, item: Json, where: str) -> None:
        """Settings from here on: for the answer that is asked for, the latest counts."""
        if item.get("reasoning") is not None:
            update, _ = settings.decode_reasoning(item["reasoning"])
            self._request.reasoning.mode, self._request.reasoning.effort = update.mode, update.effort
        if item.get("text") is not None:
            self._request.output, _ = settings.decode_text(item["text"])

    def _compaction(self, item: Json, where: str) -> None:
        data = wire.text(item.get("encrypted_content"), f"{where}.encrypted_content")
        data, origin = carrier.unwrap(data, ID)
        self._append(Role.ASSISTANT, Opaque(data, origin, "compaction"))

    def _item_reference(self, item: Json, where: str) -> None:
        if self._request.stateful is None:
            message = f"Item with id '{item.get('id')}' not found: this gateway keeps no items. Send the item itself."
            code = "previous_response_not_found"
            self._request.stateful = ErrorInfo(ErrorKind.INVALID_REQUEST, message, code=code, param=where)
        self._append(Role.USER, Unknown(ID, item))

    def _unknown(self, item: Json, where: str) -> None:
        role = Role.USER if item.get("type") in _USER_SIDE else Role.ASSISTANT
        self._append(role, Unknown(ID, item))


def reasoning_text(item: Json) -> tuple[str, Literal["raw", "summary"]]:
    """The visible text of a reasoning item: its summary, else the reasoning itself."""
    for member, kind in _REASONING_MEMBERS:
        parts = item.get(member)
        texts = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
        text = PART_BREAK.join(found for found in texts if isinstance(found, str) and found)
        if text:
            return text, kind
    return "", "summary"


_REASONING_MEMBERS: tuple[tuple[str, Literal["raw", "summary"]], ...] = (("summary", "summary"), ("content", "raw"))
