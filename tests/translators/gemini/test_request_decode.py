"""A Gemini client's request, as the gateway understands it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.translators.gemini.support import GEMINI, decode, load, said
from translators.canonical.blocks import Document, Image, Media, Text, Thinking, ToolCall, ToolResult, Unknown
from translators.canonical.errors import TranslationError
from translators.canonical.request import (
    ChoiceMode,
    Output,
    Reasoning,
    ReasoningMode,
    Role,
    Sampling,
    Tool,
    ToolChoice,
    ToolKind,
    Turn,
)

CALL = {"functionCall": {"name": "f", "args": {}}}


def model_blocks(*parts: Any) -> Any:
    return decode(said(("user", {"text": "hi"}), ("model", *parts), ("user", {"text": "go on"}))).turns[1].blocks


class TestWholeBodies:
    def test_gemini_cli(self):
        request = decode(load("cli.request.json"))
        assert request.system == [Text("You are an agent.")]
        assert request.turns == [
            Turn(Role.USER, [Text("What is in a.txt and b.txt?")]),
            Turn(
                Role.ASSISTANT,
                [
                    Text("I look."),
                    ToolCall("toolu_01", "read_file", '{"path":"a.txt"}'),
                    ToolCall("toolu_02", "read_file", '{"path":"b.txt"}'),
                ],
            ),
            Turn(
                Role.USER,
                [
                    ToolResult("toolu_01", [Text("alpha")], name="read_file"),
                    ToolResult("toolu_02", [Text("no such file")], is_error=True, name="read_file"),
                    Text("Go on."),
                ],
            ),
        ]
        assert request.tools == [
            Tool(
                "read_file",
                "Reads a file.",
                {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
            ),
            Tool("list_all", "Lists."),
        ]
        assert request.sampling == Sampling(temperature=1, top_p=0.95, top_k=64)
        assert request.reasoning == Reasoning(ReasoningMode.BUDGET, budget=8192, show="summary")
        assert (request.model, request.stream, request.extra) == ("gemini-3-pro", True, {})

    def test_snake_case(self):
        request = decode(load("snake_case.request.json"))
        user, model, results = request.turns
        assert user.blocks == [Text("What is this?"), Image("image/png", data="+/+/")]
        thought, call = model.blocks
        assert thought == Thinking("I think so.", "c2ln", "gemini")
        assert isinstance(call, ToolCall)
        assert call.arguments == '{"max_items":3}'
        assert results.blocks == [ToolResult(call.id, [Text("seen"), Image("image/png", data="AAAA")], name="look")]
        assert request.system == [Text("Be short.")]
        assert request.tools == [
            Tool(
                "look",
                "Looks.",
                {"type": "object", "properties": {"max_items": {"type": ["integer", "null"]}}},
            ),
            Tool(
                "google_search",
                kind=ToolKind.SERVER,
                origin="gemini",
                concept="web_search",
                raw={"googleSearch": {"time_range_filter": {}}},
            ),
        ]
        assert request.tool_choice == ToolChoice(ChoiceMode.NAMED, "look")
        assert request.sampling == Sampling(
            top_p=0.5, top_k=10, presence_penalty=0.25, frequency_penalty=0.75, seed=7, n=1
        )
        assert (request.max_tokens, request.stop) == (100, ["END"])
        assert request.output == Output(
            schema={
                "type": "object",
                "properties": {"a": {"type": "array", "minItems": 1, "items": {"type": "string"}}},
            },
            json=True,
        )
        assert request.reasoning == Reasoning(ReasoningMode.ADAPTIVE, "low", show="summary")
        assert request.extra == {
            "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
            "cachedContent": "cachedContents/x",
            "generationConfig": {"responseModalities": ["TEXT"]},
        }

    def test_both_bodies_of_count_tokens(self):
        short = said(("user", {"text": "hi"}))
        long = {"generateContentRequest": {"model": "models/gemini-3-flash", **short}}
        assert decode(long).turns == decode(short).turns
        assert GEMINI.decode_request(long).model == "gemini-3-flash"


class TestTurns:
    def test_neighbours_of_one_role_are_one_turn(self):
        request = decode(said(("user", {"text": "a"}), ("function", {"text": "b"}), ("model", {"text": "c"})))
        assert [(turn.role, len(turn.blocks)) for turn in request.turns] == [(Role.USER, 2), (Role.ASSISTANT, 1)]

    def test_the_role_defaults_to_user(self):
        assert decode({"contents": [{"parts": [{"text": "a"}]}]}).turns == [Turn(Role.USER, [Text("a")])]

    def test_what_is_empty_is_dropped(self):
        request = decode(said(("user", {"text": "a"}), ("model", {"text": ""}, {}), ("user", {"text": "b"})))
        assert [turn.blocks for turn in request.turns] == [[Text("a")], [Text("b")]]

    @pytest.mark.parametrize("contents", [{"parts": {"text": "a"}}, "a", ["a"], [{"parts": ["a"]}]])
    def test_lenient_forms_of_contents(self, contents):
        if isinstance(contents, str):
            contents = [contents]
        assert decode({"contents": contents}).turns == [Turn(Role.USER, [Text("a")])]

    @pytest.mark.parametrize(
        "system", ["Be.", {"parts": [{"text": "Be."}]}, {"text": "Be."}, [{"text": "Be."}], {"parts": {"text": "Be."}}]
    )
    def test_forms_of_the_system_instruction(self, system):
        assert decode({**said(("user", {"text": "a"})), "systemInstruction": system}).system == [Text("Be.")]


class TestIds:
    def test_missing_ids_are_made_up_and_paired_by_name_and_order(self):
        def call(name: str, args: Any) -> Any:
            return {"functionCall": {"name": name, "args": args}}

        def result(name: str, value: str) -> Any:
            return {"functionResponse": {"name": name, "response": {"output": value}}}

        request = decode(
            said(
                ("user", {"text": "go"}),
                ("model", call("f", {"n": 1}), call("g", {}), call("f", {"n": 2})),
                ("user", result("f", "1"), result("f", "2"), result("g", "G")),
            )
        )
        f1, g, f2 = (block.id for block in request.turns[1].blocks)
        assert len({f1, g, f2}) == 3
        assert [(b.id, b.blocks[0].text) for b in request.turns[2].blocks] == [(f1, "1"), (f2, "2"), (g, "G")]

    def test_made_up_ids_are_the_same_on_the_next_request(self):
        first = said(("user", {"text": "go"}), ("model", CALL))
        later = said(
            ("user", {"text": "go"}), ("model", CALL), ("user", {"functionResponse": {"name": "f"}}), ("model", CALL)
        )
        assert decode(first).turns[1] == decode(later).turns[1]
        assert decode(later).turns[1].blocks[0].id != decode(later).turns[3].blocks[0].id

    def test_a_result_belongs_to_the_latest_turn_that_waits_for_one(self):
        request = decode(
            said(
                ("user", {"text": "go"}),
                ("model", CALL),
                ("user", {"text": "interrupted"}),
                ("model", CALL),
                ("user", {"functionResponse": {"name": "f", "response": {"output": "x"}}}),
            )
        )
        assert request.turns[4].blocks[0].id == request.turns[3].blocks[0].id

    def test_a_result_without_a_name_takes_the_first_call(self):
        request = decode(
            said(
                ("user", {"text": "go"}), ("model", CALL), ("user", {"functionResponse": {"response": {"output": "x"}}})
            )
        )
        result = request.turns[2].blocks[0]
        assert (result.id, result.name) == (request.turns[1].blocks[0].id, "f")

    def test_a_result_that_answers_nothing_keeps_an_id_of_its_own(self):
        request = decode(said(("user", {"functionResponse": {"name": "f", "id": "x", "response": {"output": "1"}}})))
        assert request.turns[0].blocks == [ToolResult("x", [Text("1")], name="f")]

    @pytest.mark.parametrize("result_id", ["f__call:1", "call:1"])
    def test_the_name_that_gemini_cli_puts_before_an_id_is_taken_off(self, result_id):
        request = decode(
            said(
                ("model", {"functionCall": {"id": "f__call:1", "name": "f"}}),
                ("user", {"functionResponse": {"id": result_id, "name": "f", "response": {"output": "1"}}}),
            )
        )
        assert [turn.blocks[0].id for turn in request.turns] == ["call:1", "call:1"]

    def test_ids_that_would_meet_without_their_prefix_keep_it(self):
        request = decode(
            said(
                (
                    "model",
                    {"functionCall": {"id": "f__1", "name": "f"}},
                    {"functionCall": {"id": "g__1", "name": "g"}},
                ),
                (
                    "user",
                    {"functionResponse": {"id": "g__1", "name": "g", "response": {"output": "G"}}},
                    {"functionResponse": {"id": "f__1", "name": "f", "response": {"output": "F"}}},
                ),
            )
        )
        assert [block.id for block in request.turns[0].blocks] == ["1", "g__1"]
        assert [block.id for block in request.turns[1].blocks] == ["g__1", "1"]


class TestResults:
    @pytest.mark.parametrize(
        ("response", "text", "is_error"),
        [
            ({"output": "fine"}, "fine", False),
            ({"result": "fine"}, "fine", False),
            ({"output": {"a": 1}}, '{"a":1}', False),
            ({"output": None}, "", False),
            ({"error": "bad"}, "bad", True),
            ({"error": {"code": 1}}, '{"code":1}', True),
            ({"temperature": 20}, '{"temperature":20}', False),
            ({"output": "x", "exit": 0}, '{"output":"x","exit":0}', False),
            ({"error": "x", "exit": 1}, '{"error":"x","exit":1}', True),
            ({"output": "x", "error": ""}, '{"output":"x","error":""}', False),
            ({}, "", False),
            (None, "", False),
            ("plain", "plain", False),
            ([1, 2], "[1,2]", False),
        ],
    )
    def test_forms_of_a_response(self, response, text, is_error):
        request = decode(said(("model", CALL), ("user", {"functionResponse": {"name": "f", "response": response}})))
        result = request.turns[1].blocks[0]
        assert result.blocks == ([Text(text)] if text else [])
        assert result.is_error is is_error


class TestSignatures:
    def test_on_a_call_it_stands_before_the_call(self):
        first, second, last = model_blocks({**CALL, "thoughtSignature": "c2ln"}, CALL)
        assert first == Thinking("", "c2ln", "gemini")
        assert isinstance(second, ToolCall)
        assert isinstance(last, ToolCall)

    def test_of_a_call_it_joins_the_thought_before_it(self):
        assert model_blocks({"text": "hm", "thought": True}, {**CALL, "thoughtSignature": "c2ln"})[0] == Thinking(
            "hm", "c2ln", "gemini"
        )

    def test_on_a_text_it_stands_behind_the_text(self):
        assert model_blocks({"text": "Hello", "thoughtSignature": "c2ln"}) == [
            Text("Hello"),
            Thinking("", "c2ln", "gemini"),
        ]

    def test_on_an_empty_text_it_is_kept(self):
        assert model_blocks({"text": "Hello"}, {"text": "", "thoughtSignature": "c2ln"}) == [
            Text("Hello"),
            Thinking("", "c2ln", "gemini"),
        ]

    def test_two_are_never_one(self):
        blocks = model_blocks({"text": "a", "thoughtSignature": "czE="}, {**CALL, "thoughtSignature": "czI="})
        assert [block.signature for block in blocks if isinstance(block, Thinking)] == ["czE=", "czI="]

    @pytest.mark.parametrize("dummy", ["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"])
    @pytest.mark.parametrize(
        "spelt",
        [
            str,
            lambda text: base64.b64encode(text.encode()).decode(),
            lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
        ],
    )
    def test_a_dummy_is_none(self, dummy, spelt):
        blocks = model_blocks({**CALL, "thoughtSignature": spelt(dummy)})
        assert [type(block) for block in blocks] == [ToolCall]

    @pytest.mark.parametrize("spelt", [base64.b64encode, base64.urlsafe_b64encode, None])
    def test_a_carried_one_belongs_to_its_protocol_again(self, spelt):
        tagged = "gw1:anthropic:EqoB>>>???/+=="
        value = tagged if spelt is None else spelt(tagged.encode()).decode()
        assert model_blocks({**CALL, "thoughtSignature": value})[0] == Thinking("", "EqoB>>>???/+==", "anthropic")

    def test_a_carried_one_stands_before_its_text(self):
        value = base64.b64encode(b"gw1:openai_responses:gAAA").decode()
        assert model_blocks({"text": "Hello", "thoughtSignature": value}) == [
            Thinking("", "gAAA", "openai_responses"),
            Text("Hello"),
        ]

    def test_the_user_signs_nothing(self):
        assert decode(said(("user", {"text": "a", "thoughtSignature": "c2ln"}))).turns[0].blocks == [Text("a")]


class TestStreamedAnswersInTheHistory:
    """SDKs keep a streamed answer as the pieces that it came in."""

    def test_pieces_of_a_text_are_one_text_again(self):
        pieces = ("model", {"text": "Hel"}), ("model", {"text": "lo"}, {"text": " you"})
        assert decode(said(*pieces)).turns[0].blocks == [Text("Hello you")]

    def test_pieces_of_a_thought_are_one_thought_that_a_carried_signature_closes(self):
        signature = base64.b64encode(b"gw1:anthropic:EqoB").decode()
        thought = [{"text": "h", "thought": True}, {"text": "m", "thought": True}]
        assert model_blocks(*thought, {"text": "Hel", "thoughtSignature": signature}, {"text": "lo"}) == [
            Thinking("hm", "EqoB", "anthropic"),
            Text("Hello"),
        ]

    def test_a_signed_thought_takes_no_more(self):
        assert model_blocks(
            {"text": "a", "thought": True, "thoughtSignature": "c2ln"}, {"text": "b", "thought": True}
        ) == [
            Thinking("a", "c2ln", "gemini"),
            Thinking("b", None, "gemini"),
        ]

    def test_parts_of_the_user_stay_apart(self):
        assert decode(said(("user", {"text": "a"}, {"text": "b"}))).turns[0].blocks == [Text("a"), Text("b")]


class TestMedia:
    @pytest.mark.parametrize(
        ("part", "block"),
        [
            ({"inlineData": {"mimeType": "image/webp", "data": "AAAA"}}, Image("image/webp", data="AAAA")),
            ({"inlineData": {"data": "iVBORw0KGgoAAAA="}}, Image("image/png", data="iVBORw0KGgoAAAA=")),
            (
                {"inlineData": {"mimeType": "application/pdf", "data": "AAA", "displayName": "a.pdf"}},
                Document("application/pdf", data="AAA=", name="a.pdf"),
            ),
            ({"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}, Media("audio/wav", data="AAAA")),
            ({"fileData": {"mimeType": "video/mp4", "fileUri": "https://x/y"}}, Media("video/mp4", url="https://x/y")),
            ({"fileData": {"fileUri": "https://x/y.png"}}, Image("image/png", url="https://x/y.png")),
            (
                {"fileData": {"mimeType": "image/png", "fileUri": "gs://bucket/y.png"}},
                Image("image/png", file_id="gs://bucket/y.png"),
            ),
            (
                {
                    "fileData": {
                        "mimeType": "application/pdf",
                        "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc",
                    }
                },
                Document("application/pdf", file_id="https://generativelanguage.googleapis.com/v1beta/files/abc"),
            ),
            ({"executableCode": {"code": "1"}}, Unknown("gemini", {"executableCode": {"code": "1"}})),
        ],
    )
    def test_parts(self, part, block):
        assert decode(said(("user", part))).turns[0].blocks == [block]

    def test_a_clipped_video_is_only_geminis(self):
        part = {"fileData": {"mimeType": "video/mp4", "fileUri": "https://x/y"}, "videoMetadata": {"startOffset": "1s"}}
        assert decode(said(("user", part))).turns[0].blocks == [Unknown("gemini", part)]


class TestToolsAndChoice:
    @pytest.mark.parametrize(
        ("config", "choice"),
        [
            ({"mode": "AUTO"}, ToolChoice(ChoiceMode.AUTO)),
            ({"mode": "NONE"}, ToolChoice(ChoiceMode.NONE)),
            ({"mode": "ANY"}, ToolChoice(ChoiceMode.REQUIRED)),
            ({"mode": "any", "allowedFunctionNames": ["f"]}, ToolChoice(ChoiceMode.NAMED, "f")),
            ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, ToolChoice(ChoiceMode.REQUIRED, allowed=["f", "g"])),
            ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, ToolChoice(ChoiceMode.AUTO, allowed=["f"])),
            ({"mode": "MODE_UNSPECIFIED"}, None),
            ({}, None),
        ],
    )
    def test_choice(self, config, choice):
        body = {**said(("user", {"text": "a"})), "toolConfig": {"functionCallingConfig": config}}
        assert decode(body).tool_choice == choice

    @pytest.mark.parametrize(
        ("entry", "concept"),
        [
            ("googleSearch", "web_search"),
            ("googleSearchRetrieval", "web_search"),
            ("urlContext", "web_fetch"),
            ("codeExecution", "code_execution"),
            ("computerUse", "computer_use"),
            ("fileSearch", "file_search"),
            ("somethingNew", None),
        ],
    )
    def test_tools_that_the_backend_executes(self, entry, concept):
        (tool,) = decode({**said(("user", {"text": "a"})), "tools": [{entry: {"x": 1}}]}).tools
        assert (tool.kind, tool.origin, tool.concept, tool.raw) == (
            ToolKind.SERVER,
            "gemini",
            concept,
            {entry: {"x": 1}},
        )


class TestConfig:
    @pytest.mark.parametrize(
        ("thinking", "reasoning"),
        [
            ({"thinkingBudget": 0}, Reasoning(ReasoningMode.OFF)),
            ({"thinkingBudget": -1}, Reasoning(ReasoningMode.ADAPTIVE)),
            ({"thinkingBudget": 512}, Reasoning(ReasoningMode.BUDGET, budget=512)),
            ({"thinkingLevel": "MINIMAL"}, Reasoning(ReasoningMode.ADAPTIVE, "minimal")),
            ({"thinkingLevel": "low"}, Reasoning(ReasoningMode.ADAPTIVE, "low")),
            ({"thinkingLevel": "MEDIUM"}, Reasoning(ReasoningMode.ADAPTIVE, "medium")),
            ({"thinkingLevel": "HIGH"}, Reasoning(ReasoningMode.ADAPTIVE, "high")),
            ({"thinkingLevel": "XHIGH"}, Reasoning(ReasoningMode.ADAPTIVE, "xhigh")),
            ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, Reasoning()),
            ({"includeThoughts": True}, Reasoning(show="summary")),
            ({"includeThoughts": False}, Reasoning(show="none")),
            ({}, Reasoning()),
        ],
    )
    def test_thinking(self, thinking, reasoning):
        body = {**said(("user", {"text": "a"})), "generationConfig": {"thinkingConfig": thinking}}
        assert decode(body).reasoning == reasoning

    @pytest.mark.parametrize(
        ("config", "output"),
        [
            ({"responseMimeType": "application/json"}, Output(json=True)),
            ({"responseMimeType": "text/plain"}, None),
            (
                {"responseMimeType": "application/json", "responseJsonSchema": {"type": "OBJECT"}},
                Output(schema={"type": "object"}, json=True),
            ),
            (
                {"responseSchema": {"type": "STRING", "nullable": True}},
                Output(schema={"type": ["string", "null"]}, json=True),
            ),
            ({"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING"}}, None),
        ],
    )
    def test_structured_output(self, config, output):
        assert decode({**said(("user", {"text": "a"})), "generationConfig": config}).output == output

    def test_numbers_may_come_as_strings_and_floats(self):
        config = {"maxOutputTokens": "100", "topK": 40.0, "temperature": "0.5"}
        request = decode({**said(("user", {"text": "a"})), "generationConfig": config})
        assert (request.max_tokens, request.sampling.top_k, request.sampling.temperature) == (100, 40, 0.5)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"contents": []},
        {"contents": 3},
        {"contents": [3]},
        {"contents": [{"parts": [3]}]},
        {"contents": [{"role": "robot", "parts": [{"text": "a"}]}]},
        {"contents": [{"parts": [{"text": 3}]}]},
        {"contents": [{"parts": [{"functionCall": {"args": {}}}]}]},
        {"contents": [{"parts": [{"functionCall": "f"}]}]},
        {"contents": [{"parts": [{"functionResponse": []}]}]},
        {**said(("user", {"text": "a"})), "generationConfig": {"temperature": "hot"}},
        {**said(("user", {"text": "a"})), "generationConfig": {"topK": 1.5}},
        {**said(("user", {"text": "a"})), "generationConfig": {"topK": "9" * 400}},
        {**said(("user", {"text": "a"})), "generationConfig": []},
        {**said(("user", {"text": "a"})), "systemInstruction": 3},
        {**said(("user", {"text": "a"})), "tools": [3]},
        {**said(("user", {"text": "a"})), "tools": [{"functionDeclarations": [{"description": "x"}]}]},
        {**said(("user", {"text": "a"})), "tools": [{"functionDeclarations": [{"name": "f", "parameters": "x"}]}]},
        {**said(("user", {"text": "a"})), "toolConfig": {"functionCallingConfig": {"mode": "SOMETIMES"}}},
    ],
)
def test_what_the_api_would_refuse(body):
    with pytest.raises(TranslationError) as refused:
        decode(body)
    assert refused.value.info.http_status == 400
