"""Citations as annotations of an `output_text` part: OpenAI's own as they are, others where they say the same."""

from __future__ import annotations

from translators.openai_responses.wire import Json

#: Annotation types of this protocol, in the form that clients validate.
_OWN = frozenset({"file_citation", "url_citation", "container_file_citation", "file_path"})


def encode(citation: Json, length: int) -> Json | None:
    """`citation` of a text that is `length` characters long (so far); None where this protocol has nothing like it.

    Chat nests the members of a `url_citation`; Anthropic's web results cite for the whole block.
    """
    kind = citation.get("type")
    if kind == "url_citation" and isinstance(citation.get("url_citation"), dict):
        return _url(citation["url_citation"], length)
    if kind in _OWN:
        return citation
    if kind == "web_search_result_location" and isinstance(citation.get("url"), str):
        return _url(citation, length)
    return None


def _url(source: Json, length: int) -> Json:
    return {
        "type": "url_citation",
        "start_index": source.get("start_index", 0),
        "end_index": source.get("end_index", length),
        "url": source.get("url", ""),
        "title": source.get("title") or "",
    }
