"""Reads `.env` files: NAME=value lines, as the common tools write and read them. Pure."""

from __future__ import annotations

import re

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*?)\s*$")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def parse(text: str) -> dict[str, str]:
    """Name → value. Quotes are taken off, `#` after a space begins a comment, nothing is substituted; a line that is no
    assignment is passed over."""
    found: dict[str, str] = {}
    for line in text.removeprefix("\ufeff").splitlines():
        match = _LINE.match(line)
        if match:
            found[match[1]] = _value(match[2])
    return found


def _value(raw: str) -> str:
    quote = raw[:1]
    if quote in ("'", '"'):
        end = _end(raw, quote)
        if end > 0:
            inner = raw[1:end]
            return inner if quote == "'" else re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), inner)
    return re.split(r"(?:^|\s)#", raw, maxsplit=1)[0].rstrip()


def _end(raw: str, quote: str) -> int:
    """Where the closing quote is, -1 where there is none."""
    escaped = False
    for place, character in enumerate(raw[1:], 1):
        if character == quote and not escaped:
            return place
        escaped = quote == '"' and character == "\\" and not escaped
    return -1
