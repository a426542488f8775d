"""Reading a client's JSON: the expected type, or a 400 that names the place."""

from __future__ import annotations

from typing import Any

from translators.canonical.errors import TranslationError

Json = dict[str, Any]

#: The protocol's id (design.md, Words).
ID = "openai_chat"


def wrong(where: str, wanted: str) -> TranslationError:
    return TranslationError(f"Invalid type for '{where}': expected {wanted}.", param=where)


def mapping(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise wrong(where, "an object")
    return value


def items(value: object, where: str) -> list[Any]:
    """A list; null counts as an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong(where, "an array")
    return value


def text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise wrong(where, "a string")
    return value


def optional_text(value: object, where: str) -> str | None:
    return None if value is None else text(value, where)


def optional_bool(value: object, where: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise wrong(where, "a boolean")


def optional_number(value: object, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(where, "a number")
    return value


def optional_int(value: object, where: str) -> int | None:
    """Whole floats count: JavaScript clients compute limits."""
    number = optional_number(value, where)
    if number is None or isinstance(number, int):
        return number
    if not number.is_integer():
        raise wrong(where, "an integer")
    return int(number)
