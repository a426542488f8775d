"""Reading untyped JSON of a client: the value if it has the type that is due, else a 400 in Anthropic's wording."""

from __future__ import annotations

from typing import Any

from translators.canonical.errors import TranslationError

Json = dict[str, Any]


def refuse(where: str, what: str) -> TranslationError:
    """The error for the field at `where` (a path such as `messages.0.content`)."""
    return TranslationError(f"{where}: {what}", param=where)


def text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise refuse(where, "Field required" if value is None else "Input should be a valid string")
    return value


def optional_text(value: Any, where: str) -> str | None:
    return None if value is None else text(value, where)


def items(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise refuse(where, "Field required" if value is None else "Input should be a valid list")
    return value


def mapping(value: Any, where: str) -> Json:
    if not isinstance(value, dict):
        raise refuse(where, "Field required" if value is None else "Input should be a valid dictionary")
    return value


def optional_mapping(value: Any, where: str) -> Json | None:
    return None if value is None else mapping(value, where)


def optional_int(value: Any, where: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse(where, "Input should be a valid integer")
    return value


def optional_number(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(where, "Input should be a valid number")
    return value


def optional_bool(value: Any, where: str) -> bool | None:
    if value is None:
        return None
    if not isinstance(value, bool):
        raise refuse(where, "Input should be a valid boolean")
    return value
