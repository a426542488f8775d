"""What the stand-in refuses as generateContent would, rule by rule, and what it lets pass."""

from __future__ import annotations

import pytest

from .ask import Json
from .cases import DROP, KEY, Case, check, rule_names, verdict
from .rules_gemini import RULES

USER: Json = {"role": "user", "parts": [{"text": "Hi"}]}
LEAST: Json = {"contents": [USER]}
DUMMY = "skip_thought_signature_validator"
OBJECT: Json = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}


def model(*parts: Json) -> Json:
    return {"role": "model", "parts": list(parts)}


def user(*parts: Json) -> Json:
    return {"role": "user", "parts": list(parts)}


def call(name: str = "run", signature: str | None = DUMMY, **more: object) -> Json:
    part: Json = {"functionCall": {"name": name, "args": {}, **more}}
    return part if signature is None else {**part, "thoughtSignature": signature}


def result(name: str = "run", **more: object) -> Json:
    return {"functionResponse": {"name": name, "response": {"output": "ok"}, **more}}


def said(*contents: Json, **more: object) -> Json:
    return {"contents": [USER, *contents], **more}


def declare(*functions: Json) -> Json:
    return {"tools": [{"functionDeclarations": list(functions)}]}


def function(**changes: object) -> Json:
    return {name: value for name, value in {"name": "run", **changes}.items() if value is not DROP}


def parameters(value: object) -> Json:
    return declare(function(parameters=value))


def prop(value: Json) -> Json:
    return parameters({"type": "OBJECT", "properties": {"a": value}})


def json_schema(value: object) -> Json:
    return declare(function(parametersJsonSchema=value))


def config(**values: object) -> Json:
    return {"generationConfig": values}


def calling(**values: object) -> Json:
    return {**declare(function()), "toolConfig": {"functionCallingConfig": values}}


CASES = [
    Case("credential", "doesn't allow unregistered callers", {}, refused_headers={"x-goog-api-key": ""}, status=403),
    Case("credential", "API key not valid", {}, refused_headers={"x-goog-api-key": "other"}),
    Case(
        "credential",
        "API key not valid",
        {},
        headers={"x-goog-api-key": ""},
        query={"key": KEY},
        refused_headers={"authorization": "Bearer other"},
    ),
    Case("fields", 'Unknown name "foo": Cannot find field.', {"foo": 1}),
    Case("fields", 'Unknown name "messages": Cannot find field.', {"messages": []}),
    Case("fields", "Unknown name \"cache\" at 'contents[0].parts[0]'", {"contents": [user({"text": "a", "cache": 1})]}),
    Case(
        "fields",
        "Unknown name \"$schema\" at 'tools[0].function_declarations[0].parameters': Cannot find field.",
        parameters({**OBJECT, "$schema": "x"}),
        json_schema({"type": "object", "$schema": "x"}),
    ),
    *(
        Case(
            "fields",
            f"Unknown name \"{keyword}\" at 'tools[0].function_declarations[0].parameters.properties[0].value'",
            prop({"type": "STRING", keyword: value}),
            json_schema({"type": "object", "properties": {"a": {"type": "string", keyword: value}}}),
        )
        for keyword, value in {
            "additionalProperties": False,
            "const": "x",
            "exclusiveMinimum": 1,
            "oneOf": [{"type": "string"}],
            "allOf": [{"type": "string"}],
            "not": {"type": "null"},
            "uniqueItems": True,
            "examples": ["x"],
            "$comment": "x",
            "deprecated": True,
            "patternProperties": {"x": {}},
        }.items()
    ),
    Case(
        "fields",
        "Proto field is not repeating, cannot start list",
        prop({"type": ["STRING", "NULL"]}),
        prop({"type": "STRING", "nullable": True}),
    ),
    Case("fields", "(TYPE_STRING), 1", prop({"type": "STRING", "enum": [1]}), prop({"type": "STRING", "enum": ["1"]})),
    Case(
        "fields",
        "Invalid value at 'tool_config.function_calling_config.mode'",
        calling(mode="MUST"),
        calling(mode="any"),
    ),
    Case(
        "fields",
        "function_response.response' (type.googleapis.com/google.protobuf.Struct)",
        said(model(call()), user({"functionResponse": {"name": "run", "response": "ok"}})),
        said(model(call()), user(result())),
    ),
    Case(
        "fields",
        "function_call.args' (type.googleapis.com/google.protobuf.Struct)",
        said(model({"functionCall": {"name": "run", "args": "{}"}}), user(result())),
    ),
    Case(
        "fields",
        "Invalid value at 'system_instruction'",
        {"systemInstruction": "x"},
        {"systemInstruction": user({"text": "x"})},
    ),
    Case(
        "fields", "inline_data.data' (TYPE_BYTES)", said(user({"inlineData": {"mimeType": "image/png", "data": "é"}}))
    ),
    Case(
        "fields",
        "HARM_CATEGORY_IMAGE_HATE",
        {"safetySettings": [{"category": "HARM_CATEGORY_IMAGE_HATE", "threshold": "OFF"}]},
        {"safetySettings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "OFF"}]},
    ),
    Case(
        "fields",
        'Unknown name "budgetTokens"',
        config(thinkingConfig={"budgetTokens": 5}),
        config(thinkingConfig={"thinking_budget": 5, "include_thoughts": True}),
    ),
    Case("count_source", "Exactly one of contents", {**LEAST, "generateContentRequest": LEAST}, endpoint="count"),
    Case("present", "contents is not specified", {"contents": []}),
    Case("parts", "Please use a valid role: user, model", said({"role": "assistant", "parts": [{"text": "a"}]})),
    Case("parts", "parts must not be empty", said(user())),
    Case("parts", "must have one initialized field", said(user({"text": ""})), said(user({"text": " "}))),
    Case("parts", "must have one initialized field", said(user({"thought": True}))),
    Case(
        "parts",
        "oneof field 'data' is already set",
        said(user({"text": "a", "inlineData": {"mimeType": "a/b", "data": ""}})),
    ),
    Case("parts", "function_call.name: Name cannot be empty", said(model(call("")), user(result("")))),
    Case("parts", "function_response.name: Name cannot be empty", said(model(call()), user(result("")))),
    Case(
        "parts",
        "function_response.response: required",
        said(model(call()), user({"functionResponse": {"name": "run"}})),
        said(model(call()), {"role": "function", "parts": [result()]}),
    ),
    Case("parts", "mime_type and data must be set", said(user({"inlineData": {"mimeType": "image/png", "data": ""}}))),
    Case("places", "function_call parts need the role model", said(user(call()), user(result()))),
    Case("places", "function_response parts need the role user", said(model(result()), USER)),
    Case(
        "order", "function call turn comes immediately after a user turn", {"contents": [model(call()), user(result())]}
    ),
    Case(
        "order",
        "function call turn comes immediately after a user turn",
        said(model({"text": "a"}), model(call()), user(result())),
        said(model({"text": "a"}, call()), user(result())),
    ),
    Case("order", "alternate between user and model", {"contents": [model({"text": "a"}), USER]}, said(USER)),
    Case("order", "function response turn comes immediately after a function call", said(user(result()))),
    Case(
        "order",
        "number of function response parts is equal",
        said(model(call(), call("walk", None)), user(result())),
        said(model(call(), call("walk", None)), user(result(), result("walk"))),
    ),
    Case(
        "order",
        "number of function response parts is equal",
        said(model(call(), call("walk", None)), user(result()), user(result("walk"))),
    ),
    Case("order", "number of function response parts is equal", said(model(call()), USER)),
    Case(
        "order",
        "in the order of the function call parts",
        said(model(call(), call("walk", None)), user(result("walk"), result())),
    ),
    Case(
        "order",
        "in the order of the function call parts",
        said(model(call(id="a"), call(signature=None, id="b")), user(result(id="b"), result(id="a"))),
        said(model(call(id="a"), call(signature=None, id="b")), user(result(id="a"), result(id="b"))),
    ),
    Case("order", "end with a user role", said(model({"text": "a"})), said(model({"text": "a"}), USER)),
    Case("order", "immediately after a function call turn", said(model(call()))),
    Case(
        "signature_origin",
        "Invalid/Corrupted thought signature",
        said(model(call(signature="Zm9yZWlnbg==")), user(result())),
        said(model(call()), user(result())),
    ),
    Case(
        "signature_origin",
        "Invalid/Corrupted thought signature",
        said(model({"text": "a", "thoughtSignature": DUMMY}), USER),
        said(model({"text": "a"}), USER),
    ),
    Case(
        "signature_present",
        "missing a thought_signature in functionCall parts",
        said(model(call(signature=None)), user(result())),
        said(model(call(), call(signature=None)), user(result(), result())),
    ),
    Case(
        "signature_present",
        "function call `walk`, position 4",
        said(model(call()), user(result()), model(call("walk", None)), user(result("walk"))),
        said(model(call()), user(result()), model({"text": "a"}, call("walk")), user(result("walk"))),
    ),
    Case("functions", "Invalid function name", declare(function(name="9run")), declare(function(name="_run.a:b-c"))),
    Case("functions", "Invalid function name", declare(function(name="n" * 129)), declare(function(name="n" * 128))),
    Case("functions", "Duplicate function declaration found: run", declare(function(), function())),
    Case("functions", "mutually exclusive", declare(function(parameters=OBJECT, parametersJsonSchema={}))),
    Case("functions", "should be of type OBJECT", parameters({"type": "STRING"}), parameters(OBJECT)),
    Case("functions", "should be non-empty for OBJECT", parameters({"type": "OBJECT"}), declare(function())),
    Case(
        "functions",
        "items: missing field",
        prop({"type": "ARRAY"}),
        prop({"type": "ARRAY", "items": {"type": "STRING"}}),
    ),
    Case("functions", "items: field predicate failed", prop({"type": "STRING", "items": {"type": "STRING"}})),
    Case("functions", "only allowed for STRING", prop({"type": "INTEGER", "enum": ["1"]})),
    Case("functions", "enum[0]: cannot be empty", prop({"type": "STRING", "enum": [""]})),
    Case(
        "functions",
        "only 'enum' and 'date-time'",
        prop({"type": "STRING", "format": "uri"}),
        prop({"type": "string", "format": "date-time"}),
    ),
    Case(
        "functions",
        "required[0]: property is not defined",
        parameters({**OBJECT, "required": ["b"]}),
        parameters({**OBJECT, "required": ["a"]}),
    ),
    Case("functions", "type: must be specified", prop({"description": "x"}), prop({"anyOf": [{"type": "STRING"}]})),
    Case("functions", "invalid JSON Schema", json_schema({"type": "dict"}), json_schema({"type": "OBJECT"})),
    Case(
        "functions",
        "$ref cannot stand beside other keywords",
        json_schema({"type": "object", "properties": {"a": {"$ref": "#/$defs/x", "title": "t"}}, "$defs": {"x": {}}}),
        json_schema({"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {}}}),
    ),
    Case(
        "functions",
        "cyclic references",
        json_schema({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}),
        json_schema({"type": "object", "properties": {"a": {"$ref": "#"}}}),
    ),
    Case(
        "calling_config",
        "only when function calling mode is ANY",
        calling(mode="AUTO", allowedFunctionNames=["run"]),
        calling(mode="ANY", allowedFunctionNames=["run"]),
    ),
    Case("calling_config", "'walk' is not among", calling(mode="ANY", allowedFunctionNames=["walk"])),
    Case("calling_config", "without function_declarations", {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}),
    Case(
        "generation",
        "only one of thinking budget and thinking level",
        config(thinkingConfig={"thinkingBudget": 5, "thinkingLevel": "LOW"}),
        config(thinkingConfig={"thinkingLevel": "low"}),
    ),
    Case("generation", "at most 5", config(stopSequences=list("abcdef")), config(stopSequences=list("abcde"))),
    Case(
        "generation",
        "only allowed for JSON",
        config(responseJsonSchema={"type": "object"}),
        config(responseJsonSchema={"type": "OBJECT"}, responseMimeType="application/json"),
    ),
    Case(
        "generation",
        "response_schema and response_json_schema are mutually exclusive",
        config(responseJsonSchema={}, responseSchema=OBJECT, responseMimeType="application/json"),
        config(responseSchema=OBJECT, responseMimeType="application/json"),
    ),
    Case("generation", "temperature must be in the range [0, 2]", config(temperature=2.5), config(temperature=2)),
    Case("generation", "maxOutputTokens must be in the range", config(maxOutputTokens=0), config(maxOutputTokens="9")),
    Case("generation", "thinkingBudget must be in the range", config(thinkingConfig={"thinkingBudget": -2})),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_refuses_what_breaks_it(case: Case) -> None:
    refusal = verdict("gemini", case, LEAST, refused=True)

    assert refusal is not None
    assert (refusal.rule, refusal.status) == (case.rule, case.status)
    assert case.says in refusal.message
    assert refusal.body["error"]["code"] == case.status
    assert refusal.body["error"]["status"] == {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED"}[case.status]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_lets_its_neighbour_pass(case: Case) -> None:
    assert verdict("gemini", case, LEAST, refused=False) is None


def test_every_rule_has_a_case() -> None:
    assert rule_names(RULES) == {case.rule for case in CASES}


def test_snake_case_is_accepted_everywhere() -> None:
    body = {
        "contents": [USER, model(call()), user({"function_response": {"name": "run", "response": {"my_key": 1}}})],
        "system_instruction": {"parts": [{"text": "x"}]},
        "tools": [{"function_declarations": [function(parameters_json_schema={"type": "object"})]}],
        "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["run"]}},
        "generation_config": {"max_output_tokens": 5, "stop_sequences": ["x"]},
    }

    assert check("gemini", body) is None


def test_all_unknown_names_are_reported_at_once() -> None:
    refusal = check("gemini", {**LEAST, "foo": 1, "bar": 2})

    assert refusal is not None
    assert refusal.message.count("Cannot find field.") == 2
    assert len(refusal.body["error"]["details"][0]["fieldViolations"]) == 2
