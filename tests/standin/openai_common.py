"""What Chat Completions and Responses refuse alike: credentials, wording, tool names, schemas and limits."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

from .ask import Ask, Complaint, Json, bearer, bracketed
from .schemas import faults, openai_strict_faults, walk
from .typed import Path, Problem, json_name

NAME = re.compile(r"[a-zA-Z0-9_-]+")
MAX_NAME = 64
MAX_TOOLS = 128
ARTICLES = {"array": "an array", "object": "an object", "integer": "an integer", "null": "null"}
# Models that reason: they take no sampling parameters but the defaults (openai_chat.md section 2).
REASONING_MODEL = re.compile(r"o\d|gpt-([5-9]|\d\d)")


def credential(ask: Ask) -> Iterator[Complaint]:
    token = bearer(ask.headers)
    if token is None:
        told = "You didn't provide an API key. You need to provide your API key in an Authorization header"
        yield Complaint(f"{told} using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).", status=401)
    elif ask.policy.key is not None and token != ask.policy.key:
        yield Complaint(f"Incorrect API key provided: {token[:3]}***.", status=401, code="invalid_api_key")


def worded(problem: Problem) -> Complaint:
    """A deviation from the SDK's types in OpenAI's words."""
    where = bracketed(problem.path)
    if problem.kind == "unknown":
        return Complaint(f"Unknown parameter: '{where}'.", param=where, code="unknown_parameter")
    if problem.kind == "missing":
        return Complaint(f"Missing required parameter: '{where}'.", param=where, code="missing_required_parameter")
    if problem.kind == "type":
        expected = " or ".join(article(name) for name in problem.expected)
        found = f"expected {expected}, but got {article(json_name(problem.got))} instead"
        return Complaint(f"Invalid type for '{where}': {found}.", param=where, code="invalid_type")
    known = [f"'{value}'" for value in problem.expected]
    listed = known[0] if len(known) == 1 else f"{', '.join(known[:-1])} and {known[-1]}"
    found = f"Invalid value: '{problem.got}'. Supported values are: {listed}."
    return Complaint(found, param=where, code="invalid_value")


def article(name: str) -> str:
    return ARTICLES.get(name, f"a {name}")


def invalid(path: Path, why: str, code: str = "invalid_value") -> Complaint:
    """``Invalid 'PATH': WHY`` with the machine code that goes with it."""
    where = bracketed(path)
    return Complaint(f"Invalid '{where}': {why}", param=where, code=code)


def too_long(path: Path, value: str, limit: int) -> Iterator[Complaint]:
    if len(value) > limit:
        expected = f"Expected a string with maximum length {limit}, but got a string with length {len(value)} instead."
        yield invalid(path, f"string too long. {expected}", "string_above_max_length")


def name_valid(path: Path, name: str) -> Iterator[Complaint]:
    if not name:
        expected = "Expected a string with minimum length 1, but got an empty string instead."
        yield invalid(path, f"empty string. {expected}", "empty_string")
    yield from too_long(path, name, MAX_NAME)
    if not NAME.fullmatch(name):
        pattern = "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        yield invalid(path, f"string does not match pattern. {pattern}")


def in_range(body: Json, path: Path, low: float, high: float) -> Iterator[Complaint]:
    """Complains of a number outside ``low``..``high``; an absent or null one is fine."""
    value: Any = body
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    if value is None or low <= value <= high:
        return
    kind = "integer" if isinstance(value, int) else "decimal"
    side, word, bound = ("below minimum", ">=", low) if value < low else ("above maximum", "<=", high)
    code = f"{kind}_{side.replace(' ', '_')}_value"
    yield invalid(path, f"{kind} {side} value. Expected a value {word} {bound}, but got {value} instead.", code)


def function_schema(path: Path, name: str, schema: Any, strict: bool) -> Iterator[Complaint]:
    """The parameters of a function: an object schema with properties, arrays with items, strict if so asked."""
    where = bracketed(path)

    def wrong(why: str) -> Complaint:
        return Complaint(
            f"Invalid schema for function '{name}': {why}", param=where, code="invalid_function_parameters"
        )

    if schema is None:
        return
    if not isinstance(schema, dict) or schema.get("type") != "object":
        got = schema.get("type") if isinstance(schema, dict) else None
        yield wrong(f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{got}\"'.")
        return
    if "properties" not in schema:
        yield wrong("In context=(), object schema missing properties.")
    yield from map(wrong, schema_faults(schema))
    if strict:
        for place, why in openai_strict_faults(schema):
            yield wrong(f"In context={place}, {why}.")


def schema_faults(schema: Json) -> Iterator[str]:
    for place, why in faults(schema):
        yield f"In context={place}, {why}."
    for place, part in array_schemas(schema):
        if "items" not in part and "prefixItems" not in part:
            yield f"In context={place}, array schema missing items."


def array_schemas(schema: Json) -> Iterator[tuple[Path, Json]]:
    for place, part in walk(schema):
        if isinstance(part, dict) and part.get("type") == "array":
            yield place, part


def format_schema(path: Path, name: str, schema: Any, strict: bool) -> Iterator[Complaint]:
    """The schema of a structured output."""
    where = bracketed(path)
    if not isinstance(schema, dict):
        return
    strictly = openai_strict_faults(schema) if strict else ()
    found = itertools.chain(schema_faults(schema), (f"In context={place}, {why}." for place, why in strictly))
    for why in found:
        text = f"Invalid schema for response_format '{name}': {why}"
        yield Complaint(text, param=where, code="invalid_json_schema")


def metadata(ask: Ask) -> Iterator[Complaint]:
    pairs = ask.body.get("metadata") or {}
    if len(pairs) > 16:
        yield invalid(("metadata",), "too many properties. Expected at most 16.", "object_above_max_properties")
    for name, value in pairs.items():
        yield from too_long(("metadata", name), name, 64)
        yield from too_long(("metadata", name), value, 512)
    yield from too_long(("safety_identifier",), ask.body.get("safety_identifier") or "", 128)


def tool_count(ask: Ask) -> Iterator[Complaint]:
    tools = ask.body.get("tools")
    if tools is not None and len(tools) > MAX_TOOLS:
        found = f"Expected an array with maximum length {MAX_TOOLS}, but got an array with length {len(tools)} instead."
        yield invalid(("tools",), f"array too long. {found}", "array_above_max_length")
