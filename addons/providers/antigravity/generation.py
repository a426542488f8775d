"""`generationConfig` as Antigravity's two families take it (antigravity.md §5, §6.1)."""

from __future__ import annotations

from typing import Any

from translators.canonical.reasoning import budget_of_effort
from translators.canonical.target import Target

Json = dict[str, Any]

#: Output of Claude, thoughts included, where nobody says how much.
CLAUDE_OUTPUT = 64_000
#: Tokens of thought that Claude gets where it is left to the model: 24576 of the 57344 seen of the official client.
AUTOMATIC = budget_of_effort("high")
LEAST_BUDGET = 1024

LIMIT_DROPPED = "The limit of output tokens was dropped: this service takes one for Claude alone."
THINKING_DROPPED = "Thinking was switched off: there is no room for it below the limit of output tokens."
BUDGET_LOWERED = "The thinking budget was lowered to half of the limit of output tokens, which includes it."
SAMPLING_DROPPED = "Temperature, top_p and top_k were dropped: Claude takes none while it thinks."


def of_gemini(config: Json, notes: list[str]) -> Json:
    """Without `maxOutputTokens`, the newest practice; levels of thinking in lower case."""
    out = dict(config)
    if out.pop("maxOutputTokens", None) is not None:
        notes.append(LIMIT_DROPPED)
    thinking = out.get("thinkingConfig")
    if isinstance(thinking, dict) and isinstance(thinking.get("thinkingLevel"), str):
        out["thinkingConfig"] = {**thinking, "thinkingLevel": thinking["thinkingLevel"].lower()}
    return out


def of_claude(config: Json, target: Target, notes: list[str]) -> Json:
    """With a budget below `maxOutputTokens`, and nothing of what Claude cannot have beside thinking."""
    out = {name: value for name, value in config.items() if not name.startswith("response")}
    thinking = out.pop("thinkingConfig", None) or {}
    budget = thinking.get("thinkingBudget")
    if budget is None or budget == 0:
        return out
    budget = AUTOMATIC if budget < 0 else max(budget, LEAST_BUDGET)
    limit = out.get("maxOutputTokens") or target.max_output_tokens or CLAUDE_OUTPUT
    if budget >= limit:
        budget = limit // 2
        if budget < LEAST_BUDGET:
            notes.append(THINKING_DROPPED)
            return out
        notes.append(BUDGET_LOWERED)
    if out.keys() & {"temperature", "topP", "topK"}:
        notes.append(SAMPLING_DROPPED)
        out = {name: value for name, value in out.items() if name not in ("temperature", "topP", "topK")}
    shown = thinking.get("includeThoughts", True)
    return {**out, "maxOutputTokens": limit, "thinkingConfig": {"includeThoughts": shown, "thinkingBudget": budget}}
