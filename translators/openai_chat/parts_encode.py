"""Canonical blocks as content parts of a chat message (openai_chat.md §3)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from translators.canonical.blocks import Block, Document, Image, Media, Refusal, Text, Unknown
from translators.canonical.errors import TranslationError
from translators.canonical.repair.media import document_text
from translators.canonical.target import Target
from translators.openai_chat.wire import ID, Json

#: How base64 of an image begins, for clients that do not say what it is.
_MAGIC = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
)

#: Media types of sound → `input_audio.format`, where it is not the subtype.
_AUDIO_FORMATS = {"audio/mpeg": "mp3", "audio/x-wav": "wav", "audio/wave": "wav", "audio/vnd.wave": "wav"}


@dataclass(slots=True)
class Context:
    """What a part's spelling depends on, and where losses are told."""

    origin: str
    target: Target
    notes: list[str] = field(default_factory=list)


def encode_part(block: Block, context: Context) -> Json | None:
    """One content part; None where chat has no such thing. Raises TranslationError for media that it cannot carry."""
    encode = _ENCODERS.get(type(block))
    return None if encode is None else encode(block, context)


def data_url(image: Image) -> str:
    data = image.data or ""
    kind = image.media_type or next((kind for start, kind in _MAGIC if data.startswith(start)), "image/png")
    return f"data:{kind};base64,{data}"


def _with_cache(part: Json, cache: Json | None, context: Context) -> Json:
    """Anthropic's marker under the name that the backend knows, if it knows any."""
    style = context.target.cache_markers
    if cache is None or style == "none":
        return part
    if style == "cache_control":
        return {**part, "cache_control": cache}
    marker: Json = {"mode": "explicit"}
    if cache.get("ttl") is not None:
        marker["ttl"] = cache["ttl"]
    return {**part, "prompt_cache_breakpoint": marker}


def has_marker(block: Block, context: Context) -> bool:
    """Whether `block` can only be written as a part, because a marker hangs on it."""
    return context.target.cache_markers != "none" and getattr(block, "cache", None) is not None


def _text(block: Text, context: Context) -> Json:
    return _with_cache({"type": "text", "text": block.text}, block.cache, context)


def _image(block: Image, context: Context) -> Json:
    if block.file_id is not None:
        context.notes.append("An uploaded image was left out: chat cannot refer to it.")
        return {"type": "text", "text": "[image left out: it is a file of another service]"}
    image: Json = {"url": block.url if block.url is not None else data_url(block)}
    if block.detail is not None:
        image["detail"] = block.detail
    return _with_cache({"type": "image_url", "image_url": image}, block.cache, context)


def _document(block: Document, context: Context) -> Json:
    text = block.text if block.text is not None else _plain_text(block)
    if text is not None:
        shown = document_text(Document(text=text, name=block.name, context=block.context))
        return _with_cache({"type": "text", "text": shown}, block.cache, context)
    if block.url is not None:
        context.notes.append("A document given by URL became a line of text: chat takes its bytes only.")
        return {"type": "text", "text": f"[document: {block.url}]"}
    if block.file_id is not None:
        if context.origin != ID:
            context.notes.append("An uploaded document was left out: its id belongs to another service.")
            return {"type": "text", "text": f"[document {block.name or block.file_id} left out]"}
        file: Json = {"file_id": block.file_id}
        if block.name is not None:
            file["filename"] = block.name
    else:
        kind = block.media_type or "application/pdf"
        name = block.name or ("document.pdf" if kind == "application/pdf" else "document")
        file = {"filename": name, "file_data": f"data:{kind};base64,{block.data or ''}"}
    return _with_cache({"type": "file", "file": file}, block.cache, context)


def _plain_text(block: Document) -> str | None:
    """The text of a text file that came as base64; None if it is no text."""
    if block.data is None or not (block.media_type or "").startswith("text/"):
        return None
    try:
        return base64.b64decode(block.data, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None


def _media(block: Media, context: Context) -> Json:
    family, _, subtype = block.media_type.partition("/")
    if family == "audio" and block.data is not None:
        form = _AUDIO_FORMATS.get(block.media_type, subtype)
        part: Json = {"type": "input_audio", "input_audio": {"data": block.data, "format": form}}
    elif context.origin == ID and family in ("audio", "video"):
        url = block.url if block.url is not None else f"data:{block.media_type};base64,{block.data or ''}"
        part = {"type": f"{family}_url", f"{family}_url": {"url": url}}
    else:
        raise TranslationError(f"This model's backend takes no {block.media_type} content.")
    return _with_cache(part, block.cache, context)


def _refusal(block: Refusal, context: Context) -> Json:
    return {"type": "refusal", "refusal": block.text}


def _unknown(block: Unknown, context: Context) -> Json | None:
    return block.raw if block.origin == ID else None


_ENCODERS: dict[type, Callable[[Any, Context], Json | None]] = {
    Text: _text,
    Image: _image,
    Document: _document,
    Media: _media,
    Refusal: _refusal,
    Unknown: _unknown,
}
