"""JSON in and out: orjson where it can, the standard library where clients send what orjson refuses.

JavaScript clients do send lone surrogates (a string cut in the middle of an emoji), which may not fail an exchange.
Integers beyond 64 bits become floats, as in JavaScript itself.
"""

from __future__ import annotations

import json
import math
from typing import Any

import orjson

Json = dict[str, Any]

#: UTF-8 of line ends beyond ASCII → their JSON escapes.
_LINE_ENDS = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"), (b"\xc2\x85", b"\\u0085"))


def loads(data: bytes | str) -> Any:
    """Parse JSON; raises ValueError (JSONDecodeError, RecursionError turned into it) when it is not JSON."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        if isinstance(data, bytes | bytearray):
            data = bytes(data).decode("utf-8", "strict") if data[:3] != b"\xef\xbb\xbf" else data[3:].decode("utf-8")
        try:
            return json.loads(data, parse_constant=_refuse, parse_float=_finite)
        except RecursionError as error:
            raise ValueError("JSON is nested too deeply") from error


def object_in(data: bytes | str) -> Json | None:
    """The object that `data` is the JSON of; None for whatever else."""
    try:
        found = loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _refuse(name: str) -> Any:
    """`NaN` and its like, which the standard library takes and JSON has not."""
    raise ValueError(f"{name} is no JSON value")


def _finite(digits: str) -> float:
    """`1e400` is a number in JSON; nobody can count with the infinity that becomes of it."""
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:40]} is out of range")
    return number


def dumps(value: Any) -> bytes:
    """Compact JSON as UTF-8 bytes, keys in the order they stand; raises TypeError for what is not JSON."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def dumps_line(value: Any) -> bytes:
    """As `dumps`, with everything escaped that some reader may take for the end of a line.

    JSON lets U+0085, U+2028 and U+2029 stand in strings; clients that cut a stream into lines by Unicode's rules
    (httpx's `iter_lines`, google-genai before 3) break off in the middle of a frame there.
    """
    data = dumps(value)
    if b"\xe2\x80" in data or b"\xc2\x85" in data:
        for raw, escaped in _LINE_ENDS:
            data = data.replace(raw, escaped)
    return data


def dumps_str(value: Any) -> str:
    """As `dumps`, as text."""
    return dumps(value).decode("utf-8")
