"""Images, documents, sound and film for Bedrock, which takes bytes only: it fetches no address, knows no file ids."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any
from urllib.parse import unquote_to_bytes

from translators.anthropic.blocks_encode import sniff
from translators.canonical.blocks import Document, Image, Media

Json = dict[str, Any]

IMAGE_FORMATS: dict[str, str] = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}

#: Media types and file endings → formats of `document` (botocore's model, DocumentFormat).
_DOCUMENT_FORMATS: dict[str, str] = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
_ENDINGS = frozenset(_DOCUMENT_FORMATS.values())

#: botocore's model, VideoFormat and AudioFormat.
_VIDEO_FORMATS = {
    "mp4": "mp4",
    "quicktime": "mov",
    "x-matroska": "mkv",
    "webm": "webm",
    "x-flv": "flv",
    "mpeg": "mpeg",
    "x-ms-wmv": "wmv",
    "3gpp": "three_gp",
}
_AUDIO_FORMATS = {
    "mpeg": "mp3",
    "mp3": "mp3",
    "wav": "wav",
    "x-wav": "wav",
    "flac": "flac",
    "ogg": "ogg",
    "opus": "opus",
    "aac": "aac",
    "mp4": "mp4",
    "webm": "webm",
    "m4a": "m4a",
}

_NAME_NEVER = re.compile(r"[^A-Za-z0-9\s()\[\]-]+")
_SPACES = re.compile(r"\s+")
_NAME_LIMIT = 200


def data_of(block: Image | Media | Document) -> tuple[str | None, str] | None:
    """→ (media type, base64) of a block that carries its bytes, also as a `data:` URL; else None."""
    if block.data is not None:
        return block.media_type, block.data
    if block.url is None or not block.url.startswith("data:"):
        return None
    head, _, data = block.url[len("data:") :].partition(",")
    media_type, *options = head.split(";")
    if "base64" not in options:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return media_type or block.media_type, data


def clean(data: str) -> str | None:
    """Base64 as a blob is written: without white space, in the usual alphabet, padded; None for what is none."""
    packed = re.sub(r"\s", "", data).replace("-", "+").replace("_", "/").rstrip("=")
    packed += "=" * (-len(packed) % 4)
    try:
        return packed if base64.b64decode(packed, validate=True) else None
    except (binascii.Error, ValueError):
        return None


def image(block: Image) -> Json | str:
    """The `image` block, or the text that stands for what Bedrock cannot have."""
    found = data_of(block)
    if found is None:
        return f"[image at {block.url or block.file_id or 'no address'}]"
    media_type = sniff(found[1]) or found[0] or ""
    data, format_ = clean(found[1]), IMAGE_FORMATS.get(media_type.lower())
    if data is None or format_ is None:
        return f"[image of type {media_type or 'unknown'}]"
    return {"image": {"format": format_, "source": {"bytes": data}}}


def media(block: Media) -> Json | str:
    """A `video` or `audio` block, or the text that stands for it."""
    found = data_of(block)
    media_type = (found[0] if found is not None else block.media_type) or ""
    family, _, subtype = media_type.lower().partition("/")
    format_ = {"video": _VIDEO_FORMATS, "audio": _AUDIO_FORMATS}.get(family, {}).get(subtype)
    data = clean(found[1]) if found is not None else None
    if data is None or format_ is None:
        return f"[file of type {media_type or 'unknown'}]"
    return {family: {"format": format_, "source": {"bytes": data}}}


class Documents:
    """The documents of one request: Bedrock wants their names unique, and of few characters."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def document(self, block: Document) -> Json | str:
        """The `document` block, or the text that stands for it."""
        format_: str | None
        data: str | None
        if block.text is not None:
            format_, data = "txt", base64.b64encode(block.text.encode("utf-8", "replace")).decode() or None
        else:
            found = data_of(block)
            if found is None:
                return f"[document at {block.url or block.file_id or 'no address'}]"
            media_type = sniff(found[1]) or found[0] or ""
            if media_type in IMAGE_FORMATS:
                return image(Image(media_type, found[1]))
            format_, data = _format(media_type, block.name), clean(found[1])
        if format_ is None or data is None:
            return f"[file {block.name or ''} of type {block.media_type or 'unknown'}]".replace("  ", " ")
        result: Json = {"format": format_, "name": self._name(block.name), "source": {"bytes": data}}
        if block.context:
            result["context"] = block.context
        if block.citations and block.citations.get("enabled") is True:
            result["citations"] = {"enabled": True}
        return {"document": result}

    def _name(self, wanted: str | None) -> str:
        """`wanted` in the allowed characters, with a number where it is taken. The same history, the same names."""
        base = _SPACES.sub(" ", _NAME_NEVER.sub("-", wanted or "")).strip()[:_NAME_LIMIT].strip() or "document"
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base[: _NAME_LIMIT - 6]} ({number})"
        self._taken.add(name)
        return name


def _format(media_type: str, name: str | None) -> str | None:
    known = _DOCUMENT_FORMATS.get(media_type.partition(";")[0].strip().lower())
    if known is not None:
        return known
    ending = (name or "").rpartition(".")[2].lower()
    if ending in _ENDINGS:
        return ending
    return "txt" if media_type.startswith("text/") or media_type == "application/json" else None
