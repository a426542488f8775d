"""Checks JSON bodies against botocore's own model of `bedrock-runtime`, as closed as the service itself."""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Iterator
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

PLAIN: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
}

# Unions by their documentation, though not marked so.
UNMARKED_UNIONS = ("ContentBlock", "SystemContentBlock", "ToolResultContentBlock", "Tool")


@functools.cache
def service() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")


@functools.cache
def operation(name: str) -> OperationModel:
    return service().operation_model(name)


def request_faults(name: str, body: Any, **in_url: str) -> Iterator[str]:
    """What is wrong with a body of that operation; members that stand in the URL are given by name."""
    shape = operation(name).input_shape
    if not isinstance(body, dict):
        yield "the body is no object"
        return
    for key in body:
        if key in shape.members and shape.members[key].serialization.get("location"):
            yield f"{key}: belongs into the URL"
    yield from faults(shape, {**in_url, **body}, "")


def answer_faults(name: str, body: Any) -> Iterator[str]:
    yield from faults(operation(name).output_shape, body, "")


def event_faults(name: str, kind: str, payload: Any) -> Iterator[str]:
    """What is wrong with an event of that operation's stream."""
    stream = operation(name).get_event_stream_output()
    if kind not in stream.members:
        yield f"{kind}: no event of {name}"
        return
    yield from faults(stream.members[kind], payload, kind)


def faults(shape: Shape, value: Any, where: str) -> Iterator[str]:
    if getattr(shape, "is_document_type", False):
        return
    if shape.type_name == "structure":
        yield from structure_faults(shape, value, where)
    elif shape.type_name == "list":
        if not isinstance(value, list):
            yield f"{where}: not a list"
            return
        yield from size_faults(shape, len(value), where)
        for index, item in enumerate(value):
            yield from faults(shape.member, item, f"{where}.{index}")
    elif shape.type_name == "map":
        if not isinstance(value, dict):
            yield f"{where}: not a map"
    elif shape.type_name == "blob":
        yield from blob_faults(shape, value, where)
    else:
        yield from plain_faults(shape, value, where)


def structure_faults(shape: Shape, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: not an object"
        return
    for name in shape.required_members:
        if name not in value:
            yield f"{where}.{name}: required"
    if (shape.is_tagged_union or shape.name in UNMARKED_UNIONS) and len(value) != 1:
        yield f"{where}: exactly one member, not {sorted(value)}"
    for name, item in value.items():
        if name not in shape.members:
            yield f"{where}.{name}: unknown member"
        else:
            yield from faults(shape.members[name], item, f"{where}.{name}".lstrip("."))


def blob_faults(shape: Shape, value: Any, where: str) -> Iterator[str]:
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError):
        yield f"{where}: not base64"
        return
    yield from size_faults(shape, len(raw), where)


def plain_faults(shape: Shape, value: Any, where: str) -> Iterator[str]:
    wanted = PLAIN[shape.type_name]
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        yield f"{where}: {value!r} is no {shape.type_name}"
        return
    if isinstance(value, str):
        yield from size_faults(shape, len(value), where)
        pattern = shape.metadata.get("pattern")
        if pattern and not re.fullmatch(pattern, value):
            yield f"{where}: {value!r} does not match {pattern}"
        if shape.enum and value not in shape.enum:
            yield f"{where}: {value!r} is none of {shape.enum}"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from size_faults(shape, value, where)


def size_faults(shape: Shape, size: float, where: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and size < low) or (high is not None and size > high):
        yield f"{where}: {size} is not between {low} and {high}"
