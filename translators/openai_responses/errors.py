"""Errors both ways: kinds to OpenAI's statuses and codes, and whatever a backend answered to a kind.

Facts: openai_responses.md §7, openai_chat.md §7, mapping.md §3, codex.md §10 (codes and bodies of the ChatGPT backend).
"""

from __future__ import annotations

import re
from typing import Any

from translators import jsonio
from translators.canonical import waits
from translators.canonical.errors import ErrorInfo, ErrorKind, kind_of_status
from translators.canonical.excerpt import LONGEST, excerpt
from translators.openai_responses.wire import Json

#: kind → (HTTP status, type, code).
_TO_WIRE: dict[ErrorKind, tuple[int, str, str | None]] = {
    ErrorKind.INVALID_REQUEST: (400, "invalid_request_error", None),
    ErrorKind.PROMPT_TOO_LONG: (400, "invalid_request_error", "context_length_exceeded"),
    ErrorKind.AUTHENTICATION: (401, "invalid_request_error", "invalid_api_key"),
    ErrorKind.BILLING: (429, "insufficient_quota", "insufficient_quota"),
    ErrorKind.PERMISSION: (403, "invalid_request_error", None),
    ErrorKind.NOT_FOUND: (404, "invalid_request_error", "model_not_found"),
    ErrorKind.TOO_LARGE: (413, "invalid_request_error", None),
    ErrorKind.RATE_LIMIT: (429, "rate_limit_error", "rate_limit_exceeded"),
    ErrorKind.SERVER: (500, "server_error", None),
    ErrorKind.OVERLOADED: (503, "server_error", None),
    ErrorKind.TIMEOUT: (504, "server_error", None),
}

#: kind → code in `response.failed`. Codex retries whatever it does not know, so what is the client's fault must be
#: `invalid_prompt`, the one code that it reports at once.
_IN_STREAM: dict[ErrorKind, str] = {
    ErrorKind.INVALID_REQUEST: "invalid_prompt",
    ErrorKind.PROMPT_TOO_LONG: "context_length_exceeded",
    ErrorKind.AUTHENTICATION: "invalid_prompt",
    ErrorKind.BILLING: "insufficient_quota",
    ErrorKind.PERMISSION: "invalid_prompt",
    ErrorKind.NOT_FOUND: "invalid_prompt",
    ErrorKind.TOO_LARGE: "invalid_prompt",
    ErrorKind.RATE_LIMIT: "rate_limit_exceeded",
    ErrorKind.SERVER: "server_error",
    ErrorKind.OVERLOADED: "server_error",
    ErrorKind.TIMEOUT: "server_error",
}

#: Codes that clients act on: one that the upstream itself gave goes through.
_ACTED_ON = frozenset(
    {
        "bio_policy",
        "context_length_exceeded",
        "cyber_policy",
        "insufficient_quota",
        "invalid_prompt",
        "misalignment_policy_violation",
        "rate_limit_exceeded",
        "server_error",
        "server_is_overloaded",
        "slow_down",
        "usage_not_included",
    }
)

#: OpenAI's codes and types → kind, more exact than the status.
_FROM_WIRE: dict[str, ErrorKind] = {
    "context_length_exceeded": ErrorKind.PROMPT_TOO_LONG,
    "insufficient_quota": ErrorKind.BILLING,
    "billing_hard_limit_reached": ErrorKind.BILLING,
    "usage_not_included": ErrorKind.BILLING,
    "usage_limit_reached": ErrorKind.RATE_LIMIT,
    "rate_limit_exceeded": ErrorKind.RATE_LIMIT,
    "rate_limit_error": ErrorKind.RATE_LIMIT,
    "invalid_api_key": ErrorKind.AUTHENTICATION,
    "authentication_error": ErrorKind.AUTHENTICATION,
    "permission_error": ErrorKind.PERMISSION,
    "model_not_found": ErrorKind.NOT_FOUND,
    "not_found_error": ErrorKind.NOT_FOUND,
    "server_is_overloaded": ErrorKind.OVERLOADED,
    "slow_down": ErrorKind.OVERLOADED,
    "overloaded_error": ErrorKind.OVERLOADED,
    "invalid_prompt": ErrorKind.INVALID_REQUEST,
    "cyber_policy": ErrorKind.INVALID_REQUEST,
    "bio_policy": ErrorKind.INVALID_REQUEST,
    "misalignment_policy_violation": ErrorKind.INVALID_REQUEST,
    "previous_response_not_found": ErrorKind.INVALID_REQUEST,
}

#: What a type says without a status (inside a stream).
_WEAK_TYPES: dict[str, ErrorKind] = {
    "invalid_request_error": ErrorKind.INVALID_REQUEST,
    "server_error": ErrorKind.SERVER,
    "api_error": ErrorKind.SERVER,
}

#: Statuses that say more than the table's for the same kind: 405, 409, 415, 422 …; 501, 502.
_KEEPS_STATUS: dict[ErrorKind, range] = {
    ErrorKind.INVALID_REQUEST: range(400, 500),
    ErrorKind.SERVER: range(500, 503),
}

_TOO_LONG = re.compile(
    r"prompt is too long|context_length_exceeded|maximum context length|"
    r"exceeds? (?:the )?(?:model'?s? )?(?:maximum )?context (?:limit|length|window)",
    re.IGNORECASE,
)
_AT_CAPACITY = re.compile(r"selected model is at capacity", re.IGNORECASE)
#: The words that Codex reads a wait from (openai_responses.md §7).
_TRY_AGAIN = re.compile(r"try again in\s*\d", re.IGNORECASE)
_SPOKEN = ("message", "detail", "msg", "error", "error_description")
_OWN_MEMBERS = frozenset({"message", "type", "code", "param"})


def encode_error(error: ErrorInfo, *, request_id: str | None = None) -> tuple[int, Json]:
    """→ (status, body). OpenAI's request id is a header (`x-request-id`), as is `retry-after`: the caller's to send."""
    status, type_, code = _TO_WIRE[error.kind]
    if error.status is not None and error.status in _KEEPS_STATUS.get(error.kind, ()):
        status = error.status
    return status, {
        "error": {"message": _message(error), "type": type_, "param": error.param, "code": error.code or code}
    }


def encode_failure(error: ErrorInfo) -> Json:
    """The `error` member of a failed response. A rate limit's wait stands in its message, where Codex looks for it."""
    code = error.code if error.code in _ACTED_ON else _IN_STREAM[error.kind]
    message = _message(error)
    if code == "rate_limit_exceeded" and error.retry_after is not None and not _TRY_AGAIN.search(message):
        message = f"{message.rstrip()} Please try again in {error.retry_after:g}s."
    return {"code": code, "message": message}


def _message(error: ErrorInfo) -> str:
    return error.message or error.kind.value.replace("_", " ")


def decode_error(status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
    """Any answer that is no 2xx: OpenAI's shape, a compatible's, FastAPI's `detail`, HTML or nothing at all."""
    found: Any
    try:
        found = jsonio.loads(body)
    except ValueError:
        found = None
    if isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, dict):
        inner = found.get("error")
        error = error_of_object(inner if inner else found, status)
    else:
        error = ErrorInfo(kind_of_status(status), excerpt(body) or f"HTTP {status} without a message", status)
    told = waits.from_headers(headers)
    if told is not None:
        error.retry_after = told
    elif error.retry_after is None:
        error.retry_after = waits.until(error.details.get("resets_at"), headers)
    return error


def error_of_object(raw: object, status: int | None = None) -> ErrorInfo:
    """The `error` object of a body, an `error` event or a failed response, or what compatibles put in its place."""
    fields: Json = raw if isinstance(raw, dict) else {"message": raw}
    message = next((fields[key] for key in _SPOKEN if isinstance(fields.get(key), str) and fields[key]), "")
    code, type_, param = fields.get("code"), fields.get("type"), fields.get("param")
    if isinstance(code, int) and not isinstance(code, bool):
        status = code if status is None and 400 <= code < 600 else status
    error = ErrorInfo(
        _kind(code, type_, status),
        message or (jsonio.dumps_str(raw)[:LONGEST] if raw else _silent(status)),
        status,
        code=code if isinstance(code, str) else None,
        type=type_ if isinstance(type_, str) else None,
        param=param if isinstance(param, str) else None,
        details={key: value for key, value in fields.items() if key not in _OWN_MEMBERS},
    )
    if error.kind is ErrorKind.INVALID_REQUEST and _TOO_LONG.search(error.message):
        error.kind = ErrorKind.PROMPT_TOO_LONG
    elif error.kind is ErrorKind.INVALID_REQUEST and _AT_CAPACITY.search(error.message):
        error.kind = ErrorKind.RATE_LIMIT
    if error.kind in (ErrorKind.RATE_LIMIT, ErrorKind.OVERLOADED):
        resets = waits.believed(fields.get("resets_in_seconds"))
        error.retry_after = waits.in_words(error.message) if resets is None else resets
    return error


def _silent(status: int | None) -> str:
    return "The upstream failed without a message." if status is None else f"HTTP {status} without a message"


def _kind(code: object, type_: object, status: int | None) -> ErrorKind:
    for word in (code, type_):
        if isinstance(word, str) and word in _FROM_WIRE:
            return _FROM_WIRE[word]
    if status is not None:
        return kind_of_status(status)
    return _WEAK_TYPES.get(type_, ErrorKind.SERVER) if isinstance(type_, str) else ErrorKind.SERVER
