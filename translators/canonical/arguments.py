"""Arguments of tool calls: JSON text to an object, and free text of custom tools in and out of its wrapper.

Rules: mapping.md §6 ("arguments not valid JSON") and §2 (Custom tools). Repair is for history only: in an answer the
text is passed as it came, because a client must see that a call is broken.
"""

from __future__ import annotations

import json
import re
from typing import Any

from translators import jsonio
from translators.canonical.string_field import StringFieldDecoder

__all__ = ["CUSTOM_SCHEMA", "INPUT", "StringFieldDecoder", "as_object", "is_complete", "unwrap_custom", "wrap_custom"]

Json = dict[str, Any]

#: The one property of the function that stands for a custom tool.
INPUT = "input"

#: What a custom tool looks like to a backend that only knows functions.
CUSTOM_SCHEMA: Json = {"type": "object", "properties": {INPUT: {"type": "string"}}, "required": [INPUT]}

_MISSING = object()
_BIG_NUMBER = re.compile(r"\d{19}")
_CLOSER = {"{": "}", "[": "]"}
_TOKEN = re.compile(r'["{}\[\]]')
_IN_STRING = re.compile(r'["\\]')
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
_DANGLING_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")


def as_object(text: str) -> Json:
    """The object that `text` stands for: protocols with structured input (A, G) need one, whatever the model wrote.

    Empty → {}; JSON that is no object → {"value": …}; broken JSON is repaired where only commas or closing characters
    are wrong, else kept as {"_raw": text}.
    """
    if not text.strip():
        return {}
    value = _parse(text)
    if value is _MISSING:
        value = _repair(text)
    if value is _MISSING:
        return {"_raw": text}
    return value if isinstance(value, dict) else {"value": value}


def is_complete(text: str) -> bool:
    """Whether `text` is whole JSON; nothing at all counts (a call without arguments)."""
    return not text.strip() or _parse(text) is not _MISSING


def wrap_custom(text: str) -> str:
    """The arguments of the function that stands for a custom tool called with `text`."""
    return jsonio.dumps_str({INPUT: text})


def unwrap_custom(arguments: str) -> str:
    """The free text in the arguments of such a function; a model that ignored the wrapper is taken at its word."""
    decoder = StringFieldDecoder()
    return decoder.feed(arguments) + decoder.end()


def _parse(text: str) -> Any:
    try:
        if _BIG_NUMBER.search(text):  # orjson would make a float of it, and lose digits of an id
            return json.loads(text)
        return jsonio.loads(text)
    except (ValueError, RecursionError):
        return _MISSING


def _repair(text: str) -> Any:
    """`text` without trailing commas, and closed where a cut left it open; _MISSING where that makes no JSON."""
    pieces: list[str] = []  # outside strings without trailing commas, strings as they are
    stack: list[str] = []
    at = 0
    while found := _TOKEN.search(text, at):
        character = found.group()
        if character == '"':
            pieces.append(text[at : found.start()])
            end = _string_end(text, found.end())
            if end < 0:
                open_string = text[found.start() :]
                if _ends_in_escape(text):
                    open_string = _DANGLING_ESCAPE.sub("", open_string)
                return _closed([*pieces, open_string + '"'], stack)
            pieces.append(text[found.start() : end])
            at = end
            continue
        if character in _CLOSER:
            stack.append(_CLOSER[character])
        elif not stack or stack.pop() != character:
            return _MISSING
        pieces.append(text[at : found.end()])
        at = found.end()
    pieces.append(text[at:])
    return _closed(pieces, stack)


def _closed(pieces: list[str], stack: list[str]) -> Any:
    strings = [piece for piece in pieces if piece.startswith('"')]
    # A comma and the bracket behind it are never apart by a string, so strings can stand aside as one mark each.
    skeleton = "".join('"' if piece.startswith('"') else piece for piece in pieces).rstrip()
    if stack:
        skeleton = skeleton.removesuffix(",") + "".join(reversed(stack))
    parts = _TRAILING_COMMA.sub("", skeleton).split('"')
    text = parts[0] + "".join(string + part for string, part in zip(strings, parts[1:], strict=True))
    return _parse(text)


def _string_end(text: str, at: int) -> int:
    """Where the string whose content begins at `at` ends (behind its quote), or -1."""
    while found := _IN_STRING.search(text, at):
        if found.group() == '"':
            return found.end()
        at = found.end() + 1
    return -1


def _ends_in_escape(text: str) -> bool:
    """Whether the text ends inside an escape: behind a lone backslash or an unfinished \\uXXXX."""
    found = _DANGLING_ESCAPE.search(text)
    if found is None:
        return False
    before = text[: found.start()]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 0
