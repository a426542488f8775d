"""Google's error object ↔ canonical errors (gemini.md §6)."""

from __future__ import annotations

import re
from typing import Any

from translators import jsonio
from translators.canonical import waits
from translators.canonical.errors import STATUS, ErrorInfo, ErrorKind, kind_of_status
from translators.canonical.excerpt import excerpt
from translators.gemini.wire import get

Json = dict[str, Any]

RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"

#: Kind → (HTTP status, status word) for clients.
_WORDS: dict[ErrorKind, tuple[int, str]] = {
    ErrorKind.INVALID_REQUEST: (400, "INVALID_ARGUMENT"),
    ErrorKind.PROMPT_TOO_LONG: (400, "INVALID_ARGUMENT"),
    ErrorKind.AUTHENTICATION: (401, "UNAUTHENTICATED"),
    ErrorKind.BILLING: (429, "RESOURCE_EXHAUSTED"),
    ErrorKind.PERMISSION: (403, "PERMISSION_DENIED"),
    ErrorKind.NOT_FOUND: (404, "NOT_FOUND"),
    ErrorKind.TOO_LARGE: (413, "INVALID_ARGUMENT"),
    ErrorKind.RATE_LIMIT: (429, "RESOURCE_EXHAUSTED"),
    ErrorKind.SERVER: (500, "INTERNAL"),
    ErrorKind.OVERLOADED: (503, "UNAVAILABLE"),
    ErrorKind.TIMEOUT: (504, "DEADLINE_EXCEEDED"),
}

#: Kinds that stand for more than one status.
_BROAD = (ErrorKind.INVALID_REQUEST, ErrorKind.SERVER)

#: Status word → kind, for errors inside a stream that carry no usable code.
_KINDS: dict[str, ErrorKind] = {
    "INVALID_ARGUMENT": ErrorKind.INVALID_REQUEST,
    "FAILED_PRECONDITION": ErrorKind.INVALID_REQUEST,
    "OUT_OF_RANGE": ErrorKind.INVALID_REQUEST,
    "ABORTED": ErrorKind.INVALID_REQUEST,
    "ALREADY_EXISTS": ErrorKind.INVALID_REQUEST,
    "UNAUTHENTICATED": ErrorKind.AUTHENTICATION,
    "PERMISSION_DENIED": ErrorKind.PERMISSION,
    "NOT_FOUND": ErrorKind.NOT_FOUND,
    "UNIMPLEMENTED": ErrorKind.NOT_FOUND,
    "RESOURCE_EXHAUSTED": ErrorKind.RATE_LIMIT,
    "CANCELLED": ErrorKind.SERVER,
    "UNKNOWN": ErrorKind.SERVER,
    "INTERNAL": ErrorKind.SERVER,
    "DATA_LOSS": ErrorKind.SERVER,
    "UNAVAILABLE": ErrorKind.OVERLOADED,
    "DEADLINE_EXCEEDED": ErrorKind.TIMEOUT,
}

#: `reason` of an ErrorInfo detail → kind, whatever the status says: an invalid key is a 400.
_REASONS: dict[str, ErrorKind] = {
    "API_KEY_INVALID": ErrorKind.AUTHENTICATION,
    "API_KEY_EXPIRED": ErrorKind.AUTHENTICATION,
    "ACCESS_TOKEN_EXPIRED": ErrorKind.AUTHENTICATION,
    "ACCESS_TOKEN_TYPE_UNSUPPORTED": ErrorKind.AUTHENTICATION,
    "BILLING_DISABLED": ErrorKind.BILLING,
}

#: Wording → kind for 4xx answers, first match.
_TEXTS: tuple[tuple[re.Pattern[str], ErrorKind], ...] = (
    (re.compile(r"API key (not valid|expired|not found)", re.I), ErrorKind.AUTHENTICATION),
    (
        re.compile(
            r"input token count.{0,40}exceeds|exceeds the maximum number of tokens|prompt is too long|"
            r"context (length|window).{0,40}exceed",
            re.I | re.S,
        ),
        ErrorKind.PROMPT_TOO_LONG,
    ),
    (
        re.compile(r"enable billing|billing (account )?(is )?(disabled|not enabled)|credits are depleted", re.I),
        ErrorKind.BILLING,
    ),
    (re.compile(r"user location is not supported", re.I), ErrorKind.PERMISSION),
)


def encode(error: ErrorInfo) -> tuple[int, Json]:
    """→ (HTTP status, body). The upstream's own status is kept where it is of the same kind."""
    status, word = _WORDS[error.kind]
    own = error.status
    if own is not None and own // 100 == status // 100 and error.kind in _BROAD and kind_of_status(own) is error.kind:
        status = own
    body: Json = {"code": status, "message": error.message, "status": word}
    if error.retry_after is not None:
        body["details"] = [{"@type": RETRY_INFO, "retryDelay": f"{error.retry_after:g}s"}]
    return status, {"error": body}


def decode(status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
    """A non-2xx answer of whatever form."""
    try:
        parsed = jsonio.loads(body)
    except ValueError:
        parsed = None
    if isinstance(parsed, list):
        parsed = next((item for item in parsed if isinstance(item, dict)), None)
    error = parsed.get("error", parsed) if isinstance(parsed, dict) else None
    if isinstance(error, dict | str) and error:
        info = of_object(error, status)
    else:
        info = _info(status, excerpt(body) or f"The backend answered {status} without a body.", None, [])
    told = waits.from_headers(headers)
    info.retry_after = told if told is not None else info.retry_after
    return info


def of_object(error: Any, status: int | None = None) -> ErrorInfo:
    """The value of `error` in a body (with `status`) or a chunk of a stream (None)."""
    if not isinstance(error, dict):
        return _info(status, str(error) or "The backend reported an error.", None, [])
    message = error.get("message")
    details = error.get("details")
    word = error.get("status")
    code = error.get("code")
    if isinstance(word, int) and code is None:
        code = word
    return _info(
        status,
        message if isinstance(message, str) and message else jsonio.dumps_str(error),
        word if isinstance(word, str) else None,
        [item for item in details if isinstance(item, dict)] if isinstance(details, list) else [],
        code if isinstance(code, int) and 400 <= code < 600 else None,
    )


def _info(
    status: int | None, message: str, word: str | None, details: list[Json], code: int | None = None
) -> ErrorInfo:
    reasons = [item["reason"] for item in details if isinstance(item.get("reason"), str)]
    numeric = status if status is not None else code
    if numeric is not None:
        kind = kind_of_status(numeric)
    else:
        kind = _KINDS.get(word or "", ErrorKind.SERVER)
    if STATUS[kind] < 500:
        kind = next((found for pattern, found in _TEXTS if pattern.search(message)), kind)
    kind = next((_REASONS[reason] for reason in reasons if reason in _REASONS), kind)
    return ErrorInfo(
        kind,
        message,
        status=status,
        code=reasons[0] if reasons else None,
        type=word,
        retry_after=_retry_after(details, message),
        details={"details": details} if details else {},
    )


def _retry_after(details: list[Json], message: str) -> float | None:
    for item in details:
        delay = get(item, "retryDelay")
        told = waits.duration(delay) if isinstance(delay, str) else None
        if isinstance(delay, dict):
            told = waits.believed(delay.get("seconds"))
        if told is not None:
            return told
    return waits.in_words(message)
