"""Reading JSON of OpenAI's clients, of either API: the value if it has the type that is due, else their 400."""

from __future__ import annotations

from typing import Any

from translators.canonical.errors import TranslationError

Json = dict[str, Any]


def refuse(message: str, where: str, code: str | None = None) -> TranslationError:
    """The error for the parameter at `where` (a path such as `input[2].content`)."""
    return TranslationError(message, param=where, code=code)


def wrong(where: str, wanted: str) -> TranslationError:
    return refuse(f"Invalid type for '{where}': expected {wanted}.", where, "invalid_type")


def missing(where: str) -> TranslationError:
    return refuse(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")


def mapping(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise wrong(where, "an object")
    return value


def optional_mapping(value: object, where: str) -> Json:
    """An object; null counts as an empty one."""
    return {} if value is None else mapping(value, where)


def items(value: object, where: str) -> list[Any]:
    """A list; null counts as an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong(where, "an array")
    return value


def text(value: object, where: str) -> str:
    if value is None:
        raise missing(where)
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
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise wrong(where, "an integer")
