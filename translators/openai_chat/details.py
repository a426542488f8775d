"""Opaque reasoning in chat dialects: `reasoning_details`, `thinking_blocks`, `extra_content` (openai_chat.md §6).

Two directions meet here. What a chat **backend** sends of its own becomes the signature of a Thinking block, as the
JSON text of `{"details": […]}` or `{"extra_content": {…}}` with origin `openai_chat`. What **another** protocol's
backend signed is given to a chat client as a `reasoning_details` entry whose payload is tagged by `carrier.wrap`, and
read back from there. A chat message has no order between its parts, so an entry tells its place by `id`: that of the
call that follows it, or `AFTER_TEXT`.
"""

from __future__ import annotations

from translators import jsonio
from translators.canonical import carrier
from translators.canonical.blocks import Opaque, Thinking
from translators.openai_chat.wire import ID, Json

#: `id` of an entry whose block stands behind the text.
AFTER_TEXT = "after_text"

#: Entry types of LiteLLM's `thinking_blocks`; all others belong to OpenRouter's `reasoning_details`.
_THINKING_BLOCKS = frozenset({"thinking", "redacted_thinking"})

#: Where an entry keeps visible text, by its type.
TEXT_FIELD = {"reasoning.text": "text", "reasoning.summary": "summary", "thinking": "thinking"}

#: The members whose presence makes an entry worth keeping: without them the visible text says all.
_PAYLOADS = ("signature", "data")

#: `format` that OpenRouter's clients know; they drop entries with other words.
_FORMATS = {
    "anthropic": "anthropic-claude-v1",
    "gemini": "google-gemini-v1",
    "openai_responses": "openai-responses-v1",
}

#: The kind of an Opaque block by the protocol that made it.
_OPAQUE_KINDS = {"openai_responses": "compaction"}


def is_opaque(detail: Json) -> bool:
    return any(detail.get(field) for field in _PAYLOADS)


def _is_entry(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str)


def pack(details: list[Json], text: str) -> str:
    """A backend's own entries as a signature. One whose text is the block's own text leaves it out."""
    textual = [detail for detail in details if detail.get("type") in TEXT_FIELD]
    if len(textual) == 1 and textual[0].get(TEXT_FIELD[textual[0]["type"]]) == text:
        without = TEXT_FIELD[textual[0]["type"]]
        details = [
            {key: value for key, value in detail.items() if detail is not textual[0] or key != without}
            for detail in details
        ]
    return jsonio.dumps_str({"details": details})


def pack_extra(extra_content: Json) -> str:
    """What a backend hung on one tool call (Gemini's compatible endpoint: its thought signature) as a signature."""
    return jsonio.dumps_str({"extra_content": extra_content})


def unpack(signature: str, text: str) -> tuple[list[Json], Json | None]:
    """→ (entries in order, extra content of the call that follows). Signatures that `pack` did not make are nothing."""
    held = jsonio.object_in(signature)
    if held is None:
        return [], None
    entries = held.get("details")
    details = list(filter(_is_entry, entries)) if isinstance(entries, list) else []
    extra = held.get("extra_content")
    return [_with_text(detail, text) for detail in details], extra if isinstance(extra, dict) else None


def _with_text(detail: Json, text: str) -> Json:
    field = TEXT_FIELD.get(detail.get("type", ""))
    if field is None or field in detail:
        return detail
    return {"type": detail["type"], field: text, **detail}


def spread(details: list[Json]) -> Json:
    """Entries as the members of a message or delta that they came in."""
    members: Json = {}
    for detail in details:
        field = "thinking_blocks" if detail.get("type") in _THINKING_BLOCKS else "reasoning_details"
        members.setdefault(field, []).append(detail)
    return members


def gather(holder: Json) -> list[Json]:
    """The entries of a message or delta."""
    found: list[Json] = []
    for field in ("reasoning_details", "thinking_blocks"):
        entries = holder.get(field)
        if isinstance(entries, list):
            found.extend(filter(_is_entry, entries))
    return found


def text_of(detail: Json) -> str:
    """The visible text of an entry."""
    text = detail.get(TEXT_FIELD.get(detail.get("type", ""), ""))
    return text if isinstance(text, str) else ""


def for_client(block: Thinking | Opaque, place: str | None, index: int) -> list[Json]:
    """The entries that carry `block` through a chat client; none for thinking without a signature.

    `place` is the id of the call that follows, AFTER_TEXT, or None. A chat backend's own entries stay as they were.
    """
    if isinstance(block, Opaque):
        entry: Json = {"type": "reasoning.encrypted", "data": carrier.wrap(block.data, block.origin, ID)}
        return [_placed(entry, block.origin, place, index)]
    if not block.signature:
        return []
    if block.origin == ID:
        return unpack(block.signature, block.text)[0]
    entry = {"type": "reasoning.text", "text": block.text, "signature": carrier.wrap(block.signature, block.origin, ID)}
    return [_placed(entry, block.origin, place, index)]


def _placed(entry: Json, origin: str | None, place: str | None, index: int) -> Json:
    if place is not None:
        entry["id"] = place
    return {**entry, "format": _FORMATS.get(origin or "", "unknown"), "index": index}


def from_client(detail: Json) -> tuple[str | None, Thinking | Opaque] | None:
    """→ (place, block) of an entry made by `for_client`; None for a chat backend's own."""
    place = detail.get("id")
    place = place if isinstance(place, str) else None
    if detail.get("type") == "reasoning.encrypted" and isinstance(detail.get("data"), str):
        data, origin = carrier.unwrap(detail["data"], ID)
        if origin != ID:
            return place, Opaque(data, origin, _OPAQUE_KINDS.get(origin, "redacted_thinking"))
    if detail.get("type") == "reasoning.text" and isinstance(detail.get("signature"), str):
        signature, origin = carrier.unwrap(detail["signature"], ID)
        if origin != ID:
            return place, Thinking(text_of(detail), signature, origin)
    return None


class Collector:
    """Joins the entries that a backend streams in fragments: successive ones of the same type and index are one entry.

    Text, summary and data append, all other members are replaced by later ones that are not null. Text behind a
    signature begins a new entry (`thinking_blocks` have no index), and so does an encrypted one with an id of its own.
    """

    _APPENDED = frozenset({"text", "summary", "data", "thinking"})

    def __init__(self) -> None:
        self._entries: list[Json] = []
        self._latest: dict[tuple[str, str, str], Json] = {}

    def add(self, fragments: list[Json]) -> None:
        for fragment in fragments:
            apart = fragment.get("id") if fragment.get("type") == "reasoning.encrypted" else None
            key = (fragment["type"], str(fragment.get("index")), str(apart))
            entry = self._latest.get(key)
            if entry is None or (entry.get("signature") and text_of(fragment)):
                entry = self._latest[key] = dict(fragment)
                self._entries.append(entry)
                continue
            for field, value in fragment.items():
                if field in self._APPENDED and isinstance(value, str) and isinstance(entry.get(field), str):
                    entry[field] += value
                elif value is not None:
                    entry[field] = value

    def take(self, text: str) -> str | None:
        """The signature for a block that showed `text`, if anything opaque came; what was taken is forgotten."""
        entries = self._entries
        if not any(is_opaque(entry) for entry in entries):
            return None
        self._entries = []
        self._latest = {}
        return pack(entries, text)


def own_extra(block: Thinking) -> Json | None:
    """What a chat backend hung on the call behind `block`."""
    return unpack(block.signature, "")[1] if block.signature and block.origin == ID else None
