"""The readable beginning of an answer that is no JSON: words of a proxy, or its page of HTML."""

from __future__ import annotations

import re

#: Characters of a body that a message quotes.
LONGEST = 500

#: Bytes that are looked at: before its first words a page may hold a long style sheet.
_LOOKED_AT = 64 * 1024

#: A tag, or what no browser shows; one that does not end hides the rest. A `<` that begins no tag is text.
_TAG = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)|<[a-z/!?][^<>]*>", re.DOTALL | re.IGNORECASE)


def excerpt(body: bytes) -> str:
    """One line without markup, "" where there is nothing to read."""
    text = _TAG.sub(" ", body[:_LOOKED_AT].decode("utf-8", "replace"))
    return " ".join(text.split())[:LONGEST]
