"""How thinking is asked for: in the fields of models that have it of their own, in tags of the others (kiro.md §6.3).
Pure."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field, replace
from typing import Any

from translators.anthropic import thinking
from translators.canonical.reasoning import budget_of_effort, clamp_effort, effort_of_budget
from translators.canonical.request import Reasoning, ReasoningMode, Request
from translators.canonical.target import Target

Json = dict[str, Any]

#: §6.3: these cannot be told not to think.
_ALWAYS_ON = ("claude-opus-5.5", "claude-sonnet-5.5")
_ON = (ReasoningMode.ADAPTIVE, ReasoningMode.BUDGET)


@dataclass(slots=True)
class Asked:
    """`fields` are `additionalModelRequestFields`; `tags` is the text that stands before the system text; `on`: the
    model was told to think."""

    fields: Json = field(default_factory=dict)
    tags: str = ""
    on: bool = False


def encode(request: Request, target: Target, model: str, notes: list[str]) -> Asked:
    """`model` by the service's name; how it thinks is a fact of the target: `adaptive` (Claude's own fields), `effort`
    (GPT's), `budget` (tags) or none."""
    match target.thinking:
        case "adaptive":
            return _claude(request, target, model, notes)
        case "effort":
            return _gpt(request.reasoning, target)
        case "budget":
            return _tags(request.reasoning)
    if request.reasoning.mode in _ON:
        notes.append("Thinking was dropped: the model has none that can be asked for.")
    return Asked()


def _claude(request: Request, target: Target, model: str, notes: list[str]) -> Asked:
    reasoning = request.reasoning
    off = reasoning.mode is ReasoningMode.OFF or reasoning.effort == "none" or reasoning.budget == 0
    fields: Json = {}
    if off and not any(fnmatch.fnmatchcase(model, pattern) for pattern in _ALWAYS_ON):
        fields["thinking"] = {"type": "disabled"}
        config = thinking.Config()
    else:
        # What an Anthropic client says beyond the canonical wish is Anthropic's API's, not this service's. An effort
        # alone is a wish to think here: that is how clients of other protocols ask for it.
        if reasoning.mode is ReasoningMode.DEFAULT and reasoning.effort is not None:
            request = replace(request, reasoning=replace(reasoning, mode=ReasoningMode.ADAPTIVE))
        config = thinking.encode(replace(request, extra={}), target, target.default_max_tokens, notes)
    if config.on and config.thinking is not None:
        fields["thinking"] = config.thinking
    if config.effort is not None:
        fields["output_config"] = {"effort": config.effort}
    if request.max_tokens is not None:
        fields["max_tokens"] = request.max_tokens
    return Asked(fields, on=config.on)


def _gpt(reasoning: Reasoning, target: Target) -> Asked:
    effort = reasoning.effort
    if reasoning.mode is ReasoningMode.OFF:
        effort = "none"
    elif effort is None and reasoning.budget is not None:
        effort = effort_of_budget(reasoning.budget)
    clamped = None if effort is None else clamp_effort(effort, target.efforts)
    return Asked() if clamped is None else Asked({"reasoning": {"effort": clamped}}, on=clamped != "none")


def _tags(reasoning: Reasoning) -> Asked:
    """The old convention: at the very start of the system text."""
    wants = reasoning.mode in _ON or (reasoning.mode is ReasoningMode.DEFAULT and reasoning.effort is not None)
    if not wants or reasoning.effort == "none" or reasoning.budget == 0:
        return Asked()
    budget = reasoning.budget
    if budget is None or budget < 0:
        budget = budget_of_effort(reasoning.effort or "medium")
    return Asked(
        tags=f"<thinking_mode>enabled</thinking_mode><max_thinking_length>{budget}</max_thinking_length>", on=True
    )
