"""Settings of a request to Converse, thinking and cache points (apikey_backends.md §6)."""

from __future__ import annotations

from typing import Any

import pytest

from translators.canonical.blocks import (
    Text,
    Thinking,
    ToolResult,
)
from translators.canonical.errors import TranslationError
from translators.canonical.request import (
    Output,
    Reasoning,
    ReasoningMode,
    Role,
    Sampling,
    Tool,
    Turn,
)

from .support import PROTOCOL, RUN, ask, body, called, encoded, messages, other, talk, target

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
