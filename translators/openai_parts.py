"""Content parts that OpenAI's two APIs have in common: the walk through them, pictures, files, sound.

The readers take either API's spelling: clients mix them.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from translators import openai_wire as wire
from translators.canonical.blocks import Block, Document, Image, Media, Refusal, Text, Unknown

Json = dict[str, Any]

#: (part, its place) → block.
Reader = Callable[[Json, str], Block]

#: Extension by media type, of files whose name has to tell their type or whose type their name.
EXTENSIONS = {"application/pdf": "pdf", "text/plain": "txt", "text/markdown": "md", "text/csv": "csv"}

#: The default of a picture's `detail`.
DETAIL = "auto"


def decode(content: object, where: str, origin: str, readers: Mapping[str, Reader]) -> list[Block]:
    """A message's `content` or a tool's `output`: null and "" are nothing, a string is one text, a list goes part by
    part. A part of unknown type is kept as Unknown. Raises TranslationError for what is neither string nor list."""
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [Text(content)]
    return [_part(part, f"{where}[{i}]", origin, readers) for i, part in enumerate(wire.items(content, where))]


def _part(part: object, where: str, origin: str, readers: Mapping[str, Reader]) -> Block:
    if isinstance(part, str):
        return Text(part)
    raw = wire.mapping(part, where)
    kind = raw.get("type") or ("text" if "text" in raw else None)
    read = readers.get(kind) if isinstance(kind, str) else None
    return Unknown(origin, raw) if read is None else read(raw, where)


def refusal(part: Json, where: str) -> Block:
    return Refusal(wire.text(part.get("refusal"), f"{where}.refusal"))


def image(part: Json, where: str) -> Block:
    """Chat: `image_url: {url, detail}`; Responses: the address bare, with `detail` or a `file_id` beside it."""
    held, detail, place = part.get("image_url"), part.get("detail"), f"{where}.image_url"
    if isinstance(held, dict):
        detail, held, place = held.get("detail", detail), held.get("url"), f"{place}.url"
    detail = wire.optional_text(detail, f"{where}.detail")
    detail = None if detail == DETAIL else detail
    if held is None and isinstance(part.get("file_id"), str):
        return Image(file_id=part["file_id"], detail=detail, cache=cache(part))
    url = wire.text(held, place)
    found = split_data_url(url, place)
    if found is None:
        return Image(url=url, detail=detail, cache=cache(part))
    return Image(*found, detail=detail, cache=cache(part))


def audio(part: Json, where: str) -> Block:
    place = f"{where}.input_audio"
    held = wire.mapping(part.get("input_audio"), place)
    form = wire.optional_text(held.get("format"), f"{place}.format") or "wav"
    return Media(f"audio/{form}", wire.text(held.get("data"), f"{place}.data"), cache=cache(part))


def file(part: Json, where: str) -> Block:
    """Chat: `file: {file_id | file_data, filename}`; Responses: the same members flat, and `file_url`."""
    held = part
    if "file" in part:
        where = f"{where}.file"
        held = wire.mapping(part["file"], where)
    name = wire.optional_text(held.get("filename"), f"{where}.filename")
    if isinstance(held.get("file_id"), str):
        return Document(file_id=held["file_id"], name=name, cache=cache(part))
    if isinstance(held.get("file_url"), str):
        return Document(url=held["file_url"], name=name, cache=cache(part))
    data = wire.text(held.get("file_data"), f"{where}.file_data")
    media_type, payload = split_data_url(data, f"{where}.file_data") or (None, data)
    return Document(media_type or _type_of_name(name), payload, name=name, cache=cache(part))


def cache(part: Json) -> Json | None:
    """A cache marker in Anthropic's form: `cache_control` as LiteLLM and OpenRouter take it, or OpenAI's breakpoint."""
    marker = part.get("cache_control")
    if isinstance(marker, dict):
        return marker
    breakpoint_ = part.get("prompt_cache_breakpoint")
    if not isinstance(breakpoint_, dict):
        return None
    ttl = breakpoint_.get("ttl")
    return {"type": "ephemeral"} if ttl is None else {"type": "ephemeral", "ttl": ttl}


def split_data_url(url: str, where: str) -> tuple[str | None, str] | None:
    """→ (media type or None, base64) of a `data:` URL, None for any other. Raises TranslationError if it has no
    data."""
    if url[:5].lower() != "data:":
        return None
    head, comma, payload = url[5:].partition(",")
    if not comma:
        raise wire.refuse(f"Invalid '{where}': a data: URL without data.", where, "invalid_value")
    media_type, *parameters = head.split(";")
    if "base64" not in (parameter.strip().lower() for parameter in parameters):
        payload = base64.b64encode(unquote_to_bytes(payload.encode("utf-8", "replace"))).decode("ascii")
    return media_type.strip().lower() or None, payload


def _type_of_name(name: str | None) -> str:
    ending = (name or "").rpartition(".")[2].lower()
    return next((media_type for media_type, known in EXTENSIONS.items() if known == ending), "application/pdf")
