"""Content blocks of the Messages API to canonical blocks, the same for history and for answers (anthropic.md §3)."""

from __future__ import annotations

import re
from collections.abc import Callable

from translators import jsonio
from translators.anthropic import wire
from translators.anthropic.wire import Json
from translators.canonical import carrier
from translators.canonical.blocks import Block, Document, Image, Opaque, Text, Thinking, ToolCall, ToolResult, Unknown
from translators.canonical.errors import TranslationError

ID = "anthropic"
REDACTED = "redacted_thinking"

_KIND = re.compile(r"[a-z_]{1,40}")


def decode_blocks(content: object, where: str) -> list[Block]:
    """`content` of a message or a tool result: a string, or a list of blocks. Raises TranslationError."""
    if isinstance(content, str):
        return [Text(content)] if content else []
    blocks: list[Block] = []
    for index, raw in enumerate(wire.items(content, where)):
        place = f"{where}.{index}"
        blocks.extend(decode_block(wire.mapping(raw, place), place))
    return blocks


def decode_block(raw: Json, where: str) -> list[Block]:
    """One block; what has no canonical word becomes Unknown, verbatim. A document made of blocks may become several."""
    kind = wire.text(raw.get("type"), f"{where}.type")
    decoder = _DECODERS.get(kind)
    if decoder is None:
        return [Unknown(ID, raw)]
    return decoder(raw, where)


def decode_answer_block(raw: Json) -> list[Block]:
    """One block of a backend's answer. Never raises; what is signed or opaque is taken as the backend's own, even if a
    gateway behind us has tagged it."""
    try:
        blocks = decode_block(raw, "content")
    except TranslationError:
        return [Unknown(ID, raw)]
    match blocks:
        case [Thinking() as thinking]:
            return [Thinking(thinking.text, raw.get("signature") or None, ID)]
        case [Opaque()]:
            return [Opaque(raw["data"], ID)]
    return blocks


def _text(raw: Json, where: str) -> list[Block]:
    return [
        Text(
            wire.text(raw.get("text"), f"{where}.text"),
            citations=_citations(raw.get("citations")),
            cache=_cache(raw, where),
        )
    ]


def _citations(value: object) -> list[Json] | None:
    if not isinstance(value, list):
        return None
    return [citation for citation in value if isinstance(citation, dict)] or None


def _cache(raw: Json, where: str) -> Json | None:
    return wire.optional_mapping(raw.get("cache_control"), f"{where}.cache_control")


def _image(raw: Json, where: str) -> list[Block]:
    source = wire.mapping(raw.get("source"), f"{where}.source")
    place = f"{where}.source"
    cache = _cache(raw, where)
    match source.get("type"):
        case "base64":
            media_type = wire.optional_text(source.get("media_type"), f"{place}.media_type")
            return [Image(media_type, data=wire.text(source.get("data"), f"{place}.data"), cache=cache)]
        case "url":
            return [Image(url=wire.text(source.get("url"), f"{place}.url"), cache=cache)]
        case "file":
            return [Image(file_id=wire.text(source.get("file_id"), f"{place}.file_id"), cache=cache)]
        case _:
            return [Unknown(ID, raw)]


def _document(raw: Json, where: str) -> list[Block]:
    source = wire.mapping(raw.get("source"), f"{where}.source")
    place = f"{where}.source"
    document = Document(
        name=wire.optional_text(raw.get("title"), f"{where}.title"),
        context=wire.optional_text(raw.get("context"), f"{where}.context"),
        cache=_cache(raw, where),
        citations=wire.optional_mapping(raw.get("citations"), f"{where}.citations"),
    )
    match source.get("type"):
        case "base64":
            document.media_type = wire.optional_text(source.get("media_type"), f"{place}.media_type")
            document.data = wire.text(source.get("data"), f"{place}.data")
        case "text":
            document.media_type = "text/plain"
            document.text = wire.text(source.get("data"), f"{place}.data")
        case "url":
            document.url = wire.text(source.get("url"), f"{place}.url")
        case "file":
            document.file_id = wire.text(source.get("file_id"), f"{place}.file_id")
        case "content":
            return _document_of_blocks(document, decode_blocks(source.get("content"), f"{place}.content"))
        case _:
            return [Unknown(ID, raw)]
    return [document]


def _document_of_blocks(document: Document, blocks: list[Block]) -> list[Block]:
    """One text document where all blocks are text; with images among them, the blocks themselves under a title line."""
    if all(isinstance(block, Text) for block in blocks):
        document.media_type = "text/plain"
        document.text = "\n\n".join(block.text for block in blocks if isinstance(block, Text))
        return [document]
    title: list[Block] = [Text(document.name)] if document.name else []
    return [*title, *blocks]


def _thinking(raw: Json, where: str) -> list[Block]:
    signature = wire.optional_text(raw.get("signature"), f"{where}.signature")
    payload, origin = carrier.unwrap(signature or "", ID)
    return [Thinking(wire.text(raw.get("thinking"), f"{where}.thinking"), payload or None, origin)]


def _redacted(raw: Json, where: str) -> list[Block]:
    payload, origin = carrier.unwrap(wire.text(raw.get("data"), f"{where}.data"), ID)
    if origin == ID:
        return [Opaque(payload, ID)]
    kind, separator, data = payload.partition(":")
    if separator and _KIND.fullmatch(kind):
        return [Opaque(data, origin, kind)]
    return [Opaque(payload, origin)]


def carry_opaque(block: Opaque) -> str:
    """What `redacted_thinking.data` holds for `block`: foreign data tagged with its origin and kind."""
    if block.origin == ID:
        return block.data
    return carrier.wrap(f"{block.kind}:{block.data}", block.origin, ID)


def _tool_use(raw: Json, where: str) -> list[Block]:
    return [
        ToolCall(
            wire.text(raw.get("id"), f"{where}.id"),
            wire.text(raw.get("name"), f"{where}.name"),
            jsonio.dumps_str(raw.get("input") or {}),
            cache=_cache(raw, where),
        )
    ]


def _tool_result(raw: Json, where: str) -> list[Block]:
    content = raw.get("content")
    return [
        ToolResult(
            wire.text(raw.get("tool_use_id"), f"{where}.tool_use_id"),
            decode_blocks(content, f"{where}.content") if content is not None else [],
            is_error=raw.get("is_error") is True,
            cache=_cache(raw, where),
        )
    ]


_DECODERS: dict[str, Callable[[Json, str], list[Block]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    REDACTED: _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}
