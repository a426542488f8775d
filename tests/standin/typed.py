"""Checks a JSON value against the request types that an official SDK publishes: the wire's closed field lists."""

from __future__ import annotations

import collections.abc
import functools
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import typing_extensions

Json = dict[str, Any]
Path = tuple[str | int, ...]

NAMES = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    dict: "object",
    list: "array",
    type(None): "null",
}
ON_THE_WIRE = (*NAMES, object, datetime, date)
DISCRIMINATORS = ("type", "role", "name")
LISTS = (list, collections.abc.Iterable, collections.abc.Sequence)
UNIONS = (typing.Union, types.UnionType)


@dataclass(frozen=True)
class Problem:
    """One deviation: an unknown or missing field, a wrong type or a wrong value. ``expected`` lists what fits."""

    kind: Literal["unknown", "missing", "type", "value"]
    path: Path
    expected: tuple[str, ...] = ()
    got: Any = None


@dataclass(frozen=True)
class Field:
    annotation: Any
    required: bool


@functools.cache
def fields_of(typed_dict: Any) -> dict[str, Field]:
    """The fields of a TypedDict by name; ``Required`` is read off the annotations, which the SDKs postpone."""
    hints = typing_extensions.get_type_hints(typed_dict, include_extras=True)
    default = bool(getattr(typed_dict, "__total__", True))
    return {
        name: Field(strip(hint), is_required(hint, default and name in typed_dict.__required_keys__))
        for name, hint in hints.items()
    }


def is_required(hint: Any, default: bool) -> bool:
    origin = typing_extensions.get_origin(hint)
    if origin in (typing.Required, typing_extensions.Required):
        return True
    return False if origin in (typing.NotRequired, typing_extensions.NotRequired) else default


def strip(hint: Any) -> Any:
    """The bare type inside ``Required``, ``NotRequired`` and ``Annotated``."""
    wrappers = (typing.Required, typing.NotRequired, typing_extensions.Required, typing_extensions.NotRequired)
    while typing_extensions.get_origin(hint) in (*wrappers, typing.Annotated):
        hint = typing_extensions.get_args(hint)[0]
    return hint


def members_of(union: Any) -> tuple[Any, ...]:
    """The members of a union, nested ones flattened, without those that never travel as JSON (SDK models, files)."""
    flat: list[Any] = []
    for member in map(strip, typing_extensions.get_args(union)):
        if typing_extensions.get_origin(member) in UNIONS:
            flat.extend(members_of(member))
        elif not isinstance(member, type) or typing_extensions.is_typeddict(member) or member in ON_THE_WIRE:
            flat.append(member)
    return tuple(flat)


def is_open(typed_dict: Any) -> bool:
    config = getattr(typed_dict, "__pydantic_config__", None) or {}
    return config.get("extra") == "allow"


@dataclass(frozen=True)
class Shape:
    """``lenient``: fields that the service does not demand although the SDK's type does. ``nulls``: null is absence."""

    lenient: frozenset[str] = frozenset()
    nulls: bool = False

    def problems(self, value: Any, hint: Any, path: Path = ()) -> Iterator[Problem]:
        """Every deviation of ``value`` from the type ``hint``."""
        hint = strip(hint)
        origin = typing_extensions.get_origin(hint)
        if hint is Any or hint is object:
            return
        if origin in UNIONS:
            yield from self.union(value, members_of(hint), path)
        elif origin is Literal:
            yield from literal(value, typing_extensions.get_args(hint), path)
        elif typing_extensions.is_typeddict(hint):
            yield from self.typed_dict(value, hint, path)
        elif origin in (dict, collections.abc.Mapping):
            yield from self.mapping(value, typing_extensions.get_args(hint), path)
        elif origin in LISTS:
            if not isinstance(value, list):
                yield Problem("type", path, ("array",), value)
                return
            for index, item in enumerate(value):
                yield from self.problems(item, typing_extensions.get_args(hint)[0], (*path, index))
        elif not fits(value, hint):
            yield Problem("type", path, (name_of(hint),), value)

    def typed_dict(self, value: Any, hint: Any, path: Path) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem("type", path, ("object",), value)
            return
        known = fields_of(hint)
        for name, item in known.items():
            if item.required and name not in value and name not in self.lenient:
                yield Problem("missing", (*path, name))
        for name, child in value.items():
            if name in known and value[name] is None and self.nulls and not known[name].required:
                continue
            if name in known:
                yield from self.problems(child, known[name].annotation, (*path, name))
            elif not is_open(hint):
                yield Problem("unknown", (*path, name))

    def mapping(self, value: Any, args: tuple[Any, ...], path: Path) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem("type", path, ("object",), value)
            return
        for name, child in value.items():
            yield from self.problems(child, args[1], (*path, name))

    def union(self, value: Any, members: tuple[Any, ...], path: Path) -> Iterator[Problem]:
        """No problem if one member fits; otherwise what the nearest member of the right JSON type says."""
        alike = [member for member in members if json_type_fits(value, member)]
        if not alike:
            yield Problem("type", path, tuple(dict.fromkeys(name_of(member) for member in members)), value)
            return
        candidates = [member for member in alike if tag_fits(value, member)]
        if not candidates:
            yield wrong_tag(value, alike, path)
            return
        found = [list(self.problems(value, member, path)) for member in candidates]
        yield from min(found, key=len)


def json_type_fits(value: Any, member: Any) -> bool:
    """Whether a value has the JSON type that a union member asks for, whatever is inside."""
    origin = typing_extensions.get_origin(member)
    if member in (Any, object):
        return True
    if origin is Literal:
        return type(value) in {type(item) for item in typing_extensions.get_args(member)}
    if typing_extensions.is_typeddict(member) or origin in (dict, collections.abc.Mapping):
        return isinstance(value, dict)
    if origin in LISTS:
        return isinstance(value, list)
    return fits(value, member)


def literal(value: Any, allowed: tuple[Any, ...], path: Path) -> Iterator[Problem]:
    if not any(value == item and type(value) is type(item) for item in allowed):
        yield Problem("value", path, tuple(str(item) for item in allowed), value)


def tag_fits(value: Any, member: Any) -> bool:
    """False when the discriminating field of ``value`` names another member than this one."""
    if not (isinstance(value, dict) and typing_extensions.is_typeddict(member)):
        return True
    known = fields_of(member)
    for name in DISCRIMINATORS:
        field = known.get(name)
        allowed = literals(field.annotation) if field else ()
        if field is None or not allowed:
            continue
        if name in value and value[name] not in allowed:
            return False
        if name not in value and name == "type" and field.required:
            return False
    return True


def literals(hint: Any) -> tuple[Any, ...]:
    """The values of a Literal, also of an optional one; empty for any other type."""
    hint = strip(hint)
    if typing_extensions.get_origin(hint) is Literal:
        return typing_extensions.get_args(hint)
    if typing_extensions.get_origin(hint) in UNIONS:
        inner = [literals(arg) for arg in typing_extensions.get_args(hint) if arg is not type(None)]
        return sum(inner, ()) if inner and all(inner) else ()
    return ()


def wrong_tag(value: Json, members: list[Any], path: Path) -> Problem:
    """Which discriminating field is wrong, or else which one is missing."""
    tags: dict[str, tuple[str, ...]] = {}
    for name in DISCRIMINATORS:
        typed = [fields_of(member) for member in members if typing_extensions.is_typeddict(member)]
        values = [literals(known[name].annotation) for known in typed if name in known]
        tags[name] = tuple(dict.fromkeys(str(item) for group in values for item in group))
    for name, allowed in tags.items():
        if allowed and name in value and value[name] not in allowed:
            return Problem("value", (*path, name), allowed, value[name])
    missing = next((name for name, allowed in tags.items() if allowed and name not in value), DISCRIMINATORS[0])
    return Problem("missing", (*path, missing))


def fits(value: Any, hint: Any) -> bool:
    if hint in (None, type(None)):
        return value is None
    if hint in (float, int):
        numbers = (int, float) if hint is float else (int,)
        return isinstance(value, numbers) and not isinstance(value, bool)
    if hint in (datetime, date):
        return isinstance(value, str)
    return isinstance(hint, type) and isinstance(value, hint)


def name_of(hint: Any) -> str:
    """The JSON name of a type: string, integer, object, …"""
    hint = strip(hint)
    origin = typing_extensions.get_origin(hint)
    if typing_extensions.is_typeddict(hint) or origin is dict:
        return "object"
    if origin in LISTS:
        return "array"
    return NAMES.get(hint, "string")


def json_name(value: Any) -> str:
    """The JSON name of a value's type."""
    return NAMES.get(type(value), "object")
