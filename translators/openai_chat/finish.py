"""Finish reasons, both ways (openai_chat.md §4, mapping.md §3)."""

from __future__ import annotations

from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import StopReason

#: What backends write, in lower case. A word that is not here says nothing: the blocks decide.
_DECODED: dict[str, StopReason] = {
    "stop": StopReason.END,
    "eos": StopReason.END,
    "eos_token": StopReason.END,
    "end_turn": StopReason.END,
    "complete": StopReason.END,
    "length": StopReason.LENGTH,
    "max_tokens": StopReason.LENGTH,
    "model_length": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
    "tool_calls": StopReason.TOOL_USE,
    "tool_use": StopReason.TOOL_USE,
    "function_call": StopReason.TOOL_USE,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "content_filter": StopReason.REFUSAL,
    "safety": StopReason.REFUSAL,
    "recitation": StopReason.REFUSAL,
    "sensitive": StopReason.REFUSAL,
    "refusal": StopReason.REFUSAL,
    "malformed_function_call": StopReason.MALFORMED_CALL,
}

#: Words that are no end but a failure: OpenRouter, GLM, DeepSeek, vLLM.
_FAILURES: dict[str, ErrorKind] = {
    "error": ErrorKind.SERVER,
    "network_error": ErrorKind.SERVER,
    "insufficient_system_resource": ErrorKind.OVERLOADED,
    "abort": ErrorKind.SERVER,
}

_ENCODED: dict[StopReason, str] = {
    StopReason.END: "stop",
    StopReason.TOOL_USE: "tool_calls",
    StopReason.LENGTH: "length",
    StopReason.CONTEXT_FULL: "length",
    StopReason.STOP_SEQUENCE: "stop",
    StopReason.REFUSAL: "content_filter",
    StopReason.PAUSED: "stop",
    StopReason.MALFORMED_CALL: "stop",
}


def decode_reason(word: str) -> StopReason | None:
    return _DECODED.get(word.lower())


def decode_failure(word: str) -> ErrorInfo | None:
    """The error that a finish reason stands for, if it does."""
    kind = _FAILURES.get(word.lower())
    return None if kind is None else ErrorInfo(kind, f"The backend gave up in mid-answer ({word}).", code=word)


def encode_reason(reason: StopReason, saw_calls: bool, legacy: bool = False) -> str:
    """`saw_calls`: a call was given to the client; the reason follows that (mapping.md §3)."""
    word = _ENCODED[reason]
    if saw_calls and word == "stop":
        word = "tool_calls"
    elif not saw_calls and word == "tool_calls":
        word = "stop"
    return "function_call" if legacy and word == "tool_calls" else word
