"""Why Gemini stopped ↔ why we say an answer ended: two tables (mapping.md §3, Stop reasons)."""

from __future__ import annotations

from translators.canonical.events import StopReason

#: Every `finishReason` of gemini.md §4. None: it says nothing, the blocks decide.
REASONS: dict[str, StopReason | None] = {
    "FINISH_REASON_UNSPECIFIED": None,
    "STOP": StopReason.END,
    "MAX_TOKENS": StopReason.LENGTH,
    "SAFETY": StopReason.REFUSAL,
    "RECITATION": StopReason.REFUSAL,
    "LANGUAGE": StopReason.REFUSAL,
    "OTHER": StopReason.REFUSAL,
    "BLOCKLIST": StopReason.REFUSAL,
    "PROHIBITED_CONTENT": StopReason.REFUSAL,
    "SPII": StopReason.REFUSAL,
    "MODEL_ARMOR": StopReason.REFUSAL,
    "ESCALATION": StopReason.REFUSAL,
    "PUP_LIMITED_DISABLED": StopReason.REFUSAL,
    "IMAGE_SAFETY": StopReason.REFUSAL,
    "IMAGE_PROHIBITED_CONTENT": StopReason.REFUSAL,
    "IMAGE_RECITATION": StopReason.REFUSAL,
    "IMAGE_OTHER": StopReason.REFUSAL,
    "NO_IMAGE": StopReason.END,
    "MALFORMED_FUNCTION_CALL": StopReason.MALFORMED_CALL,
    "UNEXPECTED_TOOL_CALL": StopReason.MALFORMED_CALL,
    "TOO_MANY_TOOL_CALLS": StopReason.MALFORMED_CALL,
    "MISSING_THOUGHT_SIGNATURE": StopReason.MALFORMED_CALL,
    "MALFORMED_RESPONSE": StopReason.MALFORMED_CALL,
    "CONTINUATION": StopReason.PAUSED,
}

#: What a Gemini client is told.
WORDS: dict[StopReason, str] = {
    StopReason.END: "STOP",
    StopReason.TOOL_USE: "STOP",
    StopReason.STOP_SEQUENCE: "STOP",
    StopReason.LENGTH: "MAX_TOKENS",
    StopReason.CONTEXT_FULL: "MAX_TOKENS",
    StopReason.REFUSAL: "SAFETY",
    StopReason.PAUSED: "CONTINUATION",
    StopReason.MALFORMED_CALL: "MALFORMED_FUNCTION_CALL",
}

#: Said to a client that would otherwise get a stream without visible text: Gemini CLI takes that for a failure and asks
#: again (gemini.md §5). None where asking again is right.
SILENCE: dict[StopReason, str | None] = {
    StopReason.END: "(The model ended its turn without a text.)",
    StopReason.STOP_SEQUENCE: "(The model stopped at a stop sequence before any text.)",
    StopReason.LENGTH: "(The answer reached the token limit before any text.)",
    StopReason.CONTEXT_FULL: "(The context window is full.)",
    StopReason.REFUSAL: "(The answer was withheld by the provider.)",
    StopReason.PAUSED: "(The provider paused the answer.)",
    StopReason.TOOL_USE: None,
    StopReason.MALFORMED_CALL: None,
}
