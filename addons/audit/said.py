"""What was said in an exchange, as plain text for search: decoded by the protocol that the bytes are in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from translators import jsonio, registry
from translators.canonical.blocks import Block, Document, Refusal, Text, Thinking, ToolCall, ToolResult
from translators.canonical.names import NameMap
from translators.canonical.response import folded


@dataclass(frozen=True, slots=True)
class Said:
    """One piece of text of a turn. `role` is user, assistant, tool or system; `kind` names the block it comes from."""

    role: str
    kind: str
    text: str


def in_request(protocol: str, body: bytes, *, model: str) -> list[Said]:
    """The turns of a request, oldest first (leading system text is left out: it is the client's, and always the same).

    Raises whatever the decoder raises for a body that is not a request of that protocol.
    """
    request = registry.get(protocol).decode_request(jsonio.loads(body), model=model or "unknown")
    return [said for turn in request.turns for said in _blocks(turn.role.value, turn.blocks)]


def in_answer(protocol: str, body: bytes) -> list[Said]:
    """What the model said in a whole or streamed answer, also in one that was cut. Raises as `in_request`."""
    codec = registry.get(protocol)
    if body.lstrip()[:1] == b"{":
        response = codec.decode_response(jsonio.loads(body), NameMap())
    else:
        decoder = codec.stream_decoder(NameMap())
        response = folded((*decoder.feed(body), *decoder.end()))
    return list(_blocks("assistant", response.blocks))


def _blocks(role: str, blocks: Iterable[Block]) -> Iterator[Said]:
    for block in blocks:
        match block:
            case Text(text=text) if text.strip():
                yield Said(role, "text", text)
            case Thinking(text=text) if text.strip():
                yield Said(role, "thinking", text)
            case Refusal(text=text):
                yield Said(role, "refusal", text)
            case Document(text=str(text)) if text.strip():
                yield Said(role, "document", text)
            case ToolCall():
                yield Said("assistant", "tool_call", f"{block.name} {_settled(block.arguments)}")
            case ToolResult():
                text = "\n".join(part.text for part in block.blocks if isinstance(part, Text))
                if text.strip():
                    yield Said("tool", "tool_result", text)
            case _:
                pass


def _settled(arguments: str) -> str:
    """Arguments in one spelling: clients send them back with other spaces than they got them."""
    try:
        return jsonio.dumps_str(jsonio.loads(arguments))
    except (ValueError, UnicodeError):
        return arguments
