"""What a Gemini backend is sent for requests of any protocol."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.translators.gemini.support import GEMINI, body, decode, encode, load, said, target
from translators.canonical.blocks import (
    Block,
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

DUMMY = "skip_thought_signature_validator"
HI = Turn(Role.USER, [Text("hi")])


def ask(*turns: Turn, origin: str = "anthropic", **fields: Any) -> Request:
    return Request(origin, "m", turns=list(turns or [HI]), **fields)


def user(*blocks: Block) -> Turn:
    return Turn(Role.USER, list(blocks))


def model(*blocks: Block) -> Turn:
    return Turn(Role.ASSISTANT, list(blocks))


def contents(*turns: Turn, origin: str = "anthropic", **settings: Any) -> Any:
    return body(ask(*turns, origin=origin), **settings)["contents"]


def model_parts(*blocks: Block, **settings: Any) -> Any:
    found = contents(HI, model(*blocks), user(Text("go on")), **settings)
    assert [content["role"] for content in found] == ["user", "model", "user"]
    return found[1]["parts"]


CALL = ToolCall("c1", "f", '{"a":1}')
RESULT = ToolResult("c1", [Text("one")])


class TestTurns:
    def test_a_conversation_of_claude_code(self):
        request = ask(
            user(Text("look")),
            model(Thinking("hm", "sig", "anthropic"), Text("I look."), CALL, ToolCall("c2", "g", "")),
            user(Text("well?"), ToolResult("c2", [Text("no")], is_error=True), RESULT),
            system=[Text("x-anthropic-billing-header: cc_version=1;"), Text("Be kind.")],
        )
        assert body(request) == {
            "contents": [
                {"role": "user", "parts": [{"text": "look"}]},
                {
                    "role": "model",
                    "parts": [
                        {"text": "I look."},
                        {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, "thoughtSignature": DUMMY},
                        {"functionCall": {"id": "c2", "name": "g", "args": {}}},
                    ],
                },
                {
                    "role": "user",
                    "parts": [
                        {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "one"}}},
                        {"functionResponse": {"id": "c2", "name": "g", "response": {"error": "no"}}},
                        {"text": "well?"},
                    ],
                },
            ],
            "systemInstruction": {"parts": [{"text": "Be kind."}]},
        }

    def test_the_first_turn_is_the_users(self):
        found = contents(model(Text("Welcome.")), user(Text("hi")))
        assert found[0] == {"role": "user", "parts": [{"text": "."}]}
        assert [content["role"] for content in found] == ["user", "model", "user"]

    def test_a_conversation_of_nothing_says_something(self):
        assert contents(user()) == [{"role": "user", "parts": [{"text": "(empty)"}]}]

    def test_empty_text_is_dropped(self):
        assert model_parts(Text(""), Text("a")) == [{"text": "a"}]

    def test_a_turn_of_which_nothing_is_left_joins_its_neighbours(self):
        assert contents(user(Text("a")), model(Opaque("x", "anthropic")), user(Text("b"))) == [
            {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}
        ]

    def test_system_text_in_mid_conversation_becomes_a_reminder(self):
        found = contents(user(Text("a")), Turn(Role.SYSTEM, [Text("Note.")]), model(Text("b")), user(Text("c")))
        assert found[0]["parts"] == [{"text": "a"}, {"text": "<system-reminder>\nNote.\n</system-reminder>"}]

    def test_an_unfinished_answer_is_asked_for(self):
        found = contents(user(Text("a")), model(Text("Once upon")))
        assert [content["role"] for content in found] == ["user", "model", "user"]

    def test_a_call_without_result_gets_one(self):
        found = contents(user(Text("a")), model(CALL), user(Text("b")))
        assert found[2]["parts"] == [
            {"functionResponse": {"id": "c1", "name": "f", "response": {"error": "(no result: interrupted)"}}},
            {"text": "b"},
        ]

    def test_a_result_without_call_becomes_text(self):
        assert "functionResponse" not in str(contents(user(ToolResult("x", [Text("one")]))))

    def test_a_refusal_is_text(self):
        assert model_parts(Refusal("No.")) == [{"text": "No."}]

    def test_what_only_gemini_knows_goes_back_to_it_alone(self):
        code = {"executableCode": {"code": "1"}}
        assert model_parts(Unknown("gemini", code), Text("a"), Unknown("anthropic", {"type": "x"})) == [
            code,
            {"text": "a"},
        ]

    @pytest.mark.parametrize(
        ("arguments", "args"),
        [
            ("", {}),
            ('{"a":[1]}', {"a": [1]}),
            ('{"a":[1', {"a": [1]}),
            ("[1]", {"value": [1]}),
            ("null", {"value": None}),
            ("nonsense", {"_raw": "nonsense"}),
        ],
    )
    def test_arguments_are_always_an_object(self, arguments, args):
        assert model_parts(ToolCall("c1", "f", arguments))[0]["functionCall"]["args"] == args

    def test_older_models_get_no_ids(self):
        found = contents(HI, model(CALL), user(RESULT), call_ids=False)
        assert found[1]["parts"][0]["functionCall"] == {"name": "f", "args": {"a": 1}}
        assert found[2]["parts"][0]["functionResponse"] == {"name": "f", "response": {"output": "one"}}

    def test_ids_that_are_too_long_are_replaced_in_call_and_result(self):
        long = "x" * 100
        found = contents(HI, model(ToolCall(long, "f", "{}")), user(ToolResult(long, [Text("one")])))
        call = found[1]["parts"][0]["functionCall"]["id"]
        assert call == found[2]["parts"][0]["functionResponse"]["id"]
        assert len(call) <= 64


class TestSignatures:
    def test_its_own_is_on_the_call_again(self):
        parts = model_parts(Thinking("hm", "c2ln", "gemini"), CALL, ToolCall("c2", "g", "{}"))
        assert [part.get("thoughtSignature") for part in parts] == ["c2ln", None]
        assert all("text" not in part for part in parts), "thoughts are not sent back"

    def test_each_call_has_its_own(self):
        parts = model_parts(
            Thinking("", "czE=", "gemini"), CALL, Thinking("", "czI=", "gemini"), ToolCall("c2", "g", "")
        )
        assert [part.get("thoughtSignature") for part in parts] == ["czE=", "czI="]

    def test_of_a_text_it_is_on_the_text(self):
        assert model_parts(Text("Hello"), Thinking("", "c2ln", "gemini")) == [
            {"text": "Hello", "thoughtSignature": "c2ln"}
        ]

    def test_of_a_text_and_of_a_call(self):
        parts = model_parts(Text("a"), Thinking("", "czE=", "gemini"), Thinking("", "czI=", "gemini"), CALL)
        assert [part["thoughtSignature"] for part in parts] == ["czE=", "czI="]

    def test_before_a_text_with_nothing_to_sign_it_is_on_that_text(self):
        parts = model_parts(Thinking("", "c2ln", "gemini"), Text("a"), CALL)
        assert [part.get("thoughtSignature") for part in parts] == ["c2ln", DUMMY]

    def test_alone_it_is_on_an_empty_text(self):
        assert model_parts(CALL, Thinking("", "c2ln", "gemini"))[1] == {"text": "", "thoughtSignature": "c2ln"}

    def test_a_foreign_one_never_arrives(self):
        parts = model_parts(Thinking("hm", "c2ln", "anthropic"), CALL)
        assert [part["thoughtSignature"] for part in parts] == [DUMMY]

    def test_the_dummy_is_on_the_first_call_of_each_step_on_every_request_alike(self):
        turns = [HI, model(CALL, ToolCall("c2", "g", "")), user(RESULT, ToolResult("c2"))]
        step = [model(ToolCall("c3", "f", "{}")), user(ToolResult("c3"))]
        first, second = contents(*turns), contents(*turns, *step, model(Text("Done.")), user(Text("thanks")))
        assert second[: len(first)] == first
        signed = [
            ["thoughtSignature" in part for part in content["parts"]]
            for content in second
            if content["role"] == "model"
        ]
        assert signed == [[True, False], [True], [False]]

    def test_models_that_check_nothing_get_none(self):
        assert "thoughtSignature" not in str(model_parts(CALL, thought_signatures=False))

    def test_a_dummy_of_the_client_is_only_ours_again(self):
        request = decode(load("cli.request.json"))
        assert DUMMY in str(body(request))
        assert DUMMY not in str(body(request, thought_signatures=False))


class TestMedia:
    @pytest.mark.parametrize(
        ("block", "part"),
        [
            (Image("image/png", data="AAAA"), {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
            (Image(None, data="/9j/AAAA"), {"inlineData": {"mimeType": "image/jpeg", "data": "/9j/AAAA"}}),
            (
                Image(None, data="UklGRgAAAABXRUJQ"),
                {"inlineData": {"mimeType": "image/webp", "data": "UklGRgAAAABXRUJQ"}},
            ),
            (Image("image/*", data="AAAA"), {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
            (
                Image(None, url="https://x/y.jpg"),
                {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x/y.jpg"}},
            ),
            (Image(None, url="https://x/y"), {"fileData": {"fileUri": "https://x/y"}}),
            (Image("image/png", file_id="gs://b/c"), {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/c"}}),
            (Image(None, file_id="file_123"), {"text": "[file file_123 left out: it is stored elsewhere]"}),
            (Document("application/pdf", data="AA=="), {"inlineData": {"mimeType": "application/pdf", "data": "AA=="}}),
            (Document("text/plain", text="Body", name="a.txt"), {"text": "a.txt\nBody"}),
            (Media("audio/wav", data="AAAA"), {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}),
        ],
    )
    def test_parts(self, block, part):
        assert contents(user(block)) == [{"role": "user", "parts": [part]}]

    def test_media_of_a_result_are_inside_it(self):
        result = ToolResult("c1", [Text("Look:"), Image("image/png", data="AAAA")])
        assert contents(HI, model(CALL), user(result))[2]["parts"] == [
            {
                "functionResponse": {
                    "id": "c1",
                    "name": "f",
                    "response": {"output": "Look:"},
                    "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}],
                }
            }
        ]

    def test_media_of_results_are_behind_all_of_them_on_older_models(self):
        found = contents(
            HI,
            model(CALL, ToolCall("c2", "g", "")),
            user(ToolResult("c1", [Image("image/png", data="AAAA")]), ToolResult("c2", [Text("two")]), Text("and?")),
            result_media=False,
        )
        assert found[2]["parts"] == [
            {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "(see the attached media)"}}},
            {"functionResponse": {"id": "c2", "name": "g", "response": {"output": "two"}}},
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
            {"text": "and?"},
        ]

    def test_media_that_a_result_cannot_hold_are_behind_it(self):
        found = contents(HI, model(CALL), user(ToolResult("c1", [Media("audio/wav", data="AAAA")])))
        assert [next(iter(part)) for part in found[2]["parts"]] == ["functionResponse", "inlineData"]

    def test_the_text_of_a_document_is_the_output(self):
        found = contents(HI, model(CALL), user(ToolResult("c1", [Text("a"), Document(text="b")])))
        assert found[2]["parts"][0]["functionResponse"]["response"] == {"output": "a\nb"}


SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"a": {"type": ["string", "null"], "const": "x"}},
    "additionalProperties": False,
}


class TestTools:
    def test_json_schema_goes_as_it_is(self):
        found = body(ask(tools=[Tool("f", "Does.", SCHEMA)]))
        assert found["tools"] == [
            {
                "functionDeclarations": [
                    {
                        "name": "f",
                        "description": "Does.",
                        "parametersJsonSchema": {
                            "type": "object",
                            "$schema": "https://json-schema.org/draft/2020-12/schema",
                            "properties": {"a": {"type": ["string", "null"], "enum": ["x"]}},
                            "additionalProperties": False,
                        },
                    }
                ]
            }
        ]

    def test_older_backends_get_the_schema_dialect(self):
        found = body(ask(tools=[Tool("f", None, SCHEMA)]), schema_dialect="openapi")
        assert found["tools"] == [
            {
                "functionDeclarations": [
                    {
                        "name": "f",
                        "parameters": {
                            "type": "OBJECT",
                            "properties": {"a": {"type": "STRING", "nullable": True, "enum": ["x"]}},
                        },
                    }
                ]
            }
        ]

    @pytest.mark.parametrize("dialect", ["json_schema", "openapi"])
    @pytest.mark.parametrize(
        "schema",
        [None, {}, {"type": "object"}, {"type": "object", "properties": {}, "additionalProperties": False}],
    )
    def test_a_function_without_parameters_has_no_schema(self, schema, dialect):
        found = body(ask(tools=[Tool("f", "Does.", schema)]), schema_dialect=dialect)
        assert found["tools"] == [{"functionDeclarations": [{"name": "f", "description": "Does."}]}]

    def test_a_free_map_has_one(self):
        schema = {"type": "object", "additionalProperties": {"type": "string"}}
        found = body(ask(tools=[Tool("f", None, schema)]))
        assert found["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == schema

    def test_names_are_mapped_everywhere(self):
        name = "9 lives/" + "x" * 200
        request = ask(
            HI,
            model(ToolCall("c1", name, "{}")),
            user(RESULT),
            tools=[Tool(name)],
            tool_choice=ToolChoice(ChoiceMode.NAMED, name),
        )
        encoded = encode(request)
        short = encoded.body["tools"][0]["functionDeclarations"][0]["name"]
        assert len(short) <= 128
        assert encoded.names.client(short) == name
        assert encoded.body["contents"][1]["parts"][0]["functionCall"]["name"] == short
        assert encoded.body["contents"][2]["parts"][0]["functionResponse"]["name"] == short
        assert encoded.body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == [short]

    def test_custom_tools_are_functions_with_one_text(self):
        encoded = encode(
            ask(
                HI,
                model(ToolCall("c1", "patch", "*** a", kind="custom")),
                user(ToolResult("c1", [Text("ok")], kind="custom")),
                tools=[Tool("patch", "Patches.", kind=ToolKind.CUSTOM)],
            )
        )
        declaration = encoded.body["tools"][0]["functionDeclarations"][0]
        assert declaration["parametersJsonSchema"]["properties"] == {"input": {"type": "string"}}
        assert encoded.body["contents"][1]["parts"][0]["functionCall"]["args"] == {"input": "*** a"}
        assert encoded.names.custom == {"patch"}

    def test_tools_that_the_backend_executes(self):
        own = Tool(
            "google_search", kind=ToolKind.SERVER, origin="gemini", concept="web_search", raw={"googleSearch": {}}
        )
        foreign = Tool("web_search", kind=ToolKind.SERVER, origin="anthropic", concept="web_search", raw={"type": "x"})
        function = Tool("f")
        assert body(ask(tools=[own, function]))["tools"] == [
            {"functionDeclarations": [{"name": "f"}]},
            {"googleSearch": {}},
        ]
        assert body(ask(tools=[foreign]), server_tools=("web_search",))["tools"] == [{"googleSearch": {}}]
        assert "tools" not in body(ask(tools=[foreign]))

    @pytest.mark.parametrize(
        ("choice", "config"),
        [
            (ToolChoice(ChoiceMode.AUTO), {"mode": "AUTO"}),
            (ToolChoice(ChoiceMode.REQUIRED), {"mode": "ANY"}),
            (ToolChoice(ChoiceMode.NAMED, "f"), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
            (ToolChoice(ChoiceMode.NONE), {"mode": "NONE"}),
            (ToolChoice(ChoiceMode.REQUIRED, allowed=["f", "g"]), {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}),
            (ToolChoice(ChoiceMode.AUTO, allowed=["g"]), {"mode": "VALIDATED", "allowedFunctionNames": ["g"]}),
        ],
    )
    def test_choice(self, choice, config):
        found = body(ask(tools=[Tool("f"), Tool("g")], tool_choice=choice))
        assert found["toolConfig"] == {"functionCallingConfig": config}

    def test_parallel_calls_have_no_switch(self):
        assert any("Parallel" in note for note in encode(ask(tools=[Tool("f")], parallel=False)).notes)


class TestConfig:
    def test_limits_and_sampling(self):
        request = ask(
            max_tokens=100,
            stop=["a", "b", "c", "d", "e", "f"],
            sampling=Sampling(0.5, 0.9, 40, 0.1, 0.2, 7, 1),
        )
        encoded = encode(request)
        assert encoded.body["generationConfig"] == {
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 40,
            "candidateCount": 1,
            "maxOutputTokens": 100,
            "presencePenalty": 0.1,
            "frequencyPenalty": 0.2,
            "seed": 7,
            "stopSequences": ["a", "b", "c", "d", "e"],
        }
        assert any("stop sequences" in note for note in encoded.notes)

    def test_models_without_sampling(self):
        encoded = encode(ask(sampling=Sampling(temperature=0.5, seed=1)), sampling=False)
        assert encoded.body["generationConfig"] == {"seed": 1}
        assert encoded.notes

    def test_what_no_field_takes_is_told(self):
        encoded = encode(ask(sampling=Sampling(logit_bias={"1": 2}, logprobs=True)))
        assert "generationConfig" not in encoded.body
        assert len(encoded.notes) == 2

    def test_several_answers_are_refused(self):
        with pytest.raises(TranslationError):
            encode(ask(sampling=Sampling(n=2)))

    @pytest.mark.parametrize(
        ("output", "settings", "config"),
        [
            (Output(json=True), {}, {"responseMimeType": "application/json"}),
            (
                Output(schema=SCHEMA),
                {},
                {
                    "responseMimeType": "application/json",
                    "responseJsonSchema": {**SCHEMA, "properties": {"a": {"type": ["string", "null"], "enum": ["x"]}}},
                },
            ),
            (
                Output(schema=SCHEMA),
                {"schema_dialect": "openapi"},
                {
                    "responseMimeType": "application/json",
                    "responseSchema": {
                        "type": "OBJECT",
                        "properties": {"a": {"type": "STRING", "nullable": True, "enum": ["x"]}},
                    },
                },
            ),
            (Output(schema=SCHEMA), {"json_schema": False}, {"responseMimeType": "application/json"}),
        ],
    )
    def test_structured_output(self, output, settings, config):
        assert body(ask(output=output), **settings)["generationConfig"] == config

    def test_a_schema_that_no_field_takes_is_an_instruction(self):
        found = body(ask(output=Output(schema=SCHEMA)), json_schema=False)
        assert '"additionalProperties":false' in found["systemInstruction"]["parts"][-1]["text"]


def _of(reasoning: Reasoning, origin: str = "gemini", **settings: Any) -> Any:
    return body(ask(reasoning=reasoning, origin=origin), **settings).get("generationConfig", {}).get("thinkingConfig")


class TestThinking:
    @pytest.mark.parametrize(
        ("reasoning", "config"),
        [
            (Reasoning(), None),
            (Reasoning(ReasoningMode.OFF), {"thinkingBudget": 0}),
            (Reasoning(ReasoningMode.BUDGET, budget=2000), {"thinkingBudget": 2000}),
            (Reasoning(ReasoningMode.BUDGET, budget=99_999), {"thinkingBudget": 24_576}),
            (Reasoning(ReasoningMode.ADAPTIVE), {"thinkingBudget": -1}),
            (Reasoning(ReasoningMode.ADAPTIVE, "none"), {"thinkingBudget": 0}),
            (Reasoning(ReasoningMode.ADAPTIVE, "minimal"), {"thinkingBudget": 512}),
            (Reasoning(ReasoningMode.ADAPTIVE, "low"), {"thinkingBudget": 1024}),
            (Reasoning(ReasoningMode.ADAPTIVE, "medium"), {"thinkingBudget": 8192}),
            (Reasoning(ReasoningMode.ADAPTIVE, "high"), {"thinkingBudget": 24_576}),
            (Reasoning(ReasoningMode.ADAPTIVE, "max"), {"thinkingBudget": 24_576}),
        ],
    )
    def test_models_with_a_budget(self, reasoning, config):
        assert _of(reasoning, thinking="budget", max_budget=24_576) == config

    def test_models_that_cannot_but_think(self):
        found = _of(Reasoning(ReasoningMode.OFF), thinking="budget", efforts=("low", "high"))
        assert found == {"thinkingBudget": 1024}

    @pytest.mark.parametrize("thinking", ["adaptive", "effort"])
    @pytest.mark.parametrize(
        ("reasoning", "config"),
        [
            (Reasoning(), None),
            (Reasoning(ReasoningMode.OFF), {"thinkingLevel": "LOW"}),
            (Reasoning(ReasoningMode.ADAPTIVE), None),
            (Reasoning(ReasoningMode.ADAPTIVE, "low"), {"thinkingLevel": "LOW"}),
            (Reasoning(ReasoningMode.ADAPTIVE, "medium"), {"thinkingLevel": "LOW"}),
            (Reasoning(ReasoningMode.ADAPTIVE, "max"), {"thinkingLevel": "HIGH"}),
            (Reasoning(ReasoningMode.BUDGET, budget=1000), {"thinkingLevel": "LOW"}),
            (Reasoning(ReasoningMode.BUDGET, budget=20_000), {"thinkingLevel": "HIGH"}),
        ],
    )
    def test_models_with_levels(self, reasoning, config, thinking):
        assert _of(reasoning, thinking=thinking, efforts=("low", "high")) == config

    @pytest.mark.parametrize(
        ("effort", "level"), [("none", "MINIMAL"), ("minimal", "MINIMAL"), ("xhigh", "XHIGH"), ("max", "XHIGH")]
    )
    def test_the_ends_of_the_scale(self, effort, level):
        assert _of(Reasoning(ReasoningMode.ADAPTIVE, effort)) == {"thinkingLevel": level}

    def test_models_that_do_not_think_are_told_nothing(self):
        assert _of(Reasoning(ReasoningMode.BUDGET, budget=5, show="summary"), thinking="none") is None

    @pytest.mark.parametrize(
        ("show", "origin", "included"),
        [
            ("summary", "gemini", True),
            ("none", "gemini", False),
            ("default", "gemini", None),
            ("default", "anthropic", True),
            ("none", "anthropic", False),
        ],
    )
    def test_showing_thoughts(self, show, origin, included):
        found = _of(Reasoning(ReasoningMode.ADAPTIVE, "low", show=show), origin)
        assert found.get("includeThoughts") is included


class TestOwnFields:
    def test_they_go_back_to_gemini(self):
        sent = load("snake_case.request.json")
        found = body(decode(sent))
        assert found["safetySettings"] == sent["safety_settings"]
        assert found["cachedContent"] == "cachedContents/x"
        assert found["generationConfig"]["responseModalities"] == ["TEXT"]
        assert found["generationConfig"]["topK"] == 10

    def test_they_go_to_nobody_else_and_nobody_elses_come(self):
        assert set(body(ask(extra={"safetySettings": [1], "metadata": {}}, origin="openai_chat"))) == {"contents"}

    def test_validated_stays_validated(self):
        sent = said(("user", {"text": "a"}))
        sent["tools"] = [{"functionDeclarations": [{"name": "f"}]}]
        sent["toolConfig"] = {"functionCallingConfig": {"mode": "VALIDATED"}, "retrievalConfig": {"languageCode": "de"}}
        assert body(decode(sent))["toolConfig"] == sent["toolConfig"]

    def test_an_enum_answer_stays_one(self):
        config = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a"]}}
        assert body(decode({**said(("user", {"text": "a"})), "generationConfig": config}))["generationConfig"] == config


class TestCounting:
    def test_the_request_counts_the_whole(self):
        request = decode(load("cli.request.json"))
        found = GEMINI.encode_count_request(request, target())
        assert found is not None
        assert found["generateContentRequest"] == {"model": "models/gemini-3-pro", **body(request)}

    @pytest.mark.parametrize(("answer", "tokens"), [({"totalTokens": 12}, 12), ({"total_tokens": 3}, 3), ({}, None)])
    def test_the_answer(self, answer, tokens):
        assert GEMINI.decode_token_count(answer) == tokens

    def test_what_a_client_gets(self):
        assert GEMINI.encode_token_count(7) == {"totalTokens": 7}


def test_private_wires_around_this_protocol_keep_its_signatures():
    request = ask(HI, model(Thinking("", "c2ln", "gemini"), CALL), user(RESULT), origin="gemini", extra={"labels": {}})
    found = GEMINI.encode_request(request, Target("antigravity", "gemini-3-pro")).body
    assert found["contents"][1]["parts"][0]["thoughtSignature"] == "c2ln"
    assert found["labels"] == {}


def test_the_request_is_not_changed_and_the_same_one_gives_the_same_body():
    request = decode(load("snake_case.request.json"))
    before = copy.deepcopy(request)
    first, second = body(request), body(request)
    assert request == before
    assert first == second
