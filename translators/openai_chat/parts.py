"""Content parts of a message into canonical blocks: text, pictures, files, sound (openai_chat.md §3)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from translators import openai_wire as wire
from translators.canonical.blocks import Block, Document, Image, Media, Refusal, Text, Thinking, Unknown
from translators.canonical.errors import TranslationError
from translators.openai_chat.wire import ID, Json


def decode_content(content: object, where: str) -> list[Block]:
    """A message's `content`: null and "" are nothing, a string is one text, a list is decoded part by part.

    Also takes what clients send against the book: bare strings in the list, Responses' `input_*` parts, media in tool
    messages. A part of unknown type is kept as Unknown. Raises TranslationError for what is neither string nor list.
    """
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [Text(content)]
    return [_part(part, f"{where}[{index}]") for index, part in enumerate(wire.items(content, where))]


def _part(part: object, where: str) -> Block:
    if isinstance(part, str):
        return Text(part)
    raw = wire.mapping(part, where)
    kind = raw.get("type") or ("text" if "text" in raw else None)
    decode = _PARTS.get(kind) if isinstance(kind, str) else None
    return Unknown(ID, raw) if decode is None else decode(raw, where)


def _cache(part: Json) -> Json | None:
    """A cache marker in Anthropic's form: `cache_control` as LiteLLM and OpenRouter take it, or OpenAI's breakpoint."""
    marker = part.get("cache_control")
    if isinstance(marker, dict):
        return marker
    breakpoint_ = part.get("prompt_cache_breakpoint")
    if not isinstance(breakpoint_, dict):
        return None
    ttl = breakpoint_.get("ttl")
    return {"type": "ephemeral"} if ttl is None else {"type": "ephemeral", "ttl": ttl}


def _text(part: Json, where: str) -> Block:
    return Text(wire.text(part.get("text"), f"{where}.text"), cache=_cache(part))


def _refusal(part: Json, where: str) -> Block:
    return Refusal(wire.text(part.get("refusal"), f"{where}.refusal"))


def _thinking(part: Json, where: str) -> Block:
    """Mistral's thinking chunk: a list of text chunks (or a string)."""
    inner = part.get("thinking")
    return Thinking(inner if isinstance(inner, str) else inner_text(inner), origin=ID, kind="raw")


def inner_text(parts: object) -> str:
    """The text of a list of text parts, whatever else is in it."""
    if not isinstance(parts, list):
        return ""
    texts = (part.get("text") for part in parts if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))


def _image(part: Json, where: str) -> Block:
    """`image_url: {url, detail}`; Responses puts the address bare and `detail`, `file_id` beside it."""
    holder = part.get("image_url")
    holder = {"url": holder} if isinstance(holder, str) else holder
    detail = part.get("detail")
    if holder is None and isinstance(part.get("file_id"), str):
        return Image(file_id=part["file_id"], detail=detail, cache=_cache(part))
    image_url = wire.mapping(holder, f"{where}.image_url")
    url = wire.text(image_url.get("url"), f"{where}.image_url.url")
    detail = wire.optional_text(image_url.get("detail", detail), f"{where}.image_url.detail")
    found = split_data_url(url)
    if found is None:
        return Image(url=url, detail=detail, cache=_cache(part))
    media_type, data = found
    return Image(media_type, data, detail=detail, cache=_cache(part))


def _audio(part: Json, where: str) -> Block:
    audio = wire.mapping(part.get("input_audio"), f"{where}.input_audio")
    form = audio.get("format")
    data = wire.text(audio.get("data"), f"{where}.input_audio.data")
    return Media(f"audio/{form if isinstance(form, str) and form else 'wav'}", data, cache=_cache(part))


def _media_url(field: str, fallback: str) -> Callable[[Json, str], Block]:
    """`video_url`, `audio_url`: not OpenAI's, but taken by Qwen, Kimi, GLM and vLLM."""

    def decode(part: Json, where: str) -> Block:
        holder = part.get(field)
        url = holder.get("url") if isinstance(holder, dict) else holder
        url = wire.text(url, f"{where}.{field}.url")
        found = split_data_url(url)
        if found is None:
            return Media(fallback, url=url, cache=_cache(part))
        return Media(found[0] or fallback, found[1], cache=_cache(part))

    return decode


def _file(part: Json, where: str) -> Block:
    """`file: {file_id | file_data, filename}`; Responses' `input_file` has the same members flat, and `file_url`."""
    file = part.get("file", part)
    file = wire.mapping(file, f"{where}.file")
    name = wire.optional_text(file.get("filename"), f"{where}.file.filename")
    cache = _cache(part)
    for source, field in (("file_id", "file_id"), ("file_url", "url")):
        if isinstance(file.get(source), str):
            document = Document(name=name, cache=cache)
            setattr(document, field, file[source])
            return document
    data = wire.text(file.get("file_data"), f"{where}.file.file_data")
    media_type, payload = split_data_url(data) or (None, data)
    return Document(media_type or _type_of_name(name), payload, name=name, cache=cache)


def _type_of_name(name: str | None) -> str:
    return "text/plain" if name is not None and name.endswith((".txt", ".md")) else "application/pdf"


def _source_image(part: Json, where: str) -> Block:
    """Anthropic's image block, which Cursor sends on the chat path."""
    source = wire.mapping(part.get("source"), f"{where}.source")
    if source.get("type") == "url":
        return Image(url=wire.text(source.get("url"), f"{where}.source.url"), cache=_cache(part))
    data = wire.text(source.get("data"), f"{where}.source.data")
    return Image(wire.optional_text(source.get("media_type"), f"{where}.source.media_type"), data, cache=_cache(part))


def split_data_url(url: str) -> tuple[str | None, str] | None:
    """→ (media type or None, base64) of a `data:` URL, else None. Raises TranslationError if it has no data."""
    if url[:5].lower() != "data:":
        return None
    head, comma, payload = url[5:].partition(",")
    if not comma:
        raise TranslationError("A data: URL has no data.")
    media_type, *parameters = head.split(";")
    if "base64" not in (parameter.strip().lower() for parameter in parameters):
        payload = base64.b64encode(unquote_to_bytes(payload)).decode("ascii")
    return media_type.strip().lower() or None, payload


_PARTS: dict[str, Callable[[Json, str], Block]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "input_image": _image,
    "image": _source_image,
    "input_audio": _audio,
    "audio_url": _media_url("audio_url", "audio/mpeg"),
    "video_url": _media_url("video_url", "video/mp4"),
    "file": _file,
    "input_file": _file,
    "thinking": _thinking,
}
