"""`contents` and `systemInstruction` of a client → canonical turns."""

from __future__ import annotations

from typing import Any

from translators import jsonio
from translators.canonical.blocks import Block, Text, Thinking, ToolCall, ToolResult, Unknown
from translators.canonical.errors import TranslationError
from translators.canonical.request import Role, Turn
from translators.gemini import media, signatures, wire
from translators.gemini.call_ids import CallIds
from translators.gemini.wire import PROTOCOL_ID, get

Json = dict[str, Any]

#: `function` is the legacy role of results; the API takes user for an absent role.
_ROLES = {
    "": Role.USER,
    "user": Role.USER,
    "function": Role.USER,
    "tool": Role.USER,
    "model": Role.ASSISTANT,
    "assistant": Role.ASSISTANT,
    "system": Role.SYSTEM,
}

#: Keys that say something about a part without being its content.
_FLAGS = frozenset(
    spelling
    for name in ("thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata", "callIndex")
    for spelling in (name, wire.snake(name))
)

#: The one key under which clients and SDKs put a plain result.
_PLAIN_RESULTS = ("output", "result")


def decode_system(value: Any) -> list[Text]:
    """`systemInstruction`: a Content, a string, or a list of parts."""
    if value is None:
        return []
    if isinstance(value, str):
        return [Text(value)] if value else []
    if isinstance(value, dict):
        value = wire.items(value, "parts", "system_instruction.parts") if "parts" in value else [value]
    if not isinstance(value, list):
        raise wire.invalid("system_instruction", "TYPE_MESSAGE")
    texts = [part if isinstance(part, str) else part.get("text") for part in value if isinstance(part, str | dict)]
    return [Text(text) for text in texts if isinstance(text, str) and text]


def decode_contents(contents: list[Any]) -> list[Turn]:
    """Neighbours of one role become one turn. Raises TranslationError for roles and parts that are none."""
    turns: list[Turn] = []
    calls = CallIds()
    for number, content in enumerate(contents):
        if isinstance(content, str):
            content = {"parts": [{"text": content}]}
        if not isinstance(content, dict):
            raise wire.invalid(f"contents[{number}]", "TYPE_MESSAGE")
        role = _role(content, number)
        if not turns or turns[-1].role is not role:
            turns.append(Turn(role, []))
        for part in wire.items(content, "parts", f"contents[{number}].parts"):
            if isinstance(part, str):
                part = {"text": part}
            if not isinstance(part, dict):
                raise wire.invalid(f"contents[{number}].parts", "TYPE_MESSAGE")
            _part(part, turns[-1], len(turns), calls)
    return [turn for turn in turns if turn.blocks]


def _role(content: Json, number: int) -> Role:
    word = wire.text(content, "role", f"contents[{number}].role") or ""
    role = _ROLES.get(word.lower())
    if role is None:
        raise TranslationError("Please use a valid role: user, model.", param=f"contents[{number}].role")
    return role


def _part(part: Json, turn: Turn, number: int, calls: CallIds) -> None:
    blocks = turn.blocks
    signed = signatures.read(part) if turn.role is Role.ASSISTANT else []
    if (call := wire.mapping(part, "functionCall", "function_call")) is not None:
        _sign(blocks, signed)
        blocks.append(_call(call, number, len(blocks), calls))
        return
    if (result := wire.mapping(part, "functionResponse", "function_response")) is not None:
        blocks.append(_result(result, number, len(blocks), calls))
        return
    text = wire.text(part, "text")
    if text is not None or not part.keys() - _FLAGS:
        _text(text or "", part.get("thought") is True, signed, turn)
        return
    block = None if get(part, "videoMetadata") is not None else media.block_of(part)
    blocks.append(block or Unknown(PROTOCOL_ID, part))
    _sign(blocks, signed)


def _text(text: str, thought: bool, signed: list[signatures.Reasoning], turn: Turn) -> None:
    """A signature of Gemini's stands behind its text, a foreign one before it, where its protocol has it."""
    blocks = turn.blocks
    if thought:
        if turn.role is Role.ASSISTANT and (text or signed):
            _append(blocks, Thinking(text, origin=PROTOCOL_ID))
            _sign(blocks, signed)
        return
    if any(map(signatures.is_foreign, signed)):
        _sign(blocks, signed)
        signed = []
    if text and turn.role is Role.ASSISTANT:
        _append(blocks, Text(text))
    elif text:
        blocks.append(Text(text))
    _sign(blocks, signed)


def _append(blocks: list[Block], block: Text | Thinking) -> None:
    """Clients keep a streamed answer as the pieces that it came in: what the model wrote in one go is one block."""
    match blocks[-1:], block:
        case [Text() as last], Text():
            last.text += block.text
        case [Thinking(signature=None) as thought], Thinking():
            thought.text += block.text
        case _:
            blocks.append(block)


def _sign(blocks: list[Block], signed: list[signatures.Reasoning]) -> None:
    """Add what a part carried. The unsigned thought that stands last is the same one, if the client kept it: a carried
    text takes its place, a signature without a text signs it."""
    last = blocks[-1] if blocks else None
    if isinstance(last, Thinking) and last.signature is None:
        if any(isinstance(block, Thinking) and block.text for block in signed):
            blocks.pop()
        elif signed and isinstance(signed[0], Thinking):
            last.signature, last.origin = signed[0].signature, signed[0].origin
            signed = signed[1:]
    blocks.extend(signed)


def _call(call: Json, number: int, position: int, calls: CallIds) -> ToolCall:
    name = wire.text(call, "name", "function_call.name") or ""
    if not name:
        raise TranslationError("function_call.name: Name cannot be empty.", param="function_call.name")
    identifier = calls.of_call(wire.text(call, "id", "function_call.id"), name, number, position)
    args = call.get("args")
    return ToolCall(identifier, name, jsonio.dumps_str({} if args is None else args))


def _result(result: Json, number: int, position: int, calls: CallIds) -> ToolResult:
    name = wire.text(result, "name", "function_response.name") or ""
    identifier = calls.of_result(wire.text(result, "id", "function_response.id"), name, number, position)
    text, is_error = _outcome(result.get("response"))
    blocks: list[Block] = [Text(text)] if text else []
    for part in wire.items(result, "parts", "function_response.parts"):
        block = media.block_of(part) if isinstance(part, dict) else None
        if block is not None:
            blocks.append(block)
    return ToolResult(identifier, blocks, is_error, name or calls.name_of(identifier) or None)


def _outcome(response: Any) -> tuple[str, bool]:
    """→ (the text of a `response`, whether it reports a failure)."""
    is_error = False
    if isinstance(response, dict):
        if not response:
            return "", False
        if len(response) == 1:
            key, value = next(iter(response.items()))
            if key in _PLAIN_RESULTS or key == "error":
                response = value
                is_error = key == "error"
        else:
            is_error = bool(response.get("error")) and not response.get("output")
    if response is None:
        return "", is_error
    return response if isinstance(response, str) else jsonio.dumps_str(response), is_error
