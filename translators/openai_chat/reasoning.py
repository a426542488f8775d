"""How deep to think, in the spellings of the chat dialects, both ways (openai_chat.md §6, mapping.md §5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from translators import openai_wire as wire
from translators.canonical.reasoning import budget_of_effort, clamp_effort, effort_of_budget
from translators.canonical.request import Effort, Reasoning, ReasoningMode
from translators.canonical.target import ALL_EFFORTS, Target
from translators.openai_chat.wire import Json

#: Top-level fields that this module reads.
FIELDS = ("reasoning_effort", "reasoning", "thinking", "enable_thinking", "thinking_budget")


def decode(body: Json) -> Reasoning:
    """What the client asks for: the first dialect that says something. Raises TranslationError for unknown words."""
    for read in (_effort, _openrouter, _thinking, _enable):
        found = read(body)
        if found is not None:
            return found
    return Reasoning()


def _with_effort(word: object, where: str) -> Reasoning:
    if word == "none":
        return Reasoning(ReasoningMode.OFF)
    effort = next((known for known in ALL_EFFORTS if known == word), None)
    if effort is None:
        raise wire.wrong(where, "one of " + ", ".join(ALL_EFFORTS))
    return Reasoning(ReasoningMode.ADAPTIVE, effort=effort)


def _effort(body: Json) -> Reasoning | None:
    word = body.get("reasoning_effort")
    return None if word is None else _with_effort(word, "reasoning_effort")


def _openrouter(body: Json) -> Reasoning | None:
    """`reasoning: {effort | max_tokens | enabled, exclude}`; Responses' `summary` may stand there too."""
    raw = body.get("reasoning")
    if not isinstance(raw, dict):
        return None
    if raw.get("effort") is not None:
        found = _with_effort(raw["effort"], "reasoning.effort")
    elif raw.get("max_tokens") is not None:
        found = Reasoning(ReasoningMode.BUDGET, budget=wire.optional_int(raw["max_tokens"], "reasoning.max_tokens"))
    elif raw.get("enabled") is not None:
        found = Reasoning(ReasoningMode.ADAPTIVE if raw["enabled"] else ReasoningMode.OFF)
    else:
        found = Reasoning()
    show: Literal["default", "summary", "none"] = "default"
    if raw.get("exclude") is True:
        show = "none"
    elif raw.get("summary") is not None:
        show = "summary"
    found.show = show
    return found


def _thinking(body: Json) -> Reasoning | None:
    """DeepSeek's, GLM's and Kimi's `thinking: {type}`, with Anthropic's `budget_tokens` where a client adds it."""
    raw = body.get("thinking")
    if not isinstance(raw, dict):
        return None
    if raw.get("type") == "disabled":
        return Reasoning(ReasoningMode.OFF)
    budget = wire.optional_int(raw.get("budget_tokens"), "thinking.budget_tokens")
    return Reasoning(ReasoningMode.ADAPTIVE if budget is None else ReasoningMode.BUDGET, budget=budget)


def _enable(body: Json) -> Reasoning | None:
    """Qwen's `enable_thinking` and `thinking_budget`, top level or in vLLM's `chat_template_kwargs`."""
    template = body.get("chat_template_kwargs")
    holder = body if "enable_thinking" in body or "thinking_budget" in body else template
    if not isinstance(holder, dict):
        return None
    budget = wire.optional_int(holder.get("thinking_budget"), "thinking_budget")
    enabled = wire.optional_bool(holder.get("enable_thinking"), "enable_thinking")
    if enabled is False:
        return Reasoning(ReasoningMode.OFF)
    if budget is not None:
        return Reasoning(ReasoningMode.BUDGET, budget=budget)
    return None if enabled is None else Reasoning(ReasoningMode.ADAPTIVE)


def encode(reasoning: Reasoning, target: Target) -> Json:
    """The fields that ask `target` for `reasoning`; none where the client did not say or the model does not think.

    Adaptive without an effort is the backend's default too: Claude Code asks every unknown model for that.
    """
    if target.thinking == "none" or reasoning.mode is ReasoningMode.DEFAULT:
        return {}
    if reasoning.mode is ReasoningMode.ADAPTIVE and reasoning.effort is None:
        return {}
    return _STYLES[target.reasoning_style](reasoning, target)


def _wanted_effort(reasoning: Reasoning, target: Target) -> Effort | None:
    """The effort to ask for: none stays none where the model can, else its lowest; a budget is translated."""
    if reasoning.mode is ReasoningMode.OFF:
        return clamp_effort("none", target.efforts)
    if reasoning.effort is not None:
        return clamp_effort(reasoning.effort, target.efforts)
    if reasoning.mode is ReasoningMode.BUDGET and reasoning.budget is not None and reasoning.budget >= 0:
        return clamp_effort(effort_of_budget(reasoning.budget), target.efforts)
    return None


def _wanted_budget(reasoning: Reasoning, target: Target) -> int | None:
    budget = reasoning.budget
    if budget is None and reasoning.effort is not None:
        budget = budget_of_effort(reasoning.effort)
    return None if budget is None or budget < 0 else min(budget, target.max_budget)


def _as_effort(reasoning: Reasoning, target: Target) -> Json:
    effort = _wanted_effort(reasoning, target)
    return {} if effort is None else {"reasoning_effort": effort}


def _as_openrouter(reasoning: Reasoning, target: Target) -> Json:
    if reasoning.mode is ReasoningMode.OFF:
        asked: Json = {"enabled": False}
    elif reasoning.mode is ReasoningMode.BUDGET and reasoning.budget is not None and reasoning.budget >= 0:
        asked = {"max_tokens": min(reasoning.budget, target.max_budget)}
    else:
        effort = _wanted_effort(reasoning, target)
        asked = {"enabled": True} if effort is None else {"effort": effort}
    return {"reasoning": {**asked, "exclude": True} if reasoning.show == "none" else asked}


def _as_thinking(reasoning: Reasoning, target: Target) -> Json:
    """The switch; with `thinking = "effort"` in the target also the depth (DeepSeek)."""
    if reasoning.mode is ReasoningMode.OFF:
        return {"thinking": {"type": "disabled"}}
    asked: Json = {"thinking": {"type": "enabled"}}
    if target.thinking == "budget":
        budget = _wanted_budget(reasoning, target)
        if budget is not None:
            asked["thinking"]["budget_tokens"] = budget
    elif target.thinking == "effort":
        asked.update(_as_effort(reasoning, target))
    return asked


def _as_enable(reasoning: Reasoning, target: Target) -> Json:
    if reasoning.mode is ReasoningMode.OFF:
        return {"enable_thinking": False}
    budget = _wanted_budget(reasoning, target)
    return {"enable_thinking": True} if budget is None else {"enable_thinking": True, "thinking_budget": budget}


def _as_template(reasoning: Reasoning, target: Target) -> Json:
    return {"chat_template_kwargs": {"enable_thinking": reasoning.mode is not ReasoningMode.OFF}}


_STYLES: dict[str, Callable[[Reasoning, Target], Json]] = {
    "reasoning_effort": _as_effort,
    "reasoning": _as_openrouter,
    "thinking": _as_thinking,
    "enable_thinking": _as_enable,
    "chat_template_kwargs": _as_template,
}
