"""What the stand-in refuses as the Anthropic Messages API would, rule by rule, and what it lets pass."""

from __future__ import annotations

import pytest

from .ask import Json
from .cases import DROP, KEY, Case, check, rule_names, verdict
from .rules_anthropic import RULES

OLD = {"anthropic-version": "2023-06-01"}
USER: Json = {"role": "user", "content": "Hi"}
TOOL: Json = {"name": "run", "description": "Runs.", "input_schema": {"type": "object", "properties": {}}}
LEAST: Json = {"model": "standin-1", "max_tokens": 4000, "messages": [USER]}
STRICT_SCHEMA: Json = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}


def text(value: str, **more: object) -> Json:
    return {"type": "text", "text": value, **more}


def user(*blocks: Json) -> Json:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Json) -> Json:
    return {"role": "assistant", "content": list(blocks)}


def use(identity: str = "toolu_1", name: str = "run", **more: object) -> Json:
    return {"type": "tool_use", "id": identity, "name": name, "input": {}, **more}


def result(identity: str = "toolu_1", **more: object) -> Json:
    return {"type": "tool_result", "tool_use_id": identity, "content": "ok", **more}


def said(*messages: Json, **more: object) -> Json:
    return {"messages": [USER, *messages], **more}


MARK = {"cache_control": {"type": "ephemeral"}}
IMAGE: Json = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
PDF: Json = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}}
CITED = [
    {
        "type": "char_location",
        "cited_text": "x",
        "document_index": 0,
        "document_title": None,
        "start_char_index": 0,
        "end_char_index": 1,
    }
]


def tool(**changes: object) -> Json:
    return {"tools": [{name: value for name, value in {**TOOL, **changes}.items() if value is not DROP}]}


def schema(value: object) -> Json:
    return tool(input_schema=value)


def output(value: Json) -> Json:
    return {"output_config": {"format": {"type": "json_schema", "schema": value}}}


CASES = [
    Case("credential", "x-api-key header is required", {}, refused_headers={"x-api-key": ""}, status=401),
    Case("credential", "invalid x-api-key", {}, refused_headers={"x-api-key": "other"}, status=401),
    Case(
        "credential",
        "invalid x-api-key",
        {},
        headers={"authorization": f"Bearer {KEY}"},
        refused_headers={"authorization": "Bearer the-clients-own"},
        status=401,
    ),
    Case("version", "header is required", {}, refused_headers={"anthropic-version": DROP}),  # type: ignore[dict-item]
    Case("version", "is not a valid version", {}, refused_headers={"anthropic-version": "2099-01-01"}),
    Case(
        "beta_names",
        "Unexpected value(s) `gateway`",
        {},
        headers={"anthropic-beta": "claude-code-20250219,context-1m-2025-08-07"},
        refused_headers={"anthropic-beta": "context-1m-2025-08-07,gateway"},
    ),
    Case(
        "beta_pairs",
        "context_management: Extra inputs are not permitted",
        {"context_management": {"edits": []}},
        {"context_management": {"edits": []}},
        headers={"anthropic-beta": "context-management-2025-06-27"},
        refused_headers={"anthropic-beta": "context-1m-2025-08-07"},
    ),
    Case(
        "beta_pairs",
        "thinking.block_binding: Extra inputs",
        {"thinking": {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}},
        {"thinking": {"type": "adaptive"}},
    ),
    Case("sampling", "temperature: Extra inputs are not permitted", {"temperature": 1.0}),
    Case("sampling", "top_k: Extra inputs are not permitted", {"top_k": 5}),
    Case(
        "sampling",
        "`temperature` is deprecated for this model",
        {"temperature": 0.5, "model": "claude-opus-4-7"},
        {"temperature": 0.5, "model": "claude-sonnet-4-6"},
        headers=OLD,
    ),
    Case("sampling", "range: 0..1", {"temperature": 1.5}, {"temperature": 1}, headers=OLD),
    Case(
        "sampling",
        "cannot both be specified",
        {"temperature": 0.5, "top_p": 0.5, "model": "claude-opus-4-1"},
        {"temperature": 0.5, "model": "claude-opus-4-1"},
        headers=OLD,
    ),
    Case(
        "sampling",
        "may only be set to 1 when thinking is enabled",
        {"temperature": 0.5, "thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"temperature": 1, "thinking": {"type": "enabled", "budget_tokens": 1024}},
        headers=OLD,
    ),
    Case("fields", "foo: Extra inputs are not permitted", {"foo": 1}),
    Case("fields", "max_tokens: Field required", {"max_tokens": DROP}),
    Case("fields", "messages: Field required", {"messages": DROP}),
    Case("fields", "max_tokens: Extra inputs", {"max_tokens": 9}, {"max_tokens": DROP}, endpoint="count"),
    Case("fields", "messages.1.role: Input should be 'user'", said({"role": "tool", "content": "x"})),
    Case("fields", "messages.1.content.0.cache: Extra inputs", said(user(text("a", cache=1))), said(user(text("a")))),
    Case("fields", "does not match any of the expected tags", said(user({"type": "input_text", "text": "a"}))),
    Case(
        "fields", "tools.0.description: Input should be a valid string", tool(description=None), tool(description=DROP)
    ),
    Case("fields", "tools.0.input_schema: Field required", tool(input_schema=DROP), tool()),
    Case(
        "fields",
        "messages.1.content.0.signature: Field required",
        said(assistant({"type": "thinking", "thinking": "x"}), USER),
    ),
    Case(
        "fields",
        "messages.1.content.0.input: Input should be a valid object",
        said(assistant(use(input="{}")), user(result())),
        said(assistant(use(input={})), user(result())),
    ),
    Case(
        "fields",
        "tool_choice.disable_parallel_tool_use: Extra inputs",
        {**tool(), "tool_choice": {"type": "none", "disable_parallel_tool_use": True}},
        {**tool(), "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
    ),
    Case(
        "fields",
        "cache_control: Extra inputs are not permitted",
        said(assistant({"type": "thinking", "thinking": "", "signature": "x", **MARK}), USER),
    ),
    Case("fields", "metadata.session: Extra inputs", {"metadata": {"session": "x"}}, {"metadata": {"user_id": "x"}}),
    Case("fields", "effort: Input should be 'low'", {"output_config": {"effort": "minimal"}}, {"output_config": {}}),
    Case("fields", "service_tier: Input should be", {"service_tier": "default"}, {"service_tier": "standard_only"}),
    Case(
        "fields",
        "tools.0: Input tag 'bash_1'",
        {"tools": [{"type": "bash_1", "name": "bash"}]},
        {"tools": [{"type": "bash_20250124", "name": "bash"}]},
    ),
    Case(
        "fields",
        "tools.0.name: Input should be 'bash'",
        {"tools": [{"type": "bash_20250124", "name": "shell"}]},
        {"tools": [{"type": "bash_20250124", "name": "bash"}]},
    ),
    Case("limits", "max_tokens: Input should be greater", {"max_tokens": -1}, {"max_tokens": 0}),
    Case("limits", "model: String should have at least 1", {"model": ""}),
    Case("limits", "must contain non-whitespace", {"stop_sequences": [" \n"]}, {"stop_sequences": ["END"]}),
    Case(
        "thinking_budget",
        "greater than or equal to 1024",
        {"thinking": {"type": "enabled", "budget_tokens": 1023}},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    ),
    Case(
        "thinking_budget",
        "`max_tokens` must be greater",
        {"thinking": {"type": "enabled", "budget_tokens": 4000}},
        {"thinking": {"type": "enabled", "budget_tokens": 3999}},
    ),
    Case(
        "thinking_budget",
        "is not supported for this model",
        {"thinking": {"type": "disabled"}, "model": "claude-opus-5"},
        {"thinking": {"type": "adaptive"}, "model": "claude-opus-5"},
    ),
    Case(
        "forced_choice",
        "Thinking may not be enabled",
        {**tool(), "tool_choice": {"type": "any"}, "thinking": {"type": "enabled", "budget_tokens": 1024}},
        {**tool(), "tool_choice": {"type": "any"}, "thinking": {"type": "adaptive"}},
    ),
    Case(
        "forced_choice",
        "'tool' is not supported for this model",
        {**tool(), "tool_choice": {"type": "tool", "name": "run"}, "model": "claude-fable-5-1"},
        {**tool(), "tool_choice": {"type": "tool", "name": "run"}, "model": "claude-opus-5"},
    ),
    Case("choice_exists", "only be specified while providing tools", {"tool_choice": {"type": "auto"}}),
    Case(
        "choice_exists",
        "Tool 'walk' not found",
        {**tool(), "tool_choice": {"type": "tool", "name": "walk"}},
        {**tool(), "tool_choice": {"type": "tool", "name": "run"}},
    ),
    Case("tools_valid", "Tool names must be unique", {"tools": [TOOL, TOOL]}, {"tools": [TOOL, {**TOOL, "name": "b"}]}),
    Case("tools_valid", "should match pattern", tool(name="my.tool"), tool(name="my-tool_1")),
    Case("tools_valid", "at most 128 characters", tool(name="n" * 129), tool(name="n" * 128)),
    Case("tools_valid", "input_schema.type: Field required", schema({"properties": {}}), schema({"type": "object"})),
    Case("tools_valid", "type: Input should be 'object'", schema({"type": "array"}), schema({"type": "object"})),
    Case(
        "tools_valid",
        "JSON schema is invalid",
        schema({"type": "object", "properties": {"a": {"type": "STRING"}}}),
        schema({"type": "object", "properties": {"a": {"type": ["string", "null"]}}}),
    ),
    Case(
        "tools_valid",
        "JSON schema is invalid",
        schema({"type": "object", "properties": {"a": {}}, "required": True}),
        schema({"type": "object", "properties": {"type": {"enum": ["required"]}}, "required": ["type"]}),
    ),
    Case(
        "tools_valid",
        "'additionalProperties' must be explicitly set to false",
        tool(strict=True),
        tool(strict=True, input_schema=STRICT_SCHEMA),
    ),
    Case("output_schema", "'additionalProperties' must be", output({"type": "object"}), output(STRICT_SCHEMA)),
    Case(
        "output_schema",
        "property 'minimum' is not supported",
        output({"type": "integer", "minimum": 1}),
        output({"type": "integer"}),
    ),
    Case(
        "output_schema",
        "format 'regex' is not supported",
        output({"type": "string", "format": "regex"}),
        output({"type": "string", "format": "date"}),
    ),
    Case("output_schema", "External $ref", output({"$ref": "other.json"}), output({"type": "string"})),
    Case(
        "output_schema",
        "Circular $ref",
        output({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/a"}]}}}),
        output({"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}}),
    ),
    Case(
        "output_schema",
        "'allOf' combined with '$ref'",
        output({"$ref": "#/$defs/a", "allOf": [{"type": "null"}], "$defs": {"a": {"type": "null"}}}),
        output({"allOf": [{"type": "null"}]}),
    ),
    Case("some_message", "at least one message", {"messages": []}),
    Case(
        "roles_of_blocks",
        "`tool_use` blocks can only be in `assistant`",
        said(user(use())),
        said(assistant(use()), user(result())),
    ),
    Case(
        "roles_of_blocks",
        "`tool_result` blocks can only be in `user`",
        said(assistant(result()), USER),
        said(assistant(use()), user(result())),
    ),
    Case("roles_of_blocks", "`image` blocks can only be", said(assistant(IMAGE), USER), said(user(IMAGE))),
    Case("roles_of_blocks", "`document` blocks can only be in `user`", said(assistant(PDF), USER), said(user(PDF))),
    Case("empty_text", "messages: text content blocks must be non-empty", said(user(text(""), text("a"))), said(USER)),
    Case("empty_text", "messages: text content blocks must be non-empty", said(assistant(text("")), USER)),
    Case("empty_text", "system: text content blocks must be non-empty", {"system": [text("")]}, {"system": ""}),
    Case(
        "empty_text",
        "cache_control cannot be set for empty",
        said(user(text("", **MARK))),
        said(user(text("a", **MARK))),
    ),
    Case("empty_text", "user messages must have non-empty content", said({"role": "user", "content": ""})),
    Case("empty_text", "user messages must have non-empty content", {"messages": [user()]}, said(assistant(), USER)),
    Case("empty_text", "non-whitespace text", said(user(text(" \n"))), said(user(text(" "), text("a")))),
    Case(
        "empty_text",
        "messages: text content blocks must be non-empty",
        said(assistant(use()), user(result(), text(""))),
        said(assistant(use()), user(result(content=[text("")]))),
    ),
    Case(
        "markers",
        "A maximum of 4 blocks with cache_control",
        said(user(*(text("a", **MARK) for _ in range(5)))),
        said(user(*(text("a", **MARK) for _ in range(4)))),
    ),
    Case("markers", "Found 5", {**tool(**MARK), **said(user(*(text("a", **MARK) for _ in range(4))))}),
    Case(
        "fields",
        "media_type: Input should be 'image/jpeg'",
        said(user({**IMAGE, "source": {**IMAGE["source"], "media_type": "image/tiff"}})),
        said(user(IMAGE)),
    ),
    Case(
        "images",
        "image cannot be empty",
        said(user({**IMAGE, "source": {**IMAGE["source"], "data": ""}})),
        said(user(IMAGE)),
    ),
    Case(
        "citations",
        "citations are not permitted",
        said(user(text("a", citations=CITED))),
        said(assistant(text("a", citations=CITED)), USER),
    ),
    Case(
        "tool_ids",
        "should match pattern '^[a-zA-Z0-9_-]+$'",
        said(assistant(use("a.b:c")), user(result("a.b:c"))),
        said(assistant(use("a_b-c")), user(result("a_b-c"))),
    ),
    Case(
        "tool_ids",
        "`tool_use` ids must be unique",
        said(assistant(use("a"), use("a")), user(result("a"))),
        said(assistant(use("a"), use("b")), user(result("b"), result("a"))),
    ),
    Case("tool_ids", "at least 1 character", said(assistant(use(name="")), user(result()))),
    Case(
        "pairing",
        "found without `tool_result` blocks immediately after: b",
        said(assistant(use("a"), use("b")), user(result("a"))),
        said(assistant(use("a"), use("b")), user(result("a")), user(result("b"))),
    ),
    Case(
        "pairing",
        "found without `tool_result` blocks immediately after",
        said(assistant(use()), user(text("first"), result())),
        said(assistant(use()), user(result(), text("then"))),
    ),
    Case(
        "pairing",
        "found without `tool_result` blocks immediately after",
        said(assistant(use()), {"role": "system", "content": "note"}, user(result())),
        said(assistant(use()), user(result()), {"role": "system", "content": "note"}),
    ),
    Case("pairing", "unexpected `tool_use_id`", said(user(result("toolu_9"))), said(assistant(use()), user(result()))),
    Case(
        "pairing",
        "each tool_use must have a single result",
        said(assistant(use()), user(result(), result())),
        said(assistant(use()), user(result())),
    ),
    Case("ending", "does not support assistant message prefill", said(assistant(text("So"))), said(USER)),
    Case(
        "ending",
        "cannot end with trailing whitespace",
        said(assistant(text("So ")), model="claude-opus-4-5"),
        said(assistant(text("So")), model="claude-opus-4-5"),
    ),
    Case(
        "signatures",
        "Invalid `signature` in `thinking` block",
        said(assistant({"type": "thinking", "thinking": "x", "signature": "Zm9yZWlnbg=="}, text("a")), USER),
        said(assistant(text("a")), USER),
    ),
    Case(
        "signatures",
        "Invalid `signature` in `redacted_thinking` block",
        said(assistant({"type": "redacted_thinking", "data": "Zm9yZWlnbg=="}, text("a")), USER),
        said(assistant(text("a")), USER),
    ),
    Case(
        "thinking_kept",
        "Expected `thinking` or `redacted_thinking`, but found `tool_use`",
        {**said(assistant(use()), user(result())), **tool(), "thinking": {"type": "enabled", "budget_tokens": 1024}},
        {**said(assistant(use()), user(result())), **tool(), "thinking": {"type": "adaptive"}},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_refuses_what_breaks_it(case: Case) -> None:
    refusal = verdict("anthropic", case, LEAST, refused=True)

    assert refusal is not None
    assert (refusal.rule, refusal.status) == (case.rule, case.status)
    assert case.says in refusal.message
    assert refusal.body["type"] == "error"
    assert refusal.body["error"]["message"] == refusal.message
    assert refusal.body["error"]["type"] == {400: "invalid_request_error", 401: "authentication_error"}[case.status]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_lets_its_neighbour_pass(case: Case) -> None:
    assert verdict("anthropic", case, LEAST, refused=False) is None


def test_every_rule_has_a_case() -> None:
    assert rule_names(RULES) == {case.rule for case in CASES}


def test_a_document_of_the_assistant_is_accepted_with_the_older_version() -> None:
    assert check("anthropic", {**LEAST, **said(assistant(PDF), USER)}, None, **OLD) is None
