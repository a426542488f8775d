"""Errors, both ways: kinds to Anthropic's types and statuses, any backend's answer to a kind (anthropic.md §9)."""

from __future__ import annotations

import re

from translators import jsonio
from translators.anthropic.wire import Json
from translators.canonical import waits
from translators.canonical.errors import ErrorInfo, ErrorKind, kind_of_status
from translators.canonical.excerpt import LONGEST, excerpt

#: kind → (status, type).
_TO_WIRE: dict[ErrorKind, tuple[int, str]] = {
    ErrorKind.INVALID_REQUEST: (400, "invalid_request_error"),
    ErrorKind.PROMPT_TOO_LONG: (400, "invalid_request_error"),
    ErrorKind.AUTHENTICATION: (401, "authentication_error"),
    ErrorKind.BILLING: (402, "billing_error"),
    ErrorKind.PERMISSION: (403, "permission_error"),
    ErrorKind.NOT_FOUND: (404, "not_found_error"),
    ErrorKind.TOO_LARGE: (413, "request_too_large"),
    ErrorKind.RATE_LIMIT: (429, "rate_limit_error"),
    ErrorKind.SERVER: (500, "api_error"),
    ErrorKind.OVERLOADED: (529, "overloaded_error"),
    ErrorKind.TIMEOUT: (504, "timeout_error"),
}

_FROM_WIRE: dict[str, ErrorKind] = {
    "invalid_request_error": ErrorKind.INVALID_REQUEST,
    "conflict_error": ErrorKind.INVALID_REQUEST,
    "authentication_error": ErrorKind.AUTHENTICATION,
    "billing_error": ErrorKind.BILLING,
    "permission_error": ErrorKind.PERMISSION,
    "not_found_error": ErrorKind.NOT_FOUND,
    "request_too_large": ErrorKind.TOO_LARGE,
    "rate_limit_error": ErrorKind.RATE_LIMIT,
    "api_error": ErrorKind.SERVER,
    "overloaded_error": ErrorKind.OVERLOADED,
    "timeout_error": ErrorKind.TIMEOUT,
}

#: Kinds whose own status may be more exact than the table's: 405, 409, 415, 422 …; 501, 502.
_KEEPS_STATUS: dict[ErrorKind, range] = {
    ErrorKind.INVALID_REQUEST: range(400, 500),
    ErrorKind.SERVER: range(500, 503),
}

#: What Claude Code looks for before it compacts a conversation by itself (clients.md §1).
TOO_LONG = "prompt is too long"
TOO_LONG_TOKEN = "capability_rejected: prompt_too_long"  # noqa: S105

_TOO_LONG = re.compile(
    r"prompt is too long|capability_rejected: prompt_too_long|context_length_exceeded|"
    r"exceeds? (?:the )?(?:model'?s? )?(?:maximum )?context (?:limit|length|window)|maximum context length",
    re.IGNORECASE,
)
_BILLING = re.compile(r"credit balance is too low", re.IGNORECASE)

#: Where messages of other protocols give the numbers: (limit, asked) or (asked, limit).
_NUMBERS: tuple[tuple[re.Pattern[str], int, int], ...] = (
    (re.compile(r"(\d[\d,]*) tokens? > (\d[\d,]*)"), 1, 2),
    (re.compile(r"maximum context length (?:is|of) (\d[\d,]*).*?(\d[\d,]*) (?:input )?tokens", re.DOTALL), 2, 1),
    (re.compile(r"token count \(?(\d[\d,]*)\)? exceeds .*?\(?(\d[\d,]*)\)?"), 1, 2),
)


def encode_error(error: ErrorInfo, *, request_id: str | None = None) -> tuple[int, Json]:
    """→ (status, body). `retry-after` is a header and so the caller's to send."""
    status, type_ = _TO_WIRE[error.kind]
    if error.status is not None and error.status in _KEEPS_STATUS.get(error.kind, ()):
        status = error.status
    if status == 409:
        type_ = "conflict_error"
    body: Json = {"type": "error", "error": {"type": type_, "message": _message(error)}}
    if "error_code" in error.details:
        body["error"]["details"] = error.details
    if request_id is not None:
        body["request_id"] = request_id
    return status, body


def _message(error: ErrorInfo) -> str:
    """The upstream's own words; for a prompt that is too long, led by the words that clients act on."""
    message = error.message or error.kind.value.replace("_", " ")
    if error.kind is not ErrorKind.PROMPT_TOO_LONG:
        return message
    if message.lower().startswith(TOO_LONG):
        return message if TOO_LONG_TOKEN in message else f"{message} ({TOO_LONG_TOKEN})"
    for pattern, asked, limit in _NUMBERS:
        found = pattern.search(message)
        if found is not None:
            numbers = f": {found[asked].replace(',', '')} tokens > {found[limit].replace(',', '')} maximum"
            return f"{TOO_LONG}{numbers} ({TOO_LONG_TOKEN}): {message}"
    return f"{TOO_LONG} ({TOO_LONG_TOKEN}): {message}"


def decode_error(status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
    """Any answer that is no 2xx: Anthropic's shape, a compatible's, HTML or nothing at all."""
    found = jsonio.object_in(body)
    if found is not None:
        error = error_of_object(found.get("error", found), status)
    else:
        error = ErrorInfo(kind_of_status(status), excerpt(body) or f"HTTP {status} without a message", status)
    error.retry_after = waits.from_headers(headers)
    return error


def error_of_object(raw: object, status: int | None = None) -> ErrorInfo:
    """The `error` object of a body or of an `error` event, or what compatibles put in its place."""
    fields: Json = raw if isinstance(raw, dict) else {"message": raw}
    message = next(
        (fields[key] for key in ("message", "detail", "msg", "error") if isinstance(fields.get(key), str)), ""
    )
    type_ = fields.get("type")
    details = fields.get("details")
    code = details.get("error_code") if isinstance(details, dict) else fields.get("code")
    error = ErrorInfo(
        _kind(type_, status),
        message or (jsonio.dumps_str(raw)[:LONGEST] if raw else f"HTTP {status} without a message"),
        status,
        code=code if isinstance(code, str) else None,
        type=type_ if isinstance(type_, str) else None,
        details=details if isinstance(details, dict) else {},
    )
    if error.kind is ErrorKind.INVALID_REQUEST:
        if _TOO_LONG.search(message) or error.code == "context_length_exceeded":
            error.kind = ErrorKind.PROMPT_TOO_LONG
        elif _BILLING.search(message):
            error.kind = ErrorKind.BILLING
    return error


def _kind(type_: object, status: int | None) -> ErrorKind:
    """The type's kind; where it says no more than "your fault" or "ours", the status knows better."""
    named = _FROM_WIRE.get(type_) if isinstance(type_, str) else None
    by_status = kind_of_status(status) if status is not None else None
    if named in (None, ErrorKind.INVALID_REQUEST, ErrorKind.SERVER):
        return by_status or named or ErrorKind.SERVER
    assert named is not None
    return named
