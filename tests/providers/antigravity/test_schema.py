"""The cleaning table, row by row (antigravity.md §6.2), and what holds for any schema."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.providers.antigravity.schema import REASON, cleaned
from addons.providers.antigravity.tools import unpadded, with_clean_schemas
from tests.standin.antigravity import schema_faults
from translators.canonical.names import NameMap

Json = dict[str, Any]


def one(schema: Any, **root: Any) -> Any:
    """What becomes of a property's schema."""
    made = cleaned({"type": "object", "properties": {"x": schema}, "required": ["x"], **root}, claude=False)
    return made["properties"]["x"]


STRING = {"type": "string"}
DROPPED = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "$id": "a",
    "$comment": "b",
    "$defs": {},
    "definitions": {},
    "default": "c",
    "examples": ["d"],
    "title": "e",
    "propertyNames": {"pattern": "f"},
    "patternProperties": {"^a": STRING},
    "unevaluatedProperties": False,
    "unevaluatedItems": False,
    "additionalProperties": False,
    "if": {"properties": {"x": STRING}},
    "then": {"required": ["x"]},
    "else": {"required": ["y"]},
    "not": STRING,
    "dependentRequired": {"a": ["b"]},
    "dependentSchemas": {"a": STRING},
    "contentEncoding": "base64",
    "enumDescriptions": ["g"],
    "enumTitles": ["h"],
    "prefill": "i",
    "deprecated": True,
    "encrypted": True,
    "x-google": 1,
}


@pytest.mark.parametrize("keyword", DROPPED)
def test_what_the_service_does_not_know_is_dropped(keyword: str):
    assert one({"type": "string", keyword: DROPPED[keyword]}) == STRING


@pytest.mark.parametrize(
    ("keyword", "value", "hint"),
    [
        ("minLength", 1, "minLength: 1"),
        ("maxLength", 9, "maxLength: 9"),
        ("pattern", "^a+$", "pattern: ^a+$"),
        ("format", "uri", "format: uri"),
        ("minimum", 0, "minimum: 0"),
        ("maximum", 9.5, "maximum: 9.5"),
        ("exclusiveMinimum", 0, "exclusiveMinimum: 0"),
        ("exclusiveMaximum", 9, "exclusiveMaximum: 9"),
        ("multipleOf", 2, "multipleOf: 2"),
        ("minItems", 1, "minItems: 1"),
        ("maxItems", 3, "maxItems: 3"),
        ("uniqueItems", True, "uniqueItems: true"),
    ],
)
def test_constraints_become_hints(keyword: str, value: Any, hint: str):
    assert one({"type": "string", keyword: value}) == {"type": "string", "description": f"({hint})"}
    described = one({"type": "string", "description": "A name.", keyword: value})
    assert described["description"] == f"A name. ({hint})"


NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "n": {"type": "integer"}}}
ROWS: dict[str, tuple[Any, Json, Json]] = {
    "a local reference": ({"$ref": "#/$defs/a"}, {"$defs": {"a": STRING}}, STRING),
    "a reference of old drafts": ({"$ref": "#/definitions/a"}, {"definitions": {"a": STRING}}, STRING),
    "a reference to nothing": ({"$ref": "#/$defs/b"}, {}, {"type": "object", "description": "See: b"}),
    "a cycle": (
        {"$ref": "#/$defs/node"},
        {"$defs": {"node": NODE}},
        {
            "type": "object",
            "properties": {"next": {"type": "object", "description": "See: node"}, "n": {"type": "integer"}},
        },
    ),
    "a cycle through a list": (
        {"$ref": "#/$defs/list"},
        {"$defs": {"list": {"type": "array", "items": {"$ref": "#/$defs/list"}}}},
        {"type": "array", "items": {"type": "array", "items": STRING, "description": "See: list"}},
    ),
    "const": ({"const": "a"}, {}, {"type": "string", "enum": ["a"]}),
    "const that is no text": ({"const": 3}, {}, {"type": "string", "enum": ["3"]}),
    "enum values that are no texts": (
        {"enum": [1, True, None]},
        {},
        {"type": "string", "enum": ["1", "true"], "nullable": True},
    ),
    "enum of numbers": ({"type": "integer", "enum": [1, 2]}, {}, {"type": "string", "enum": ["1", "2"]}),
    "nullable by type": ({"type": ["string", "null"]}, {}, {"type": "string", "nullable": True}),
    "nullable by branch": ({"anyOf": [STRING, {"type": "null"}]}, {}, {"type": "string", "nullable": True}),
    "several types": ({"type": ["integer", "string"]}, {}, {"type": "integer", "description": "(or string)"}),
    "allOf": (
        {"allOf": [{"properties": {"a": STRING}, "required": ["a"]}, {"properties": {"b": STRING}}]},
        {},
        {"type": "object", "properties": {"a": STRING, "b": STRING}, "required": ["a"]},
    ),
    "anyOf: the richest branch": (
        {"anyOf": [STRING, {"type": "object", "properties": {"a": STRING}}]},
        {},
        {"type": "object", "properties": {"a": STRING}, "description": "(or string)"},
    ),
    "oneOf: the richest branch": (
        {"description": "D", "oneOf": [{"type": "array", "items": STRING}, {"enum": ["a", "b"]}]},
        {},
        {"type": "array", "items": STRING, "description": "D (or one of a, b)"},
    ),
    "a choice within a choice": (
        {"anyOf": [{"anyOf": [{"type": "boolean"}, {"type": "array", "items": STRING}]}, {"type": "null"}]},
        {},
        {"type": "array", "items": STRING, "nullable": True, "description": "(or boolean)"},
    ),
    "required that is not there": (
        {"type": "object", "properties": {"a": STRING}, "required": ["a", "b"]},
        {},
        {"type": "object", "properties": {"a": STRING}, "required": ["a"]},
    ),
    "no type, but properties": ({"properties": {"a": STRING}}, {}, {"type": "object", "properties": {"a": STRING}}),
    "no type, but items": ({"items": STRING}, {}, {"type": "array", "items": STRING}),
    "no type at all": ({"description": "Anything"}, {}, {"type": "string", "description": "Anything"}),
    "an array without items": ({"type": "array"}, {}, {"type": "array", "items": STRING}),
    "a tuple": (
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "object", "properties": {"a": STRING}}]},
        {},
        {"type": "array", "items": {"type": "object", "properties": {"a": STRING}}},
    ),
    "true": (True, {}, STRING),
    "a property that is named like a keyword": (
        {"type": "object", "properties": {"default": STRING, "$ref": STRING, "enum": {"type": "integer"}}},
        {},
        {"type": "object", "properties": {"default": STRING, "$ref": STRING, "enum": {"type": "integer"}}},
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_schema_is_cleaned(row: str):
    schema, root, wanted = ROWS[row]
    before = copy.deepcopy(schema)
    assert one(schema, **root) == wanted
    assert schema == before, "the argument is not changed"


def test_the_whole_is_an_object_whatever_was_given():
    assert cleaned({"type": "string"}, claude=False) == {"type": "object"}
    assert cleaned({"type": ["object", "null"], "properties": {"a": STRING}}, claude=False) == {
        "type": "object",
        "properties": {"a": STRING},
    }


@pytest.mark.parametrize("empty", [None, {}, {"type": "object"}, {"type": "object", "properties": {}}])
def test_claude_is_asked_for_a_reason_where_there_is_nothing_to_give(empty: Json | None):
    assert cleaned(empty, claude=True) == {"type": "object", "properties": {"reason": REASON}, "required": ["reason"]}


def test_claude_gets_a_placeholder_in_nested_objects_that_require_nothing():
    inner = {"type": "object", "properties": {"a": STRING}}
    made = cleaned({"type": "object", "properties": {"x": inner, "y": {"type": "array", "items": inner}}}, claude=True)
    padded = {"type": "object", "properties": {"a": STRING, "_": {"type": "boolean"}}, "required": ["_"]}
    assert made == {"type": "object", "properties": {"x": padded, "y": {"type": "array", "items": padded}}}


# -- and back


def tools(schema: Json | None, *, claude: bool) -> tuple[Json, Any]:
    declaration = {"name": "f", **({"parametersJsonSchema": schema} if schema is not None else {})}
    (tool,), names = with_clean_schemas([{"functionDeclarations": [declaration]}], NameMap(), claude=claude)
    return tool["functionDeclarations"][0], names


def test_what_was_added_is_taken_out_of_the_calls_again():
    nested = {"type": "object", "properties": {"a": STRING}}
    _, names = tools(
        {"type": "object", "properties": {"x": nested, "l": {"type": "array", "items": nested}}}, claude=True
    )
    call = {"x": {"a": "1", "_": True}, "l": [{"_": False}, {"a": "2", "_": True}], "_": "its own"}
    assert unpadded(call, names.padded["f"]) == {"x": {"a": "1"}, "l": [{}, {"a": "2"}], "_": "its own"}
    _, names = tools(None, claude=True)
    assert unpadded({"reason": "because"}, names.padded["f"]) == {}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"reason": STRING}, "required": ["reason"]},
        {
            "type": "object",
            "properties": {"x": {"type": "object", "properties": {"_": STRING}, "required": ["_"]}},
        },
    ],
)
def test_a_property_that_only_looks_added_stays(schema: Json):
    _, names = tools(schema, claude=True)
    assert names.padded == {}


def test_gemini_needs_no_padding_and_no_parameters_where_there_are_none():
    for empty in (None, {"type": "object", "properties": {}}):
        made, names = tools(empty, claude=False)
        assert made == {"name": "f"} and names.padded == {}


# -- any schema

NAMES = st.sampled_from(["a", "b", "type", "_", "reason"])
LEAVES = st.one_of(
    st.sampled_from([{}, True, None, {"type": "string"}, {"type": ["integer", "null"]}, {"$ref": "#/$defs/d"}]),
    st.builds(lambda v: {"enum": v}, st.lists(st.one_of(st.integers(), st.text(max_size=3), st.none()), max_size=3)),
    st.builds(lambda k, v: {"type": k, "minimum": v, "x-y": v}, st.sampled_from(["number", "odd"]), st.integers()),
)


def grown(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(
            lambda p, r: {"type": "object", "properties": p, "required": r},
            st.dictionaries(NAMES, children, max_size=3),
            st.lists(NAMES, max_size=2),
        ),
        st.builds(lambda c: {"type": "array", "items": c}, children),
        st.builds(
            lambda k, c: {k: c},
            st.sampled_from(["anyOf", "oneOf", "allOf"]),
            st.lists(children, min_size=1, max_size=3),
        ),
    )


SCHEMAS = st.recursive(LEAVES, grown, max_leaves=8)


@given(schema=SCHEMAS, definition=SCHEMAS, claude=st.booleans())
def test_whatever_was_given_the_service_takes_what_comes_of_it(schema: Any, definition: Any, claude: bool):
    root = {"$defs": {"d": definition}, "type": "object", "properties": {"x": schema}}
    made = cleaned(root, claude=claude)
    assert list(schema_faults(made, claude=claude)) == []
    assert cleaned(made, claude=claude) == made, "once is enough"
