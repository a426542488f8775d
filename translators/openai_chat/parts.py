"""Content parts of a message into canonical blocks: text, pictures, files, sound (openai_chat.md §3)."""

from __future__ import annotations

from translators import openai_parts
from translators import openai_wire as wire
from translators.canonical.blocks import Block, Image, Media, Text, Thinking
from translators.openai_chat.wire import ID, Json
from translators.openai_parts import Reader, cache, split_data_url


def decode_content(content: object, where: str) -> list[Block]:
    """A message's `content`; also takes what clients send against the book: bare strings in the list, Responses'
    `input_*` parts, media in tool messages. Raises TranslationError for what is neither string nor list."""
    return openai_parts.decode(content, where, ID, _PARTS)


def _text(part: Json, where: str) -> Block:
    return Text(wire.text(part.get("text"), f"{where}.text"), cache=cache(part))


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


def _media_url(field: str, fallback: str) -> Reader:
    """`video_url`, `audio_url`: not OpenAI's, but taken by Qwen, Kimi, GLM and vLLM."""

    def decode(part: Json, where: str) -> Block:
        holder = part.get(field)
        url = holder.get("url") if isinstance(holder, dict) else holder
        url = wire.text(url, f"{where}.{field}.url")
        found = split_data_url(url, f"{where}.{field}.url")
        if found is None:
            return Media(fallback, url=url, cache=cache(part))
        return Media(found[0] or fallback, found[1], cache=cache(part))

    return decode


def _source_image(part: Json, where: str) -> Block:
    """Anthropic's image block, which Cursor sends on the chat path."""
    source = wire.mapping(part.get("source"), f"{where}.source")
    if source.get("type") == "url":
        return Image(url=wire.text(source.get("url"), f"{where}.source.url"), cache=cache(part))
    data = wire.text(source.get("data"), f"{where}.source.data")
    return Image(wire.optional_text(source.get("media_type"), f"{where}.source.media_type"), data, cache=cache(part))


_PARTS: dict[str, Reader] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "refusal": openai_parts.refusal,
    "image_url": openai_parts.image,
    "input_image": openai_parts.image,
    "image": _source_image,
    "input_audio": openai_parts.audio,
    "audio_url": _media_url("audio_url", "audio/mpeg"),
    "video_url": _media_url("video_url", "video/mp4"),
    "file": openai_parts.file,
    "input_file": openai_parts.file,
    "thinking": _thinking,
}
