"""The turns of a conversation as `userInputMessage` and `assistantResponseMessage` in turn (kiro.md §6, §6.1). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from addons.providers.kiro.dialect import Dialect
from translators.bedrock.media import Documents, image
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

Json = dict[str, Any]

#: §6: what official clients cap a message at; bytes of base64, whose limit of 10 MB is of the images themselves.
IMAGES, IMAGE_BYTES = 10, 10_000_000 * 4 // 3
#: §6: that of the IDE and of the CLI's agent server.
AI_EDITOR = "AI_EDITOR"
_EMPTY = "(empty)"
_MEDIA_ONLY = "(see what is attached)"
_SEPARATOR = "\n\n"


class MessageEncoder:
    """Encodes the turns of one request to the model `model`."""

    def __init__(self, model: str, dialect: Dialect, notes: list[str]) -> None:
        self._model, self._dialect, self._notes = model, dialect, notes
        self._documents = Documents()

    def user(self, blocks: Sequence[Block], before: Sequence[str] = (), after: Sequence[str] = ()) -> Json:
        """A user's message; `before` and `after` are texts of ours around its own."""
        texts: list[str] = []
        images: list[Json] = []
        documents: list[Json] = []
        results: list[Json] = []
        for block in blocks:
            if isinstance(block, ToolResult):
                results.append(self._result(block, images, documents))
            else:
                texts += self._said(block, images, documents)
        content = _SEPARATOR.join([*before, *texts, *after])
        if not content.strip():
            content = self._dialect.results_only if results else _MEDIA_ONLY if images or documents else _EMPTY
        message: Json = {"content": content, "modelId": self._model, "origin": AI_EDITOR}
        if kept := self._capped(images, message):
            message["images"] = kept
        if documents:
            message["documents"] = documents
        if results:
            message["userInputMessageContext"] = {"toolResults": results}
        return {"userInputMessage": message}

    def assistant(self, blocks: Sequence[Block]) -> Json:
        content = _SEPARATOR.join(b.text for b in blocks if isinstance(b, Text | Refusal) and b.text.strip())
        uses = [
            {"toolUseId": block.id, "name": block.name, "input": as_object(block.arguments)}
            for block in blocks
            if isinstance(block, ToolCall)
        ]
        if not content:
            content = self._dialect.calls_only if uses else _EMPTY
        message: Json = {"content": content}
        if uses:
            message["toolUses"] = uses
        reasoning = self._reasoning(blocks)
        if reasoning is not None:
            message["reasoningContent"] = reasoning
        return {"assistantResponseMessage": message}

    # -- within

    def _result(self, result: ToolResult, images: list[Json], documents: list[Json]) -> Json:
        """Media are lifted out into the message: inside of a result the service drops them without a word (§6)."""
        texts: list[str] = []
        for block in result.blocks:
            before = len(images) + len(documents)
            texts += self._said(block, images, documents)
            if len(images) + len(documents) > before:
                texts.append(f"[{'image' if isinstance(block, Image) else 'file'} attached to this message]")
        text = _SEPARATOR.join(texts) or _EMPTY
        return {
            "toolUseId": result.id,
            "status": "error" if result.is_error else "success",
            "content": [{"text": text}],
        }

    def _said(self, block: Block, images: list[Json], documents: list[Json]) -> list[str]:
        """The texts of a block; what is none of it goes into one of the lists."""
        found: Json | str
        match block:
            case Text() | Refusal():
                return [block.text] if block.text.strip() else []
            case Image():
                found = image(block)
            case Document():
                found = self._documents.document(block)
            case Media():
                found = f"[file of type {block.media_type}]"
            case _:
                return []
        if isinstance(found, str):
            self._notes.append(f"{found} was sent as a text: the service takes bytes of the types that it knows.")
            return [found]
        if "image" in found:
            images.append(found["image"])
        else:
            documents.append({name: found["document"][name] for name in ("name", "format", "source")})
        return []

    def _capped(self, images: list[Json], message: Json) -> list[Json]:
        """The latest images that a message may have."""
        kept: list[Json] = []
        size = 0
        for found in reversed(images):
            size += len(found["source"]["bytes"])
            if len(kept) == IMAGES or size > IMAGE_BYTES:
                break
            kept.insert(0, found)
        if left := len(images) - len(kept):
            self._notes.append("The earliest images of a message were left out: the service takes 10, and 10 MB.")
            message["content"] += f"{_SEPARATOR if message['content'] else ''}[{left} earlier images left out]"
        return kept

    def _reasoning(self, blocks: Sequence[Block]) -> Json | None:
        """What the service itself had thought, with its signature: there is one place for it a message."""
        thoughts = [block for block in blocks if isinstance(block, Thinking | Opaque)]
        if not thoughts:
            return None
        if len(thoughts) > 1:
            self._notes.append("Of several thoughts in one turn the last was sent back: there is one place for them.")
        last = thoughts[-1]
        if isinstance(last, Opaque):
            return {"redactedContent": last.data}
        return {"reasoningText": {"text": last.text, "signature": last.signature}}
