"""Antigravity's requests and answers for its two families, held against the sheet (antigravity.md §3, §5, §6)."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.providers.antigravity.wire import FORCED_CHOICE, NO_SCHEMA
from addons.providers.api import Call, Operation
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from tests.standin.antigravity import KNOWN, ROWS, order, part_faults, schema_faults
from tests.standin.google_internal import Seen, complaints
from translators import jsonio
from translators import registry as protocols
from translators.canonical.blocks import Block, Image, Opaque, Text, Thinking, ToolCall, ToolResult
from translators.canonical.errors import TranslationError
from translators.canonical.events import Error, StopReason
from translators.canonical.names import NameMap
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
from translators.canonical.response import Response, folded
from translators.protocol import Encoded

PROVIDER = built_in().get("antigravity")
CLAUDE, GEMINI = "claude-sonnet-4-6", "gemini-pro-agent"
OURS = "antigravity_claude"
FAMILIES = pytest.mark.parametrize("model", [CLAUDE, GEMINI])
SCHEMA = {"type": "object", "properties": {"x": {"type": "string", "minLength": 1}}, "required": ["x"]}
F = Tool("f", "Does f.", SCHEMA)
THINK = Reasoning(ReasoningMode.BUDGET, budget=2000)


def credential(**settings: Any) -> Credential:
    return Credential("c", "antigravity", "an-access-token", {"project": "my-project-1", **settings})


def asked(*turns: Turn, **fields: Any) -> Request:
    return Request("anthropic", "m", turns=list(turns) or [user("Hi")], **fields)


def user(*blocks: Block | str) -> Turn:
    return Turn(Role.USER, [Text(block) if isinstance(block, str) else block for block in blocks])


def assistant(*blocks: Block | str) -> Turn:
    return Turn(Role.ASSISTANT, [Text(block) if isinstance(block, str) else block for block in blocks])


def encoded(request: Request, model: str) -> Encoded:
    protocol = PROVIDER.protocol(model, credential())
    return protocols.get(protocol).encode_request(request, PROVIDER.target(protocol, model, credential()))


def sent(request: Request, model: str, *, stream: bool = False, conversation: str = "k", **settings: Any) -> Any:
    """The whole body that goes out, held against the table on the way."""
    inner = jsonio.dumps(encoded(request, model).body)
    headers = [("content-type", "application/json"), ("user-agent", "proxycast/0.1")]
    protocol = PROVIDER.protocol(model, credential())
    call = Call(Operation.GENERATE, protocol, model, stream, inner, headers=headers, translated=True)
    call.conversation = conversation
    upstream = PROVIDER.build(call, credential(**settings))
    method = "streamGenerateContent" if stream else "generateContent"
    query = {"alt": "sse"} if upstream.url.endswith("?alt=sse") else {}
    body = json.loads(upstream.body)
    seen = Seen(method, {name.lower(): value for name, value in upstream.headers}, query, body)
    assert list(complaints(ROWS, KNOWN, seen)) == []
    assert upstream.url.startswith(f"https://daily-cloudcode-pa.googleapis.com/v1internal:{method}")
    claude = body["model"].startswith("claude")
    for content in body["request"]["contents"]:
        assert [fault for part in content["parts"] for fault in part_faults(part)] == []
        if content["role"] == "model":
            places = [order(part) for part in content["parts"]]
            assert places == sorted(places)
    for tool in body["request"].get("tools", []):
        for declaration in tool.get("functionDeclarations", []):
            if "parameters" in declaration or claude:
                assert list(schema_faults(declaration["parameters"], claude=claude)) == []
    return body


def inner(request: Request, model: str) -> Any:
    return sent(request, model)["request"]


# -- the envelope


@FAMILIES
@pytest.mark.parametrize("stream", [False, True])
def test_the_envelope_says_what_the_sheet_says(model: str, stream: bool):
    body = sent(asked(), model, stream=stream)
    assert (body["project"], body["userAgent"], body["requestType"], body["model"]) == (
        "my-project-1",
        "antigravity",
        "agent",
        model,
    )
    assert "enabledCreditTypes" not in body
    assert sent(asked(), model, use_credits=True)["enabledCreditTypes"] == ["GOOGLE_ONE_AI"]


def test_a_conversation_keeps_its_session_and_each_request_has_an_id():
    one, two = sent(asked(), CLAUDE), sent(asked(user("Hi"), assistant("Hello"), user("More")), CLAUDE)
    assert one["request"]["sessionId"] == two["request"]["sessionId"]
    assert one["requestId"] != two["requestId"]
    assert sent(asked(), CLAUDE, conversation="other")["request"]["sessionId"] != one["request"]["sessionId"]


def test_without_a_key_the_first_text_of_the_user_makes_the_session():
    one, two = (
        sent(asked(*turns), GEMINI, conversation="")
        for turns in ([user("Hi")], [user("Hi"), assistant("x"), user("y")])
    )
    assert one["request"]["sessionId"] == two["request"]["sessionId"]
    assert sent(asked(user("Bye")), GEMINI, conversation="")["request"]["sessionId"] != one["request"]["sessionId"]


@pytest.mark.parametrize("text", ["", "x", "日本" * 1000, "\ud83c"])
def test_a_session_is_a_minus_and_a_positive_int63(text: str):
    session = sent(asked(user(text or "…")), GEMINI, conversation=text)["request"]["sessionId"]
    assert session[0] == "-" and 0 <= int(session[1:]) < 2**63


def test_pictures_and_searches_are_requests_of_their_own_type():
    picture = sent(asked(), "gemini-3.1-flash-image")
    assert picture["requestType"] == "image_gen" and picture["requestId"].startswith("image_gen/")
    search = Tool("web_search", kind=ToolKind.SERVER, origin="anthropic", concept="web_search", raw={})
    assert sent(asked(tools=[search]), GEMINI)["requestType"] == "web_search"
    both = sent(asked(tools=[search, F]), GEMINI)
    assert both["requestType"] == "agent" and [*both["request"]["tools"][0]] == ["functionDeclarations"]
    assert len(both["request"]["tools"]) == 1
    assert "tools" not in sent(asked(tools=[search]), CLAUDE)["request"], "Claude has none here"


def test_an_alias_goes_out_as_its_live_model():
    assert sent(asked(), "claude-haiku-4-5-20251001")["model"] == CLAUDE
    assert sent(asked(), "gemini-3.1-pro-high")["model"] == GEMINI


def test_the_reported_version_is_a_setting():
    call = Call(Operation.GENERATE, "antigravity", GEMINI, False, b'{"contents":[]}', translated=True)
    agents = [dict(PROVIDER.build(call, credential(**s)).headers)["User-Agent"] for s in ({}, {"version": "3.1.4"})]
    assert agents[0].startswith("antigravity/hub/2.9.1 ") and agents[1].startswith("antigravity/hub/3.1.4 ")


def test_models_are_asked_for_by_a_post_with_the_project():
    call = Call(Operation.MODELS, "antigravity", "", False, b"", method="GET", translated=True)
    call.headers = [("accept", "application/json")]
    upstream = PROVIDER.build(call, credential())
    assert (upstream.method, json.loads(upstream.body)) == ("POST", {"project": "my-project-1"})
    headers = {name.lower(): value for name, value in upstream.headers}
    seen = Seen("fetchAvailableModels", headers, {}, json.loads(upstream.body))
    assert list(complaints(ROWS, KNOWN, seen)) == []


@FAMILIES
def test_a_count_has_the_request_alone(model: str):
    protocol = PROVIDER.protocol(model, credential())
    wire = protocols.get(protocol)
    body = wire.encode_count_request(asked(tools=[F]), PROVIDER.target(protocol, model, credential()))
    call = Call(Operation.COUNT_TOKENS, protocol, model, False, jsonio.dumps(body), translated=True)
    call.headers = [("content-type", "application/json")]
    upstream = PROVIDER.build(call, credential())
    made = json.loads(upstream.body)
    assert made.keys() == {"request"} and upstream.url.endswith(":countTokens")
    headers = {name.lower(): value for name, value in upstream.headers}
    assert list(complaints(ROWS, KNOWN, Seen("countTokens", headers, {}, made))) == []


# -- contents


@FAMILIES
def test_a_conversation_with_everything_in_it(model: str):
    request = asked(
        user("What is it?", Image("image/png", "cGl4ZWw=")),
        assistant("I look.", ToolCall("toolu_vrtx_1", "f", '{"x": "1"}'), ToolCall("toolu_vrtx_2", "f", "")),
        user(
            ToolResult("toolu_vrtx_1", [Text("one"), Image("image/png", "cGl4ZWw=")]),
            ToolResult("toolu_vrtx_2", [Text("no")], is_error=True),
            "And now?",
        ),
        system=[Text("Be brief.")],
        tools=[F],
        max_tokens=5000,
    )
    body = inner(request, model)
    assert body["systemInstruction"] == {"role": "user", "parts": [{"text": "Be brief."}]}
    first, second, third = body["contents"]
    pixel = {"inlineData": {"mimeType": "image/png", "data": "cGl4ZWw="}}
    assert first == {"role": "user", "parts": [{"text": "What is it?"}, pixel]}
    calls = [part["functionCall"] for part in second["parts"] if "functionCall" in part]
    assert calls == [
        {"id": "toolu_vrtx_1", "name": "f", "args": {"x": "1"}},
        {"id": "toolu_vrtx_2", "name": "f", "args": {}},
    ]
    one, two, rest = third["parts"]
    assert one["functionResponse"] == {
        "id": "toolu_vrtx_1",
        "name": "f",
        "response": {"result": "one"},
        "parts": [pixel],
    }
    assert two["functionResponse"]["response"] == {"error": "no"}
    assert rest == {"text": "And now?"}


@FAMILIES
def test_parts_of_the_model_come_in_the_order_that_is_wanted(model: str):
    turn = assistant(ToolCall("a", "f", "{}"), "late text", ToolCall("b", "f", "{}"))
    answers = user(ToolResult("a", [Text("1")]), ToolResult("b", [Text("2")]))
    kinds = [order(part) for part in inner(asked(user("Hi"), turn, answers), model)["contents"][1]["parts"]]
    assert kinds == [1, 2, 2]


def test_claudes_thoughts_go_back_whole_and_first():
    turn = assistant("I look.", Thinking("Hm.", "sig", OURS), ToolCall("a", "f", "{}"))
    body = inner(asked(user("Hi"), turn, user(ToolResult("a", [Text("1")])), reasoning=THINK, max_tokens=9000), CLAUDE)
    assert body["contents"][1]["parts"][0] == {"text": "Hm.", "thought": True, "thoughtSignature": "sig"}
    assert body["generationConfig"]["thinkingConfig"] == {"includeThoughts": True, "thinkingBudget": 2000}


FOREIGN: list[Block] = [
    Thinking("Hm.", None, None),
    Thinking("Hm.", "sig", "gemini"),
    Thinking("Hm.", "sig", "anthropic"),
    Opaque("data", "anthropic"),
]


@pytest.mark.parametrize("block", FOREIGN)
def test_thoughts_that_claude_did_not_sign_here_are_dropped_and_thinking_with_them_where_it_is_under_way(block: Block):
    calls = [user("Hi"), assistant(block, ToolCall("a", "f", "{}")), user(ToolResult("a", [Text("1")]))]
    body = inner(asked(*calls, reasoning=THINK, max_tokens=9000), CLAUDE)
    assert not any("thought" in part for part in body["contents"][1]["parts"])
    assert "thinkingConfig" not in body.get("generationConfig", {})
    later = inner(asked(*calls, assistant("Done."), user("More"), reasoning=THINK, max_tokens=9000), CLAUDE)
    assert later["generationConfig"]["thinkingConfig"]["thinkingBudget"] == 2000, "a new turn may think again"


def test_geminis_signatures_go_back_on_the_part_that_they_came_on():
    turn = assistant(Thinking("", "sig", "gemini"), ToolCall("a", "f", "{}"))
    body = inner(asked(user("Hi"), turn, user(ToolResult("a", [Text("1")]))), GEMINI)
    (part,) = body["contents"][1]["parts"]
    assert part["thoughtSignature"] == "sig" and "thought" not in part


@pytest.mark.parametrize("block", [None, Thinking("Hm.", "sig", OURS), Thinking("Hm.", "sig", "anthropic")])
def test_a_lost_signature_of_geminis_is_told_by_the_sentinel(block: Block | None):
    turn = assistant(*([block] if block else []), ToolCall("a", "f", "{}"))
    (part,) = inner(asked(user("Hi"), turn, user(ToolResult("a", [Text("1")]))), GEMINI)["contents"][1]["parts"]
    assert part["thoughtSignature"] == "skip_thought_signature_validator"


@pytest.mark.parametrize("model", [CLAUDE, "gpt-oss-120b-medium"])
def test_the_sentinel_is_geminis_alone(model: str):
    turns = [user("Hi"), assistant(ToolCall("a", "f", "{}")), user(ToolResult("a", [Text("1")]))]
    (part,) = inner(asked(*turns), model)["contents"][1]["parts"]
    assert "thoughtSignature" not in part


@FAMILIES
def test_a_gemini_clients_request_loses_what_is_not_known_here(model: str):
    body = {
        "contents": [{"role": "user", "parts": [{"text": "Hi", "cache_control": {"type": "ephemeral"}}, {"text": ""}]}],
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
        "cachedContent": "cachedContents/1",
        "labels": {"a": "b"},
        "systemInstruction": {"parts": [{"text": "s"}]},
    }
    request = protocols.get("gemini").decode_request(body, model=model)
    made = inner(request, model)
    assert made.keys() == {"sessionId", "contents", "systemInstruction"}
    assert made["contents"] == [{"role": "user", "parts": [{"text": "Hi"}]}]


# -- tools


@FAMILIES
def test_names_are_fitted_and_found_again_in_calls(model: str):
    odd = "mcp://" + "x" * 80
    request = asked(
        user("Hi"), assistant(ToolCall("a", odd, "{}")), user(ToolResult("a", [Text("1")])), tools=[Tool(odd)]
    )
    made = encoded(request, model)
    (name,) = (one["name"] for one in made.body["tools"][0]["functionDeclarations"])
    assert name != odd and len(name) <= 64
    assert made.body["contents"][1]["parts"][-1]["functionCall"]["name"] == name
    answer = {"candidates": [{"content": {"parts": [{"functionCall": {"name": name, "args": {}}}]}}]}
    wire = protocols.get(PROVIDER.protocol(model, credential()))
    (call,) = wire.decode_response({"response": answer}, made.names).blocks
    assert isinstance(call, ToolCall) and call.name == odd


def test_what_pleased_the_service_is_not_in_the_calls_that_the_client_gets():
    made = encoded(asked(tools=[Tool("f"), F]), CLAUDE)
    calls = [{"functionCall": {"name": "f", "args": {"reason": "because"}, "id": "toolu_vrtx_1"}}]
    wire = protocols.get(OURS)
    whole = wire.decode_response({"response": {"candidates": [{"content": {"parts": calls}}]}}, made.names)
    assert [block.arguments for block in whole.blocks if isinstance(block, ToolCall)] == ["{}"]


CHOICES = {
    ChoiceMode.AUTO: ("AUTO", None),
    ChoiceMode.REQUIRED: ("ANY", "Call a function"),
    ChoiceMode.NONE: ("NONE", "Do not call"),
    ChoiceMode.NAMED: ("ANY", "Call the function f"),
}


@pytest.mark.parametrize("mode", CHOICES)
def test_a_choice_of_tools_is_a_mode_for_gemini_and_words_for_claude(mode: ChoiceMode):
    word, told = CHOICES[mode]
    request = asked(tools=[F], tool_choice=ToolChoice(mode, "f" if mode is ChoiceMode.NAMED else None))
    assert inner(request, GEMINI)["toolConfig"]["functionCallingConfig"]["mode"] == word
    made = encoded(request, CLAUDE)
    assert made.body["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    text = json.dumps(made.body.get("systemInstruction", ""))
    assert (told or "function") in text if told else "function" not in text
    assert (FORCED_CHOICE in made.notes) is (told is not None)


# -- settings


def config(model: str, **fields: Any) -> Any:
    return inner(asked(**fields), model).get("generationConfig", {})


def test_gemini_gets_no_limit_of_output_and_claude_its_own():
    assert "maxOutputTokens" not in config(GEMINI, max_tokens=500)
    assert config(CLAUDE, max_tokens=500)["maxOutputTokens"] == 500
    assert config(CLAUDE, max_tokens=500_000)["maxOutputTokens"] == 64_000


@pytest.mark.parametrize(
    ("reasoning", "limit", "thinking", "output"),
    [
        (Reasoning(), 5000, None, 5000),
        (Reasoning(ReasoningMode.OFF), 5000, None, 5000),
        (Reasoning(ReasoningMode.BUDGET, budget=4000), 9000, 4000, 9000),
        (Reasoning(ReasoningMode.BUDGET, budget=4000), None, 4000, 64_000),
        (Reasoning(ReasoningMode.BUDGET, budget=100), 9000, 1024, 9000),
        (Reasoning(ReasoningMode.BUDGET, budget=9000), 9000, 4500, 9000),
        (Reasoning(ReasoningMode.BUDGET, budget=200_000), 64_000, 63_000, 64_000),
        (Reasoning(ReasoningMode.BUDGET, budget=4000), 1500, None, 1500),
        (Reasoning(ReasoningMode.ADAPTIVE), 32_000, 24_576, 32_000),
        (Reasoning(ReasoningMode.ADAPTIVE, effort="low"), 32_000, 1024, 32_000),
    ],
)
def test_claudes_budget_is_below_its_limit(reasoning: Reasoning, limit: int | None, thinking: int | None, output: int):
    made = config(CLAUDE, reasoning=reasoning, max_tokens=limit)
    assert made["maxOutputTokens"] == output
    assert made.get("thinkingConfig", {}).get("thinkingBudget") == thinking


def test_claude_samples_only_when_it_does_not_think():
    sampling = Sampling(temperature=0.5, top_p=0.9)
    assert config(CLAUDE, sampling=sampling) == {"temperature": 0.5, "topP": 0.9}
    assert not config(CLAUDE, sampling=sampling, reasoning=THINK, max_tokens=9000).keys() & {"temperature", "topP"}


@pytest.mark.parametrize(
    ("reasoning", "made"),
    [
        (Reasoning(), {}),
        (Reasoning(ReasoningMode.ADAPTIVE, effort="high"), {"thinkingLevel": "high", "includeThoughts": True}),
        (Reasoning(ReasoningMode.ADAPTIVE, effort="max"), {"thinkingLevel": "high", "includeThoughts": True}),
        (Reasoning(ReasoningMode.OFF), {"thinkingLevel": "low"}),
    ],
)
def test_geminis_levels_are_in_lower_case(reasoning: Reasoning, made: Any):
    assert config(GEMINI, reasoning=reasoning).get("thinkingConfig", {}) == made


def test_gemini_2_5_has_a_budget():
    made = config("gemini-2.5-pro", reasoning=THINK)
    assert made["thinkingConfig"] == {"thinkingBudget": 2000, "includeThoughts": True}


def test_a_schema_of_the_answer_is_an_instruction_for_claude():
    made = encoded(asked(output=Output(schema=SCHEMA, json=True)), CLAUDE)
    assert "responseMimeType" not in made.body.get("generationConfig", {})
    assert "minLength" in made.body["systemInstruction"]["parts"][0]["text"] and NO_SCHEMA in made.notes
    assert config(GEMINI, output=Output(schema=SCHEMA, json=True))["responseMimeType"] == "application/json"


@FAMILIES
def test_more_than_one_answer_is_refused(model: str):
    with pytest.raises(TranslationError):
        encoded(asked(sampling=Sampling(n=2)), model)


# -- answers


def chunk(*parts: Any, **candidate: Any) -> dict[str, Any]:
    counts = {"promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 9, "totalTokenCount": 109}
    return {
        "response": {
            "candidates": [{"content": {"role": "model", "parts": list(parts)}, **candidate}],
            "usageMetadata": counts,
            "modelVersion": "claude-sonnet-4-6",
            "responseId": "msg_vrtx_1",
        },
        "traceId": "t",
    }


CHUNKS = [
    chunk({"text": "Hm, ", "thought": True}),
    chunk({"text": "日本.", "thought": True}),
    chunk({"text": "", "thought": True, "thoughtSignature": "c2ln"}),
    chunk({"text": "I look."}),
    chunk({"functionCall": {"name": "f", "args": {"x": "🎈"}, "id": "toolu_vrtx_1"}}),
    chunk({"functionCall": {"name": "f", "args": {}, "id": "toolu_vrtx_2"}}),
    chunk({"text": ""}, finishReason="STOP"),
]
STREAM = b"".join(f"data: {json.dumps(c, ensure_ascii=False)}\r\n\r\n".encode() for c in CHUNKS)


def fed(pieces: list[bytes]) -> Response:
    decoder = protocols.get(OURS).stream_decoder(NameMap())
    return folded([event for piece in pieces for event in decoder.feed(piece)] + decoder.end())


def test_claudes_answer_streamed_and_whole():
    streamed = fed([STREAM])
    assert streamed.blocks == [
        Thinking("Hm, 日本.", "c2ln", OURS),
        Text("I look."),
        ToolCall("toolu_vrtx_1", "f", '{"x":"🎈"}'),
        ToolCall("toolu_vrtx_2", "f", "{}"),
    ]
    assert (streamed.id, streamed.stop) == ("msg_vrtx_1", StopReason.TOOL_USE)
    assert (streamed.usage.input_fresh, streamed.usage.cache_read, streamed.usage.output) == (40, 60, 9)
    parts = [{"text": "Hm, 日本.", "thought": True, "thoughtSignature": "c2ln"}]
    parts += [part for c in CHUNKS[3:6] for part in c["response"]["candidates"][0]["content"]["parts"]]
    assert protocols.get(OURS).decode_response(chunk(*parts, finishReason="STOP"), NameMap()).blocks == streamed.blocks


@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_a_stream_may_be_cut_anywhere(cuts: list[int]):
    at = sorted({0, *cuts, len(STREAM)})
    assert fed([STREAM[a:b] for a, b in pairwise(at)]) == fed([STREAM])


def test_a_stream_that_breaks_off_is_an_error():
    end = STREAM.rindex(b"data:")
    for at in range(0, end, 7):
        decoder = protocols.get(OURS).stream_decoder(NameMap())
        assert isinstance([*decoder.feed(STREAM[:at]), *decoder.end()][-1], Error)


@pytest.mark.parametrize(
    ("word", "stop"), [("STOP", StopReason.END), ("MAX_TOKENS", StopReason.LENGTH), ("OTHER", StopReason.REFUSAL)]
)
def test_why_it_stopped(word: str, stop: StopReason):
    assert protocols.get(OURS).decode_response(chunk({"text": "x"}, finishReason=word), NameMap()).stop is stop


def test_a_call_of_geminis_without_an_id_gets_one():
    answer = chunk({"functionCall": {"name": "f", "args": {}}}, finishReason="STOP")
    (call,) = protocols.get("antigravity").decode_response(answer, NameMap()).blocks
    assert isinstance(call, ToolCall) and call.id


def test_what_claude_thought_comes_back_to_it_unchanged():
    answer = fed([STREAM])
    results = [ToolResult(block.id, [Text("1")]) for block in answer.blocks if isinstance(block, ToolCall)]
    request = asked(user("Hi"), Turn(Role.ASSISTANT, answer.blocks), user(*results), reasoning=THINK, max_tokens=9000)
    assert inner(request, CLAUDE)["contents"][1]["parts"] == [
        {"text": "Hm, 日本.", "thought": True, "thoughtSignature": "c2ln"},
        *(part for c in CHUNKS[3:6] for part in c["response"]["candidates"][0]["content"]["parts"]),
    ]


# -- any conversation

BLOCKS = st.one_of(
    st.builds(Text, st.text(max_size=5)),
    st.builds(
        Thinking, st.text(max_size=3), st.sampled_from([None, "s"]), st.sampled_from([None, OURS, "gemini", "x"])
    ),
    st.builds(
        ToolCall, st.sampled_from(["a", "b", "c"]), st.sampled_from(["f", "mcp/x"]), st.sampled_from(["{}", "no"])
    ),
)
RESULTS = st.one_of(
    st.builds(Text, st.text(max_size=5)),
    st.builds(lambda i, t: ToolResult(i, [Text(t)]), st.sampled_from(["a", "b", "c"]), st.text(max_size=3)),
)
TURNS = st.lists(
    st.one_of(
        st.builds(Turn, st.just(Role.USER), st.lists(RESULTS, max_size=3)),
        st.builds(Turn, st.just(Role.ASSISTANT), st.lists(BLOCKS, max_size=4)),
    ),
    max_size=6,
)


@given(turns=TURNS, model=st.sampled_from([CLAUDE, GEMINI]), thinks=st.booleans())
def test_whatever_was_said_the_request_is_one_that_the_service_takes(turns: list[Turn], model: str, thinks: bool):
    request = asked(*turns, tools=[F], reasoning=THINK if thinks else Reasoning(), max_tokens=9000)
    body = sent(request, model)["request"]
    roles = [content["role"] for content in body["contents"]]
    assert roles[0] == "user" and all(one != other for one, other in pairwise(roles))
    assert sent(request, model)["request"] == body, "pure"
