"""Content parts of messages and tool outputs, both ways (openai_responses.md §3)."""

from __future__ import annotations

from translators import openai_parts
from translators import openai_wire as wire
from translators.canonical.blocks import Block, Document, Image, Media, Refusal, Text, Unknown
from translators.canonical.errors import TranslationError
from translators.canonical.repair.media import document_text
from translators.openai_parts import DETAIL, EXTENSIONS, Reader
from translators.openai_responses import citations
from translators.openai_responses.wire import ID, Json


def decode_content(content: object, where: str) -> list[Block]:
    """A message's `content`, a tool's `output`. Raises TranslationError for what is neither string nor list."""
    return openai_parts.decode(content, where, ID, _DECODERS)


def _decode_text(part: Json, where: str) -> Block:
    notes = part.get("annotations")
    citations = [note for note in notes if isinstance(note, dict)] if isinstance(notes, list) else []
    return Text(
        wire.text(part.get("text"), f"{where}.text"), citations=citations or None, cache=openai_parts.cache(part)
    )


_DECODERS: dict[str, Reader] = {
    "input_text": _decode_text,
    "output_text": _decode_text,
    "text": _decode_text,
    "refusal": openai_parts.refusal,
    "input_image": openai_parts.image,
    "image_url": openai_parts.image,
    "computer_screenshot": openai_parts.image,
    "input_file": openai_parts.file,
    "input_audio": openai_parts.audio,
}


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
        return {**part, "detail": image.detail or DETAIL}

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
        part.setdefault("filename", f"document.{EXTENSIONS.get(media_type, 'pdf')}")
        return {**part, "file_data": f"data:{media_type};base64,{document.data or ''}"}

    def _elsewhere(self, what: str) -> Json:
        note = f"{what.capitalize()}s that are stored at another provider were left out."
        if note not in self._notes:
            self._notes.append(note)
        return {"type": "input_text", "text": f"[{what} left out: it is stored at another provider]"}
