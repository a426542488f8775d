"""Images and documents for backends that take none: a note in their place, or a text document's text."""

from __future__ import annotations

from dataclasses import replace

from translators.canonical.blocks import Block, Document, Image, Text, ToolResult
from translators.canonical.repair.notes import Notes
from translators.canonical.request import Turn
from translators.canonical.target import Target

IMAGE_NOTE = "[image left out: the model takes no images]"


def without_media(turns: list[Turn], target: Target, notes: Notes) -> list[Turn]:
    if target.images and target.documents:
        return turns
    return [Turn(turn.role, [_block(block, target, notes) for block in turn.blocks]) for turn in turns]


def document_text(document: Document) -> str:
    """A text document as plain text, its name as a title line."""
    head = [line for line in (document.name, document.context) if line]
    return "\n".join([*head, document.text or ""])


def _block(block: Block, target: Target, notes: Notes) -> Block:
    match block:
        case Image() if not target.images:
            notes.add("Images were left out: the model takes none.")
            return Text(IMAGE_NOTE, cache=block.cache)
        case Document() if not target.documents:
            if block.text is not None:
                return Text(document_text(block), cache=block.cache)
            notes.add("Documents were left out: the model takes none.")
            name = f' "{block.name}"' if block.name else ""
            return Text(f"[document{name} left out: the model takes no documents]", cache=block.cache)
        case ToolResult():
            return replace(block, blocks=[_block(inner, target, notes) for inner in block.blocks])
    return block
