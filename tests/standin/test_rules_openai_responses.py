"""What the stand-in refuses as the Responses API would, rule by rule, and what it lets pass."""

from __future__ import annotations

import pytest

from .ask import Json, Policy
from .cases import DROP, KEY, TOKEN, Case, answer, check, rule_names, verdict
from .rules_openai_responses import RULES
from .script import Call, Turn

USER: Json = {"role": "user", "content": "Hi, JSON please"}
TOOL: Json = {"type": "function", "name": "run", "parameters": {"type": "object", "properties": {}}, "strict": False}
CUSTOM: Json = {"type": "custom", "name": "patch"}
LEAST: Json = {"model": "standin-1", "input": [USER], "store": False}
TEXT: Json = {"type": "output_text", "text": "a"}


def given(*items: Json, **more: object) -> Json:
    return {"input": [USER, *items], **more}


def call(call_id: str = "call_1", **changes: object) -> Json:
    return {"type": "function_call", "call_id": call_id, "name": "run", "arguments": "{}", **changes}


def output(call_id: str = "call_1", **changes: object) -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": "ok", **changes}


def tool(**changes: object) -> Json:
    return {"tools": [{name: value for name, value in {**TOOL, **changes}.items() if value is not DROP}]}


def text(**changes: object) -> Json:
    inner = {"type": "json_schema", "name": "answer", "schema": {"type": "object", "properties": {}}, **changes}
    return {"text": {"format": {name: value for name, value in inner.items() if value is not DROP}}}


FOREIGN: Json = {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAforeign"}
SAID: Json = {"role": "assistant", "content": "So."}

CASES = [
    Case("credential", "You didn't provide an API key", {}, refused_headers={"authorization": ""}, status=401),
    Case("credential", "Incorrect API key", {}, refused_headers={"authorization": "Bearer other"}, status=401),
    Case("server_state", "Previous response with id 'resp_x' not found", {"previous_response_id": "resp_x"}),
    Case("server_state", "Conversation with id 'conv_x' not found", {"conversation": "conv_x"}, status=404),
    Case("server_state", "Mutually exclusive", {"conversation": "conv_x", "previous_response_id": "resp_x"}),
    Case("server_state", "Background mode requires", {"background": True}, {"background": True, "store": True}),
    Case("fields", "Unknown parameter: 'foo'.", {"foo": 1}),
    Case("fields", "has moved to 'input'", {"messages": [USER]}),
    Case("fields", "has moved to 'text.format'", {"response_format": {"type": "text"}}),
    Case("fields", "has moved to 'reasoning.effort'", {"reasoning_effort": "low"}, {"reasoning": {"effort": "low"}}),
    Case("fields", "has moved to 'max_output_tokens'", {"max_tokens": 99}, {"max_output_tokens": 99}),
    Case("fields", "Unknown parameter: 'stop'.", {"stop": ["x"]}),
    Case("fields", "Unknown parameter: 'seed'.", {"seed": 1}),
    Case("fields", "Missing required parameter: 'model'", {"model": DROP}),
    Case("fields", "One of 'input'", {"input": DROP}, {"input": "Hi"}),
    Case(
        "fields",
        "Unknown parameter: 'stream_options.include_usage'",
        {"stream": True, "stream_options": {"include_usage": True}},
        {"stream": True, "stream_options": {"include_obfuscation": False}},
    ),
    Case("fields", "Missing required parameter: 'tools[0].name'", {"tools": [{"type": "function", "function": TOOL}]}),
    Case("fields", "Unknown parameter: 'tools[0].input_schema'", tool(input_schema={}), tool(description=None)),
    Case(
        "fields",
        "Missing required parameter: 'text.format.name'",
        {"text": {"format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}}},
        text(),
    ),
    Case("fields", "Supported values are: 'file_search_call.results'", {"include": ["usage"]}, {"include": []}),
    Case(
        "fields",
        "Invalid value: 'long'. Supported values are: 'auto', 'concise' and 'detailed'",
        {"reasoning": {"summary": "long"}},
        {"reasoning": {"summary": "auto"}},
    ),
    Case(
        "fields",
        "Unknown parameter: 'max_output_tokens'",
        {"max_output_tokens": 99, "store": DROP},
        {"store": DROP},
        endpoint="count",
    ),
    Case("tools", "does not match pattern", tool(name="mcp.run"), tool(name="mcp__run")),
    Case("tools", "maximum length 64", tool(name="n" * 65), tool(name="n" * 64)),
    Case("tools", "duplicate tool name", {"tools": [TOOL, TOOL]}, {"tools": [TOOL, CUSTOM]}),
    Case("tools", "array too long", {"tools": [TOOL] * 129}, {"tools": [TOOL]}),
    Case("tools", "object schema missing properties", tool(parameters={"type": "object"}), tool(parameters=None)),
    Case("tools", "'additionalProperties' is required", tool(strict=True), tool(strict=None)),
    Case(
        "tools",
        "'tools[0].tools[0].name': string does not match",
        {"tools": [{"type": "namespace", "name": "ns", "description": "", "tools": [{**TOOL, "name": "a.b"}]}]},
        {"tools": [{"type": "namespace", "name": "ns", "description": "", "tools": [TOOL]}]},
    ),
    Case("choice_exists", "'required' must be specified with", {"tool_choice": "required"}, {"tool_choice": "auto"}),
    Case(
        "choice_exists",
        "'walk' not found",
        {**tool(), "tool_choice": {"type": "function", "name": "walk"}},
        {**tool(), "tool_choice": {"type": "function", "name": "run"}},
    ),
    Case(
        "choice_exists",
        "'web_search_preview' not found",
        {**tool(), "tool_choice": {"type": "web_search_preview"}},
        {"tools": [{"type": "web_search_preview"}], "tool_choice": {"type": "web_search_preview"}},
    ),
    Case("text_format", "does not match pattern", text(name="my answer"), text()),
    Case("text_format", "'additionalProperties' is required", text(strict=True), text(strict=False)),
    Case(
        "text_format",
        "must contain the word 'json'",
        {"text": {"format": {"type": "json_object"}}, "input": "Hi"},
        {"text": {"format": {"type": "json_object"}}},
    ),
    Case("numbers", "Expected a value >= 16", {"max_output_tokens": 15}, {"max_output_tokens": 16}),
    Case("numbers", "Expected a value <= 2", {"temperature": 3}, {"temperature": 2}),
    Case("numbers", "'top_p' is not supported with this model", {"top_p": 0.5}, {"top_p": 1}, model="gpt-5.5"),
    Case("metadata", "maximum length 64", {"metadata": {"x" * 65: ""}}, {"metadata": {"x" * 64: ""}}),
    Case("shapes", "expected an object", given("Hi"), {"input": "Hi"}),  # type: ignore[arg-type]
    Case("shapes", "Invalid value: 'message_delta'", given({"type": "message_delta"})),
    Case("shapes", "Invalid value: 'tool'. Supported", given({"type": "message", "role": "tool", "content": "x"})),
    Case(
        "shapes",
        "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.",
        given({"role": "assistant", "content": [{"type": "input_text", "text": "a"}]}),
        given({"role": "assistant", "content": [TEXT]}),
    ),
    Case(
        "shapes",
        "Invalid value: 'output_text'. Supported values are: 'input_text'",
        given({"role": "user", "content": [TEXT]}),
        given({"role": "developer", "content": [{"type": "input_text", "text": "a"}]}),
    ),
    Case(
        "shapes",
        "'input[1].arguments': expected a string, but got an object",
        given(call(arguments={}), output()),
        given(call(status="completed"), output(status="completed")),
    ),
    Case(
        "shapes",
        "'input[2].output': expected a string or an array, but got an object",
        given(call(), output(output={"a": 1})),
        given(call(), output(output=[{"type": "input_text", "text": "a"}])),
    ),
    Case(
        "shapes",
        "Unknown parameter: 'input[2].is_error'",
        given(call(), output(is_error=True)),
        given(call(), output()),
    ),
    Case("shapes", "Missing required parameter: 'input[1].summary'", given({"type": "reasoning"}, SAID)),
    Case(
        "ids",
        "Expected an ID that begins with 'fc'",
        given(call(id="toolu_1"), output()),
        given(call(id="fc_1"), output()),
    ),
    Case(
        "ids", "Expected an ID that begins with 'msg'", given({**SAID, "id": "item_1"}), given({**SAID, "id": "msg_1"})
    ),
    Case("ids", "Expected an ID that begins with 'rs'", given({**FOREIGN, "id": "x"}, SAID)),
    Case("ids", "length 65", given(call("c" * 65), output("c" * 65)), given(call("c" * 64), output("c" * 64))),
    Case("ids", "empty string", given(call(""), output(""))),
    Case("ids", "does not match pattern", given(call(name="a.b"), output()), given(call(name="a-b"), output())),
    Case("pairing", "No tool call found for function call output with call_id call_1", given(output())),
    Case("pairing", "No tool call found", given(output(), call()), given(call(), output())),
    Case("pairing", "No tool output found for function call b", given(call("a"), call("b"), output("a"))),
    Case(
        "pairing",
        "No tool call found for custom tool call output",
        given(call(), {"type": "custom_tool_call_output", "call_id": "call_1", "output": "ok"}),
        given(
            {"type": "custom_tool_call", "call_id": "call_1", "name": "patch", "input": "x"},
            {"type": "custom_tool_call_output", "call_id": "call_1", "output": "ok"},
        ),
    ),
    Case(
        "stored",
        "Items are not persisted when `store` is set to false",
        given({"type": "reasoning", "id": "rs_1", "summary": []}, SAID),
        given(SAID),
        status=404,
    ),
    Case(
        "stored",
        "Item with id 'rs_1' not found.",
        given({"type": "reasoning", "id": "rs_1", "summary": []}, SAID, store=True),
        given({"type": "reasoning", "id": f"rs_{TOKEN}", "summary": []}, SAID, store=True),
        status=404,
    ),
    Case("stored", "Item with id 'msg_1' not found", given({"type": "item_reference", "id": "msg_1"}), status=404),
    Case("encrypted", "The encrypted content gAAA...eign could not be verified", given(FOREIGN, SAID), given(SAID)),
    Case(
        "neighbours",
        "without its required 'reasoning' item: 'rs_",
        given(call(id=f"fc_{TOKEN}r00"), output()),
        given(call(id=f"fc_{TOKEN}n00"), output()),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_refuses_what_breaks_it(case: Case) -> None:
    refusal = verdict("openai_responses", case, LEAST, refused=True)

    assert refusal is not None
    assert (refusal.rule, refusal.status) == (case.rule, case.status)
    assert case.says in refusal.message
    assert set(refusal.body["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_lets_its_neighbour_pass(case: Case) -> None:
    assert verdict("openai_responses", case, LEAST, refused=False) is None


def test_every_rule_has_a_case() -> None:
    assert rule_names(RULES) == {case.rule for case in CASES}


# A turn that reasons, speaks and calls, as the stand-in gives it.
ASKED: Json = {
    **LEAST,
    "tools": [TOOL, CUSTOM],
    "reasoning": {"effort": "high", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
}
SPEAKING = Turn(("Erst 日本", "dann"), "So.", [Call("run"), Call("patch", text="*** x")])
CALLING = Turn("Erst", calls=[Call("run")])


def history(items: list[Json], **changes: object) -> Json:
    kinds = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
    outputs = [
        {"type": kinds[item["type"]], "call_id": item["call_id"], "output": "ok"}
        for item in items
        if item.get("type") in kinds
    ]
    return {**ASKED, "input": [USER, *items, *outputs], **changes}


def answered(turn: Turn, **asked: object) -> list[Json]:
    items: list[Json] = answer("openai_responses", {**ASKED, **asked}, turn)["output"]
    return items


@pytest.mark.parametrize("turn", [SPEAKING, CALLING], ids=["speaking", "calling"])
def test_an_answer_sent_back_as_it_came_is_accepted(turn: Turn) -> None:
    assert check("openai_responses", history(answered(turn))) is None


@pytest.mark.parametrize("turn", [SPEAKING, CALLING], ids=["speaking", "calling"])
def test_an_answer_sent_back_without_ids_is_accepted(turn: Turn) -> None:
    items = [{name: value for name, value in item.items() if name not in ("id", "status")} for item in answered(turn)]

    assert check("openai_responses", history(items)) is None


def test_an_answer_without_reasoning_and_ids_is_accepted() -> None:
    items = [{**item, "id": None} for item in answered(CALLING)[1:]]

    assert check("openai_responses", history(items)) is None


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda items: items[1:], "was provided without its required 'reasoning' item"),
        (lambda items: [items[1], items[0]], "was provided without its required"),
        (lambda items: [items[0], {"role": "user", "content": "x"}, items[1]], "without its required following item"),
        (lambda items: [{**items[0], "encrypted_content": items[0]["encrypted_content"][:16]}, items[1]], "verified"),
        (lambda items: [{**items[0], "encrypted_content": None}, items[1]], "not persisted"),
        (lambda items: [{**items[0], "id": "rs_" + "f" * 32}, items[1]], "verified"),
    ],
    ids=["reasoning gone", "order", "parted", "cut", "bare", "other id"],
)
def test_reasoning_and_its_item_belong_together(spoil, says: str) -> None:
    refusal = check("openai_responses", history(spoil(answered(CALLING))))

    assert refusal is not None
    assert says in refusal.message


def test_reasoning_of_another_organisation_is_refused() -> None:
    refusal = check("openai_responses", history(answered(CALLING)), Policy(KEY, account="other"))

    assert refusal is not None
    assert refusal.body["error"]["code"] == "invalid_encrypted_content"


def test_reasoning_is_encrypted_and_summarised_only_when_asked() -> None:
    bare = answered(CALLING, include=[], reasoning={"effort": "high"})[0]

    assert (bare["summary"], "encrypted_content" in bare) == ([], False)
    assert [item["type"] for item in answered(CALLING, reasoning={"effort": "none"})] == ["function_call"]


def test_codex_fields_that_the_sdk_does_not_list_are_accepted() -> None:
    assert check("openai_responses", {**LEAST, "client_metadata": {"session_id": "x"}, "reasoning": None}) is None
