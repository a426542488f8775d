"""Stop reasons of Converse (apikey_backends.md §6), and the sequence that matched."""

from __future__ import annotations

from translators.canonical.events import StopReason

FROM_WIRE: dict[str, StopReason] = {
    "end_turn": StopReason.END,
    "tool_use": StopReason.TOOL_USE,
    "max_tokens": StopReason.LENGTH,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "guardrail_intervened": StopReason.REFUSAL,
    "content_filtered": StopReason.REFUSAL,
    "malformed_model_output": StopReason.MALFORMED_CALL,
    "malformed_tool_use": StopReason.MALFORMED_CALL,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
    "refusal": StopReason.REFUSAL,  # Claude's own words, should Bedrock pass them on
    "pause_turn": StopReason.PAUSED,
}

#: Explanations for what Converse tells by its reason alone.
_TOLD = {
    "guardrail_intervened": "A guardrail intervened.",
    "content_filtered": "The content was filtered.",
    "malformed_model_output": "The model's output could not be read.",
}

#: Where Claude says which sequence matched; Converse hands it over when asked for it.
SEQUENCE_PATH = "/stop_sequence"


def detail(reason: str) -> dict[str, str] | None:
    """The canonical explanation of a refusal or a malformed answer."""
    told = _TOLD.get(reason)
    return {"category": reason, "message": told} if told is not None else None


def sequence(fields: object) -> str | None:
    """The matched stop sequence out of `additionalModelResponseFields`."""
    found = fields.get("stop_sequence") if isinstance(fields, dict) else None
    return found if isinstance(found, str) else None
