"""Canonical blocks of an answer as content blocks, and the ids that an answer needs, for whole answers and streams."""

from __future__ import annotations

from translators.anthropic.blocks_decode import ID, REDACTED, carry_opaque
from translators.anthropic.blocks_encode import citations
from translators.anthropic.wire import Json
from translators.canonical import carrier, ids
from translators.canonical.arguments import as_object
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
    Unknown,
)
from translators.protocol import Reply

#: Longest tool id that the next request may bring back (`ids.fit`).
ID_LIMIT = 64


def message_id(reply: Reply) -> str:
    return ids.derive(reply.seed, "message", prefix="msg_")


def tool_id(backend_id: str, seed: str, index: int, taken: set[str]) -> str:
    """The backend's id where an Anthropic client may send it back, else one of our own; never twice in an answer."""
    result = ids.fit(backend_id, ID_LIMIT) if backend_id else ids.derive(seed, "tool", index, prefix="toolu_")
    if result in taken:
        result = ids.derive(seed, "tool", index, prefix="toolu_")
    taken.add(result)
    return result


def signature(payload: str | None, origin: str | None) -> str:
    """What `thinking.signature` holds: foreign reasoning is tagged, also without a proof, so that it is known again."""
    return carrier.wrap(payload or "", origin, ID)


def is_carried(origin: str | None) -> bool:
    """Whether a signature of `origin` is only carried through the client, which must not take it for an answer."""
    return origin not in (None, ID)


def encode_block(block: Block) -> Json | None:
    """One block; None for what an Anthropic client has no use for (empty text, other protocols' own blocks)."""
    match block:
        case Text():
            cited = citations(block.citations)
            if not block.text and not cited:
                return None
            result: Json = {"type": "text", "text": block.text}
            return {**result, "citations": cited} if cited else result
        case Refusal():
            return {"type": "text", "text": block.text} if block.text else None
        case Thinking():
            if not block.text and not block.signature:
                return None
            return {
                "type": "thinking",
                "thinking": block.text,
                "signature": signature(block.signature, block.origin),
            }
        case ToolCall():
            return _call(block)
        case _:
            return whole_block(block)


def _call(block: ToolCall) -> Json | None:
    if block.kind == "server":
        return None  # the backend has run it already; the client would run it again
    arguments = {"input": block.arguments} if block.kind == "custom" else as_object(block.arguments)
    return {"type": "tool_use", "id": block.id, "name": block.name, "input": arguments}


def whole_block(block: Block) -> Json | None:
    """A block that arrives in one piece, in streams too."""
    match block:
        case Opaque():
            return {"type": REDACTED, "data": carry_opaque(block)}
        case Unknown():
            return dict(block.raw) if block.origin == ID else None
        case Image() | Document() | Media():
            kind = block.media_type or type(block).__name__.lower()
            return {"type": "text", "text": f"[{kind} output, which this protocol cannot show]"}
        case _:
            return None
