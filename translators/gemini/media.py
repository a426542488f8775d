"""`inlineData` and `fileData` parts ↔ images, documents, audio and video."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
from typing import Any

from translators.canonical.blocks import Block, Document, Image, Media, Text
from translators.canonical.repair.media import document_text
from translators.gemini.wire import get

Json = dict[str, Any]

#: Files that live in a Google account, which no other backend can read.
_OWN_FILE = re.compile(r"gs://|https://generativelanguage\.googleapis\.com/[^/]+/files/|files/")

#: First bytes → type, for clients that name none or none that is one.
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_DEFAULT_TYPE = "application/octet-stream"


def block_of(part: Json) -> Block | None:
    """The block of a part with `inlineData` or `fileData`, None where it has neither or nothing in it."""
    inline = get(part, "inlineData")
    if isinstance(inline, dict):
        data = inline.get("data")
        if not isinstance(data, str) or not data:
            return None
        data = _standard(data)
        kind = get(inline, "mimeType")
        return _block(_type(kind, data), data=data, name=get(inline, "displayName"))
    file = get(part, "fileData")
    if isinstance(file, dict):
        uri = get(file, "fileUri")
        if not isinstance(uri, str) or not uri:
            return None
        kind = get(file, "mimeType")
        name = get(file, "displayName")
        if _OWN_FILE.match(uri):
            return _block(kind, file_id=uri, name=name)
        return _block(kind or mimetypes.guess_type(uri)[0], url=uri, name=name)
    return None


def part_of(block: Block) -> Json | None:
    """The part for an image, document or medium; text where only text can be said; None for any other block."""
    match block:
        case Document(text=str()):
            return {"text": document_text(block)}
        case Image(file_id=str(file)) | Document(file_id=str(file)) if not _OWN_FILE.match(file):
            return {"text": f"[file {file} left out: it is stored elsewhere]"}
        case Image() | Document():
            fallback = "image/png" if isinstance(block, Image) else "application/pdf"
            return _part(block.media_type, block.data, block.url or block.file_id, fallback)
        case Media():
            return _part(block.media_type, block.data, block.url, block.media_type)
    return None


def text_of(block: Block) -> str | None:
    """The text of a block that is nothing but text to Gemini."""
    if isinstance(block, Text):
        return block.text
    part = part_of(block)
    return part.get("text") if part is not None else None


def _block(
    kind: str | None, *, data: str | None = None, url: str | None = None, file_id: str | None = None, name: Any = None
) -> Block:
    family = (kind or "").partition("/")[0]
    if family == "image":
        return Image(kind, data=data, url=url, file_id=file_id)
    if family in ("audio", "video") and kind is not None and file_id is None:
        return Media(kind, data=data, url=url)
    return Document(kind, data=data, url=url, file_id=file_id, name=name if isinstance(name, str) else None)


def _part(kind: str | None, data: str | None, uri: str | None, fallback: str) -> Json | None:
    if data is not None:
        return {"inlineData": {"mimeType": _type(kind, data, fallback), "data": data}}
    if uri is None:
        return None
    kind = kind or mimetypes.guess_type(uri)[0]
    return {"fileData": {"mimeType": kind, "fileUri": uri} if kind else {"fileUri": uri}}


def _type(kind: Any, data: str, fallback: str = _DEFAULT_TYPE) -> str:
    if isinstance(kind, str) and "/" in kind and "*" not in kind:
        return kind
    try:
        head = base64.b64decode(data[:32])
    except binascii.Error:
        return fallback
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((name for magic, name in _MAGIC if head.startswith(magic)), fallback)


def _standard(data: str) -> str:
    """Base64 in the usual alphabet: proto-JSON also takes the URL-safe one, other backends do not."""
    if "-" in data or "_" in data:
        data = data.replace("-", "+").replace("_", "/")
    missing = -len(data) % 4
    return data + "=" * missing if missing < 3 else data
