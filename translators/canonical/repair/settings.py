"""Limits and reasoning fitted to what the model lists (mapping.md §2, §5)."""

from __future__ import annotations

from dataclasses import replace

from translators.canonical.reasoning import clamp_effort
from translators.canonical.repair.notes import Notes
from translators.canonical.request import ChoiceMode, Reasoning, ReasoningMode, Request, ToolChoice
from translators.canonical.target import Target

#: Models that refuse a forced tool choice whether or not thinking is asked for (anthropic.md §4).
_NEVER_FORCED = ("claude-fable-5-1", "claude-mythos-5-1")

_THINKING_ON = frozenset({ReasoningMode.ADAPTIVE, ReasoningMode.BUDGET})
_FORCED = frozenset({ChoiceMode.REQUIRED, ChoiceMode.NAMED})


def with_settings_fitted(request: Request, target: Target, notes: Notes) -> Request:
    return request.altered(
        max_tokens=_max_tokens(request.max_tokens, target, notes),
        reasoning=_reasoning(request.reasoning, target, notes),
        tool_choice=_choice(request.tool_choice, request.reasoning, target, notes),
        stop=[sequence for sequence in request.stop if _is_stop(sequence, target)],
    )


def _is_stop(sequence: str, target: Target) -> bool:
    return bool(sequence.strip() if target.protocol == "anthropic" else sequence)


def _max_tokens(wanted: int | None, target: Target, notes: Notes) -> int | None:
    if wanted is None:
        return None
    limit = target.max_output_tokens
    if limit is not None and wanted > limit:
        notes.add(f"max_tokens was lowered from {wanted} to {limit}, the model's limit.")
        return limit
    if wanted < 1 and target.protocol != "anthropic":
        return 1  # Anthropic's way to warm a cache; an error everywhere else
    return wanted


def _reasoning(reasoning: Reasoning, target: Target, notes: Notes) -> Reasoning:
    effort, budget = reasoning.effort, reasoning.budget
    if effort is not None:
        effort = clamp_effort(effort, target.efforts)
        if effort != reasoning.effort:
            notes.add(f"The effort {reasoning.effort} became {effort or 'the default'}, what the model lists.")
    if budget is not None and budget > target.max_budget:
        notes.add(f"The thinking budget was lowered from {budget} to {target.max_budget} tokens, the model's limit.")
        budget = target.max_budget
    if (effort, budget) == (reasoning.effort, reasoning.budget):
        return reasoning
    return replace(reasoning, effort=effort, budget=budget)


def _choice(choice: ToolChoice | None, reasoning: Reasoning, target: Target, notes: Notes) -> ToolChoice | None:
    """Anthropic's models do not think and obey a forced choice at once: the choice gives way."""
    if choice is None or choice.mode not in _FORCED or target.protocol != "anthropic":
        return choice
    thinks = reasoning.mode in _THINKING_ON and target.thinking != "none" and not target.forced_tools_with_thinking
    if not thinks and not any(name in target.model for name in _NEVER_FORCED):
        return choice
    notes.add("The forced tool choice became auto: the model refuses it while thinking.")
    return ToolChoice(ChoiceMode.AUTO, allowed=choice.allowed)
