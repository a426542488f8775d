"""A client's `messages` into system text and turns (openai_chat.md §3)."""

from __future__ import annotations

from collections.abc import Callable

from translators import jsonio
from translators import openai_wire as wire
from translators.canonical import ids
from translators.canonical.blocks import Block, Refusal, Text, Thinking, ToolCall, ToolResult, Unknown
from translators.canonical.errors import TranslationError
from translators.canonical.request import Request, Role, Turn
from translators.openai_chat import details
from translators.openai_chat.parts import decode_content
from translators.openai_chat.wire import ID, Json


def decode_messages(request: Request, messages: object) -> None:
    """Fill `request.system` and `request.turns`. Raises TranslationError."""
    history = _History(request)
    for index, message in enumerate(wire.items(messages, "messages")):
        where = f"messages[{index}]"
        history.add(wire.mapping(message, where), where)


class _History:
    """What must be remembered from message to message: legacy calls have no ids, and results do not tell their kind."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._custom: set[str] = set()  # ids of calls of custom tools
        self._unanswered: list[ToolCall] = []  # calls that came as `function_call`
        self._legacy_calls = 0
        self._readers: dict[str, Callable[[Json, str], None]] = {
            "system": self._system,
            "developer": self._system,
            "user": self._user,
            "assistant": self._assistant,
            "tool": self._tool,
            "function": self._function,
        }

    def add(self, message: Json, where: str) -> None:
        role = message.get("role")
        read = self._readers.get(role) if isinstance(role, str) else None
        if read is None:
            raise TranslationError(f"Invalid value for '{where}.role': {role!r}.", param=f"{where}.role")
        read(message, where)

    def _append(self, role: Role, blocks: list[Block]) -> None:
        turns = self._request.turns
        if turns and turns[-1].role is role:
            turns[-1].blocks.extend(blocks)
        else:
            turns.append(Turn(role, blocks))

    def _system(self, message: Json, where: str) -> None:
        blocks = decode_content(message.get("content"), f"{where}.content")
        texts = [block for block in blocks if isinstance(block, Text)]
        if not self._request.turns:
            self._request.system.extend(texts)
        elif texts:
            self._append(Role.SYSTEM, [*texts])

    def _user(self, message: Json, where: str) -> None:
        self._append(Role.USER, decode_content(message.get("content"), f"{where}.content"))

    def _tool(self, message: Json, where: str) -> None:
        call_id = wire.text(message.get("tool_call_id"), f"{where}.tool_call_id")
        blocks = decode_content(message.get("content"), f"{where}.content")
        kind = "custom" if call_id in self._custom else "function"
        self._append(Role.USER, [ToolResult(call_id, blocks, kind=kind)])  # type: ignore[arg-type]

    def _function(self, message: Json, where: str) -> None:
        """A legacy result names its function only: it answers the first unanswered call of that name."""
        name = wire.text(message.get("name"), f"{where}.name")
        blocks = decode_content(message.get("content"), f"{where}.content")
        call = next((call for call in self._unanswered if call.name == name), None)
        if call is None:
            call_id = ids.derive("function", name, prefix="call_")
        else:
            self._unanswered.remove(call)
            call_id = call.id
        self._append(Role.USER, [ToolResult(call_id, blocks)])

    def _assistant(self, message: Json, where: str) -> None:
        content = decode_content(message.get("content"), f"{where}.content")
        refusal = wire.optional_text(message.get("refusal"), f"{where}.refusal")
        if refusal:
            content.append(Refusal(refusal))
        if isinstance(message.get("audio"), dict):
            content.append(Unknown(ID, {"type": "audio", "audio": message["audio"]}))
        raw_calls = wire.items(message.get("tool_calls"), f"{where}.tool_calls")
        calls = [self._call(raw, f"{where}.tool_calls[{index}]") for index, raw in enumerate(raw_calls)]
        if isinstance(message.get("function_call"), dict) and not calls:
            calls.append(([], self._legacy_call(message["function_call"], f"{where}.function_call")))
        self._append(Role.ASSISTANT, _in_order(_reasoning(message), content, calls))

    def _call(self, value: object, where: str) -> tuple[list[Block], ToolCall]:
        """→ (what the backend hung on the call, the call)."""
        raw = wire.mapping(value, where)
        custom = raw.get("type") == "custom" or ("custom" in raw and "function" not in raw)
        inner = wire.mapping(raw.get("custom" if custom else "function"), where)
        name = wire.text(inner.get("name"), f"{where}.name")
        arguments = inner.get("input" if custom else "arguments")
        if not isinstance(arguments, str):
            arguments = "" if arguments is None else jsonio.dumps_str(arguments)
        call_id = raw.get("id")
        if not isinstance(call_id, str) or not call_id:
            raise TranslationError(f"Missing required parameter: '{where}.id'.", param=f"{where}.id")
        if custom:
            self._custom.add(call_id)
        before: list[Block] = []
        if isinstance(raw.get("extra_content"), dict):
            before.append(Thinking("", details.pack_extra(raw["extra_content"]), ID, "raw"))
        return before, ToolCall(call_id, name, arguments, "custom" if custom else "function")

    def _legacy_call(self, raw: Json, where: str) -> ToolCall:
        name = wire.text(raw.get("name"), f"{where}.name")
        arguments = raw.get("arguments")
        if not isinstance(arguments, str):
            arguments = "" if arguments is None else jsonio.dumps_str(arguments)
        self._legacy_calls += 1
        call = ToolCall(ids.derive("function_call", self._legacy_calls, name, prefix="call_"), name, arguments)
        self._unanswered.append(call)
        return call


def _reasoning(message: Json) -> list[tuple[str | None, Block]]:
    """The reasoning of an assistant message, each block with its place (details.py).

    `reasoning_content` and `reasoning` are aliases, and the entries repeat their text: never read twice.
    """
    visible = next((text for text in map(message.get, ("reasoning_content", "reasoning")) if _is_text(text)), "")
    assert isinstance(visible, str)
    carried: list[tuple[str | None, Block]] = []
    own: list[Json] = []
    for detail in details.gather(message):
        found = details.from_client(detail)
        if found is None:
            own.append(detail)
            continue
        carried.append(found)
        if isinstance(found[1], Thinking):
            visible = visible.replace(found[1].text, "", 1)
    if own and not visible:
        visible = "".join(map(details.text_of, own))
    signature = details.pack(own, visible) if any(map(details.is_opaque, own)) else None
    if visible.strip() or signature is not None:
        carried.insert(0, (None, Thinking(visible, signature, ID if signature else None, "raw")))
    return carried


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _in_order(
    reasoning: list[tuple[str | None, Block]], content: list[Block], calls: list[tuple[list[Block], ToolCall]]
) -> list[Block]:
    """Thinking, text, calls; placed thinking directly before its call or behind the text."""
    known = {call.id for _, call in calls}
    placed: dict[str | None, list[Block]] = {}
    for place, block in reasoning:
        at = place if place in known or place == details.AFTER_TEXT else None
        placed.setdefault(at, []).append(block)
    blocks = [*placed.get(None, []), *content, *placed.get(details.AFTER_TEXT, [])]
    for before, call in calls:
        blocks += [*placed.get(call.id, []), *before, call]
    return blocks
