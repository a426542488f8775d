"""The thinking configuration, both ways, and when history forbids it (anthropic.md §6, mapping.md §5)."""

from __future__ import annotations

from dataclasses import dataclass

from translators.anthropic import wire
from translators.anthropic.blocks_decode import ID
from translators.anthropic.wire import Json
from translators.canonical.blocks import Opaque, Thinking, ToolCall, ToolResult
from translators.canonical.reasoning import budget_of_effort, clamp_effort, effort_of_budget
from translators.canonical.request import Effort, Reasoning, ReasoningMode, Request, Role, Turn
from translators.canonical.target import Target

#: What `output_config.effort` takes, ascending.
EFFORTS: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")
MIN_BUDGET = 1024

_MODES: dict[str, ReasoningMode] = {
    "adaptive": ReasoningMode.ADAPTIVE,
    "enabled": ReasoningMode.BUDGET,
    "disabled": ReasoningMode.OFF,
    "between_tools": ReasoningMode.OFF,
}
_HELD = frozenset({"type", "budget_tokens", "display"})


@dataclass(slots=True)
class Config:
    """What to send: the `thinking` object and `output_config.effort`, either may be None."""

    thinking: Json | None = None
    effort: Effort | None = None

    @property
    def on(self) -> bool:
        return self.thinking is not None and self.thinking["type"] in ("adaptive", "enabled")


def decode(value: object, effort: object) -> tuple[Reasoning, Json | None]:
    """→ (canonical wish, the `thinking` object itself where it says more than that)."""
    reasoning = Reasoning()
    if effort is not None:
        word = wire.text(effort, "output_config.effort")
        if word not in EFFORTS:
            raise wire.refuse("output_config.effort", f"Input should be one of {', '.join(EFFORTS)}")
        reasoning.effort = word
    if value is None:
        return reasoning, None
    raw = wire.mapping(value, "thinking")
    kind = wire.text(raw.get("type"), "thinking.type")
    reasoning.mode = _MODES.get(kind, ReasoningMode.DEFAULT)
    if reasoning.mode is ReasoningMode.BUDGET:
        reasoning.budget = wire.optional_int(raw.get("budget_tokens"), "thinking.budget_tokens")
        if reasoning.budget is None:
            raise wire.refuse("thinking.budget_tokens", "Field required")
    match raw.get("display"):
        case "omitted":
            reasoning.show = "none"
        case "summarized":
            reasoning.show = "summary"
    says_more = kind not in ("adaptive", "enabled", "disabled") or not raw.keys() <= _HELD
    return reasoning, dict(raw) if says_more or raw.get("display") == "updates" else None


def encode(request: Request, target: Target, max_tokens: int, notes: list[str]) -> Config:
    """What the target takes of what was wished. Noted when thinking must stay off for this request."""
    config = _by_kind(request, target, max_tokens, notes)
    if config.on and target.thinking == "budget" and _loop_lost_thinking(request.turns, target.protocol):
        notes.append("Thinking was switched off: the running tool-use turn came without its thinking blocks.")
        config.thinking = {"type": "disabled"}
    if config.on and config.thinking is not None:
        match request.reasoning.show:
            case "summary":
                config.thinking["display"] = "summarized"
            case "none":
                config.thinking["display"] = "omitted"
    _restore_own(request, config)
    return config


def _by_kind(request: Request, target: Target, max_tokens: int, notes: list[str]) -> Config:
    wish = request.reasoning
    off = wish.mode is ReasoningMode.OFF or wish.effort == "none" or wish.budget == 0
    if off and target.thinking in ("adaptive", "effort") and _own(request) is None:
        notes.append("Thinking cannot be switched off for the model, so it was asked for little.")
    match target.thinking:
        case "budget":
            return _budget(wish, off, target, max_tokens, notes)
        case "adaptive":
            effort = _effort(wish, off, target)
            wants = wish.mode in (ReasoningMode.ADAPTIVE, ReasoningMode.BUDGET) and not off
            # Who asks to be shown thoughts expects a model that thinks by itself, as Gemini's and OpenAI's do.
            wants = wants or (wish.mode is ReasoningMode.DEFAULT and wish.show == "summary" and _own(request) is None)
            return Config({"type": "adaptive"} if wants else None, effort)
        case "effort":
            return Config(None, _effort(wish, off, target))
        case "none":
            if wish.mode in (ReasoningMode.ADAPTIVE, ReasoningMode.BUDGET) and not off:
                notes.append("Thinking was dropped: the model has none.")
            return Config()


def _effort(wish: Reasoning, off: bool, target: Target) -> Effort | None:
    """The effort word. A model that cannot switch thinking off is asked for little of it."""
    effort = wish.effort
    if off and effort in (None, "none", "minimal"):
        effort = "low"
    elif effort is None and wish.mode is ReasoningMode.BUDGET and wish.budget is not None and wish.budget > 0:
        effort = effort_of_budget(wish.budget)
    if effort is None:
        return None
    return clamp_effort(effort, [word for word in EFFORTS if word in target.efforts])


def _budget(wish: Reasoning, off: bool, target: Target, max_tokens: int, notes: list[str]) -> Config:
    if off:
        return Config({"type": "disabled"})
    if wish.mode is ReasoningMode.BUDGET and wish.budget is not None and wish.budget > 0:
        budget, room = wish.budget, max_tokens - 1
    elif wish.mode is ReasoningMode.BUDGET or wish.effort is not None:
        # A depth in words says nothing of the room it needs: half of the answer's stays for the answer.
        budget, room = budget_of_effort(wish.effort or "medium"), max_tokens // 2
    else:
        return Config()
    budget = min(max(budget, MIN_BUDGET), target.max_budget, room)
    if budget < MIN_BUDGET:
        notes.append(f"Thinking was switched off: {max_tokens} tokens leave no room for a budget of {MIN_BUDGET}.")
        return Config({"type": "disabled"})
    return Config({"type": "enabled", "budget_tokens": budget})


def _own(request: Request) -> Json | None:
    """The `thinking` object of an Anthropic client, where it says more than the canonical wish."""
    own = request.extra.get("thinking") if request.origin == ID else None
    return own if isinstance(own, dict) else None


def _restore_own(request: Request, config: Config) -> None:
    """Give an Anthropic client's further settings back where they still fit what is sent."""
    own = _own(request)
    if own is None:
        return
    if config.thinking is None:
        if own.get("type") == "between_tools" or own.get("type") not in _MODES:
            config.thinking = dict(own)
    elif own.get("type") == config.thinking["type"]:
        rest = {key: value for key, value in own.items() if key not in ("type", "budget_tokens")}
        config.thinking.update(rest)


def _loop_lost_thinking(turns: list[Turn], home: str) -> bool:
    """Whether the tool-use turn that still runs (since the last user turn without results) misses its thinking."""
    for turn in reversed(turns):
        if turn.role is Role.USER and not any(isinstance(block, ToolResult) for block in turn.blocks):
            return False
        if turn.role is Role.ASSISTANT and any(isinstance(block, ToolCall) for block in turn.blocks):
            first = turn.blocks[0]
            signed = isinstance(first, Thinking) and first.signature is not None and first.origin == home
            if not signed and not (isinstance(first, Opaque) and first.origin == home):
                return True
    return False
