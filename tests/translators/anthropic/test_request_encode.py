"""The canonical request as a Messages body: every row of mapping.md §2, and what §6 asks of this protocol."""

import base64
from typing import Any

import pytest

from tests.translators.anthropic.support import (
    PROTOCOL,
    ask,
    body,
    contents,
    encoded,
    json_fixture,
    old_target,
    talk,
    target,
    unmarked,
)
from translators.canonical.blocks import (
    Document,
    Image,
    Media,
    Opaque,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from translators.canonical.errors import TranslationError
from translators.canonical.request import (
    ChoiceMode,
    Output,
    Role,
    Sampling,
    Tool,
    ToolChoice,
    ToolKind,
)

USER, ASSISTANT, SYSTEM = Role.USER, Role.ASSISTANT, Role.SYSTEM
PNG = "iVBORw0KGgoAAAANSUhEUg=="
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0 more").decode()
PDF = base64.b64encode(b"%PDF-1.7 more").decode()


def test_claude_codes_request_comes_back_as_it_was():
    client = json_fixture("claude_code.request.json")
    request = PROTOCOL.decode_request(client)
    result = PROTOCOL.encode_request(request, target(efforts=("low", "high"), strict_tools=True))
    expected = {**client, "model": "claude-target"}
    expected["messages"] = [
        {**message, "content": [{"type": "text", "text": message["content"]}]}
        if isinstance(message["content"], str)
        else message
        for message in client["messages"]
    ]
    assert result.body == expected
    assert result.headers["anthropic-beta"] == "context-management-2025-06-27,task-budgets-2026-03-13"
    assert result.notes == []


def test_encoding_is_pure():
    request = PROTOCOL.decode_request(json_fixture("claude_code.request.json"))
    before = repr(request)
    first, second = (PROTOCOL.encode_request(request, old_target()) for _ in range(2))
    assert first == second and repr(request) == before


def test_the_next_turn_begins_with_the_same_messages():
    """Prompt caches and bound thinking need it (anthropic.md §6)."""
    turns: list[tuple[Role, list[Any]]] = [
        (USER, [Text("go")]),
        (ASSISTANT, [Thinking("t", "s", "anthropic"), Text(""), ToolCall("a:1", "x.y", "{"), ToolCall("b", "x.y", "")]),
        (USER, [Text("wait"), ToolResult("b", [Text("B")]), ToolResult("a:1", [Text("A")])]),
        (SYSTEM, [Text("mind")]),
        (ASSISTANT, [Opaque("d", "openai_responses"), Text("done")]),
        (USER, [Text("next")]),
    ]
    whole = contents(talk(*turns))
    for length in (1, 3, 4, 6):
        part = contents(talk(*turns[:length]))
        assert part == whole[: len(part)]


def test_the_version_is_the_targets_and_no_beta_is_invented():
    assert encoded(ask()).headers == {"anthropic-version": "2023-06-01"}
    assert encoded(ask(), anthropic_version="2026-10-21").headers == {"anthropic-version": "2026-10-21"}


BETAS = [
    ({"mcp_servers": []}, "mcp-client-2025-11-20"),
    ({"speed": "fast"}, "fast-mode-2026-02-01"),
    ({"speed": "standard"}, None),
    ({"thread": {}}, "message-threads-2026-08-12"),
    (
        {"context_management": {"edits": [{"type": "compact_20260112"}]}},
        "context-management-2025-06-27,compact-2026-01-12",
    ),
    ({"betas": ["x-2026-01-01"]}, "x-2026-01-01"),
]


@pytest.mark.parametrize(("extra", "expected"), BETAS)
def test_beta_fields_bring_their_header(extra, expected):
    result = encoded(ask(origin="anthropic", extra=extra))
    assert result.headers.get("anthropic-beta") == expected
    assert "betas" not in result.body


def test_beta_thinking_settings_of_an_anthropic_client_return_with_their_header():
    thinking = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}, "display": "updates"}
    request = PROTOCOL.decode_request(
        {"model": "m", "messages": [{"role": "user", "content": "hi"}], "thinking": thinking}
    )
    result = encoded(request)
    assert result.body["thinking"] == thinking
    assert result.headers["anthropic-beta"] == (
        "thinking-binding-controls-2026-08-01,thinking-display-updates-2026-08-18"
    )


def test_extra_fields_of_other_protocols_stay_behind():
    assert "logit_bias" not in body(ask(extra={"logit_bias": {}}))


MAX_TOKENS = [(None, {}, 32_000), (None, {"default_max_tokens": 8}, 8), (5, {}, 5), (9, {"max_output_tokens": 4}, 4)]


@pytest.mark.parametrize(("asked", "settings", "sent"), [*MAX_TOKENS, (0, {}, 0)])
def test_max_tokens_is_always_sent(asked, settings, sent):
    assert body(ask(max_tokens=asked), **settings)["max_tokens"] == sent


def test_system_text_keeps_its_block_borders():
    assert unmarked(body(ask(system=[Text("a"), Text(""), Text("b")]))["system"]) == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]


def test_system_in_mid_conversation_keeps_its_role_behind_the_results():
    turns = (
        (USER, [Text("go")]),
        (ASSISTANT, [ToolCall("t", "n", "{}")]),
        (SYSTEM, [Text("mind")]),
        (USER, [ToolResult("t", [Text("done")])]),
    )
    assert [role for role, _ in contents(talk(*turns))] == ["user", "assistant", "user", "system"]


def test_system_in_mid_conversation_becomes_a_reminder_for_models_without_the_role():
    messages = contents(talk((USER, [Text("go")]), (SYSTEM, [Text("mind")])), mid_system=False)
    assert messages == [
        (
            "user",
            [
                {"type": "text", "text": "go"},
                {"type": "text", "text": "<system-reminder>\nmind\n</system-reminder>"},
            ],
        )
    ]


USER_BLOCKS = [
    (Image("image/png", data=PNG), {"type": "base64", "media_type": "image/png", "data": PNG}),
    (Image("image/png", data=JPEG), {"type": "base64", "media_type": "image/jpeg", "data": JPEG}),
    (Image(None, data=PNG), {"type": "base64", "media_type": "image/png", "data": PNG}),
    (Image(url="https://x/y.png"), {"type": "url", "url": "https://x/y.png"}),
    (Image(url=f"data:image/png;base64,{PNG}"), {"type": "base64", "media_type": "image/png", "data": PNG}),
    (Document("application/pdf", data=PDF), {"type": "base64", "media_type": "application/pdf", "data": PDF}),
    (Document(None, data=PDF), {"type": "base64", "media_type": "application/pdf", "data": PDF}),
    (Document("text/plain", text="t"), {"type": "text", "media_type": "text/plain", "data": "t"}),
    (
        Document("text/markdown", data=base64.b64encode("# ä".encode()).decode()),
        {"type": "text", "media_type": "text/plain", "data": "# ä"},
    ),
    (Document(url="https://x/y.pdf"), {"type": "url", "url": "https://x/y.pdf"}),
]


@pytest.mark.parametrize(("block", "source"), USER_BLOCKS, ids=lambda value: str(value)[:60])
def test_media_of_the_user(block, source):
    [(_, [sent])] = contents(ask(block))
    assert sent["source"] == source


def test_a_documents_name_context_and_citations_are_kept():
    document = Document("text/plain", text="t", name="n", context="c", citations={"enabled": True})
    [(_, [sent])] = contents(ask(document))
    assert (sent["title"], sent["context"], sent["citations"]) == ("n", "c", {"enabled": True})


NOTED = [
    (Image("image/bmp", data="Qk0AAAAA"), "[image of type image/bmp]"),
    (Image(url="gs://bucket/a.png"), "[image at gs://bucket/a.png]"),
    (Image(file_id="file-abc"), "[image file-abc is stored with another provider]"),
    (
        Document("application/zip", data="UEsDBP////8=", name="a.zip"),
        "[file a.zip of type application/zip]",
    ),
]


@pytest.mark.parametrize(("block", "text"), NOTED, ids=lambda value: str(value)[:60])
def test_media_that_anthropic_cannot_read_becomes_a_text_and_a_note(block, text):
    result = encoded(ask(block))
    assert unmarked(result.body["messages"][0]["content"]) == [{"type": "text", "text": text}]
    assert result.notes


def test_file_ids_of_an_anthropic_client_are_kept():
    [(_, [sent])] = contents(ask(Image(file_id="file_1"), origin="anthropic"))
    assert sent["source"] == {"type": "file", "file_id": "file_1"}


def test_audio_is_refused():
    with pytest.raises(TranslationError, match="audio/wav"):
        body(ask(Media("audio/wav", data="AA==")))


def test_media_of_the_assistant_becomes_a_text():
    messages = contents(talk((USER, [Text("draw")]), (ASSISTANT, [Image("image/png", data=PNG)]), (USER, [Text("?")])))
    assert messages[1] == ("assistant", [{"type": "text", "text": "[image/png shown earlier]"}])


def test_calls_and_results_are_paired_with_the_results_first():
    messages = contents(
        talk(
            (USER, [Text("go")]),
            (ASSISTANT, [Text("I look"), ToolCall("a", "n", '{"x":1}'), ToolCall("b", "n", "")]),
            (USER, [Text("and?"), ToolResult("b", [Text("B")]), ToolResult("a", [Image(url="https://x/y")], True)]),
        )
    )
    assert messages[1:] == [
        (
            "assistant",
            [
                {"type": "text", "text": "I look"},
                {"type": "tool_use", "id": "a", "name": "n", "input": {"x": 1}},
                {"type": "tool_use", "id": "b", "name": "n", "input": {}},
            ],
        ),
        (
            "user",
            [
                {
                    "type": "tool_result",
                    "tool_use_id": "a",
                    "content": [{"type": "image", "source": {"type": "url", "url": "https://x/y"}}],
                    "is_error": True,
                },
                {"type": "tool_result", "tool_use_id": "b", "content": "B"},
                {"type": "text", "text": "and?"},
            ],
        ),
    ]


ARGUMENTS = [
    ('{"a":1}', {"a": 1}),
    ("", {}),
    ('{"a":1', {"a": 1}),
    ('"x"', {"value": "x"}),
    ("[1]", {"value": [1]}),
    ("never json", {"_raw": "never json"}),
]


@pytest.mark.parametrize(("text", "sent"), ARGUMENTS)
def test_arguments_of_the_history_are_always_an_object(text, sent):
    messages = contents(
        talk((USER, [Text("go")]), (ASSISTANT, [ToolCall("t", "n", text)]), (USER, [ToolResult("t", [Text("r")])]))
    )
    assert messages[1][1][0]["input"] == sent


def test_ids_and_names_that_anthropic_refuses_are_replaced_on_both_ends():
    request = talk(
        (USER, [Text("go")]),
        (ASSISTANT, [ToolCall("call:1", "a.b", "{}")]),
        (USER, [ToolResult("call:1", [Text("r")])]),
        tools=[Tool("a.b", schema={"type": "object", "properties": {}})],
        tool_choice=ToolChoice(ChoiceMode.NAMED, "a.b"),
    )
    result = encoded(request)
    call, answer = result.body["messages"][1]["content"][0], result.body["messages"][2]["content"][0]
    assert call["id"] == answer["tool_use_id"] != "call:1"
    name = result.body["tools"][0]["name"]
    assert name == call["name"] == result.body["tool_choice"]["name"]
    assert result.names.client(name) == "a.b"


def test_a_custom_tool_is_a_function_with_one_string():
    result = encoded(
        talk(
            (USER, [Text("go")]),
            (ASSISTANT, [ToolCall("t", "patch", "*** Begin", kind="custom")]),
            (USER, [ToolResult("t", [Text("r")], kind="custom")]),
            tools=[Tool("patch", "edits", kind=ToolKind.CUSTOM, format={"type": "text"})],
        )
    )
    assert result.body["tools"][0]["input_schema"]["properties"] == {"input": {"type": "string"}}
    assert result.body["messages"][1]["content"][0]["input"] == {"input": "*** Begin"}
    assert result.names.custom == {"patch"}


DROPPED_FROM_HISTORY = [
    Thinking("t", None, "openai_chat"),
    Thinking("t", "s", "gemini"),
    Thinking("t", None, "anthropic"),
    Opaque("d", "openai_responses", "compaction"),
    Unknown("openai_responses", {"type": "web_search_call"}),
]


@pytest.mark.parametrize("block", DROPPED_FROM_HISTORY, ids=str)
def test_what_only_another_protocol_can_read_is_dropped_with_a_note(block):
    result = encoded(talk((USER, [Text("a")]), (ASSISTANT, [block, Text("b")]), (USER, [Text("c")])))
    assert unmarked(result.body["messages"][1]["content"]) == [{"type": "text", "text": "b"}]
    assert result.notes


OWN_BLOCKS = [
    (Thinking("", "s", "anthropic"), {"type": "thinking", "thinking": "", "signature": "s"}),
    (Opaque("d", "anthropic"), {"type": "redacted_thinking", "data": "d"}),
    (Unknown("anthropic", {"type": "compaction", "content": "c"}), {"type": "compaction", "content": "c"}),
    (Refusal("no"), {"type": "text", "text": "no"}),
]


@pytest.mark.parametrize(("block", "sent"), OWN_BLOCKS, ids=lambda value: str(value)[:60])
def test_blocks_that_anthropic_reads_return_verbatim(block, sent):
    messages = contents(talk((USER, [Text("a")]), (ASSISTANT, [block, Text("b")]), (USER, [Text("c")])))
    assert messages[1][1][0] == sent


def test_a_turn_that_loses_all_its_blocks_vanishes_and_its_neighbours_join():
    messages = contents(talk((USER, [Text("a")]), (ASSISTANT, [Thinking("t")]), (USER, [Text("c")])))
    assert [role for role, _ in messages] == ["user"]


@pytest.mark.parametrize("text", ["", " \n"])
def test_empty_turns_are_never_sent(text):
    assert contents(talk((USER, [Text(text)]))) == [("user", [{"type": "text", "text": "(empty)"}])]
    assert contents(talk((USER, [Text("a")]), (ASSISTANT, [Text(text)]), (USER, [Text("b")]))) == [
        ("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])
    ]


def test_only_system_text_gets_a_minimal_user_turn():
    assert contents(talk(system=[Text("s")])) == [("user", [{"type": "text", "text": "(empty)"}])]


def test_prefill_is_kept_without_trailing_space_where_the_model_takes_it():
    request = talk((USER, [Text("a")]), (ASSISTANT, [Text("so: ")]))
    assert contents(request, prefill=True)[-1] == ("assistant", [{"type": "text", "text": "so:"}])
    assert contents(request)[-1][0] == "user"


CITATION = {"type": "char_location", "cited_text": "x", "document_index": 0}


def test_citations_are_anthropics_own_and_on_the_assistants_side_for_the_new_version():
    cited = [Text("a", citations=[CITATION, {"type": "url_citation"}])]
    request = talk((USER, cited), (ASSISTANT, cited), (USER, [Text("b")]))
    old, new = contents(request), contents(request, anthropic_version="2026-10-21")
    assert old[0][1][0]["citations"] == old[1][1][0]["citations"] == new[1][1][0]["citations"] == [CITATION]
    assert "citations" not in new[0][1][0]


# -- tools

TOOLS = [
    (Tool("n"), {"name": "n", "input_schema": {"type": "object", "properties": {}}}),
    (Tool("n", "d", {}), {"name": "n", "description": "d", "input_schema": {"type": "object", "properties": {}}}),
    (
        Tool("n", schema={"properties": {"a": {}}}),
        {"name": "n", "input_schema": {"properties": {"a": {}}, "type": "object"}},
    ),
    (
        Tool("n", schema={"type": ["object", "null"], "properties": {}}),
        {"name": "n", "input_schema": {"type": "object", "properties": {}}},
    ),
    (
        Tool("n", schema={"type": "object", "properties": {}}, strict=True),
        {"name": "n", "input_schema": {"type": "object", "properties": {}}},
    ),
]


@pytest.mark.parametrize(("tool", "sent"), TOOLS, ids=lambda value: str(value)[:70])
def test_tool_definitions(tool, sent):
    assert unmarked(body(ask(tools=[tool]))["tools"]) == [sent]


def test_strict_is_forwarded_where_the_target_and_the_schema_allow_it():
    closed = {"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}, "required": ["a"]}
    free = {"type": "object", "properties": {"a": {"type": "object"}}}
    tools = [Tool("closed", schema=closed, strict=True), Tool("free", schema=free, strict=True)]
    result = encoded(ask(tools=tools), strict_tools=True)
    first, second = result.body["tools"]
    assert first["strict"] is True and first["input_schema"]["additionalProperties"] is False
    assert "strict" not in second and second["input_schema"] == free
    assert any("free" in note for note in result.notes)


SERVER_TOOLS = [
    (Tool("ws", kind=ToolKind.SERVER, origin="openai_responses", concept="web_search", raw={}), ("web_search",), True),
    (Tool("ws", kind=ToolKind.SERVER, origin="openai_responses", concept="web_search", raw={}), (), False),
    (Tool("im", kind=ToolKind.SERVER, origin="openai_responses", concept="image", raw={}), ("image",), False),
]


@pytest.mark.parametrize(("tool", "concepts", "kept"), SERVER_TOOLS)
def test_server_tools_only_where_both_sides_have_them(tool, concepts, kept):
    result = encoded(
        ask(tools=[tool], tool_choice=ToolChoice(ChoiceMode.NAMED, tool.name), origin="openai_responses"),
        server_tools=concepts,
    )
    sent = unmarked(result.body.get("tools"))
    assert sent == ([{"type": "web_search_20250305", "name": "web_search"}] if kept else None)
    assert kept or result.notes
    assert kept or "tool_choice" not in result.body


FUNCTION = Tool("n", schema={"type": "object", "properties": {}})
OTHER = Tool("o", schema={"type": "object", "properties": {}})
CHOICES = [
    (None, None, None),
    (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
    (None, True, None),
    (ToolChoice(ChoiceMode.AUTO), None, {"type": "auto"}),
    (ToolChoice(ChoiceMode.REQUIRED), False, {"type": "any", "disable_parallel_tool_use": True}),
    (ToolChoice(ChoiceMode.NAMED, "n"), None, {"type": "tool", "name": "n"}),
    (ToolChoice(ChoiceMode.NONE), False, {"type": "none"}),
]


@pytest.mark.parametrize(("choice", "parallel", "sent"), CHOICES)
def test_tool_choice(choice, parallel, sent):
    assert body(ask(tools=[FUNCTION], tool_choice=choice, parallel=parallel)).get("tool_choice") == sent


def test_an_allowed_subset_filters_the_tools():
    choice = ToolChoice(ChoiceMode.REQUIRED, allowed=["o"])
    result = encoded(ask(tools=[FUNCTION, OTHER], tool_choice=choice))
    assert [tool["name"] for tool in result.body["tools"]] == ["o"]
    assert result.body["tool_choice"] == {"type": "any"}
    assert result.notes


def test_without_tools_there_is_no_tool_choice():
    assert "tool_choice" not in body(ask(tool_choice=ToolChoice(ChoiceMode.AUTO), parallel=False))


# -- settings

SAMPLING = [
    ({"temperature": 0.5, "top_k": 3}, {}, {"temperature": 0.5, "top_k": 3}),
    ({"temperature": 1.7}, {}, {"temperature": 1}),
    ({"temperature": 0.5, "top_p": 0.9}, {}, {"temperature": 0.5}),
    ({"top_p": 0.9}, {}, {"top_p": 0.9}),
    ({"temperature": 0.5, "top_p": 0.9, "top_k": 3}, {"sampling": False}, {}),
    ({"temperature": 0.5}, {"anthropic_version": "2026-10-21"}, {}),
    ({"seed": 1, "presence_penalty": 0.1, "frequency_penalty": 0.1, "logit_bias": {"1": 1}}, {}, {}),
]


@pytest.mark.parametrize(("sampling", "settings", "sent"), SAMPLING)
def test_sampling(sampling, settings, sent):
    result = encoded(ask(sampling=Sampling(**sampling)), **settings)
    fields = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "logit_bias")
    assert {key: result.body[key] for key in fields if key in result.body} == sent
    assert bool(result.notes) == (len(sent) < len(sampling))


def test_several_answers_at_once_are_refused():
    with pytest.raises(TranslationError, match="n > 1"):
        body(ask(sampling=Sampling(n=2)))


def test_stop_sequences_of_white_space_are_dropped():
    assert body(ask(stop=["END", "\n"]))["stop_sequences"] == ["END"]
    assert "stop_sequences" not in body(ask(stop=["\n"]))


@pytest.mark.parametrize(("tier", "sent"), [("auto", "auto"), ("default", "standard_only"), ("flex", None)])
def test_service_tier(tier, sent):
    assert body(ask(service_tier=tier)).get("service_tier") == sent


def test_user_and_stream():
    sent = body(ask(user="u", stream=True))
    assert (sent["metadata"], sent["stream"]) == ({"user_id": "u"}, True)
    assert "metadata" not in body(ask(user="u" * 257)) and "stream" not in body(ask())


# -- structured output

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"]}


def test_a_schema_is_guaranteed_where_the_model_can():
    sent = body(ask(output=Output(schema=SCHEMA)))
    assert sent["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {"a": {"type": "integer", "description": '{"minimum":1}'}},
            "required": ["a"],
            "additionalProperties": False,
        },
    }
    assert "system" not in sent


def test_an_anthropic_clients_schema_is_its_own_business():
    assert body(ask(output=Output(schema=SCHEMA), origin="anthropic"))["output_config"]["format"]["schema"] == SCHEMA


INSTRUCTED = [
    (Output(schema=SCHEMA), {"json_schema": False}, '"minimum":1'),
    (Output(schema={"type": "object"}), {}, '{"type":"object"}'),
    (Output(json=True), {}, "one JSON object"),
]


@pytest.mark.parametrize(("output", "settings", "words"), INSTRUCTED)
def test_otherwise_json_is_asked_for_in_words_behind_the_system_text(output, settings, words):
    sent = body(ask(output=output, system=[Text("s")]), **settings)
    assert "output_config" not in sent
    assert sent["system"][0]["text"] == "s"
    assert words in sent["system"][-1]["text"]


# -- counting


def test_the_count_request_has_only_what_the_endpoint_takes():
    request = ask(system=[Text("s")], tools=[FUNCTION], stop=["x"], user="u", stream=True)
    assert set(PROTOCOL.encode_count_request(request, target()) or {}) == {"model", "system", "tools", "messages"}


def test_counts_both_ways():
    assert PROTOCOL.encode_token_count(7) == {"input_tokens": 7}
    assert PROTOCOL.decode_token_count({"input_tokens": 7}) == 7
    assert PROTOCOL.decode_token_count({"tokens": 7}) is None
    assert PROTOCOL.decode_token_count({"input_tokens": "7"}) is None
