"""Stop reasons, both ways (mapping.md §3); that the reason follows the blocks is settled in canonical/stops.py."""

from __future__ import annotations

from translators.anthropic.wire import Json
from translators.canonical.events import StopReason

FROM_WIRE: dict[str, StopReason] = {
    "end_turn": StopReason.END,
    "tool_use": StopReason.TOOL_USE,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "refusal": StopReason.REFUSAL,
    "pause_turn": StopReason.PAUSED,
    "compaction": StopReason.PAUSED,  # beta: the client resends the compacted history
}

TO_WIRE: dict[StopReason, str] = {
    StopReason.END: "end_turn",
    StopReason.TOOL_USE: "tool_use",
    StopReason.LENGTH: "max_tokens",
    StopReason.CONTEXT_FULL: "model_context_window_exceeded",
    StopReason.STOP_SEQUENCE: "stop_sequence",
    StopReason.REFUSAL: "refusal",
    StopReason.PAUSED: "pause_turn",
    StopReason.MALFORMED_CALL: "end_turn",  # with MALFORMED_TEXT in front
}

#: Anthropic has no word for a call that the model wrote wrongly, so the answer says it.
MALFORMED_TEXT = "[The model made a tool call that could not be read.]"

_CATEGORIES = frozenset({"cyber", "bio", "frontier_llm", "reasoning_extraction", "general_harms"})


def details(reason: StopReason, detail: Json | None) -> Json | None:
    """`stop_details`: only a refusal has any; another protocol's explanation goes into `explanation`."""
    if reason is not StopReason.REFUSAL:
        return None
    detail = detail or {}
    if detail.get("type") == "refusal":
        return detail
    category = str(detail.get("category"))
    told = next((detail[key] for key in ("explanation", "message", "reason") if isinstance(detail.get(key), str)), None)
    return {"type": "refusal", "category": category if category in _CATEGORIES else None, "explanation": told}


def malformed_text(detail: Json | None) -> str:
    """The text that stands for a malformed call, with the backend's own message where it gave one."""
    told = (detail or {}).get("message")
    return f"{MALFORMED_TEXT} {told}" if isinstance(told, str) and told else MALFORMED_TEXT
