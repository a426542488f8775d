"""Canonical blocks to the content blocks of a Converse request, without what Bedrock would refuse
(apikey_backends.md §6, Content)."""

from __future__ import annotations

from typing import Any

from translators.bedrock import cache
from translators.bedrock.media import Documents, image, media
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
    ToolResult,
)
from translators.canonical.request import Role
from translators.canonical.target import Target

Json = dict[str, Any]

#: Stands for a turn, or a result, that says nothing: Bedrock refuses blank text and empty content.
EMPTY = "(empty)"

#: A document needs a text beside it (AWS API reference, DocumentBlock).
BESIDE_DOCUMENT = "(document)"


class BlockEncoder:
    """Encodes the blocks of one request."""

    def __init__(self, target: Target, notes: list[str]) -> None:
        self._target = target
        self._notes = notes
        self._documents = Documents()

    def turn(self, role: Role, blocks: list[Block]) -> list[Json]:
        """The content of a message; [] where nothing of it can be said."""
        content: list[Json] = []
        for block in blocks:
            spelled = self._block(role, block)
            if spelled is None:
                continue
            content.append(spelled)
            point = cache.point(getattr(block, "cache", None), self._target)
            if point is not None:
                content.append(point)
        if any("document" in block for block in content) and not any("text" in block for block in content):
            content.append({"text": BESIDE_DOCUMENT})
        return content

    def system(self, blocks: list[Text]) -> list[Json]:
        content: list[Json] = []
        for block in blocks:
            if not block.text.strip():
                continue
            content.append({"text": block.text})
            point = cache.point(block.cache, self._target)
            if point is not None:
                content.append(point)
        return content

    def _block(self, role: Role, block: Block) -> Json | None:
        match block:
            case Text() | Refusal():
                return {"text": block.text} if block.text.strip() else None
            case ToolCall():
                call = {"toolUseId": block.id, "name": block.name, "input": as_object(block.arguments)}
                return {"toolUse": call}
            case ToolResult():
                return self._result(block)
            case Thinking():
                reasoning = {"text": block.text, "signature": block.signature}
                return {"reasoningContent": {"reasoningText": reasoning}}
            case Opaque():
                return {"reasoningContent": {"redactedContent": block.data}}
            case Image() | Document() | Media() if role is not Role.USER:
                kind = block.media_type or type(block).__name__.lower()
                return self._text(f"[{kind} shown earlier]", f"{kind} in an {role} turn was replaced by a text.")
            case Image() | Document() | Media():
                return self._media(block)
            case _:
                return None

    def _result(self, block: ToolResult) -> Json:
        content = [spelled for inner in block.blocks if (spelled := self._block(Role.USER, inner)) is not None]
        status = "error" if block.is_error else "success"
        return {"toolResult": {"toolUseId": block.id, "content": content or [{"text": EMPTY}], "status": status}}

    def _media(self, block: Image | Document | Media) -> Json:
        match block:
            case Image():
                found = image(block)
            case Document():
                found = self._documents.document(block)
            case Media():
                found = media(block)
        if isinstance(found, str):
            return self._text(found, f"{found} was sent as a text: Bedrock takes bytes of the types that it knows.")
        return found

    def _text(self, text: str, note: str) -> Json:
        self._notes.append(note)
        return {"text": text}
