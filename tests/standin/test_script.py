"""Which turn the stand-in serves, found from the request alone, and what it says to side calls."""

from __future__ import annotations

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from .ask import Json
from .reading import ToolRef, View, read, schema_in_words
from .records import Recorded
from .schemas import instance
from .script import HELLO, Call, Scenario, Turn, choose, usage_of
from .server import StandIn

SCRIPT = Scenario(
    turns=[Turn(calls=[Call("run"), Call("run")]), Turn(calls=[Call("walk")])],
    final="Done",
    side="Not now.",
)
TOOLS = {"run", "walk", "another"}


def view(calls: int = 0, tools: set[str] = TOOLS, **more: Any) -> View:
    return View(tools={name: ToolRef() for name in tools}, calls=calls, **more)


@pytest.mark.parametrize(("calls", "index"), [(0, 0), (1, 0), (2, 1), (3, 2), (7, 2)])
def test_the_calls_in_the_history_decide_the_turn(calls: int, index: int) -> None:
    served = choose(SCRIPT, view(calls))

    assert served.index == index
    assert served.turn == [*SCRIPT.turns, SCRIPT.last][index]


@pytest.mark.parametrize("tools", [set(), {"run"}, {"another"}])
def test_a_request_that_lacks_the_scripts_tools_is_a_side_call(tools: set[str]) -> None:
    served = choose(SCRIPT, view(1, tools))

    assert served.is_side
    assert served.turn.text == "Not now."


def test_without_a_script_everyone_is_greeted() -> None:
    served = choose(HELLO, view(0, set()))

    assert (served.turn.text, served.is_side) == ("Hello", False)
    assert served.turn.thoughts


def test_a_turn_without_calls_could_not_be_found_again() -> None:
    with pytest.raises(ValueError, match="needs calls"):
        Scenario([Turn(text="a")], "Done")


SCHEMAS: list[Json] = [
    {"type": "object", "properties": {"title": {"type": "string"}, "n": {"type": "integer"}}, "required": ["title"]},
    {"type": "object", "properties": {"a": {"enum": ["x", "y"]}, "b": {"const": 5}}, "required": ["a", "b"]},
    {"type": "array", "items": {"type": "number", "minimum": 3}, "minItems": 2},
    {"$ref": "#/$defs/t", "$defs": {"t": {"type": "object", "properties": {"x": {"type": "null"}}, "required": ["x"]}}},
    {"anyOf": [{"type": "string", "minLength": 9}, {"type": "null"}]},
    {
        "allOf": [
            {"properties": {"a": {"type": "boolean"}}, "required": ["a"]},
            {"properties": {"b": {"type": "array"}}},
        ]
    },
    {"type": ["null", "string"], "pattern": "^[0-9]$"},
    {"type": "integer", "exclusiveMinimum": 4, "maximum": 9},
    {"type": "object", "properties": {"when": {"type": "string", "format": "date-time"}}, "required": ["when"]},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=[json.dumps(schema)[:40] for schema in SCHEMAS])
def test_a_side_call_for_structure_gets_the_least_instance_of_its_schema(schema: Json) -> None:
    served = choose(SCRIPT, view(0, set(), schema=schema))

    assert served.is_side
    jsonschema.validate(json.loads(served.turn.text), schema)


def test_types_may_be_in_upper_case_as_gemini_cli_writes_them() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {"model": {"type": "STRING", "enum": ["flash", "pro"]}, "why": {"type": "STRING"}},
        "required": ["why", "model"],
    }

    assert instance(schema) == {"why": "ok", "model": "flash"}


def test_a_side_call_for_any_json_gets_an_object() -> None:
    assert choose(SCRIPT, view(0, set(), json_mode=True)).turn.text == "{}"


def test_usage_is_estimated_from_lengths_where_the_script_is_silent() -> None:
    used = usage_of(Turn("a" * 40, "b" * 40, [Call("run", {"c": "d" * 40})]), 4000)

    assert used.input == 1000
    assert used.cache_read == 500
    assert used.reasoning == 10
    assert used.output > 20


FUNCTION = {"name": "run", "parameters": {}}
BODIES: list[tuple[str, Json, Json]] = [
    (
        "anthropic",
        {
            "messages": [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": [{"type": "tool_use"}, {"type": "tool_use"}]},
            ],
            "tools": [{"name": "run"}],
            "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        },
        {"calls": 2, "schema": {"type": "object"}},
    ),
    (
        "openai_chat",
        {
            "messages": [{"role": "assistant", "tool_calls": [1, 2, 3]}, {"role": "user", "content": "a"}],
            "tools": [{"type": "function", "function": FUNCTION}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
        },
        {"calls": 3, "schema": {"type": "object"}},
    ),
    (
        "openai_responses",
        {
            "input": [{"type": "function_call"}, {"type": "function_call_output"}, {"type": "custom_tool_call"}],
            "tools": [{"type": "namespace", "name": "ns", "tools": [{"type": "function", **FUNCTION}]}],
            "text": {"format": {"type": "json_object"}},
        },
        {"calls": 2, "json_mode": True},
    ),
    (
        "gemini",
        {
            "contents": [{"parts": [{"functionCall": {}}, {"text": "a"}]}],
            "tools": [{"functionDeclarations": [FUNCTION]}],
            "generationConfig": {"responseMimeType": "application/json"},
        },
        {"calls": 1, "json_mode": True},
    ),
]


@pytest.mark.parametrize(("protocol", "body", "expected"), BODIES, ids=[row[0] for row in BODIES])
def test_every_protocols_requests_are_read_alike(protocol: Any, body: Json, expected: Json) -> None:
    found = read(protocol, {"model": "m", **body})

    assert {name: getattr(found, name) for name in expected} == expected
    assert set(found.tools) == {"run"}


def test_a_scenario_can_be_chosen_by_request() -> None:
    def choose_by_path(request: Recorded) -> Scenario:
        return Scenario(final=request.path)

    standin = StandIn(choose_by_path)

    assert standin.scenario_for(Recorded("POST", "/x", {}, {}, b"")).last.text == "/x"


@pytest.mark.parametrize(
    ("system", "schema"),
    [
        ('Be brief. It must be valid against this JSON Schema:\n{"type": "object"} and so on', {"type": "object"}),
        ([{"text": "x"}, {"text": 'valid against this JSON Schema: {"enum": [1]}'}], {"enum": [1]}),
        ("valid against this JSON Schema:\n{broken", None),
        ("Answer as you like: {}", None),
        (None, None),
    ],
)
def test_a_schema_that_is_asked_for_in_words_is_read_as_a_model_would(system: object, schema: object) -> None:
    assert schema_in_words(system) == schema
