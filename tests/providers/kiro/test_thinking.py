"""How thinking is asked for and given back: fields, an effort, or tags, by what the model has (kiro.md §6.3)."""

from __future__ import annotations

from typing import Any

import pytest

from translators.canonical.blocks import Opaque, Text, Thinking
from translators.canonical.request import Reasoning, ReasoningMode

from .stage import NATIVE, TAGGED, asked, assistant, built, messages, thought, user


@pytest.mark.parametrize(
    ("model", "reasoning", "fields"),
    [
        (NATIVE, Reasoning(), None),
        (NATIVE, Reasoning(ReasoningMode.ADAPTIVE, "high"), {"thinking": "adaptive", "effort": "high"}),
        (NATIVE, Reasoning(ReasoningMode.BUDGET, budget=8000), {"thinking": "adaptive", "effort": "medium"}),
        (NATIVE, Reasoning(effort="low"), {"thinking": "adaptive", "effort": "low"}),
        (NATIVE, Reasoning(ReasoningMode.OFF), {"thinking": "disabled"}),
        (NATIVE, Reasoning(effort="none"), {"thinking": "disabled"}),
        ("claude-opus-5.5", Reasoning(ReasoningMode.OFF), {"effort": "low"}),
        ("claude-opus-4-6", Reasoning(ReasoningMode.ADAPTIVE, "xhigh"), {"thinking": "adaptive", "effort": "high"}),
        (NATIVE, Reasoning(ReasoningMode.ADAPTIVE, show="none"), {"thinking": "adaptive", "display": "omitted"}),
        (NATIVE, Reasoning(ReasoningMode.ADAPTIVE, show="summary"), {"thinking": "adaptive", "display": "summarized"}),
        ("glm-5", Reasoning(ReasoningMode.ADAPTIVE, "high"), None),
        (TAGGED, Reasoning(ReasoningMode.ADAPTIVE, "high"), None),
    ],
)
def test_claudes_own_thinking_is_asked_for_in_fields(model: str, reasoning: Reasoning, fields: Any) -> None:
    found = built(asked(reasoning=reasoning), model).get("additionalModelRequestFields")
    if fields is None:
        assert found is None
        return
    assert found is not None
    thinking = found.get("thinking", {})
    assert thinking.get("type") == fields.get("thinking")
    assert thinking.get("display") == fields.get("display")
    assert found.get("output_config", {}).get("effort") == fields.get("effort")


@pytest.mark.parametrize(
    ("reasoning", "effort"),
    [
        (Reasoning(effort="high"), "high"),
        (Reasoning(ReasoningMode.BUDGET, budget=30_000), "xhigh"),
        (Reasoning(ReasoningMode.OFF), "none"),
        (Reasoning(), None),
    ],
)
def test_gpts_effort_has_its_own_field(reasoning: Reasoning, effort: str | None) -> None:
    found = built(asked(reasoning=reasoning), "gpt-5.6-sol").get("additionalModelRequestFields")
    assert found == (None if effort is None else {"reasoning": {"effort": effort}})


@pytest.mark.parametrize(
    ("reasoning", "tokens"),
    [
        (Reasoning(ReasoningMode.BUDGET, budget=4000), 4000),
        (Reasoning(ReasoningMode.ADAPTIVE, "high"), 24_576),
        (Reasoning(effort="low"), 1024),
        (Reasoning(ReasoningMode.OFF), None),
        (Reasoning(), None),
    ],
)
def test_models_without_fields_are_asked_in_tags(reasoning: Reasoning, tokens: int | None) -> None:
    request = asked(reasoning=reasoning, system=[Text("Be brief.")])
    content = messages(built(request, TAGGED))[0]["content"]
    tags = f"<thinking_mode>enabled</thinking_mode><max_thinking_length>{tokens}</max_thinking_length>"
    assert content == (f"{tags}Be brief.\n\nHi" if tokens else "Be brief.\n\nHi")


def test_signed_thinking_goes_back_and_other_does_not() -> None:
    foreign = Thinking("theirs", "sig", "anthropic")
    request = asked(
        user("a"),
        assistant(foreign, thought("one"), thought("two"), "b"),
        user("c"),
        assistant(Opaque("c2VhbGVk", "kiro"), "d"),
        user("e"),
        assistant(Thinking("bare"), "f"),
        user("g"),
    )
    said = messages(built(request))
    assert said[1]["reasoningContent"]["reasoningText"]["text"] == "two"
    assert said[3]["reasoningContent"] == {"redactedContent": "c2VhbGVk"}
    assert "reasoningContent" not in said[5]
