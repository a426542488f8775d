"""Gemini's schemas in the canonical form, and JSON Schema as Gemini's own JSON-Schema fields read it."""

from __future__ import annotations

from typing import Any

import pytest

from translators.schema.json_dialect import to_json_dialect
from translators.schema.lower import MAX_DEPTH, from_openapi, lower_types


def test_upper_case_types_are_lowered_wherever_a_schema_stands():
    schema = {
        "type": "OBJECT",
        "properties": {"type": {"type": "STRING", "enum": ["STRING"]}, "a": {"type": ["INTEGER", "NULL"]}},
        "items": [{"type": "BOOLEAN"}],
        "anyOf": [{"type": "ARRAY", "items": {"type": "NUMBER"}}],
        "$defs": {"OBJECT": {"type": "OBJECT", "default": {"type": "OBJECT"}}},
    }
    assert lower_types(schema) == {
        "type": "object",
        "properties": {"type": {"type": "string", "enum": ["STRING"]}, "a": {"type": ["integer", "null"]}},
        "items": [{"type": "boolean"}],
        "anyOf": [{"type": "array", "items": {"type": "number"}}],
        "$defs": {"OBJECT": {"type": "object", "default": {"type": "OBJECT"}}},
    }


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "STRING", "nullable": False}, {"type": "string"}),
        (
            {"any_of": [{"type": "STRING"}, {"type": "NUMBER"}], "nullable": True},
            {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]},
        ),
        (
            {"type": "ARRAY", "min_items": "1", "max_items": 3, "items": {"type": "STRING", "max_length": "9"}},
            {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "string", "maxLength": 9}},
        ),
        (
            {"ref": "#/defs/A", "defs": {"A": {"type": "STRING"}}},
            {"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}},
        ),
        ({"type": "TYPE_UNSPECIFIED", "description": "d"}, {"description": "d"}),
        ({"type": "Frobnicate"}, {"type": "Frobnicate"}),
        (
            {"type": "OBJECT", "properties": {"min_items": {"type": "STRING"}}, "property_ordering": ["min_items"]},
            {"type": "object", "properties": {"min_items": {"type": "string"}}, "propertyOrdering": ["min_items"]},
        ),
    ],
)
def test_the_schema_dialect_is_read_as_json_schema(schema, expected):
    assert from_openapi(schema) == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "STRING"}, {"type": "string"}),
        ({"const": "x"}, {"enum": ["x"]}),
        ({"const": None}, {"const": None}),
        (
            {
                "properties": {"a": {"$ref": "#/definitions/A", "description": "d"}},
                "definitions": {"A": {"type": "string"}},
            },
            {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}},
        ),
        (
            {"type": "object", "additionalProperties": {"type": "string"}, "oneOf": [{"title": "x"}]},
            {"type": "object", "additionalProperties": {"type": "string"}, "oneOf": [{"title": "x"}]},
        ),
        ({"properties": {"const": {"type": "string"}}}, {"properties": {"const": {"type": "string"}}}),
    ],
)
def test_json_schema_as_googles_own_api_reads_it(schema, expected):
    assert to_json_dialect(schema) == expected


@pytest.mark.parametrize("convert", [lower_types, from_openapi, to_json_dialect])
def test_depth_has_a_limit(convert):
    schema: dict[str, Any] = {"type": "STRING"}
    for _ in range(900):
        schema = {"type": "ARRAY", "items": schema}
    at, levels = convert(schema), 0
    while "items" in at:
        at, levels = at["items"], levels + 1
    assert levels == MAX_DEPTH
    assert at == {}
