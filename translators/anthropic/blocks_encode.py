"""Canonical blocks to content blocks of a request, without what Anthropic would refuse (anthropic.md §3, §4)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from translators.anthropic import cache
from translators.anthropic.blocks_decode import ID, REDACTED
from translators.anthropic.wire import Json
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
    Unknown,
)
from translators.canonical.errors import TranslationError
from translators.canonical.request import Role

#: The citation shapes that Anthropic knows; others (OpenAI's url_citation) are no use to it.
CITATIONS = (
    "char_location",
    "page_location",
    "content_block_location",
    "search_result_location",
    "web_search_result_location",
)

IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


def sniff(data: str) -> str | None:
    """Media type by the first bytes of base64 `data`, or None. Clients label images wrongly, and Anthropic checks."""
    head = data[:32]
    try:
        raw = base64.b64decode(head[: len(head) // 4 * 4])
    except (binascii.Error, ValueError):
        return None
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for magic, media_type in _MAGIC if raw.startswith(magic)), None)


def citations(blocks: list[Json] | None) -> list[Json]:
    return [citation for citation in blocks or () if citation.get("type") in CITATIONS]


@dataclass(slots=True)
class BlockEncoder:
    """Encodes the blocks of one request.

    `own_files`: file ids are Anthropic's. `strict_version`: the API version (2026-10-21) that refuses documents in
    assistant messages and citations in user messages.
    """

    own_files: bool
    strict_version: bool
    notes: list[str] = field(default_factory=list)

    def turn(self, role: Role, blocks: list[Block]) -> list[Json]:
        encoded = []
        for block in blocks:
            spelled = self._block(role, block)
            if spelled is not None:
                encoded.append(spelled)
        return encoded

    def text(self, role: Role, block: Text) -> Json | None:
        if not block.text:
            return None
        result: Json = {"type": "text", "text": block.text}
        cited = citations(block.citations)
        if cited and not (self.strict_version and role is Role.USER):
            result["citations"] = cited
        return cache.mark(result, block.cache)

    def _block(self, role: Role, block: Block) -> Json | None:
        match block:
            case Text():
                return self.text(role, block)
            case ToolCall():
                call = {"type": "tool_use", "id": block.id, "name": block.name, "input": as_object(block.arguments)}
                return cache.mark(call, block.cache)
            case ToolResult():
                return self._result(block)
            case Thinking():
                return self._thinking(block)
            case Opaque():
                return self._opaque(block)
            case Unknown():
                return self._unknown(block)
            case Refusal():
                return self.text(role, Text(block.text))
            case Image() | Document() | Media() if role is not Role.USER:
                return self._assistant_media(role, block)
            case Image():
                return cache.mark(self._image(block), block.cache)
            case Document():
                return cache.mark(self._document(block), block.cache)
            case Media():
                raise TranslationError(f"{block.media_type} input cannot be sent to an Anthropic model")

    def _result(self, block: ToolResult) -> Json:
        result: Json = {"type": "tool_result", "tool_use_id": block.id}
        match block.blocks:
            case []:
                pass
            case [Text(text=text, citations=None, cache=None)]:
                result["content"] = text
            case blocks:
                result["content"] = self.turn(Role.USER, blocks)
        if block.is_error:
            result["is_error"] = True
        return cache.mark(result, block.cache)

    def _thinking(self, block: Thinking) -> Json | None:
        if not block.signature or block.origin != ID:
            self.notes.append("Thinking without a signature of Anthropic was dropped.")
            return None
        return {"type": "thinking", "thinking": block.text, "signature": block.signature}

    def _opaque(self, block: Opaque) -> Json | None:
        if block.origin != ID or block.kind != REDACTED:
            self.notes.append(f"Opaque {block.kind} of {block.origin} was dropped.")
            return None
        return {"type": REDACTED, "data": block.data}

    def _unknown(self, block: Unknown) -> Json | None:
        if block.origin != ID:
            self.notes.append(f"A {block.raw.get('type', 'nameless')} block of {block.origin} was dropped.")
            return None
        return dict(block.raw)

    def _assistant_media(self, role: Role, block: Image | Document | Media) -> Json | None:
        if isinstance(block, Document) and role is Role.ASSISTANT and not self.strict_version:
            return cache.mark(self._document(block), block.cache)
        kind = block.media_type or type(block).__name__.lower()
        return self._note(f"[{kind} shown earlier]", f"{kind} in an {role} turn was replaced by a text.")

    def _image(self, block: Image) -> Json:
        if block.file_id is not None:
            return self._file("image", block.file_id)
        media_type, data, url = block.media_type, block.data, block.url
        if url is not None and url.startswith("data:"):
            media_type, data = _data_url(url)
        if data is not None:
            media_type = sniff(data) or media_type
            if media_type not in IMAGE_TYPES:
                return self._note(
                    f"[image of type {media_type or 'unknown'}]",
                    f"An image of type {media_type} was replaced by a text.",
                )
            return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}
        return self._by_url("image", url)

    def _document(self, block: Document) -> Json:
        if block.file_id is not None:
            result = self._file("document", block.file_id)
        elif block.text is not None:
            result = _text_document(block.text)
        elif block.data is not None:
            result = self._document_data(block)
        else:
            result = self._by_url("document", block.url)
        if result["type"] != "document":
            return result
        if block.name:
            result["title"] = block.name
        if block.context:
            result["context"] = block.context
        if block.citations is not None:
            result["citations"] = block.citations
        return result

    def _document_data(self, block: Document) -> Json:
        assert block.data is not None
        media_type = sniff(block.data) or block.media_type or ""
        if media_type == "application/pdf":
            return {"type": "document", "source": {"type": "base64", "media_type": media_type, "data": block.data}}
        if media_type in IMAGE_TYPES:
            return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": block.data}}
        try:
            return _text_document(base64.b64decode(block.data, validate=True).decode("utf-8"))
        except (ValueError, binascii.Error):
            name = f" {block.name}" if block.name else ""
            return self._note(
                f"[file{name} of type {media_type or 'unknown'}]",
                f"A file of type {media_type} was replaced by a text.",
            )

    def _file(self, kind: str, file_id: str) -> Json:
        if self.own_files:
            return {"type": kind, "source": {"type": "file", "file_id": file_id}}
        return self._note(
            f"[{kind} {file_id} is stored with another provider]",
            f"The {kind} {file_id} was replaced by a text: it is stored elsewhere.",
        )

    def _by_url(self, kind: str, url: str | None) -> Json:
        if url is not None and url.startswith(("https://", "http://")):
            return {"type": kind, "source": {"type": "url", "url": url}}
        return self._note(
            f"[{kind} at {url or 'no address'}]",
            f"The {kind} was replaced by a text: Anthropic cannot fetch its address.",
        )

    def _note(self, text: str, note: str) -> Json:
        self.notes.append(note)
        return {"type": "text", "text": text}


def _text_document(text: str) -> Json:
    return {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}}


def _data_url(url: str) -> tuple[str | None, str]:
    """→ (media type, base64 data) of a `data:` URL; one that is not base64 is encoded."""
    head, _, data = url[len("data:") :].partition(",")
    media_type, *options = head.split(";")
    if "base64" not in options:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return media_type or None, data
