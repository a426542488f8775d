"""Citations of a Converse answer in Anthropic's form, the one that clients know."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

#: Location → (Anthropic's type, names of document number, start and end).
_LOCATIONS: dict[str, tuple[str, str, str, str]] = {
    "documentChar": ("char_location", "document_index", "start_char_index", "end_char_index"),
    "documentPage": ("page_location", "document_index", "start_page_number", "end_page_number"),
    "documentChunk": ("content_block_location", "document_index", "start_block_index", "end_block_index"),
    "searchResultLocation": (
        "search_result_location",
        "search_result_index",
        "start_block_index",
        "end_block_index",
    ),
}


def decode(raw: object) -> Json | None:
    """One citation, None for what has no place in an answer's text."""
    if not isinstance(raw, dict):
        return None
    location = raw.get("location")
    place = next(iter(location.items()), None) if isinstance(location, dict) else None
    if place is None or place[0] not in _LOCATIONS or not isinstance(place[1], dict):
        return None
    type_, number, start, end = _LOCATIONS[place[0]]
    where = place[1]
    title = raw.get("title")
    result: Json = {
        "type": type_,
        "cited_text": _cited(raw.get("sourceContent")),
        number: where.get("documentIndex", where.get("searchResultIndex", 0)),
        start: where.get("start", 0),
        end: where.get("end", 0),
    }
    if type_ == "search_result_location":
        return {**result, "source": raw.get("source") or "", "title": title}
    return {**result, "document_title": title}


def _cited(parts: object) -> str:
    texts = [part.get("text") for part in (parts if isinstance(parts, list) else ()) if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))
