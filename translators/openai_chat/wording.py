"""What the many chat backends mean by their error codes and texts: tables, read in order (openai_chat.md §7)."""

from __future__ import annotations

import re

from translators.canonical.errors import ErrorKind

#: Machine codes and type words (lower case) that say more than the HTTP status.
_CODES: dict[str, ErrorKind] = {
    "context_length_exceeded": ErrorKind.PROMPT_TOO_LONG,
    "context_window_exceeded": ErrorKind.PROMPT_TOO_LONG,
    "model_context_window_exceeded": ErrorKind.PROMPT_TOO_LONG,
    "contextwindowexceedederror": ErrorKind.PROMPT_TOO_LONG,  # LiteLLM
    "exceed_context_size_error": ErrorKind.PROMPT_TOO_LONG,  # llama.cpp
    "prompt_too_long": ErrorKind.PROMPT_TOO_LONG,
    "tokens_limit_reached": ErrorKind.PROMPT_TOO_LONG,  # GitHub Models
    "1261": ErrorKind.PROMPT_TOO_LONG,  # GLM
    "insufficient_quota": ErrorKind.BILLING,
    "billing_hard_limit_reached": ErrorKind.BILLING,
    "billing_not_active": ErrorKind.BILLING,
    "insufficient_balance": ErrorKind.BILLING,
    "arrearage": ErrorKind.BILLING,  # DashScope
    "exceeded_current_quota_error": ErrorKind.BILLING,  # Kimi
    "1113": ErrorKind.BILLING,  # GLM
    "invalid_api_key": ErrorKind.AUTHENTICATION,
    "invalid_authentication_error": ErrorKind.AUTHENTICATION,
    "authentication_error": ErrorKind.AUTHENTICATION,
    "model_not_found": ErrorKind.NOT_FOUND,
    "deploymentnotfound": ErrorKind.NOT_FOUND,
    "rate_limit_exceeded": ErrorKind.RATE_LIMIT,
    "rate_limit_error": ErrorKind.RATE_LIMIT,
    "rate_limit_reached_error": ErrorKind.RATE_LIMIT,
    "permission_denied": ErrorKind.PERMISSION,
    "permission_error": ErrorKind.PERMISSION,
    "server_overloaded": ErrorKind.OVERLOADED,
    "engine_overloaded_error": ErrorKind.OVERLOADED,
    "overloaded_error": ErrorKind.OVERLOADED,
    "service_unavailable": ErrorKind.OVERLOADED,
    "server_error": ErrorKind.SERVER,
    "internal_server_error": ErrorKind.SERVER,
    "timeout": ErrorKind.TIMEOUT,
    "invalid_request_error": ErrorKind.INVALID_REQUEST,
    "badrequesterror": ErrorKind.INVALID_REQUEST,
}

#: Kinds that a code may give to an answer whatever its status; others only where the status says nothing (in a stream).
_STRONG = frozenset(
    {ErrorKind.PROMPT_TOO_LONG, ErrorKind.BILLING, ErrorKind.AUTHENTICATION, ErrorKind.NOT_FOUND, ErrorKind.OVERLOADED}
)

#: A prompt that does not fit, in the words of OpenAI and vLLM, Anthropic, Gemini, Mistral, xAI, DashScope, Kimi, GLM,
#: llama.cpp, LM Studio, Ollama, Bedrock, Cohere, Fireworks, Together and Groq.
_PROMPT_TOO_LONG = re.compile(
    r"maximum (?:context|prompt) length"
    r"|context[ _](?:length|window|size)[^.]{0,40}exceed"
    r"|exceed[^.]{0,60}context[ _](?:length|window|size|limit)"
    r"|(?:larger|longer|greater) than[^.]{0,30}(?:context|maximum (?:input|prompt|sequence|model))"
    r"|prompt is too long|prompt too long|prompt_too_long"
    r"|input is too long|input too long"
    r"|prompt (?:token count|length|tokens?)?[^.]{0,20}exceeds? (?:the )?(?:max|limit|model)"
    r"|input (?:token count|length|tokens?)[^.]{0,40}exceed"
    r"|range of input length should be"
    r"|exceeded model token limit"
    r"|(?:number of|too many) (?:input |prompt )?tokens[^.]{0,60}(?:exceed|maximum context|model'?s? (?:limit|context))"
    r"|reduce the length of (?:the|your) (?:messages|prompt|input)"
    r"|max(?:imum)?[_ ](?:seq|model)(?:uence)?[_ ]len"
    r"|prompt contains \d+ tokens"
    r"|tokens to keep from the initial prompt|when context the overflows",
    re.IGNORECASE,
)

_BILLING = re.compile(
    r"insufficient (?:balance|quota|credit|funds)|exceeded your current quota|credit balance|billing hard limit"
    r"|out of credits|more credits|account is (?:in arrears|not active)|payment required|余额不足|欠费",
    re.IGNORECASE,
)

#: Statuses under which a text about length may mean the prompt: client errors, and 500 of older llama.cpp.
_LENGTH_STATUSES = frozenset({None, 200, 400, 413, 422, 500})


def kind_of(status: int | None, code: str | None, type_: str | None, message: str, fallback: ErrorKind) -> ErrorKind:
    """The kind of an error: its code, then its type word, then its text; `fallback` is what the status says."""
    for word in (code, type_):
        kind = _CODES.get(word.lower()) if word else None
        if kind in _STRONG:
            return kind
    if status in _LENGTH_STATUSES and _PROMPT_TOO_LONG.search(message):
        return ErrorKind.PROMPT_TOO_LONG
    if status in (None, 200, 400, 402, 403, 429) and _BILLING.search(message):
        return ErrorKind.BILLING
    if status is None:
        for word in (code, type_):
            kind = _CODES.get(word.lower()) if word else None
            if kind is not None:
                return kind
    return fallback
