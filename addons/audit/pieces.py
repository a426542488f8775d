"""Cuts a body into pieces that recur: what two requests of a conversation have in common falls into equal pieces.

The pieces of a body joined are the body, byte for byte. JSON bodies are cut at the elements of the arrays that stand at
the top (`messages`, `input`, `contents`, `tools`, `system`, …; also inside one envelope, as Code Assist has) and around
other large values there; anything else is one piece. `strings` cuts a piece further, around the long strings in it:
base64 media, and texts whose surroundings change from turn to turn (cache markers move through a conversation).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

#: Values shorter than this are left with what surrounds them; bytes.
LARGE_VALUE = 512
#: Elements of an array are put together until they have this many bytes.
SMALLEST_PIECE = 256
#: Strings from this length on are pieces of their own.
LARGE_STRING = 1024
#: How many objects deep the top goes (the body itself, and one envelope).
_LEVELS = 2

# The decoder's scanner gives the end of a value; over Latin-1 text positions are byte positions.
_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(strict=False).scan_once  # type: ignore[attr-defined]
_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)


def cut(body: bytes) -> list[bytes]:
    """The pieces of `body`, in order. A body that stops being JSON somewhere (cut at the cap) is cut up to there."""
    if len(body) <= LARGE_VALUE or body.lstrip(b" \t\r\n")[:1] != b"{":
        return [body] if body else []
    text = body.decode("latin-1")
    cuts: list[int] = []
    with suppress(ValueError, StopIteration, RecursionError, IndexError):  # what was found up to there stands
        _object(text, _skip(text, 0), _LEVELS, cuts)
    pieces: list[bytes] = []
    start = 0
    for position in cuts:
        if position > start:
            pieces.append(body[start:position])
            start = position
    if start < len(body):
        pieces.append(body[start:])
    return pieces


def strings(piece: bytes) -> list[bytes]:
    """`piece` cut around the insides of its long strings."""
    if len(piece) < LARGE_STRING:
        return [piece]
    parts: list[bytes] = []
    done = 0
    for match in _STRING.finditer(piece):
        start, end = match.span(1)
        if end - start >= LARGE_STRING:
            parts += (piece[done:start], piece[start:end])
            done = end
    if done < len(piece):
        parts.append(piece[done:])
    return parts


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match is not None
    return match.end()


def _value(text: str, position: int) -> int:
    """The end of the value that begins at `position`."""
    return _scan(text, position)[1]


def _object(text: str, position: int, levels: int, cuts: list[int]) -> int:
    """The end of the object at `position`; adds where to cut it."""
    position = _skip(text, position + 1)
    if text[position] == "}":
        return position + 1
    while True:
        position = _expect(text, _value(text, position), ":")
        start = _skip(text, position)
        mark = len(cuts)
        cuts.append(start)
        match text[start]:
            case "[":
                end = _array(text, start, cuts)
            case "{" if levels > 1:
                end = _object(text, start, levels - 1, cuts)
            case _:
                end = _value(text, start)
                cuts.append(end)
        if end - start < LARGE_VALUE:
            del cuts[mark:]
        position = _skip(text, end)
        if text[position] == "}":
            return position + 1
        position = _skip(text, _expect(text, position, ","))


def _array(text: str, start: int, cuts: list[int]) -> int:
    """The end of the array at `start`; adds a cut after every element or group of small ones."""
    position = _skip(text, start + 1)
    if text[position] not in '{["':
        return _value(text, start)  # numbers (token ids) or empty
    last = start
    while True:
        end = _value(text, position)
        if end - last >= SMALLEST_PIECE:
            cuts.append(end)
            last = end
        position = _skip(text, end)
        if text[position] == "]":
            return position + 1
        position = _skip(text, _expect(text, position, ","))


def _expect(text: str, position: int, character: str) -> int:
    position = _skip(text, position)
    if text[position] != character:
        raise ValueError(character)
    return position + 1
