"""Finds and replaces a top-level member of a JSON object in its bytes, so that all other bytes stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:]', re.DOTALL)


def members(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(raw key without quotes, start, end) of each top-level member's value, in order. `body` is a valid JSON
    object."""
    depth = 0
    key: bytes | None = None  # of the member whose value we are in, at depth 1
    last: bytes | None = None  # the string before a colon
    start = 0
    for token in _TOKEN.finditer(body):
        text = token.group()
        first = text[:1]
        if first in b"{[":
            depth += 1
        elif first in b"}]":
            depth -= 1
            if depth == 0 and key is not None:
                yield key, start, token.start()
                return
        elif depth == 1:
            if first == b'"' and key is None:
                last = text[1:-1]
            elif first == b":" and key is None:
                key, start = last, token.end()
            elif first == b"," and key is not None:
                yield key, start, token.start()
                key = None


def replace_member(body: bytes, name: str, value: bytes) -> bytes:
    """`body` with every top-level member `name` set to `value` (JSON); unchanged where there is none."""
    wanted = name.encode()
    once = body.count(b'"' + wanted + b'"') == 1
    out: list[bytes] = []
    done = 0
    for key, start, end in members(body):
        if key == wanted:
            blank = len(body[start:end]) - len(body[start:end].lstrip())
            out += [body[done : start + blank], value]
            done = start + len(body[start:end].rstrip())
            if once:
                break
    return b"".join([*out, body[done:]])
