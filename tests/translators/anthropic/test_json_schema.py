"""JSON Schema as tools and guaranteed output take it."""

import jsonschema  # type: ignore[import-untyped]
import pytest

from translators.anthropic import json_schema

TEXT, NUMBER = {"type": "string"}, {"type": "number"}

INPUT = [
    (None, {"type": "object", "properties": {}}),
    ({}, {"type": "object", "properties": {}}),
    ({"type": "object"}, {"type": "object"}),
    (
        {"anyOf": [{"properties": {"a": TEXT}, "required": ["a"]}, {"properties": {"b": TEXT}}]},
        {"type": "object", "properties": {"a": TEXT, "b": TEXT}},
    ),
    (
        {"oneOf": [{"properties": {"a": TEXT}, "required": ["a"]}, {"properties": {"a": TEXT}, "required": ["a"]}]},
        {"type": "object", "properties": {"a": TEXT}, "required": ["a"]},
    ),
    (
        {
            "properties": {"c": TEXT},
            "required": ["c"],
            "allOf": [{"properties": {"a": TEXT}, "required": ["a"]}, {"required": ["c"]}],
        },
        {"type": "object", "properties": {"c": TEXT, "a": TEXT}, "required": ["c", "a"]},
    ),
]


@pytest.mark.parametrize(("schema", "expected"), INPUT)
def test_tool_input_is_an_object_without_alternatives_at_the_top(schema, expected):
    assert json_schema.input_schema(schema) == expected


def test_the_clients_schema_is_not_written_to():
    schema = {"anyOf": [{"properties": {"a": TEXT}}]}
    json_schema.input_schema(schema)
    assert schema == {"anyOf": [{"properties": {"a": TEXT}}]}


CLOSED = {"additionalProperties": False}
GUARANTEED = [
    (TEXT, TEXT),
    ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
    ({"type": "string", "format": "color"}, {"type": "string", "description": '{"format":"color"}'}),
    (
        {"type": "integer", "minimum": 1, "description": "count"},
        {"type": "integer", "description": 'count\n\n{"minimum":1}'},
    ),
    ({"type": "array", "items": NUMBER, "minItems": 1}, {"type": "array", "items": NUMBER, "minItems": 1}),
    (
        {"type": "array", "items": NUMBER, "minItems": 2},
        {"type": "array", "items": NUMBER, "description": '{"minItems":2}'},
    ),
    ({"oneOf": [TEXT, NUMBER]}, {"anyOf": [TEXT, NUMBER]}),
    (
        {"type": "object", "properties": {"a": TEXT}, "additionalProperties": True, "$schema": "x"},
        {"type": "object", "properties": {"a": TEXT}, **CLOSED},
    ),
    (
        {
            "$defs": {"n": NUMBER},
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/n"}, "b": {"$ref": "#/$defs/n"}},
        },
        {
            "$defs": {"n": NUMBER},
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/n"}, "b": {"$ref": "#/$defs/n"}},
            **CLOSED,
        },
    ),
    ({"type": "object", "properties": {}, **CLOSED}, {"type": "object", "properties": {}, **CLOSED}),
]


@pytest.mark.parametrize(("schema", "expected"), GUARANTEED)
def test_the_guaranteed_subset(schema, expected):
    result = json_schema.guaranteed(schema)
    assert result == expected
    jsonschema.Draft202012Validator.check_schema(result)


INEXPRESSIBLE = [
    {"type": "object"},
    {"type": "object", "additionalProperties": TEXT},
    {"type": "array", "items": {"type": "object"}},
    {"$ref": "https://example.com/schema"},
    {"$ref": "#/$defs/absent"},
    {"$defs": {"n": {"type": "array", "items": {"$ref": "#/$defs/n"}}}, "$ref": "#/$defs/n"},
    {"$defs": {"n": NUMBER}, "allOf": [{"$ref": "#/$defs/n"}]},
    {"properties": {"a": True}},
]


@pytest.mark.parametrize("schema", INEXPRESSIBLE)
def test_what_the_subset_cannot_say_is_not_said(schema):
    assert json_schema.guaranteed(schema) is None


@pytest.mark.parametrize("schema", [{"properties": []}, {"anyOf": {}}, {"items": []}, {"allOf": "x"}, {"$ref": 1}])
def test_a_broken_schema_does_not_raise(schema):
    assert json_schema.guaranteed(schema) is None or isinstance(json_schema.guaranteed(schema), dict)


@pytest.mark.parametrize("schema", [{"anyOf": [{"properties": [], "required": {}}], "required": 1}, {"allOf": [1]}])
def test_a_broken_tool_schema_does_not_raise(schema):
    assert json_schema.input_schema(schema)["type"] == "object"


def test_many_references_to_the_same_place_are_followed_once():
    steps = {f"s{n}": {"anyOf": [{"$ref": f"#/$defs/s{n + 1}"}] * 2} for n in range(40)}
    schema = {"$defs": {**steps, "s40": NUMBER}, "$ref": "#/$defs/s0"}
    assert json_schema.guaranteed(schema) is not None
