"""The cleaner for Gemini's `Schema` dialect: one case a keyword, and what hostile schemas may not do."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st

from translators.schema.openapi import to_openapi
from translators.schema.unfold import MAX_DEPTH

#: The names of the dialect (gemini.md §2, Schema subset) that every deployment knows.
DIALECT = frozenset(
    [
        "type",
        "format",
        "title",
        "description",
        "nullable",
        "enum",
        "items",
        "minItems",
        "maxItems",
        "properties",
        "propertyOrdering",
        "required",
        "minProperties",
        "maxProperties",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "pattern",
        "example",
        "default",
        "anyOf",
    ]
)

#: name of the case, JSON Schema, Schema dialect
CASES = [
    # 1. references
    (
        "a local reference is copied in",
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "integer"}}},
        {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}},
    ),
    (
        "old drafts keep theirs in definitions",
        {"properties": {"a": {"$ref": "#/definitions/A"}}, "definitions": {"A": {"type": "boolean"}}},
        {"type": "OBJECT", "properties": {"a": {"type": "BOOLEAN"}}},
    ),
    (
        "words beside a reference win over its own",
        {"properties": {"a": {"$ref": "#/$defs/A", "description": "mine"}}, "$defs": {"A": {"description": "its"}}},
        {"type": "OBJECT", "properties": {"a": {"type": "STRING", "description": "mine"}}},
    ),
    (
        "a pointer may be escaped",
        {"properties": {"a": {"$ref": "#/$defs/x~1y%20z"}}, "$defs": {"x/y z": {"type": "number"}}},
        {"type": "OBJECT", "properties": {"a": {"type": "NUMBER"}}},
    ),
    (
        "a reference by anchor",
        {"properties": {"a": {"$ref": "#here"}}, "$defs": {"A": {"$anchor": "here", "type": "number"}}},
        {"type": "OBJECT", "properties": {"a": {"type": "NUMBER"}}},
    ),
    (
        "an external reference is an object that names it",
        {"properties": {"a": {"$ref": "https://example.com/schemas/thing"}}},
        {"type": "OBJECT", "properties": {"a": {"type": "OBJECT", "description": "See: thing"}}},
    ),
    (
        "a dangling reference likewise",
        {"properties": {"a": {"$ref": "#/$defs/Nobody", "description": "What?"}}},
        {"type": "OBJECT", "properties": {"a": {"type": "OBJECT", "description": "What? See: Nobody"}}},
    ),
    (
        "a cycle ends in a typed stub",
        {
            "$ref": "#/$defs/Node",
            "$defs": {
                "Node": {
                    "type": "object",
                    "properties": {"next": {"$ref": "#/$defs/Node"}, "name": {"type": "string"}},
                    "required": ["name"],
                }
            },
        },
        {
            "type": "OBJECT",
            "properties": {"next": {"type": "OBJECT", "description": "See: Node"}, "name": {"type": "STRING"}},
            "required": ["name"],
        },
    ),
    (
        "the schema refers to itself as a whole",
        {"type": "object", "properties": {"child": {"$ref": "#"}}},
        {"type": "OBJECT", "properties": {"child": {"type": "OBJECT", "description": "See: the whole"}}},
    ),
    # 2. const, enum
    ("const", {"const": "a"}, {"type": "STRING", "enum": ["a"]}),
    ("const of another type", {"const": 3}, {"type": "STRING", "enum": ["3"]}),
    ("enum", {"type": "string", "enum": ["a", "b"]}, {"type": "STRING", "enum": ["a", "b"]}),
    ("enum of numbers", {"type": "integer", "enum": [1, 2]}, {"type": "STRING", "enum": ["1", "2"]}),
    ("enum of flags", {"type": "boolean", "enum": [True]}, {"type": "STRING", "enum": ["true"]}),
    ("enum with null", {"enum": ["a", None]}, {"type": "STRING", "nullable": True, "enum": ["a"]}),
    ("enum with the empty string", {"enum": ["a", ""]}, {"type": "STRING", "enum": ["a"]}),
    ("enum of nothing", {"type": "integer", "enum": []}, {"type": "INTEGER"}),
    (
        "the default of an enum of numbers",
        {"type": "integer", "enum": [1, 2], "default": 1},
        {"type": "STRING", "default": "1", "enum": ["1", "2"]},
    ),
    # 3. null and several types
    ("type with null", {"type": ["string", "null"]}, {"type": "STRING", "nullable": True}),
    ("null alone", {"type": "null"}, {"type": "NULL"}),
    (
        "several types",
        {"type": ["string", "integer"], "minLength": 1, "minimum": 2, "description": "d"},
        {
            "description": "d",
            "anyOf": [{"type": "STRING", "minLength": 1}, {"type": "INTEGER", "minimum": 2}],
        },
    ),
    (
        "several types and null",
        {"type": ["string", "number", "null"]},
        {"nullable": True, "anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]},
    ),
    (
        "anyOf with null",
        {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": None},
        {"type": "INTEGER", "nullable": True, "minimum": 1},
    ),
    (
        "anyOf",
        {"title": "T", "anyOf": [{"type": "integer"}, {"type": "string"}]},
        {"title": "T", "anyOf": [{"type": "INTEGER"}, {"type": "STRING"}]},
    ),
    (
        "anyOf whose branches leave the type to the whole",
        {"type": "string", "anyOf": [{"pattern": "a"}, {"pattern": "b"}]},
        {"anyOf": [{"type": "STRING", "pattern": "a"}, {"type": "STRING", "pattern": "b"}]},
    ),
    (
        "anyOf of equal branches",
        {"anyOf": [{"type": "string"}, {"type": "string"}]},
        {"type": "STRING"},
    ),
    (
        "anyOf beside properties",
        {
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
            "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
        {
            "type": "OBJECT",
            "description": "(at least: a or b)",
            "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}},
        },
    ),
    ("nullable already", {"type": "string", "nullable": True}, {"type": "STRING", "nullable": True}),
    # 4. allOf, oneOf, conditions
    (
        "allOf",
        {
            "allOf": [
                {"$ref": "#/$defs/Base"},
                {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
            ],
            "$defs": {"Base": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}},
        },
        {
            "type": "OBJECT",
            "properties": {"a": {"type": "STRING"}, "b": {"type": "INTEGER"}},
            "required": ["a", "b"],
        },
    ),
    (
        "oneOf",
        {"oneOf": [{"type": "integer"}, {"type": "boolean"}]},
        {"anyOf": [{"type": "INTEGER"}, {"type": "BOOLEAN"}]},
    ),
    (
        "if, then, else",
        {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "if": {"properties": {"a": {"const": "x"}}},
            "then": {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
            "else": {"properties": {"c": {"type": "boolean"}}},
        },
        {
            "type": "OBJECT",
            "properties": {"a": {"type": "STRING"}, "b": {"type": "INTEGER"}, "c": {"type": "BOOLEAN"}},
        },
    ),
    # 5. what becomes a hint
    (
        "exclusiveMinimum",
        {"type": "integer", "exclusiveMinimum": 0, "description": "Count"},
        {"type": "INTEGER", "description": "Count (exclusiveMinimum: 0)"},
    ),
    (
        "exclusiveMaximum",
        {"type": "number", "exclusiveMaximum": 1},
        {"type": "NUMBER", "description": "(exclusiveMaximum: 1)"},
    ),
    ("multipleOf", {"type": "number", "multipleOf": 5}, {"type": "NUMBER", "description": "(multipleOf: 5)"}),
    (
        "uniqueItems",
        {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        {"type": "ARRAY", "description": "(uniqueItems: true)", "items": {"type": "STRING"}},
    ),
    (
        "contains",
        {"type": "array", "contains": {"const": 1}},
        {"type": "ARRAY", "description": '(contains: {"const":1})', "items": {"type": "STRING"}},
    ),
    (
        "minContains and maxContains",
        {"type": "array", "items": {}, "minContains": 1, "maxContains": 2},
        {"type": "ARRAY", "description": "(minContains: 1; maxContains: 2)", "items": {"type": "STRING"}},
    ),
    ("not", {"type": "string", "not": {"const": "x"}}, {"type": "STRING", "description": '(not: {"const":"x"})'}),
    ("a known format", {"type": "string", "format": "date-time"}, {"type": "STRING", "format": "date-time"}),
    ("another format", {"type": "string", "format": "uri"}, {"type": "STRING", "description": "(format: uri)"}),
    ("a format of numbers", {"type": "integer", "format": "int64"}, {"type": "INTEGER", "format": "int64"}),
    # 6. what is dropped
    *[
        (f"{keyword} is dropped", {"type": "object", "properties": {"a": {"type": "string"}}, keyword: value}, None)
        for keyword, value in {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "https://example.com/x",
            "$comment": "c",
            "$anchor": "here",
            "$defs": {"X": {"type": "string"}},
            "definitions": {"X": {"type": "string"}},
            "additionalProperties": False,
            "unevaluatedProperties": False,
            "unevaluatedItems": False,
            "patternProperties": {"^x": {"type": "string"}},
            "propertyNames": {"pattern": "a"},
            "dependentRequired": {"a": ["b"]},
            "dependentSchemas": {"a": {"required": ["b"]}},
            "dependencies": {"a": ["b"]},
            "examples": [{"a": "1"}],
            "deprecated": True,
            "readOnly": True,
            "writeOnly": True,
            "contentEncoding": "base64",
            "contentMediaType": "text/html",
            "enumDescriptions": ["x"],
            "x-order": 1,
            "$vocabulary": {},
            "discriminator": {"propertyName": "a"},
        }.items()
    ],
    (
        "the values of a free map are at least told",
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "OBJECT", "description": '(values: {"type":"integer"})'},
    ),
    # what stays
    (
        "what the dialect has",
        {
            "type": "array",
            "title": "T",
            "description": "D",
            "minItems": 1,
            "maxItems": 2,
            "default": ["a"],
            "example": ["b"],
            "items": {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^a"},
        },
        {
            "type": "ARRAY",
            "title": "T",
            "description": "D",
            "default": ["a"],
            "example": ["b"],
            "items": {"type": "STRING", "pattern": "^a", "minLength": 1, "maxLength": 3},
            "minItems": 1,
            "maxItems": 2,
        },
    ),
    (
        "order and counts of properties",
        {
            "properties": {"a": {"type": "number", "minimum": 0.5, "maximum": 2}},
            "propertyOrdering": ["a"],
            "minProperties": 1,
            "maxProperties": 2,
        },
        {
            "type": "OBJECT",
            "properties": {"a": {"type": "NUMBER", "minimum": 0.5, "maximum": 2}},
            "propertyOrdering": ["a"],
            "minProperties": 1,
            "maxProperties": 2,
        },
    ),
    # 7. arrays, required
    ("array without items", {"type": "array"}, {"type": "ARRAY", "items": {"type": "STRING"}}),
    ("array of anything", {"type": "array", "items": True}, {"type": "ARRAY", "items": {"type": "STRING"}}),
    ("items on no array", {"type": "string", "items": {"type": "string"}}, {"type": "STRING"}),
    (
        "a tuple",
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
        {"type": "ARRAY", "items": {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}},
    ),
    (
        "a tuple of an old draft",
        {"type": "array", "items": [{"type": "integer"}, {"type": "integer"}]},
        {"type": "ARRAY", "items": {"type": "INTEGER"}},
    ),
    (
        "required names that are no properties",
        {"properties": {"a": {"type": "string"}}, "required": ["a", "b", "a", 3]},
        {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]},
    ),
    ("no properties at all", {"type": "object", "properties": {}}, {"type": "OBJECT"}),
    ("the type is guessed: array", {"items": {"type": "number"}}, {"type": "ARRAY", "items": {"type": "NUMBER"}}),
    ("the type is guessed: string", {"minLength": 2}, {"type": "STRING", "minLength": 2}),
    ("the type is guessed: number", {"minimum": 2}, {"type": "NUMBER", "minimum": 2}),
    ("anything", {}, {"type": "STRING"}),
    # 8. sloppy servers
    (
        "a bare map of properties",
        {"path": {"type": "string", "description": "p"}, "type": {"type": "string"}},
        {
            "type": "OBJECT",
            "properties": {"path": {"type": "STRING", "description": "p"}, "type": {"type": "STRING"}},
        },
    ),
    (
        "required as a flag of the property",
        {"properties": {"a": {"type": "string", "required": True}, "b": {"type": "string", "required": False}}},
        {"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}}, "required": ["a"]},
    ),
    ("type names of programming languages", {"type": "dict", "properties": {"a": {"type": "str"}}}, None),
    ("a type that is none", {"type": "any"}, {"type": "STRING"}),
    ("types in upper case", {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}, None),
    (
        "counts and bounds that are none",
        {"type": "array", "minItems": "1", "maxItems": -1, "items": {"type": "number", "minimum": "0"}},
        {"type": "ARRAY", "items": {"type": "NUMBER"}},
    ),
]
_PLAIN = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}


@pytest.mark.parametrize(("schema", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_cleaner(schema, expected):
    before = copy.deepcopy(schema)
    assert to_openapi(schema) == (_PLAIN if expected is None else expected)
    assert schema == before


@pytest.mark.parametrize(
    "keyword", ["title", "format", "default", "type", "enum", "required", "$ref", "items", "anyOf"]
)
def test_a_property_named_like_a_keyword_is_data(keyword):
    schema = {"type": "object", "properties": {keyword: {"type": "integer"}}, "required": [keyword]}
    assert to_openapi(schema) == {
        "type": "OBJECT",
        "properties": {keyword: {"type": "INTEGER"}},
        "required": [keyword],
    }


def test_values_that_look_like_schemas_are_data():
    value = {"$schema": "x", "additionalProperties": False}
    assert to_openapi({"type": "object", "default": value, "example": value}) == {
        "type": "OBJECT",
        "default": value,
        "example": value,
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {"type": "integer"}}}]},
        {"oneOf": [{"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}]},
        {"type": "string", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}},
    ],
)
def test_parameters_are_always_an_object(schema):
    cleaned = to_openapi(schema, parameters=True)
    assert cleaned == {"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "INTEGER"}}}


def test_depth_has_a_limit():
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(10 * MAX_DEPTH):
        schema = {"type": "object", "properties": {"a": schema}}
    levels = 0
    at = to_openapi(schema)
    while "properties" in at:
        at = at["properties"]["a"]
        levels += 1
    assert levels == MAX_DEPTH + 1
    assert at["description"] == "(nested too deeply to describe)"


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
def test_deep_alternatives_have_a_limit(keyword):
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(800):
        schema = {keyword: [schema]}
    assert to_openapi(schema)["type"] in ("STRING", "OBJECT")


def test_references_that_unfold_without_bound_are_cut():
    definitions = {
        f"D{level}": {
            "type": "object",
            "properties": {name: {"$ref": f"#/$defs/D{level + 1}"} for name in "abcdefgh"},
        }
        for level in range(20)
    }
    started = time.monotonic()
    to_openapi({"$ref": "#/$defs/D0", "$defs": definitions})
    assert time.monotonic() - started < 2


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "object", "#/$defs/A", "string", "array"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "properties",
                    "items",
                    "anyOf",
                    "oneOf",
                    "allOf",
                    "$ref",
                    "$defs",
                    "A",
                    "enum",
                    "const",
                    "required",
                    "not",
                    "if",
                    "then",
                    "else",
                    "prefixItems",
                    "format",
                    "nullable",
                    "default",
                    "description",
                    "additionalProperties",
                    "minItems",
                    "minimum",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["type", "properties", "anyOf", "allOf", "$ref", "$defs", "items"]), _json))
def test_whatever_comes_the_result_is_in_the_dialect(schema):
    cleaned = to_openapi(schema, parameters=True)
    assert cleaned["type"] == "OBJECT"
    _check(cleaned)
    types.Schema.model_validate(cleaned)


def _check(schema: dict[str, Any]) -> None:
    assert schema.keys() <= DIALECT
    assert "type" in schema or "anyOf" in schema
    if schema.get("type") == "ARRAY":
        assert "items" in schema
    assert set(schema.get("required", [])) <= schema.get("properties", {}).keys()
    assert all(isinstance(value, str) and value for value in schema.get("enum", []))
    for child in [
        *schema.get("properties", {}).values(),
        *schema.get("anyOf", []),
        *([schema["items"]] if "items" in schema else []),
    ]:
        _check(child)
