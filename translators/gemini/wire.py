"""Reading proto-JSON: either spelling of a field, and a 400 in Google's wording for a wrong type (gemini.md §1)."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

from translators.canonical.errors import TranslationError

Json = dict[str, Any]

PROTOCOL_ID = "gemini"

_UPPER = re.compile(r"[A-Z]")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


@cache
def snake(name: str) -> str:
    """`thoughtSignature` → `thought_signature`."""
    return _UPPER.sub(lambda letter: "_" + letter.group().lower(), name)


@cache
def camel(name: str) -> str:
    """`thought_signature` → `thoughtSignature`; camelCase passes unchanged."""
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


def get(message: Json, name: str) -> Any:
    """The field `name` (given in camelCase) in either spelling; None where it is absent or null."""
    value = message.get(name)
    return message.get(snake(name)) if value is None else value


def invalid(where: str, kind: str) -> TranslationError:
    return TranslationError(f"Invalid value at '{where}' ({kind})", param=where)


def mapping(message: Json, name: str, where: str = "") -> Json | None:
    value = get(message, name)
    if value is not None and not isinstance(value, dict):
        raise invalid(where or snake(name), "TYPE_MESSAGE")
    return value


def items(message: Json, name: str, where: str = "") -> list[Any]:
    """A repeated field; a lone object counts as a list of one."""
    value = get(message, name)
    if value is None:
        return []
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        raise invalid(where or snake(name), "TYPE_MESSAGE")
    return value


def text(message: Json, name: str, where: str = "") -> str | None:
    value = get(message, name)
    if value is not None and not isinstance(value, str):
        raise invalid(where or snake(name), "TYPE_STRING")
    return value


def number(message: Json, name: str) -> float | None:
    """Numbers may come as strings in proto-JSON."""
    value = get(message, name)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if not isinstance(value, float) or not math.isfinite(value):
        raise invalid(snake(name), "TYPE_FLOAT")
    return value


def integer(message: Json, name: str) -> int | None:
    value = get(message, name)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    value = number(message, name)
    if value is not None and value != int(value):
        raise invalid(snake(name), "TYPE_INT32")
    return None if value is None else int(value)


def flag(message: Json, name: str) -> bool | None:
    value = get(message, name)
    if value is not None and not isinstance(value, bool):
        raise invalid(snake(name), "TYPE_BOOL")
    return value
