"""Decodes request bodies: content encodings, JSON, and the parts of a form."""

from __future__ import annotations

import email.message
import email.parser
import email.policy
import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import brotli
import zstandard


class BodyError(Exception):
    """A body that cannot be read, with the HTTP status and the code that say so."""

    def __init__(self, message: str, status: int, code: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def unzstd(data: bytes) -> bytes:
    return bytes(zstandard.ZstdDecompressor().decompressobj().decompress(data))


DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "identity": lambda data: data,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": unzstd,
}


def unpacked(raw: bytes, headers: Mapping[str, str]) -> bytes:
    """The body without its content encodings (anthropic.md section 1)."""
    names = [name.strip().lower() for name in headers.get("content-encoding", "").split(",") if name.strip()]
    for name in reversed(names):
        if name not in DECODERS:
            raise BodyError(f"content-encoding: {name} is not supported", 400, "request_body_encoding_unsupported")
        try:
            raw = DECODERS[name](raw)
        except (OSError, EOFError, zlib.error, brotli.error, zstandard.ZstdError) as error:
            told = f"The request body is not valid {name}: {error}"
            raise BodyError(told, 400, "request_body_encoding_invalid") from error
    return raw


def decoded(raw: bytes, headers: Mapping[str, str]) -> Any:
    """The JSON value of a body; invalid UTF-8 and bytes behind the value are errors."""
    if "json" not in headers.get("content-type", "application/json"):
        raise BodyError(f"Unsupported content-type: {headers['content-type']}", 415, None)
    try:
        return json.loads(unpacked(raw, headers).decode("utf-8"))
    except ValueError as error:
        raise BodyError(f"The request body is not valid JSON: {error}", 400, None) from error


def form_file(raw: bytes, content_type: str) -> tuple[str, str, bytes, dict[str, str]]:
    """Name, type and content of a form's file, and its other fields."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + raw)
    if not form.is_multipart():
        raise BodyError("The request must be a multipart form.", 400, None)
    fields: dict[str, str] = {}
    found: tuple[str, str, bytes] | None = None
    for part in form.iter_parts():
        assert isinstance(part, email.message.EmailMessage)
        data = part.get_payload(decode=True)
        content = data if isinstance(data, bytes) else b""
        name = str(part.get_param("name", "", header="content-disposition"))
        if part.get_filename() is not None:
            found = (str(part.get_filename()), part.get_content_type(), content)
        else:
            fields[name] = content.decode()
    if found is None:
        raise BodyError("file: Field required", 400, None)
    return (*found, fields)
