"""A request in the service's words: every rule of kiro.md §6.1, models of §6.2, thinking of §6.3."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.standin.kiro_headers import CURRENT, LEGACY
from translators.canonical.blocks import Document, Image, Text, ToolCall, ToolResult
from translators.canonical.errors import TranslationError
from translators.canonical.request import (
    ChoiceMode,
    Output,
    Request,
    Role,
    Sampling,
    Tool,
    ToolChoice,
    Turn,
)

from .stage import KIRO, NATIVE, TAGGED, asked, assistant, built, encoded, messages, thought, user

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\npixel").decode()
SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}, "additionalProperties": False}
RUN = Tool("run", "Runs.", SCHEMA)
BOTH = pytest.mark.parametrize("generation", [CURRENT, LEGACY])


@BOTH
def test_a_conversation_with_everything_in_it(generation: str) -> None:
    request = asked(
        user("What is it?", Image("image/png", PIXEL)),
        assistant(thought("hm"), "I look.", ToolCall("a", "run", '{"x": "1"}'), ToolCall("b", "run", "")),
        user(ToolResult("b", [Text("two")], is_error=True), ToolResult("a", [Text("one"), Image("image/png", PIXEL)])),
        system=[Text("Be brief."), Text("Be kind.")],
        tools=[RUN],
        max_tokens=50,
    )
    body = built(request, NATIVE, generation)
    first, second, last = messages(body)
    assert first["content"] == "Be brief.\n\nBe kind.\n\nWhat is it?"
    assert first["images"] == [{"format": "png", "source": {"bytes": PIXEL}}]
    assert second["content"] == "I look."
    assert second["toolUses"] == [
        {"toolUseId": "a", "name": "run", "input": {"x": "1"}},
        {"toolUseId": "b", "name": "run", "input": {}},
    ]
    assert second["reasoningContent"]["reasoningText"]["text"] == "hm"
    assert last["content"] == ("" if generation == CURRENT else "(tool results)")
    assert last["images"] == first["images"], "lifted out of the result"
    assert last["userInputMessageContext"]["toolResults"] == [
        {
            "toolUseId": "a",
            "status": "success",
            "content": [{"text": "one\n\n[image attached to this message]"}],
        },
        {"toolUseId": "b", "status": "error", "content": [{"text": "two"}]},
    ]
    assert {message["modelId"] for message in (first, last)} == {"claude-sonnet-5"}
    assert {message["origin"] for message in (first, last)} == {"AI_EDITOR"}
    assert ("agentMode" in body) is (generation == CURRENT)


RULES: dict[str, tuple[Request, Any]] = {
    "neighbours of one role are one turn": (
        asked(user("a"), user("b"), assistant("c"), assistant("d"), user("e")),
        ["a\n\nb", "c\n\nd", "e"],
    ),
    "the user begins": (asked(assistant("I began."), user("Yes?")), ["(empty)", "I began.", "Yes?"]),
    "the user ends": (
        asked(user("Count."), assistant("One, two")),
        ["Count.", "One, two", "Continue exactly where you stopped."],
    ),
    "no history is left out": (asked(user("Hi")), ["Hi"]),
    "a turn that says nothing": (asked(user()), ["(empty)"]),
    "an image alone": (asked(user(Image("image/png", PIXEL))), ["(see what is attached)"]),
    "system text in mid-conversation": (
        asked(user("a"), assistant("b"), Turn(Role.SYSTEM, [Text("Mind.")]), user("c")),
        ["a", "b", "<system-reminder>\nMind.\n</system-reminder>\n\nc"],
    ),
}


@BOTH
@pytest.mark.parametrize("rule", RULES)
def test_the_shape_of_a_conversation(rule: str, generation: str) -> None:
    request, contents = RULES[rule]
    assert [message["content"] for message in messages(built(request, NATIVE, generation))] == contents


@BOTH
def test_every_call_has_one_result_and_every_result_its_call(generation: str) -> None:
    request = asked(
        user("go"),
        assistant(ToolCall("a", "run", "{}"), ToolCall("b", "run", "{}")),
        user(ToolResult("a", [Text("done")]), ToolResult("nobody", [Text("lost")])),
        assistant(ToolCall("a", "run", '{"x": "again"}')),
        user("never mind"),
        tools=[RUN],
    )
    _, calls, results, _, last = messages(built(request, NATIVE, generation))
    given_back = results["userInputMessageContext"]["toolResults"]
    assert [one["toolUseId"] for one in given_back] == [use["toolUseId"] for use in calls["toolUses"]]
    assert given_back[1]["status"] == "error" and "interrupted" in given_back[1]["content"][0]["text"]
    assert "lost" in results["content"]
    assert last["userInputMessageContext"]["toolResults"][0]["toolUseId"] != "a", "an id that came twice is another"


@BOTH
def test_calls_at_the_very_end_are_answered_as_interrupted(generation: str) -> None:
    request = asked(user("go"), assistant(ToolCall("a", "run", "{}")), tools=[RUN])
    last = messages(built(request, NATIVE, generation))[-1]
    assert last["userInputMessageContext"]["toolResults"][0]["status"] == "error"


@BOTH
def test_tools_that_only_the_history_mentions_are_declared(generation: str) -> None:
    request = asked(
        user("go"),
        assistant(ToolCall("a", "Look", "{}"), ToolCall("b", "RUN", "{}")),
        user(ToolResult("a", [Text("x")]), ToolResult("b", [Text("y")])),
        tools=[RUN],
    )
    tools = messages(built(request, NATIVE, generation))[-1]["userInputMessageContext"]["tools"]
    assert [tool["toolSpecification"]["name"] for tool in tools] == ["run", "Look"], "names differ by more than case"


@BOTH
def test_a_history_with_calls_and_no_tools_asks_for_none(generation: str) -> None:
    request = asked(user("go"), assistant(ToolCall("a", "run", "{}")), user(ToolResult("a", [Text("x")])))
    last = messages(built(request, NATIVE, generation))[-1]
    assert last["content"] == "Do not call any tool in this answer."
    assert len(last["userInputMessageContext"]["tools"]) == 1


@BOTH
def test_long_and_odd_names_are_shortened_and_lead_back(generation: str) -> None:
    long, odd = "mcp__a_server_with_a_long_name__" + "x" * 60, "files.read file"
    request = asked(
        user("go"),
        assistant(ToolCall("a", long, "{}")),
        user(ToolResult("a", [Text("x")])),
        tools=[Tool(long, "Long.", SCHEMA), Tool(odd, "Odd.", SCHEMA)],
        tool_choice=ToolChoice(ChoiceMode.NAMED, long),
    )
    body = built(request, NATIVE, generation)
    _, call, last = messages(body)
    names = [tool["toolSpecification"]["name"] for tool in last["userInputMessageContext"]["tools"]]
    assert call["toolUses"][0]["name"] == names[0] and names[0] in last["content"]
    back = encoded(request, NATIVE, generation).names
    assert [back.client(name) for name in names] == [long, odd]


@pytest.mark.parametrize(
    ("schema", "current", "legacy"),
    [
        (None, {"type": "object", "properties": {}}, {"type": "object", "properties": {}}),
        (
            {"type": "object", "properties": None, "required": None},
            {"type": "object", "properties": {}},
            {"type": "object", "properties": {}},
        ),
        (
            {"type": "object", "properties": {"required": {"type": "object", "required": []}}, "required": []},
            {"type": "object", "properties": {"required": {"type": "object", "required": []}}, "required": []},
            {"type": "object", "properties": {"required": {"type": "object"}}},
        ),
        (
            {**SCHEMA, "$defs": {"d": {"additionalProperties": False}}, "default": {"required": []}},
            {**SCHEMA, "$defs": {"d": {"additionalProperties": False}}, "default": {"required": []}},
            {"type": "object", "properties": SCHEMA["properties"], "$defs": {"d": {}}, "default": {"required": []}},
        ),
        ({"anyOf": [{"properties": {"a": {}}}]}, {"type": "object", "properties": {"a": {}}}, None),
    ],
)
def test_schemas_are_cleaned(schema: Any, current: Any, legacy: Any) -> None:
    for generation, wanted in ((CURRENT, current), (LEGACY, legacy or current)):
        body = built(asked(tools=[Tool("t", "T.", schema)]), NATIVE, generation)
        spec = messages(body)[-1]["userInputMessageContext"]["tools"][0]["toolSpecification"]
        assert spec["inputSchema"]["json"] == wanted


def test_a_description_is_never_empty_and_moves_where_it_is_too_long_for_older_servers() -> None:
    long = "Long. " + "ü" * 9000
    request = asked(tools=[Tool("bare", None, SCHEMA), Tool("long", long, SCHEMA)], system=[Text("Be brief.")])
    for generation in (CURRENT, LEGACY):
        message = messages(built(request, NATIVE, generation))[-1]
        bare, other = (tool["toolSpecification"] for tool in message["userInputMessageContext"]["tools"])
        assert bare["description"] == "The tool bare."
        if generation == CURRENT:
            assert other["description"] == long and message["content"] == "Be brief.\n\nHi"
        else:
            assert '"Tool long"' in other["description"]
            assert message["content"] == f"Be brief.\n\n# Tool long\n\n{long}\n\nHi"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tool_choice": ToolChoice(ChoiceMode.AUTO)}, "Hi"),
        ({"tool_choice": ToolChoice(ChoiceMode.NONE)}, "Hi\n\nDo not call any tool in this answer."),
        ({"tool_choice": ToolChoice(ChoiceMode.REQUIRED)}, "Hi\n\nYou must call one of the tools in this answer."),
        ({"tool_choice": ToolChoice(ChoiceMode.NAMED, "run")}, "Hi\n\nYou must call the tool run in this answer."),
        ({"parallel": False}, "Hi\n\nCall at most one tool in this answer."),
    ],
)
def test_a_choice_of_tools_is_said_in_words(fields: dict[str, Any], words: str) -> None:
    assert messages(built(asked(tools=[RUN], **fields)))[-1]["content"] == words


def test_only_allowed_tools_are_offered() -> None:
    choice = ToolChoice(ChoiceMode.AUTO, allowed=["run"])
    body = built(asked(tools=[RUN, Tool("look", "Looks.", SCHEMA)], tool_choice=choice))
    assert len(messages(body)[-1]["userInputMessageContext"]["tools"]) == 1


def test_the_form_of_an_answer_is_said_in_words() -> None:
    assert '"additionalProperties":false' in messages(built(asked(output=Output(schema=SCHEMA))))[-1]["content"]
    assert "one JSON object" in messages(built(asked(output=Output(json=True))))[-1]["content"]


def test_media_that_the_service_cannot_have_are_said() -> None:
    request = asked(user(Image(url="https://example.com/a.png"), Image("image/tiff", PIXEL.replace("i", "a"))))
    content = messages(built(request))[-1]["content"]
    assert "https://example.com/a.png" in content
    assert any("sent as a text" in note for note in encoded(request).notes)


def test_ten_images_a_message_and_the_latest() -> None:
    pictures = [Image("image/png", base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes([n])).decode()) for n in range(12)]
    message = messages(built(asked(user("Look.", *pictures))))[-1]
    assert [image["source"]["bytes"] for image in message["images"]] == [picture.data for picture in pictures[2:]]
    assert "[2 earlier images left out]" in message["content"]


def test_documents_have_plain_and_unique_names() -> None:
    pdf = base64.b64encode(b"%PDF-1.7").decode()
    request = asked(
        user(
            Document("application/pdf", pdf, name="Übersicht_1.pdf"),
            Document("application/pdf", pdf, name="Übersicht_1.pdf"),
            Document(text="plain", name="notes.txt"),
        )
    )
    documents = messages(built(request))[-1]["documents"]
    assert [document["format"] for document in documents] == ["pdf", "pdf", "txt"]
    assert all(set(document) == {"name", "format", "source"} for document in documents)


def test_sampling_as_far_as_the_service_takes_it() -> None:
    sampling = Sampling(temperature=1.5, top_p=0.5, top_k=3)
    body = built(asked(sampling=sampling, max_tokens=77), TAGGED)
    assert body["inferenceConfig"] == {"maxTokens": 77, "temperature": 1, "topP": 0.5}
    assert any("top_k" in note for note in encoded(asked(sampling=sampling), TAGGED).notes)
    body = built(asked(sampling=sampling, max_tokens=77), NATIVE)
    assert "inferenceConfig" not in body and body["additionalModelRequestFields"] == {"max_tokens": 77}


def test_several_answers_cannot_be_had() -> None:
    with pytest.raises(TranslationError):
        encoded(asked(sampling=Sampling(n=2)))


# -- models, ids

MODELS = {
    "claude-haiku-4-5-20251001": "claude-haiku-4.5",
    "claude-sonnet-4-20250514": "claude-sonnet-4",
    "claude-sonnet-4-0": "claude-sonnet-4",
    "claude-sonnet-4-5": "claude-sonnet-4.5",
    "claude-sonnet-4-6": "claude-sonnet-4.6",
    "claude-opus-4-5-20251101": "claude-opus-4.5",
    "claude-opus-4-8": "claude-opus-4.8",
    "claude-opus-5": "claude-opus-5",
    "claude-fable-5": "claude-fable-5",
    "claude-opus-5-5": "claude-opus-5.5",
    "claude-sonnet-5.5": "claude-sonnet-5.5",
    "claude-sonnet-4-6[1m]": "claude-sonnet-4.6",
    "claude-sonnet-4-5-thinking": "claude-sonnet-4.5",
    "claude-sonnet-4-5-20250929-thinking": "claude-sonnet-4.5",
    "claude-3-7-sonnet-20250219": "CLAUDE_3_7_SONNET_20250219_V1_0",
    "qwen3-coder-next": "qwen3-coder-next",
    "auto": "auto",
    "gpt-5.6-sol": "gpt-5.6-sol",
}


@pytest.mark.parametrize("model", MODELS)
def test_a_model_goes_by_the_services_name(model: str) -> None:
    assert messages(built(asked(), model))[-1]["modelId"] == MODELS[model]


def test_the_names_of_one_model_share_its_limits() -> None:
    names = {KIRO.limited_as(name) for name in ("claude-sonnet-4-5", "claude-sonnet-4.5", "claude-sonnet-4-5-20250929")}
    assert names == {"claude-sonnet-4.5"}


def test_ids_stay_as_long_as_what_they_name() -> None:
    first = built(asked(user("a"), tools=[RUN]))["conversationState"]
    call, result = assistant(ToolCall("x", "run", "{}")), user(ToolResult("x", [Text("r")]))
    second = built(asked(user("a"), call, result, tools=[RUN]))["conversationState"]
    third = built(asked(user("a"), call, result, assistant("b"), user("c"), tools=[RUN]))["conversationState"]
    other = built(asked(user("a")), conversation="another")["conversationState"]
    assert len({state["conversationId"] for state in (first, second, third)}) == 1
    assert first["agentContinuationId"] == second["agentContinuationId"] != third["agentContinuationId"]
    assert other["conversationId"] != first["conversationId"]
    unknown = [built(asked(), conversation="")["conversationState"]["conversationId"] for _ in range(2)]
    assert unknown[0] != unknown[1], "no conversation is mixed up with another"


TEXTS = st.text(max_size=12)
CALLS = st.builds(
    ToolCall, TEXTS, st.sampled_from(["run", "Look", "a" * 80]), st.sampled_from(["", "{}", '{"a": 1}', "x"])
)
RESULTS = st.builds(ToolResult, TEXTS, st.lists(st.builds(Text, TEXTS), max_size=2), st.booleans())
BLOCKS = st.one_of(st.builds(Text, TEXTS), CALLS, RESULTS, st.just(Image("image/png", PIXEL)))
TURNS = st.lists(st.builds(Turn, st.sampled_from(list(Role)), st.lists(BLOCKS, max_size=4)), max_size=6)


@given(TURNS, st.sampled_from([CURRENT, LEGACY]), st.booleans())
def test_whatever_a_client_sends_has_the_shape_that_the_service_wants(
    turns: list[Turn], generation: str, with_tools: bool
) -> None:
    turns = [
        Turn(turn.role, [b for b in turn.blocks if turn.role is not Role.SYSTEM or isinstance(b, Text)])
        for turn in turns
    ]
    built(asked(*turns, tools=[RUN] if with_tools else []), NATIVE, generation)
