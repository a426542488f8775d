"""What the stand-in refuses as Chat Completions would, rule by rule and dialect by dialect, and what it lets pass."""

from __future__ import annotations

import pytest

from .ask import Json, Policy
from .cases import DROP, KEY, Case, answer, check, rule_names, verdict
from .rules_openai_chat import RULES
from .script import Call, Turn

OPENAI = Policy(KEY, dialect="openai")
DEEPSEEK = Policy(KEY, dialect="deepseek")
USER: Json = {"role": "user", "content": "Hi, JSON please"}
FUNCTION: Json = {"name": "run", "description": "Runs.", "parameters": {"type": "object", "properties": {}}}
TOOL: Json = {"type": "function", "function": FUNCTION}
CUSTOM: Json = {"type": "custom", "custom": {"name": "patch"}}
LEAST: Json = {"model": "standin-1", "messages": [USER]}
IMAGE: Json = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


def said(*messages: Json, **more: object) -> Json:
    return {"messages": [USER, *messages], **more}


def called(*ids: str, **changes: object) -> Json:
    return {"role": "assistant", "content": None, "tool_calls": [call(identity) for identity in ids], **changes}


def call(identity: str = "call_1", **function: object) -> Json:
    return {"id": identity, "type": "function", "function": {"name": "run", "arguments": "{}", **function}}


def result(identity: str = "call_1", content: object = "ok") -> Json:
    return {"role": "tool", "tool_call_id": identity, "content": content}


def tool(**changes: object) -> Json:
    function = {name: value for name, value in {**FUNCTION, **changes}.items() if value is not DROP}
    return {"tools": [{"type": "function", "function": function}]}


def schema(value: object, **more: object) -> Json:
    return tool(parameters=value, **more)


def output(**changes: object) -> Json:
    inner = {"name": "answer", "schema": {"type": "object", "properties": {}}, **changes}
    inner = {name: value for name, value in inner.items() if value is not DROP}
    return {"response_format": {"type": "json_schema", "json_schema": inner}}


STRICT: Json = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}

CASES = [
    Case("credential", "You didn't provide an API key", {}, refused_headers={"authorization": ""}, status=401),
    Case("credential", "Incorrect API key", {}, refused_headers={"authorization": "Bearer other"}, status=401),
    Case("fields", "Unknown parameter: 'foo'.", {"foo": 1}),
    Case("fields", "Unknown parameter: 'system'.", {"system": "x"}, said({"role": "system", "content": "x"})),
    Case("fields", "Unknown parameter: 'top_k'.", {"top_k": 5}, {"top_p": 0.5}, policy=OPENAI),
    Case("fields", "Missing required parameter: 'model'", {"model": DROP}),
    Case("fields", "Missing required parameter: 'messages'", {"messages": DROP}),
    Case("fields", "Invalid value: 'bot'. Supported values are", said({"role": "bot", "content": "x"})),
    Case("fields", "'messages[1].cache_control'", said({**USER, "cache_control": {"type": "ephemeral"}}), said(USER)),
    Case(
        "fields",
        "'messages[1].content[0].cache_control'",
        said({"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {}}]}),
        said({"role": "user", "content": [{"type": "text", "text": "a"}]}),
    ),
    Case(
        "fields",
        "Unknown parameter: 'messages[1].reasoning_content'",
        said({"role": "assistant", "content": "a", "reasoning_content": "b"}),
        said({"role": "assistant", "content": "a", "annotations": []}),
        policy=OPENAI,
    ),
    Case(
        "fields", "Missing required parameter: 'messages[2].content[0].text'", said(called("c"), result("c", [IMAGE]))
    ),
    Case(
        "fields",
        "Invalid value: 'input_text'",
        said({"role": "user", "content": [{"type": "input_text", "text": "a"}]}),
    ),
    Case(
        "fields",
        "'messages[1].tool_calls[0].function.arguments': expected a string, but got an object",
        said(called(tool_calls=[call(arguments={})]), result()),
        said(called(tool_calls=[call(arguments="no JSON")]), result()),
    ),
    Case("fields", "'tools[0].function'", {"tools": [{"type": "function", **FUNCTION}]}, {"tools": [TOOL]}),
    Case("fields", "Unknown parameter: 'tools[0].function.input_schema'", tool(input_schema={}), tool()),
    Case("fields", "expected a string, but got null", tool(description=None), tool(description=DROP)),
    Case("fields", "Invalid value: 'adaptive'", {"reasoning_effort": "adaptive"}, {"reasoning_effort": "xhigh"}),
    Case(
        "fields",
        "Missing required parameter: 'response_format.json_schema.name'",
        output(name=DROP),
        output(),
    ),
    Case("fields", "Invalid type for 'max_tokens': expected an integer", {"max_tokens": "9"}, {"max_tokens": 9}),
    Case(
        "fields",
        "Unknown parameter: 'stream_options.foo'",
        {"stream": True, "stream_options": {"foo": True}},
        {"stream": True, "stream_options": {"include_usage": True}},
    ),
    Case("messages", "empty array", {"messages": []}),
    Case("messages", "unknown variant `developer`", said({"role": "developer", "content": "x"})),
    Case("messages", "expected a string, but got null", said({"role": "assistant", "content": None})),
    Case("messages", "empty array", said({"role": "user", "content": []}), said({"role": "user", "content": ""})),
    Case("messages", "'messages[1].tool_calls': empty array", said(called(content="a", tool_calls=[]))),
    Case("messages", "does not match pattern", said({**USER, "name": "A B"}), said({**USER, "name": "A_B"})),
    Case(
        "call_ids",
        "maximum length 64, but got a string with length 65",
        said(called("c" * 65), result("c" * 65)),
        said(called("c" * 64), result("c" * 64)),
    ),
    Case(
        "call_ids",
        "maximum length 40, but got a string with length 41",
        said(called("c" * 41), result("c" * 41)),
        said(called("c" * 40), result("c" * 40)),
        policy=OPENAI,
    ),
    Case("call_ids", "empty string", said(called(""), result(""))),
    Case(
        "call_ids",
        "'messages[1].tool_calls[0].function.name': string does not match",
        said(called(tool_calls=[call(name="a.b")]), result()),
        said(called(tool_calls=[call(name="a-b")]), result()),
    ),
    Case(
        "pairing",
        "did not have response messages: b",
        said(called("a", "b"), result("a")),
        said(called("a", "b"), result("b"), result("a")),
    ),
    Case(
        "pairing",
        "did not have response messages: a",
        said(called("a"), USER, result("a")),
        said(called("a"), result("a"), USER),
    ),
    Case("pairing", "must be a response to a preceeding message", said(result())),
    Case("pairing", "must be a response to a preceeding", said(called("a"), result("a"), USER, result("a"))),
    Case(
        "pairing", "Duplicate tool result", said(called("a"), result("a"), result("a")), said(called("a"), result("a"))
    ),
    Case("pairing", "Duplicate value for 'tool_call_id'", said(called("a", "a"), result("a"))),
    Case("tools_needed", "'tool_choice' is only allowed when 'tools'", {"tool_choice": "auto"}),
    Case(
        "tools_needed",
        "'parallel_tool_calls' is only allowed when 'tools'",
        {"parallel_tool_calls": False},
        {"parallel_tool_calls": False, "tools": [TOOL]},
    ),
    Case("tools_needed", "'tools': empty array", {"tools": []}),
    Case("tools", "does not match pattern", tool(name="mcp.run"), tool(name="mcp__run")),
    Case("tools", "maximum length 64", tool(name="n" * 65), tool(name="n" * 64)),
    Case("tools", "duplicate tool name", {"tools": [TOOL, TOOL]}, {"tools": [TOOL, CUSTOM]}),
    Case("tools", "array too long", {"tools": [TOOL] * 129}, {"tools": [TOOL]}),
    Case("tools", "got 'type: \"None\"'", schema({}), tool(parameters=DROP)),
    Case("tools", "object schema missing properties", schema({"type": "object"})),
    Case(
        "tools",
        "array schema missing items",
        schema({"type": "object", "properties": {"a": {"type": "array"}}}),
        schema({"type": "object", "properties": {"a": {"type": "array", "items": {}}}}),
    ),
    Case("tools", "'STRING' is not valid", schema({"type": "object", "properties": {"a": {"type": "STRING"}}})),
    Case(
        "tools",
        "'additionalProperties' is required",
        schema({"type": "object", "properties": {}}, strict=True),
        schema(STRICT, strict=True),
    ),
    Case("tools", "Missing 'a'", schema({**STRICT, "required": []}, strict=True), schema(STRICT, strict=True)),
    Case(
        "choice_exists",
        "'walk' not found",
        {**tool(), "tool_choice": {"type": "function", "function": {"name": "walk"}}},
        {**tool(), "tool_choice": {"type": "function", "function": {"name": "run"}}},
    ),
    Case(
        "choice_exists",
        "'patch' not found",
        {**tool(), "tool_choice": {"type": "custom", "custom": {"name": "patch"}}},
        {"tools": [CUSTOM], "tool_choice": {"type": "custom", "custom": {"name": "patch"}}},
    ),
    Case(
        "stream_options",
        "only allowed when 'stream' is enabled",
        {"stream_options": {"include_usage": True}},
        {"stream_options": {"include_usage": True}, "stream": True},
    ),
    Case("response_format", "does not match pattern", output(name="my answer"), output()),
    Case("response_format", "Missing required parameter", output(schema=DROP), output()),
    Case(
        "response_format", "'additionalProperties' is required", output(strict=True), output(schema=STRICT, strict=True)
    ),
    Case(
        "response_format",
        "must contain the word 'json'",
        {"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "Hi"}]},
        {"response_format": {"type": "json_object"}},
    ),
    Case("numbers", "Expected a value <= 2", {"temperature": 2.5}, {"temperature": 2}),
    Case("numbers", "Expected a value >= -2", {"presence_penalty": -3}, {"presence_penalty": -2}),
    Case("numbers", "Expected a value >= 1", {"max_tokens": 0}, {"max_tokens": 1}),
    Case("numbers", "maximum length 4", {"stop": list("abcde")}, {"stop": list("abcd")}),
    Case("numbers", "'top_logprobs' is only allowed", {"top_logprobs": 1}, {"top_logprobs": 1, "logprobs": True}),
    Case("numbers", "at the same time", {"max_tokens": 9, "max_completion_tokens": 9}, {"max_completion_tokens": 9}),
    Case("metadata", "maximum length 512", {"metadata": {"a": "x" * 513}}, {"metadata": {"a": "x" * 512}}),
    Case("metadata", "maximum length 128", {"safety_identifier": "x" * 129}, {"safety_identifier": "x" * 128}),
    Case("metadata", "at most 16", {"metadata": {str(i): "" for i in range(17)}}, {"metadata": {"1": ""}}),
    Case(
        "own_models",
        "Use 'max_completion_tokens' instead",
        {"max_tokens": 9},
        {"max_completion_tokens": 9},
        model="gpt-5.5",
        policy=OPENAI,
    ),
    Case(
        "own_models",
        "Only the default (1) value is supported",
        {"temperature": 0.5},
        {"temperature": 1},
        model="o3",
        policy=OPENAI,
    ),
    Case("own_models", "'stop' is not supported", {"stop": "x"}, model="o4-mini", policy=OPENAI),
    Case(
        "own_models",
        "Function tools with reasoning_effort are not supported for gpt-5.4",
        {"tools": [TOOL], "reasoning_effort": "low", "model": "gpt-5.4"},
        {"tools": [TOOL], "reasoning_effort": "none", "model": "gpt-5.4"},
        policy=OPENAI,
    ),
    Case(
        "reasoning_back",
        "`reasoning_content` in the thinking mode must be passed back",
        said(called("a"), result("a")),
        said(called("a", reasoning_content=""), result("a")),
        policy=DEEPSEEK,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_refuses_what_breaks_it(case: Case) -> None:
    refusal = verdict("openai_chat", case, LEAST, refused=True)

    assert refusal is not None
    assert (refusal.rule, refusal.status) == (case.rule, case.status)
    assert case.says in refusal.message
    assert set(refusal.body["error"]) == {"message", "type", "param", "code"}
    assert refusal.body["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_lets_its_neighbour_pass(case: Case) -> None:
    assert verdict("openai_chat", case, LEAST, refused=False) is None


def test_every_rule_has_a_case() -> None:
    assert rule_names(RULES) == {case.rule for case in CASES}


@pytest.mark.parametrize("policy", [Policy(KEY), OPENAI, DEEPSEEK], ids=lambda policy: policy.dialect)
def test_an_answer_sent_back_as_it_came_is_accepted(policy: Policy) -> None:
    body = {**LEAST, "tools": [TOOL, CUSTOM]}
    turn = Turn("Erst", "So.", [Call("run"), Call("patch", text="*** 日本")])
    message = answer("openai_chat", body, turn, policy)["choices"][0]["message"]
    results = [result(call["id"]) for call in message["tool_calls"]]

    assert check("openai_chat", {**body, "messages": [USER, message, *results]}, policy) is None


def test_openai_takes_the_role_developer() -> None:
    assert check("openai_chat", {**LEAST, **said({"role": "developer", "content": "x"})}, OPENAI) is None


@pytest.mark.parametrize("name", ["top_k", "enable_thinking", "chat_template_kwargs"])
def test_compatibles_take_the_extensions_of_their_kind(name: str) -> None:
    assert check("openai_chat", {**LEAST, name: 1}) is None
