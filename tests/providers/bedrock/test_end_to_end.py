"""Clients of all four protocols at Bedrock, through a running gateway, by every wire and way to sign."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.pairs.speaking import PNG, Called, Outcome, Speaker, Wish
from tests.e2e.pairs.talking import SPEAKERS, strings
from tests.standin import StandIn
from tests.standin.bedrock import Fail
from tests.standin.script import Call, Scenario, Turn, Usage

from .stage import ADAPTIVE, API_KEY, BUDGET, PERMANENT, PROFILE, WAYS, BedrockStage, Way, access_key

pytestmark = pytest.mark.e2e

speakers = pytest.mark.parametrize("speaker", SPEAKERS.values(), ids=SPEAKERS)
ways = pytest.mark.parametrize("way", WAYS)
streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])

TALK = Scenario(
    turns=(
        Turn(
            thinking="Both at once. 日本",
            text="I look and run.",
            calls=(Call("run", {"command": "ls ünï", "where": ["a", "b"]}), Call("look", {"command": "pic"})),
        ),
        Turn(thinking="Once more.", calls=(Call("run", {"command": "pwd"}),)),
    ),
    final=Turn(
        thinking="That was it.", text="Fertig 🎈", usage=Usage(fresh=100, output=30, cache_read=40, cache_write=5)
    ),
)


@speakers
@ways
@streamed
def test_a_conversation_with_thinking_parallel_tools_and_images(
    on: BedrockStage, speaker: Speaker, way: str, stream: bool
) -> None:
    on.backend.scenario = TALK
    wish = Wish(system="Be short.", tools=True, thinking=True, stream=stream)
    wish.history = [speaker.user("What is there? 🎈", PNG)]
    for expected in TALK.turns:
        answer = on.ask(speaker, on.keys[way], wish)
        assert answer.stop == "tools"
        assert [(call.name, call.arguments) for call in answer.calls] == [(c.name, c.arguments) for c in expected.calls]
        assert answer.text == expected.text
        results = [(call, outcome_of(call)) for call in answer.calls]
        wish.history = [*wish.history, *answer.items, *speaker.results(results)]
    last = on.ask(speaker, on.keys[way], wish)
    assert (last.text, last.stop, last.calls) == ("Fertig 🎈", "end", ())
    assert last.used is not None
    assert (last.used.input, last.used.output, last.used.cache_read) == (145, 30, 40)
    assert [seen.model for seen in on.backend.requests] == [WAYS[way].model] * 3
    texts = strings(on.backend.requests[-1].body)
    assert "Be short." in texts
    assert texts.count(PNG) == 2
    assert any("no such place" in text for text in texts)


def outcome_of(call: Called) -> Outcome:
    if call.name == "look":
        return Outcome("seen", image=PNG)
    return Outcome("no such place", error=True) if call.arguments["command"] == "pwd" else Outcome("a b ünï")


@pytest.mark.parametrize("way", ["converse, signed", "invoke, signed"])
@pytest.mark.parametrize("name", ["anthropic", "openai_responses"])
@streamed
def test_reasoning_is_shown_and_returns_signed(on: BedrockStage, way: str, name: str, stream: bool) -> None:
    """The stand-in refuses a signature that is not its own, and a tool turn that lost its reasoning."""
    speaker = SPEAKERS[name]
    on.backend.scenario = TALK
    wish = Wish(tools=True, thinking=True, stream=stream, history=[speaker.user("Go")])
    answer = on.ask(speaker, on.keys[way], wish)
    assert answer.thinking == "Both at once. 日本"
    wish.history = [*wish.history, *answer.items, *speaker.results([(c, Outcome("ok")) for c in answer.calls])]
    on.ask(speaker, on.keys[way], wish)
    assert "Both at once. 日本" in strings(on.backend.requests[-1].body)
    assert not any(text.startswith("gw1:") for text in strings(on.backend.requests[-1].body))


@pytest.mark.parametrize(
    ("begun", "continued"), [("converse, API key", "invoke, signed"), ("invoke, signed", "converse, API key")]
)
def test_either_wire_takes_up_what_the_other_began(on: BedrockStage, begun: str, continued: str) -> None:
    speaker = SPEAKERS["anthropic"]
    on.backend.scenario = TALK
    wish = Wish(tools=True, thinking=True, history=[speaker.user("Go")])
    first = on.ask(speaker, on.keys[begun], wish)
    assert first.items[0]["content"][0]["signature"].startswith("gw1:bedrock:")
    wish.history = [*wish.history, *first.items, *speaker.results([(c, Outcome("ok")) for c in first.calls])]
    on.ask(speaker, on.keys[continued], wish)
    assert "Both at once. 日本" in strings(on.backend.requests[-1].body)
    assert len({seen.operation for seen in on.backend.requests}) == 2


@pytest.mark.parametrize("way", ["converse, signed", "invoke, signed"])
def test_reasoning_that_bedrock_refuses_is_taken_out_and_tried_again(on: BedrockStage, way: str) -> None:
    speaker = SPEAKERS["anthropic"]
    thought = {"type": "thinking", "thinking": "hm", "signature": "gw1:bedrock:of-another-account"}
    said = {"role": "assistant", "content": [thought, {"type": "text", "text": "Hello"}]}
    wish = Wish(history=[speaker.user("hi"), said, speaker.user("again")])
    response = on.post(speaker, on.keys[way], wish)
    assert speaker.whole(response.json()).text == "Hello"
    assert ["signature" in seen.refusal for seen in on.backend.requests] == [True, False]
    assert "hm" not in strings(on.backend.requests[1].body)


@pytest.mark.parametrize("way", ["converse, signed", "invoke, API key"])
@pytest.mark.parametrize(
    ("turn", "stop"),
    [
        (Turn(text="cut", stop="length"), "length"),
        (Turn(text="to here", stop="stop_sequence", stop_sequence="END"), "stop_sequence"),
        (Turn(text="no", stop="refusal"), "refusal"),
    ],
)
@streamed
def test_why_it_ended(on: BedrockStage, way: str, turn: Turn, stop: str, stream: bool) -> None:
    on.backend.scenario = Scenario(final=turn)
    speaker = SPEAKERS["anthropic"]
    wish = Wish(history=[speaker.user("Go")], stop=["END"], stream=stream)
    answer = on.ask(speaker, on.keys[way], wish)
    assert (answer.text, answer.stop) == (turn.text, stop)


@pytest.mark.parametrize("way", ["converse, signed", "invoke, signed"])
def test_claude_codes_request_is_one_that_bedrock_takes(on: BedrockStage, way: str) -> None:
    """Its billing header, marker scopes, beta fields, server tools and metadata."""
    mark = {"type": "ephemeral", "ttl": "1h", "scope": "global"}
    body: dict[str, Any] = {
        "model": "claude-opus-5",
        "max_tokens": 4000,
        "stream": True,
        "metadata": {"user_id": json.dumps({"device_id": "d", "account_uuid": "a", "session_id": "s"})},
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=1;"},
            {"type": "text", "text": "You are Claude Code.", "cache_control": mark},
        ],
        "tools": [
            {"name": "Bash", "input_schema": {"type": "object"}, "eager_input_streaming": True, "defer_loading": False},
            {"type": "web_search_20250305", "name": "web_search"},
        ],
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "high"},
        "speed": "standard",
        "service_tier": "auto",
        "diagnostics": {"previous_message_id": None},
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": mark}]},
            {"role": "assistant", "content": [{"type": "text", "text": "yes?"}]},
            {"role": "system", "content": "Be quick."},
            {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://e.example/a"}}]},
        ],
    }
    headers = SPEAKERS["anthropic"].headers(on.keys[way])
    headers["anthropic-beta"] = "claude-code-20250219,interleaved-thinking-2025-05-14"
    response = on.client.post("/v1/messages?beta=true", json=body, headers=headers)
    assert on.backend.refusals == []
    assert response.status_code == 200, response.text
    assert SPEAKERS["anthropic"].streamed(response.content).text == "Hello"


@pytest.mark.parametrize("way", ["converse, signed", "invoke, API key"])
def test_tokens_are_counted_by_bedrock(on: BedrockStage, way: str) -> None:
    speaker = SPEAKERS["anthropic"]
    body = {"model": "m", "messages": [speaker.user("How much is this?")]}
    response = on.client.post("/v1/messages/count_tokens", json=body, headers=speaker.headers(on.keys[way]))
    assert on.backend.refusals == []
    assert response.json()["input_tokens"] > 10
    assert "x-proxycast-estimated" not in response.headers
    assert on.backend.requests[0].operation == "CountTokens"


@pytest.mark.parametrize("wire", ["bedrock", "bedrock_anthropic"])
def test_no_client_is_answered_in_a_wire_of_backends(on: BedrockStage, wire: str) -> None:
    speaker = SPEAKERS["anthropic"]
    wish = Wish(history=[speaker.user("hi")])
    headers = {**speaker.headers(on.keys["invoke, signed"]), "x-proxycast-output": wire}
    response = on.client.post(speaker.path(wish), json=speaker.body(wish), headers=headers)
    assert response.status_code == 400
    assert "x-proxycast-output" in speaker.failed(response.json()).message
    assert on.backend.requests == []


# -- addresses and signatures


def test_an_arn_is_one_segment_of_the_path_and_signed_as_such(on: BedrockStage) -> None:
    speaker = SPEAKERS["openai_chat"]
    on.ask(speaker, on.keys["profile, signed"], Wish(history=[speaker.user("hi")]))
    seen = on.backend.requests[0]
    assert seen.model == PROFILE
    assert "%3A123456789012%3Aapplication-inference-profile%2Fabc123" in seen.raw_path
    assert seen.operation == "InvokeModel"


def test_what_a_client_sends_in_the_way_of_credentials_does_not_travel(on: BedrockStage) -> None:
    speaker = SPEAKERS["anthropic"]
    wish = Wish(history=[speaker.user("hi")])
    evil = {"x-amz-security-token": "theirs", "x-amz-date": "20200101T000000Z", "authorization": "Bearer theirs"}
    key = on.keys["converse, signed"]
    response = on.client.post(
        speaker.path(wish), json=speaker.body(wish), headers={**speaker.headers(key), "x-proxycast-key": key, **evil}
    )
    assert response.status_code == 200, response.text
    assert "theirs" not in str(on.backend.requests[0].headers)


REFUSED = [
    pytest.param(
        Way(BUDGET, access_key(PERMANENT).replace("secret-", "other-")), 403, "signature we calculated", id="secret"
    ),
    pytest.param(Way(BUDGET, access_key(PERMANENT), {"region": "us-west-2"}), 403, "scoped", id="region"),
    pytest.param(Way(BUDGET, API_KEY + "x"), 403, "API Key", id="API key"),
    pytest.param(Way(BUDGET.removeprefix("us."), API_KEY), 404, "on-demand", id="no profile"),
]


@pytest.mark.parametrize(("way", "status", "text"), REFUSED)
def test_what_bedrock_refuses_reaches_the_client_in_its_form(
    on: BedrockStage, way: Way, status: int, text: str
) -> None:
    speaker = SPEAKERS["anthropic"]
    response = on.post(speaker, on.key(way), Wish(history=[speaker.user("hi")]))
    assert response.status_code in (status, 401)
    assert text in speaker.failed(response.json()).message


@pytest.mark.parametrize(
    ("api", "model"), [("chat", "openai.gpt-oss-120b-1:0"), ("messages", "anthropic.claude-sonnet-5")]
)
@streamed
def test_the_hosts_of_other_dialects(on: BedrockStage, api: str, model: str, stream: bool) -> None:
    speaker = SPEAKERS["anthropic"]
    with StandIn(key=API_KEY) as backend:
        key = on.key(Way(model, API_KEY, {"api": api, "base_url": backend.url + "/v1"}))
        answer = on.ask(speaker, key, Wish(history=[speaker.user("hi")], stream=stream))
        assert backend.refusals == []
        assert backend.requests[0].json["model"] == model
    assert answer.text == "Hello"


# -- errors

ERRORS = [
    ("ThrottlingException", "Too many tokens, please wait before trying again.", 429, "rate_limit_error"),
    (
        "AccessDeniedException",
        "You don't have access to the model with the specified model ID.",
        403,
        "permission_error",
    ),
    ("ExpiredTokenException", "The security token included in the request is expired", 401, "authentication_error"),
    ("ValidationException", "Input is too long for requested model.", 400, "invalid_request_error"),
    ("ModelNotReadyException", "The model is not ready.", 529, "overloaded_error"),
    ("ServiceUnavailableException", "Busy.", 529, "overloaded_error"),
    ("InternalServerException", "Oops.", 500, "api_error"),
]


@pytest.mark.parametrize(("kind", "message", "status", "word"), ERRORS)
@pytest.mark.parametrize("way", ["converse, signed", "invoke, signed"])
def test_errors_reach_the_client_in_its_form(
    on: BedrockStage, way: str, kind: str, message: str, status: int, word: str
) -> None:
    speaker = SPEAKERS["anthropic"]
    on.backend.failures.append(Fail(kind, message))
    response = on.post(speaker, on.keys[way], Wish(history=[speaker.user("hi")]))
    failed = speaker.failed(response.json())
    assert (response.status_code, failed.kind) == (status, word)
    assert message in failed.message
    if "too long" in message:
        assert failed.message.startswith("prompt is too long")  # what Claude Code compacts on


@speakers
@pytest.mark.parametrize(
    "failure",
    [
        Fail("ThrottlingException", "Slow down."),
        Fail("ThrottlingException", "Slow down.", 1),
        Fail("ModelStreamErrorException", "Broke.", 0),
        Fail("cut", "", 1),
        Fail("corrupt", "", 1),
    ],
    ids=["status", "in the stream", "first", "cut", "corrupt"],
)
@pytest.mark.parametrize("wire", ["converse", "invoke"])
def test_before_content_the_next_credential_answers(
    on: BedrockStage, speaker: Speaker, failure: Fail, wire: str
) -> None:
    key = on.key(Way(ADAPTIVE, API_KEY, {"api": wire}), Way(ADAPTIVE, access_key(PERMANENT), {"api": wire}))
    on.backend.failures.append(failure)
    assert on.ask(speaker, key, Wish(history=[speaker.user("hi")], stream=True)).text == "Hello"
    auth = [seen.headers["authorization"].partition(" ")[0] for seen in on.backend.requests]
    assert auth == ["Bearer", "AWS4-HMAC-SHA256"]


@pytest.mark.parametrize(
    "failure",
    [Fail("ThrottlingException", "Slow down.", 4), Fail("cut", "", 4), Fail("corrupt", "", 4)],
    ids=["exception", "cut", "corrupt"],
)
@pytest.mark.parametrize("way", ["converse, signed", "invoke, API key"])
def test_behind_content_the_client_is_told_inside_its_stream(on: BedrockStage, failure: Fail, way: str) -> None:
    speaker = SPEAKERS["anthropic"]
    on.backend.scenario = Scenario(final=Turn(text="A long answer that breaks off."))
    on.backend.failures.append(failure)
    response = on.post(speaker, on.keys[way], Wish(history=[speaker.user("hi")], stream=True))
    assert response.status_code == 200
    assert '"text":"A lon"' in response.text
    last = response.text.strip().rpartition("\n\n")[2]
    assert last.startswith("event: error\n")
    assert len(on.backend.requests) == 1
