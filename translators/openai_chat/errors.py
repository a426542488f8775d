"""Errors of chat backends in whatever shape they come, and errors as a chat client reads them (openai_chat.md §7)."""

from __future__ import annotations

import re
from typing import Any

from translators import jsonio
from translators.canonical import waits
from translators.canonical.errors import ErrorInfo, ErrorKind, kind_of_status
from translators.canonical.excerpt import LONGEST, excerpt
from translators.openai_chat.wire import Json
from translators.openai_chat.wording import kind_of

_MESSAGE_FIELDS = ("message", "msg", "detail", "error_msg", "error_message", "errorMessage", "title", "description")
_HTTP_STATUS = re.compile(r"[45][0-9]{2}")


def decode_error(status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
    """Any non-2xx answer → canonical: JSON of whatever shape, HTML, text, nothing."""
    try:
        payload: Any = jsonio.loads(body) if body.strip() else None
    except ValueError:
        payload = excerpt(body)
    error = from_payload(payload, status)
    if error.retry_after is None:
        error.retry_after = retry_after(status, headers, error.message)
    return error


def from_payload(payload: Any, status: int | None = None) -> ErrorInfo:
    """The error in a parsed body or stream chunk. `status` is None inside a stream."""
    inner = _innermost(payload)
    code, type_ = _word(inner.get("code")), _word(inner.get("type"))
    message = _message(inner)
    seen = status
    if code is not None and _HTTP_STATUS.fullmatch(code):
        seen = seen if seen is not None and seen >= 400 else int(code)  # OpenRouter: the code is the HTTP status
    fallback = ErrorKind.SERVER if seen is None or seen < 400 else kind_of_status(seen)
    metadata = inner.get("metadata")
    details = {"metadata": metadata} if isinstance(metadata, dict) else {}
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if isinstance(raw, str) and raw.strip() and raw not in message:
        message = f"{message}: {raw.strip()[:LONGEST]}" if message else raw.strip()[:LONGEST]
    if not message:
        message = f"The backend answered with HTTP status {status}." if status else "The backend reported an error."
    return ErrorInfo(
        kind=kind_of(seen, code, type_, message, fallback),
        message=message,
        status=status,
        code=code,
        type=type_,
        param=_word(inner.get("param")),
        retry_after=_retry_delay(inner),
        details=details,
    )


def _innermost(payload: Any) -> Json:
    """The object that has the message: `{error: {…}}`, `{error: "text"}`, `[{error}]`, `{detail}`, FastAPI's list …"""
    for _ in range(4):
        if isinstance(payload, str):
            return {"message": payload}
        if isinstance(payload, list):
            payload = payload[0] if payload else None
            continue
        if not isinstance(payload, dict):
            return {}
        held = payload.get("error") or payload.get("errors")
        if held is None and isinstance(payload.get("detail"), dict):
            held = payload["detail"]
        if isinstance(held, dict | list) and held:
            payload = held
            continue
        if isinstance(held, str):
            return {**payload, "message": payload.get("message") or held}
        return payload
    return payload if isinstance(payload, dict) else {}


def _message(inner: Json) -> str:
    for field in _MESSAGE_FIELDS:
        value = inner.get(field)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, list) and value:  # FastAPI: [{loc, msg, type}, …]
            return "; ".join(filter(None, map(_complaint, value)))
        if isinstance(value, dict) and isinstance(value.get("message"), str):
            return str(value["message"])
    return ""


def _complaint(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    steps = entry.get("loc")
    place = ".".join(map(str, steps)) if isinstance(steps, list) else ""
    text = str(entry.get("msg", ""))
    return f"{place}: {text}" if place else text


def _word(value: Any) -> str | None:
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _retry_delay(inner: Json) -> float | None:
    """Google's RetryInfo, which its compatible endpoint keeps in `details`."""
    entries = inner.get("details")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("retryDelay"), str):
            return waits.duration(entry["retryDelay"])
    return None


def retry_after(status: int, headers: dict[str, str], message: str) -> float | None:
    """Seconds to wait as the provider said it: headers, an exhausted limit's reset, or the text. Never invented."""
    seconds = waits.from_headers(headers)
    if seconds is not None or status not in (429, 503):
        return seconds
    resets = [
        reset
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}", "").strip() == "0"
        and (reset := waits.duration(headers.get(f"x-ratelimit-reset-{what}", ""))) is not None
    ]
    return max(resets) if resets else waits.in_words(message)


#: kind → (HTTP status, type, code) as OpenAI answers it.
_ENCODED: dict[ErrorKind, tuple[int, str, str | None]] = {
    ErrorKind.INVALID_REQUEST: (400, "invalid_request_error", None),
    ErrorKind.PROMPT_TOO_LONG: (400, "invalid_request_error", "context_length_exceeded"),
    ErrorKind.AUTHENTICATION: (401, "invalid_request_error", "invalid_api_key"),
    ErrorKind.BILLING: (429, "insufficient_quota", "insufficient_quota"),
    ErrorKind.PERMISSION: (403, "invalid_request_error", "permission_denied"),
    ErrorKind.NOT_FOUND: (404, "invalid_request_error", "model_not_found"),
    ErrorKind.TOO_LARGE: (413, "invalid_request_error", "request_too_large"),
    ErrorKind.RATE_LIMIT: (429, "rate_limit_error", "rate_limit_exceeded"),
    ErrorKind.SERVER: (500, "server_error", "server_error"),
    ErrorKind.OVERLOADED: (503, "server_error", "server_overloaded"),
    ErrorKind.TIMEOUT: (504, "server_error", "timeout"),
}
#: Codes that say more than their kind; others than these are another protocol's words.
_TOLD_APART = frozenset({"unknown_url"})


def error_object(error: ErrorInfo) -> Json:
    """The `error` member that both bodies and stream chunks have."""
    _, type_, code = _ENCODED[error.kind]
    if error.code in _TOLD_APART:
        code = error.code
    return {"message": error.message, "type": type_, "param": error.param, "code": code or error.code}


def encode_error(error: ErrorInfo) -> tuple[int, Json]:
    """→ (status, body). The kind gives the status, except where the upstream's says more: 409, 422, 502."""
    status = _ENCODED[error.kind][0]
    told = error.status
    if told is not None and (
        (error.kind is ErrorKind.INVALID_REQUEST and 400 <= told < 500 and told not in (401, 402, 403, 404, 429))
        or (error.kind is ErrorKind.SERVER and told in (500, 502))
    ):
        status = told
    return status, {"error": error_object(error)}
