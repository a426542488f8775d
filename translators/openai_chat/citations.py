"""Citations of web pages as `annotations` of a message (openai_chat.md §4); other kinds have no place in chat."""

from __future__ import annotations

from translators.canonical.blocks import Text
from translators.openai_chat.wire import Json


def annotation(citation: Json, start: int, end: int) -> Json | None:
    """`citation` of a text block that is characters `start` to `end` of the content; None where chat has no such.

    Chat nests the members of a `url_citation`, Responses has them flat, Anthropic cites for the whole block.
    """
    kind = citation.get("type")
    source = citation.get("url_citation", citation) if kind == "url_citation" else citation
    if kind not in ("url_citation", "web_search_result_location") or not isinstance(source, dict):
        return None
    if not isinstance(source.get("url"), str):
        return None
    first, last = source.get("start_index"), source.get("end_index")
    if isinstance(first, int) and isinstance(last, int):
        start, end = start + first, start + last
    return {
        "type": "url_citation",
        "url_citation": {
            "start_index": start,
            "end_index": end,
            "title": source.get("title") or "",
            "url": source["url"],
        },
    }


def of_text(citations: list[Json], start: int, end: int) -> list[Json]:
    return [made for citation in citations if (made := annotation(citation, start, end)) is not None]


def of_texts(texts: list[Text]) -> list[Json]:
    """The annotations of texts that are joined into one content."""
    found: list[Json] = []
    start = 0
    for text in texts:
        end = start + len(text.text)
        found += of_text(text.citations or [], start, end)
        start = end
    return found


def read(delta: Json) -> list[Json]:
    """The citations in the `annotations` of a message or delta."""
    held = delta.get("annotations")
    return [entry for entry in held if isinstance(entry, dict)] if isinstance(held, list) else []
