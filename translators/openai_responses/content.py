"""Content parts of messages and tool outputs, both ways (openai_responses.md §3)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from translators import openai_wire as wire
from translators.canonical.blocks import Block, Document, Image, Media, Refusal, Text, Unknown
from translators.canonical.errors import TranslationError
from translators.canonical.repair.media import document_text
from translators.openai_responses import citations
from translators.openai_responses.wire import ID, Json

#: Extension by media type, for files that come without a name: the API wants one.
_EXTENSIONS = {"application/pdf": "pdf", "text/plain": "txt", "text/markdown": "md", "text/csv": "csv"}

#: The default of `detail`, which formally is required.
_DETAIL = "auto"


def decode_content(content: object, where: str) -> list[Block]:
    """`content` of a message, `output` of a tool: a string is one text, a list goes part by part, null is nothing.

    A part of unknown type is kept as Unknown. Raises TranslationError for what is neither string nor list.
    """
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [Text(content)]
    return [_decode_part(part, f"{where}[{index}]") for index, part in enumerate(wire.items(content, where))]


def _decode_part(part: object, where: str) -> Block:
    if isinstance(part, str):
        return Text(part)
    raw = wire.mapping(part, where)
    kind = raw.get("type")
    decode = _DECODERS.get(kind) if isinstance(kind, str) else None
    return Unknown(ID, raw) if decode is None else decode(raw, where)


def _decode_text(part: Json, where: str) -> Block:
    notes = part.get("annotations")
    citations = [note for note in notes if isinstance(note, dict)] if isinstance(notes, list) else []
    return Text(wire.text(part.get("text"), f"{where}.text"), citations=citations or None, cache=_cache(part))


def _decode_refusal(part: Json, where: str) -> Block:
    return Refusal(wire.text(part.get("refusal"), f"{where}.refusal"))


def _decode_image(part: Json, where: str) -> Block:
    """`image_url` is the address itself; Chat's `{url}` is taken too."""
    address, cache = part.get("image_url"), _cache(part)
    detail = part.get("detail")
    if isinstance(address, dict):
        detail, address = detail or address.get("detail"), address.get("url")
    detail = wire.optional_text(detail, f"{where}.detail")
    if detail == _DETAIL:
        detail = None
    if address is None and isinstance(part.get("file_id"), str):
        return Image(file_id=part["file_id"], detail=detail, cache=cache)
    url = wire.text(address, f"{where}.image_url")
    found = _split_data_url(url, f"{where}.image_url")
    if found is None:
        return Image(url=url, detail=detail, cache=cache)
    return Image(found[0], found[1], detail=detail, cache=cache)


def _decode_file(part: Json, where: str) -> Block:
    name, cache = wire.optional_text(part.get("filename"), f"{where}.filename"), _cache(part)
    if isinstance(part.get("file_id"), str):
        return Document(file_id=part["file_id"], name=name, cache=cache)
    if isinstance(part.get("file_url"), str):
        return Document(url=part["file_url"], name=name, cache=cache)
    data = wire.text(part.get("file_data"), f"{where}.file_data")
    media_type, payload = _split_data_url(data, f"{where}.file_data") or (None, data)
    return Document(media_type or _type_of_name(name), payload, name=name, cache=cache)


def _decode_audio(part: Json, where: str) -> Block:
    audio = wire.mapping(part.get("input_audio"), f"{where}.input_audio")
    form = wire.optional_text(audio.get("format"), f"{where}.input_audio.format") or "wav"
    return Media(f"audio/{form}", wire.text(audio.get("data"), f"{where}.input_audio.data"), cache=_cache(part))


_DECODERS: dict[str, Callable[[Json, str], Block]] = {
    "input_text": _decode_text,
    "output_text": _decode_text,
    "text": _decode_text,
    "refusal": _decode_refusal,
    "input_image": _decode_image,
    "image_url": _decode_image,
    "computer_screenshot": _decode_image,
    "input_file": _decode_file,
    "input_audio": _decode_audio,
}


def _cache(part: Json) -> Json | None:
    """A cache breakpoint in Anthropic's form."""
    marker = part.get("prompt_cache_breakpoint")
    if not isinstance(marker, dict):
        return None
    ttl = marker.get("ttl")
    return {"type": "ephemeral"} if ttl is None else {"type": "ephemeral", "ttl": ttl}


def _type_of_name(name: str | None) -> str:
    ending = (name or "").rpartition(".")[2].lower()
    return next((media_type for media_type, known in _EXTENSIONS.items() if known == ending), "application/pdf")


def _split_data_url(url: str, where: str) -> tuple[str | None, str] | None:
    """→ (media type or None, base64) of a `data:` URL, None for any other URL."""
    if url[:5].lower() != "data:":
        return None
    head, comma, payload = url[5:].partition(",")
    if not comma:
        raise wire.refuse(f"Invalid '{where}': a data: URL without data.", where, "invalid_value")
    media_type, *parameters = head.split(";")
    if "base64" not in (parameter.strip().lower() for parameter in parameters):
        payload = base64.b64encode(unquote_to_bytes(payload)).decode("ascii")
    return media_type.strip().lower() or None, payload


class PartEncoder:
    """Blocks → parts. `origin` is the protocol of the client: only OpenAI's file ids mean anything to the backend.

    `breakpoints` says whether cache markers go out as `prompt_cache_breakpoint`.
    """

    def __init__(self, origin: str, breakpoints: bool, notes: list[str]) -> None:
        self._own_files = origin.startswith("openai")
        self._breakpoints = breakpoints
        self._notes = notes

    def user(self, block: Block) -> Json:
        """A part of a user's or developer's message, or of a tool's output. Raises TranslationError for sound."""
        match block:
            case Text():
                part: Json = {"type": "input_text", "text": block.text}
            case Image():
                part = self._image(block)
            case Document():
                part = self._document(block)
            case Media():
                raise TranslationError("The backend takes no audio or video input.", param="input")
            case Refusal():
                part = {"type": "input_text", "text": block.text}
            case Unknown():
                return block.raw
            case _:
                raise AssertionError(f"{type(block).__name__} is no content")
        return self._marked(part, block)

    def assistant(self, block: Text | Refusal) -> Json:
        if isinstance(block, Refusal):
            return {"type": "refusal", "refusal": block.text}
        part: Json = {"type": "output_text", "text": block.text}
        notes = [found for note in block.citations or () if (found := citations.encode(note, len(block.text)))]
        if notes:
            part["annotations"] = notes
        return self._marked(part, block)

    def _marked(self, part: Json, block: Block) -> Json:
        cache = getattr(block, "cache", None)
        if not self._breakpoints or not isinstance(cache, dict):
            return part
        marker: Json = {"mode": "explicit"}
        if cache.get("ttl") in ("30m", "12h"):
            marker["ttl"] = cache["ttl"]
        part["prompt_cache_breakpoint"] = marker
        return part

    def _image(self, image: Image) -> Json:
        part: Json = {"type": "input_image"}
        if image.file_id is not None and not self._own_files:
            return self._elsewhere("image")
        if image.file_id is not None:
            part["file_id"] = image.file_id
        elif image.url is not None:
            part["image_url"] = image.url
        else:
            part["image_url"] = f"data:{image.media_type or 'image/png'};base64,{image.data or ''}"
        return {**part, "detail": image.detail or _DETAIL}

    def _document(self, document: Document) -> Json:
        if document.text is not None:
            return {"type": "input_text", "text": document_text(document)}
        part: Json = {"type": "input_file"}
        if document.name is not None:
            part["filename"] = document.name
        if document.file_id is not None:
            return {**part, "file_id": document.file_id} if self._own_files else self._elsewhere("file")
        if document.url is not None:
            return {**part, "file_url": document.url}
        media_type = document.media_type or "application/pdf"
        part.setdefault("filename", f"document.{_EXTENSIONS.get(media_type, 'pdf')}")
        return {**part, "file_data": f"data:{media_type};base64,{document.data or ''}"}

    def _elsewhere(self, what: str) -> Json:
        note = f"{what.capitalize()}s that are stored at another provider were left out."
        if note not in self._notes:
            self._notes.append(note)
        return {"type": "input_text", "text": f"[{what} left out: it is stored at another provider]"}
