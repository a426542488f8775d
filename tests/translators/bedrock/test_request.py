"""Requests to Converse, each held against botocore's model of it (apikey_backends.md §6)."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from translators.canonical.blocks import (
    Block,
    Document,
    Image,
    Media,
    Opaque,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from translators.canonical.errors import TranslationError
from translators.canonical.request import (
    ChoiceMode,
    Output,
    Reasoning,
    ReasoningMode,
    Request,
    Role,
    Sampling,
    Tool,
    ToolChoice,
    ToolKind,
    Turn,
)
from translators.canonical.target import Target

from .support import CLAUDE, PROTOCOL, ask, body, encoded, messages, other, talk, target

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
PDF = base64.b64encode(b"%PDF-1.7" + bytes(20)).decode()
RAW = base64.b64encode(b"some bytes").decode()
RUN = Tool("run", "Runs.", {"type": "object", "properties": {"command": {"type": "string"}}})


def called(*results: Block, arguments: str = '{"a":1}') -> Request:
    """A history with one answered call."""
    return talk(
        (Role.USER, [Text("do")]),
        (Role.ASSISTANT, [ToolCall("call_1", "run", arguments)]),
        (Role.USER, list(results) or [ToolResult("call_1", [Text("done")])]),
        tools=[RUN],
    )


# -- who speaks


def test_system_text_stands_in_blocks_of_its_own() -> None:
    sent = body(ask(system=[Text("one"), Text("  "), Text("two")]))
    assert sent["system"] == [{"text": "one"}, {"text": "two"}]


def test_claude_codes_billing_header_is_taken_out() -> None:
    sent = body(ask(origin="anthropic", system=[Text("x-anthropic-billing-header: a=1;"), Text("rules")]))
    assert sent["system"] == [{"text": "rules"}]


def test_system_text_in_mid_conversation_becomes_a_reminder() -> None:
    request = talk((Role.USER, [Text("a")]), (Role.SYSTEM, [Text("be quick")]))
    assert messages(request) == [("user", [{"text": "a"}, {"text": "<system-reminder>\nbe quick\n</system-reminder>"}])]


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([], [("user", ["(empty)"])]),
        ([(Role.USER, [])], [("user", ["(empty)"])]),
        ([(Role.USER, [Text(" \n")])], [("user", ["(empty)"])]),
        ([(Role.USER, [Text("a"), Text(" ")])], [("user", ["a"])]),
        (
            [(Role.ASSISTANT, [Text("hi")]), (Role.USER, [Text("a")])],
            [("user", ["(empty)"]), ("assistant", ["hi"]), ("user", ["a"])],
        ),
        ([(Role.USER, [Text("a")]), (Role.ASSISTANT, [Text(" ")]), (Role.USER, [Text("b")])], [("user", ["a", "b"])]),
    ],
    ids=["no turns", "an empty one", "a blank one", "a blank block", "the assistant first", "a blank answer"],
)
def test_roles_alternate_and_nothing_is_blank(turns: Any, expected: Any) -> None:
    found = messages(talk(*turns))
    assert [(role, [block["text"] for block in content]) for role, content in found] == expected


# -- content


CONTENT = [
    pytest.param(Image("image/jpeg", PNG), {"image": {"format": "png", "source": {"bytes": PNG}}}, id="sniffed image"),
    pytest.param(Image("image/webp", RAW), {"image": {"format": "webp", "source": {"bytes": RAW}}}, id="image as told"),
    pytest.param(
        Image(url=f"data:image/png;base64,{PNG}"), {"image": {"format": "png", "source": {"bytes": PNG}}}, id="data URL"
    ),
    pytest.param(Image(url="https://e.example/a.png"), {"text": "[image at https://e.example/a.png]"}, id="address"),
    pytest.param(Image(file_id="file_1"), {"text": "[image at file_1]"}, id="a file elsewhere"),
    pytest.param(Image("image/bmp", RAW), {"text": "[image of type image/bmp]"}, id="a type it does not know"),
    pytest.param(Image("image/png", "%%%"), {"text": "[image of type image/png]"}, id="no base64"),
    pytest.param(Media("video/mp4", RAW), {"video": {"format": "mp4", "source": {"bytes": RAW}}}, id="video"),
    pytest.param(Media("audio/wav", RAW), {"audio": {"format": "wav", "source": {"bytes": RAW}}}, id="audio"),
    pytest.param(Media("audio/strange", RAW), {"text": "[file of type audio/strange]"}, id="strange audio"),
]


@pytest.mark.parametrize(("block", "expected"), CONTENT)
def test_media_go_as_bytes_or_as_a_note(block: Block, expected: Any) -> None:
    assert messages(ask(block)) == [("user", [expected])]


def document(name: str, format_: str = "pdf", data: str = PDF) -> Any:
    return {"document": {"format": format_, "name": name, "source": {"bytes": data}}}


DOCUMENTS = [
    pytest.param(
        Document("application/pdf", PDF, name="Bericht: März_2.pdf"), document("Bericht- M-rz-2-pdf"), id="a name"
    ),
    pytest.param(Document("application/pdf", PDF), document("document"), id="no name"),
    pytest.param(Document(text="hi", name="a"), document("a", "txt", base64.b64encode(b"hi").decode()), id="text"),
    pytest.param(Document("text/markdown", RAW, name="a.md"), document("a-md", "md", RAW), id="markdown"),
    pytest.param(Document(None, RAW, name="table.xlsx"), document("table-xlsx", "xlsx", RAW), id="by its ending"),
    pytest.param(Document("text/x-python", RAW, name="a.py"), document("a-py", "txt", RAW), id="other text"),
]


@pytest.mark.parametrize(("block", "expected"), DOCUMENTS)
def test_documents_have_a_lawful_name_and_a_text_beside_them(block: Block, expected: Any) -> None:
    assert messages(ask(block)) == [("user", [expected, {"text": "(document)"}])]
    assert messages(ask(block, Text("read"))) == [("user", [expected, {"text": "read"}])]


def test_names_of_documents_are_unique_and_as_before_on_the_next_request() -> None:
    pdf = Document("application/pdf", PDF, name="a")
    first = messages(ask(pdf, pdf, Text("read")))[0][1]
    assert [block["document"]["name"] for block in first[:2]] == ["a", "a (2)"]
    later = messages(
        talk((Role.USER, [pdf, pdf, Text("read")]), (Role.ASSISTANT, [Text("ok")]), (Role.USER, [pdf, Text("x")]))
    )
    assert later[0][1] == first
    assert later[2][1][0]["document"]["name"] == "a (3)"


@pytest.mark.parametrize(
    "block",
    [Document("application/zip", RAW, name="a.zip"), Document(url="https://e.example/a"), Document(file_id="f")],
)
def test_a_document_it_cannot_have_becomes_a_note(block: Document) -> None:
    found = encoded(ask(block))
    assert list(found.body["messages"][0]["content"][0]) == ["text"]
    assert found.notes


def test_context_and_citations_of_a_document_go_along() -> None:
    block = Document("application/pdf", PDF, name="a", context="c", citations={"enabled": True})
    sent = messages(ask(block, Text("t")))[0][1][0]["document"]
    assert sent["context"] == "c"
    assert sent["citations"] == {"enabled": True}


def test_media_of_the_assistant_become_a_note() -> None:
    request = talk((Role.USER, [Text("a")]), (Role.ASSISTANT, [Image("image/png", PNG)]), (Role.USER, [Text("b")]))
    assert messages(request)[1] == ("assistant", [{"text": "[image/png shown earlier]"}])


# -- reasoning in history


def test_reasoning_of_bedrock_returns_with_its_signature() -> None:
    request = talk(
        (Role.USER, [Text("a")]),
        (Role.ASSISTANT, [Thinking("hm", "sig", "bedrock"), Opaque("cmVk", "bedrock"), Text("b")]),
        (Role.USER, [Text("c")]),
    )
    assert messages(request)[1][1] == [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
        {"reasoningContent": {"redactedContent": "cmVk"}},
        {"text": "b"},
    ]


@pytest.mark.parametrize(
    "block",
    [
        Thinking("hm", "sig", "anthropic"),
        Thinking("hm"),
        Thinking("hm", None, "bedrock"),
        Opaque("x", "openai_responses"),
    ],
)
def test_reasoning_of_others_is_dropped(block: Block) -> None:
    request = talk((Role.USER, [Text("a")]), (Role.ASSISTANT, [block, Text("b")]), (Role.USER, [Text("c")]))
    assert messages(request)[1][1] == [{"text": "b"}]


# -- tools


def test_calls_and_results_with_their_status() -> None:
    request = talk(
        (Role.USER, [Text("do")]),
        (Role.ASSISTANT, [Text("ok"), ToolCall("call_1", "run", '{"a":1}'), ToolCall("call_2", "run", "")]),
        (
            Role.USER,
            [
                Text("so?"),
                ToolResult("call_2", [], is_error=True),
                ToolResult("call_1", [Text("done"), Image("image/png", PNG)]),
            ],
        ),
        tools=[RUN],
    )
    assert messages(request)[1:] == [
        (
            "assistant",
            [
                {"text": "ok"},
                {"toolUse": {"toolUseId": "call_1", "name": "run", "input": {"a": 1}}},
                {"toolUse": {"toolUseId": "call_2", "name": "run", "input": {}}},
            ],
        ),
        (
            "user",
            [
                {
                    "toolResult": {
                        "toolUseId": "call_1",
                        "content": [{"text": "done"}, {"image": {"format": "png", "source": {"bytes": PNG}}}],
                        "status": "success",
                    }
                },
                {"toolResult": {"toolUseId": "call_2", "content": [{"text": "(empty)"}], "status": "error"}},
                {"text": "so?"},
            ],
        ),
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"), [("[1]", {"value": [1]}), ("{broken", {"_raw": "{broken"}), ("null", {"value": None})]
)
def test_arguments_are_always_an_object(arguments: str, expected: Any) -> None:
    assert messages(called(arguments=arguments))[1][1][0]["toolUse"]["input"] == expected


def test_a_tool_with_all_and_one_with_nothing() -> None:
    sent = body(ask(tools=[RUN, Tool("bare", "", None)]))
    assert sent["toolConfig"] == {
        "tools": [
            {"toolSpec": {"name": "run", "description": "Runs.", "inputSchema": {"json": RUN.schema}}},
            {"toolSpec": {"name": "bare", "inputSchema": {"json": {"type": "object", "properties": {}}}}},
        ]
    }


def test_names_and_ids_that_do_not_fit_are_mangled_and_led_back() -> None:
    name = "mcp.server/" + "x" * 80
    request = talk(
        (Role.USER, [Text("do")]),
        (Role.ASSISTANT, [ToolCall("id with spaces", name, "{}")]),
        (Role.USER, [ToolResult("id with spaces", [Text("done")])]),
        tools=[Tool(name, None, {"type": "object"})],
    )
    found = encoded(request)
    sent = found.body["messages"][1]["content"][0]["toolUse"]
    assert found.names.client(sent["name"]) == name
    assert found.body["messages"][2]["content"][0]["toolResult"]["toolUseId"] == sent["toolUseId"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice(ChoiceMode.AUTO), {"auto": {}}),
        (ToolChoice(ChoiceMode.REQUIRED), {"any": {}}),
        (ToolChoice(ChoiceMode.NAMED, "run"), {"tool": {"name": "run"}}),
        (ToolChoice(ChoiceMode.NAMED, "absent"), None),
        (None, None),
    ],
)
def test_tool_choice(choice: ToolChoice | None, expected: Any) -> None:
    assert body(ask(tools=[RUN], tool_choice=choice))["toolConfig"].get("toolChoice") == expected


@pytest.mark.parametrize("to", [target(), other(forced_tools=False)], ids=["while thinking", "a model that refuses"])
def test_a_forced_choice_gives_way_where_the_model_refuses_it(to: Target) -> None:
    wish = Reasoning(ReasoningMode.BUDGET, budget=2000)
    found = encoded(ask(tools=[RUN], tool_choice=ToolChoice(ChoiceMode.REQUIRED), reasoning=wish), to)
    assert found.body["toolConfig"]["toolChoice"] == {"auto": {}}
    assert any("tool choice" in note for note in found.notes)


def test_without_tools_there_is_no_tool_config() -> None:
    assert "toolConfig" not in body(ask(tool_choice=ToolChoice(ChoiceMode.REQUIRED)))


def test_no_calls_wanted_and_none_made_leaves_the_tools_out() -> None:
    assert "toolConfig" not in body(ask(tools=[RUN], tool_choice=ToolChoice(ChoiceMode.NONE)))


def test_no_calls_wanted_in_a_history_with_calls_is_said_in_words() -> None:
    request = called()
    request.tool_choice = ToolChoice(ChoiceMode.NONE)
    found = encoded(request)
    assert "toolChoice" not in found.body["toolConfig"]
    assert found.body["system"] == [{"text": "Do not call any tool in this answer."}]


def test_a_history_with_calls_has_tools_though_the_client_sent_none() -> None:
    request = called()
    request.tools = []
    sent = body(request)
    assert [tool["toolSpec"]["name"] for tool in sent["toolConfig"]["tools"]] == ["run"]
    assert sent["system"] == [{"text": "Do not call any tool in this answer."}]


def test_an_allowed_subset_narrows_the_tools_but_not_what_history_mentions() -> None:
    request = called()
    request.tools = [RUN, Tool("walk"), Tool("fly")]
    request.tool_choice = ToolChoice(ChoiceMode.AUTO, allowed=["walk"])
    assert [tool["toolSpec"]["name"] for tool in body(request)["toolConfig"]["tools"]] == ["run", "walk"]


def test_free_text_tools_are_wrapped_and_server_tools_dropped() -> None:
    tools = [
        Tool("patch", kind=ToolKind.CUSTOM),
        Tool("web_search", kind=ToolKind.SERVER, origin="anthropic", concept="web_search"),
    ]
    found = encoded(ask(tools=tools))
    assert [tool["toolSpec"]["name"] for tool in found.body["toolConfig"]["tools"]] == ["patch"]
    assert found.names.custom == {"patch"}


def test_strict_only_where_the_model_takes_it() -> None:
    request = ask(tools=[Tool("run", None, RUN.schema, strict=True)])
    assert "strict" not in body(request)["toolConfig"]["tools"][0]["toolSpec"]
    assert body(request, target(strict_tools=True))["toolConfig"]["tools"][0]["toolSpec"]["strict"] is True


# -- settings


def test_inference_settings() -> None:
    request = ask(max_tokens=500, sampling=Sampling(temperature=1.7, top_k=5), stop=["END", " "])
    sent = body(request)
    assert sent["inferenceConfig"] == {"maxTokens": 500, "temperature": 1, "stopSequences": ["END"]}
    assert sent["additionalModelRequestFields"] == {"top_k": 5}
    assert sent["additionalModelResponseFieldPaths"] == ["/stop_sequence"]


def test_other_models_get_neither_claudes_fields_nor_a_length_that_nobody_asked_for() -> None:
    request = ask(sampling=Sampling(temperature=0.5, top_p=0.9, top_k=5), stop=["END"])
    sent = body(request, other())
    assert sent["inferenceConfig"] == {"temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]}
    assert "additionalModelRequestFields" not in sent
    assert "additionalModelResponseFieldPaths" not in sent


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"maxTokens": 32_000}),
        ({"max_output_tokens": 8192}, {"maxTokens": 8192}),
        ({"sampling": False}, {"maxTokens": 32_000}),
    ],
)
def test_claude_always_gets_a_length(settings: Any, expected: Any) -> None:
    request = ask(sampling=Sampling(top_k=3) if settings.get("sampling") is False else Sampling())
    assert body(request, target(**settings))["inferenceConfig"] == expected


def test_what_bedrock_has_never_had_is_noted() -> None:
    found = encoded(ask(sampling=Sampling(seed=1, presence_penalty=0.5), verbosity="low", tools=[RUN], parallel=False))
    told = " ".join(found.notes)
    assert all(word in told for word in ("seed", "presence_penalty", "verbosity", "one call at a time"))


def test_several_answers_are_refused() -> None:
    with pytest.raises(TranslationError):
        PROTOCOL.encode_request(ask(sampling=Sampling(n=2)), target())


THINKING = [
    pytest.param(
        Reasoning(ReasoningMode.BUDGET, budget=4000),
        {},
        {"thinking": {"type": "enabled", "budget_tokens": 4000}},
        None,
        id="a budget",
    ),
    pytest.param(
        Reasoning(effort="low"),
        {},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        None,
        id="a word as a budget",
    ),
    pytest.param(Reasoning(ReasoningMode.OFF), {}, None, None, id="off"),
    pytest.param(Reasoning(), {}, None, None, id="nothing said"),
    pytest.param(
        Reasoning(ReasoningMode.ADAPTIVE, "high"),
        {"thinking": "adaptive"},
        {"thinking": {"type": "adaptive"}},
        "high",
        id="adaptive",
    ),
    pytest.param(Reasoning(effort="low"), {"thinking": "adaptive"}, None, "low", id="effort alone"),
    pytest.param(
        Reasoning(effort="low"),
        {"thinking": "effort", "model": "openai.gpt-oss-120b-1:0"},
        {"reasoning_effort": "low"},
        None,
        id="gpt-oss",
    ),
    pytest.param(Reasoning(ReasoningMode.BUDGET, budget=4000), {"thinking": "none"}, None, None, id="a model without"),
]


@pytest.mark.parametrize(("wish", "settings", "fields", "effort"), THINKING)
def test_thinking(wish: Reasoning, settings: Any, fields: Any, effort: str | None) -> None:
    sent = body(ask(reasoning=wish), target(**settings))
    assert sent.get("additionalModelRequestFields") == fields
    assert sent.get("outputConfig", {}).get("effort") == effort


def test_thinking_leaves_sampling_alone_and_room_for_the_answer() -> None:
    request = ask(
        reasoning=Reasoning(ReasoningMode.BUDGET, budget=4000), max_tokens=3000, sampling=Sampling(0.2, 0.5, 9)
    )
    sent = body(request)
    assert sent["inferenceConfig"] == {"maxTokens": 3000}
    assert sent["additionalModelRequestFields"] == {"thinking": {"type": "enabled", "budget_tokens": 2999}}


def test_a_running_tool_turn_that_lost_its_thinking_does_not_think() -> None:
    request = called()
    request.reasoning = Reasoning(ReasoningMode.BUDGET, budget=2000)
    assert "additionalModelRequestFields" not in body(request)
    request.turns[1] = Turn(Role.ASSISTANT, [Thinking("hm", "sig", "bedrock"), *request.turns[1].blocks])
    assert "additionalModelRequestFields" in body(request)


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


def test_structured_output_by_schema() -> None:
    sent = body(ask(output=Output(SCHEMA, name="thing")))
    definition = sent["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert definition["name"] == "thing"
    assert '"a"' in definition["schema"]


def test_structured_output_in_words_where_the_model_has_none() -> None:
    sent = body(ask(output=Output(SCHEMA)), other())
    assert "outputConfig" not in sent
    assert '"additionalProperties":false' in sent["system"][0]["text"]
    assert "one JSON object" in body(ask(output=Output(json=True)))["system"][0]["text"]


def test_the_service_tier_where_bedrock_has_it() -> None:
    assert body(ask(service_tier="flex"))["serviceTier"] == {"type": "flex"}
    assert "serviceTier" not in body(ask(service_tier="scale"))


# -- cache points

POINT = {"cachePoint": {"type": "default"}}
HOUR = {"cachePoint": {"type": "default", "ttl": "1h"}}
MARK = {"type": "ephemeral"}


def test_a_clients_markers_become_points_behind_their_blocks() -> None:
    request = talk(
        (Role.USER, [Text("a", cache=MARK), Text("b")]),
        origin="anthropic",
        system=[Text("rules", cache={"type": "ephemeral", "ttl": "1h"}), Text("more")],
        tools=[Tool("run", None, {"type": "object"}, cache=MARK), Tool("walk")],
    )
    sent = body(request, target(cache_markers="cache_point_1h"))
    assert sent["system"] == [{"text": "rules"}, HOUR, {"text": "more"}]
    assert [list(tool) for tool in sent["toolConfig"]["tools"]] == [["toolSpec"], ["cachePoint"], ["toolSpec"]]
    assert sent["messages"][0]["content"] == [{"text": "a"}, POINT, {"text": "b"}]


def test_the_hour_is_asked_for_only_where_the_model_has_it() -> None:
    request = ask(origin="anthropic", system=[Text("rules", cache={"type": "ephemeral", "ttl": "1h"})])
    assert body(request, target(cache_markers="cache_point"))["system"][1] == POINT
    assert body(request, target(cache_markers="none"))["system"] == [{"text": "rules"}]


def test_a_result_is_marked_behind_itself() -> None:
    sent = messages(called(ToolResult("call_1", [Text("x")], cache=MARK)), target(cache_markers="cache_point"))
    assert [next(iter(block)) for block in sent[2][1]] == ["toolResult", "cachePoint"]


def test_points_are_placed_for_clients_whose_protocol_has_none() -> None:
    request = talk(
        *((role, [Text("x")]) for role in (Role.USER, Role.ASSISTANT) * 3),
        (Role.USER, [Text("last")]),
        system=[Text("rules")],
        tools=[RUN],
    )
    sent = body(request, target(cache_markers="cache_point"))
    assert sent["system"][-1] == sent["toolConfig"]["tools"][-1] == POINT
    assert [POINT in message["content"] for message in sent["messages"]] == [False] * 4 + [True, False, True]


def test_at_most_four_points_the_latest() -> None:
    request = ask(*(Text(f"t{n}", cache=MARK) for n in range(6)), origin="anthropic")
    found = encoded(request, target(cache_markers="cache_point"))
    content = found.body["messages"][0]["content"]
    assert [block.get("text", "|") for block in content] == ["t0", "t1", "t2", "|", "t3", "|", "t4", "|", "t5", "|"]
    assert any("2 cache points" in note for note in found.notes)


# -- the whole


def test_the_same_request_gives_the_same_body_and_stays_as_it_is() -> None:
    request = called(ToolResult("call_1", [Text("done")]))
    before = repr(request)
    assert body(request) == body(request)
    assert repr(request) == before


def test_counting_sends_what_counts() -> None:
    counted = PROTOCOL.encode_count_request(ask(system=[Text("s")], tools=[RUN], max_tokens=5), target())
    assert counted is not None
    assert counted["input"]["converse"].keys() == {"messages", "system", "toolConfig"}
    assert PROTOCOL.decode_token_count({"inputTokens": 12}) == 12
    assert PROTOCOL.decode_token_count({"message": "no"}) is None


def test_nobody_speaks_it_to_us() -> None:
    with pytest.raises(TranslationError, match="bedrock is spoken to backends only"):
        PROTOCOL.decode_request({"messages": []}, model=CLAUDE)
