"""The thinking configuration that a model of each kind gets (mapping.md §5), and what it does to its neighbours."""

from typing import Any

import pytest

from tests.translators.anthropic.support import ask, body, encoded, talk
from translators.canonical.blocks import Opaque, Text, Thinking, ToolCall, ToolResult
from translators.canonical.request import (
    ChoiceMode,
    Reasoning,
    ReasoningMode,
    Role,
    Sampling,
    Tool,
    ToolChoice,
)

DEFAULT, OFF, ADAPTIVE, BUDGET = ReasoningMode


def sent(reasoning: Reasoning, **settings: Any) -> tuple[Any, Any]:
    result = body(ask(reasoning=reasoning), **settings)
    return result.get("thinking"), result.get("output_config", {}).get("effort")


ADAPTIVE_MODEL = [
    (Reasoning(), None, None),
    (Reasoning(DEFAULT, "high"), None, "high"),
    (Reasoning(DEFAULT, show="none"), None, None),
    (Reasoning(DEFAULT, show="summary"), {"type": "adaptive", "display": "summarized"}, None),
    (Reasoning(ADAPTIVE), {"type": "adaptive"}, None),
    (Reasoning(ADAPTIVE, "medium"), {"type": "adaptive"}, "medium"),
    (Reasoning(ADAPTIVE, "minimal"), {"type": "adaptive"}, "low"),
    (Reasoning(BUDGET, budget=20_000), {"type": "adaptive"}, "high"),
    (Reasoning(BUDGET, budget=-1), {"type": "adaptive"}, None),
    (Reasoning(BUDGET, budget=0), None, "low"),
    (Reasoning(OFF), None, "low"),
    (Reasoning(OFF, "high"), None, "high"),
    (Reasoning(ADAPTIVE, "none"), None, "low"),
]


@pytest.mark.parametrize(("reasoning", "thinking", "effort"), ADAPTIVE_MODEL)
def test_models_that_decide_for_themselves(reasoning, thinking, effort):
    assert sent(reasoning, thinking="adaptive") == (thinking, effort)


@pytest.mark.parametrize(("asked", "effort"), [("max", "high"), ("high", "high"), ("medium", "low")])
def test_an_effort_that_the_model_does_not_list_becomes_the_next_lower(asked, effort):
    assert sent(Reasoning(ADAPTIVE, asked), efforts=("low", "high"))[1] == effort


BUDGET_MODEL = [
    (Reasoning(), None),
    (Reasoning(ADAPTIVE), None),
    (Reasoning(OFF), {"type": "disabled"}),
    (Reasoning(DEFAULT, "none"), {"type": "disabled"}),
    (Reasoning(BUDGET, budget=5000), {"type": "enabled", "budget_tokens": 5000}),
    (Reasoning(BUDGET, budget=100), {"type": "enabled", "budget_tokens": 1024}),
    (Reasoning(BUDGET, budget=99_000), {"type": "enabled", "budget_tokens": 31_999}),
    (Reasoning(BUDGET, budget=-1), {"type": "enabled", "budget_tokens": 8192}),
    (Reasoning(ADAPTIVE, "medium"), {"type": "enabled", "budget_tokens": 8192}),
    (Reasoning(DEFAULT, "xhigh"), {"type": "enabled", "budget_tokens": 16_000}),
]


@pytest.mark.parametrize(("reasoning", "thinking"), BUDGET_MODEL)
def test_models_that_think_by_budget(reasoning, thinking):
    assert sent(reasoning, thinking="budget") == (thinking, None)


def test_a_budget_never_exceeds_the_models():
    assert sent(Reasoning(BUDGET, budget=9000), thinking="budget", max_budget=4000)[0]["budget_tokens"] == 4000


def test_without_room_for_a_budget_thinking_is_off():
    result = encoded(ask(reasoning=Reasoning(BUDGET, budget=5000), max_tokens=1000), thinking="budget")
    assert result.body["thinking"] == {"type": "disabled"}
    assert result.notes


@pytest.mark.parametrize("kind", ["effort", "none"])
def test_models_without_a_thinking_switch(kind):
    thinking, effort = sent(Reasoning(ADAPTIVE, "high"), thinking=kind)
    assert (thinking, effort) == (None, "high" if kind == "effort" else None)


@pytest.mark.parametrize(("show", "display"), [("summary", "summarized"), ("none", "omitted"), ("default", None)])
def test_display(show, display):
    thinking, _ = sent(Reasoning(ADAPTIVE, show=show))
    assert thinking.get("display") == display


def test_between_tools_of_an_anthropic_client_is_kept():
    request = ask(reasoning=Reasoning(OFF), origin="anthropic", extra={"thinking": {"type": "between_tools"}})
    assert body(request)["thinking"] == {"type": "between_tools"}


@pytest.mark.parametrize("kind", ["adaptive", "budget"])
def test_thinking_forces_sampling_out(kind):
    reasoning = Reasoning(BUDGET, budget=2000)
    result = encoded(ask(reasoning=reasoning, sampling=Sampling(temperature=0.2, top_p=0.97, top_k=4)), thinking=kind)
    assert "temperature" not in result.body and "top_k" not in result.body and result.body["top_p"] == 0.97
    low = body(ask(reasoning=reasoning, sampling=Sampling(top_p=0.5)), thinking=kind)
    assert "top_p" not in low


def test_a_forced_choice_gives_way_to_thinking():
    tool = Tool("n", schema={"type": "object", "properties": {}})
    request = ask(reasoning=Reasoning(ADAPTIVE), tools=[tool], tool_choice=ToolChoice(ChoiceMode.REQUIRED))
    assert body(request)["tool_choice"] == {"type": "auto"}
    assert body(request, forced_tools_with_thinking=True)["tool_choice"] == {"type": "any"}


CALL = ToolCall("t", "n", "{}")
RESULT = (Role.USER, [ToolResult("t", [Text("r")])])
SIGNED = Thinking("t", "s", "anthropic")

LOOPS: list[Any] = [
    ([(Role.ASSISTANT, [CALL]), RESULT], False),
    ([(Role.ASSISTANT, [Text("a"), SIGNED, CALL]), RESULT], False),
    ([(Role.ASSISTANT, [Thinking("t"), CALL]), RESULT], False),
    ([(Role.ASSISTANT, [SIGNED, CALL]), RESULT], True),
    ([(Role.ASSISTANT, [Opaque("d", "anthropic"), CALL]), RESULT], True),
    ([(Role.ASSISTANT, [CALL]), RESULT, (Role.ASSISTANT, [Text("done")]), (Role.USER, [Text("next")])], True),
    (
        [
            (Role.ASSISTANT, [CALL]),
            (Role.USER, [ToolResult("t", [Text("r")]), Text("reminder")]),
        ],
        False,
    ),
]


@pytest.mark.parametrize(("turns", "stays_on"), LOOPS)
@pytest.mark.parametrize("reasoning", [Reasoning(BUDGET, budget=2000), Reasoning(DEFAULT, "medium")])
def test_a_budget_model_does_not_think_in_a_tool_use_turn_that_lost_its_thinking(turns, stays_on, reasoning):
    result = encoded(talk((Role.USER, [Text("go")]), *turns, reasoning=reasoning), thinking="budget")
    assert result.body["thinking"]["type"] == ("enabled" if stays_on else "disabled")
    assert stays_on or any("switched off" in note for note in result.notes)


def test_an_adaptive_model_thinks_on_without_them():
    request = talk((Role.USER, [Text("go")]), *LOOPS[0][0], reasoning=Reasoning(ADAPTIVE))
    assert body(request)["thinking"] == {"type": "adaptive"}


def test_that_thinking_cannot_be_switched_off_is_noted():
    assert encoded(ask(reasoning=Reasoning(OFF))).notes
    assert not encoded(ask(reasoning=Reasoning(OFF)), thinking="budget").notes
