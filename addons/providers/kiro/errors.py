"""Kiro's errors as HTTP answers and as frames of a stream (kiro.md §7.2, §8). Pure.

What a reason means for a credential stands in the provider's manifest.
"""

from __future__ import annotations

import re
from typing import Any

from translators import jsonio
from translators.canonical import waits
from translators.canonical.errors import ErrorInfo, ErrorKind, kind_of_status
from translators.canonical.excerpt import excerpt

Json = dict[str, Any]

#: Exception without its ending → kind, where the status says less or there is none.
_KINDS: dict[str, ErrorKind] = {
    "throttling": ErrorKind.RATE_LIMIT,
    "servicequotaexceeded": ErrorKind.BILLING,
    "validation": ErrorKind.INVALID_REQUEST,
    "serviceunavailable": ErrorKind.OVERLOADED,
    "internalserver": ErrorKind.SERVER,
    "accessdenied": ErrorKind.PERMISSION,
    "resourcenotfound": ErrorKind.NOT_FOUND,
}
_ENDING = re.compile(r"(exception|error)$", re.IGNORECASE)


def decode_error(status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
    """Any answer that is no 2xx."""
    found = jsonio.object_in(body)
    fields: Json = found or {}
    name = _name(headers.get("x-amzn-errortype") or fields.get("__type"))
    kind = kind_of_status(status)
    if status < 500 and kind is not ErrorKind.RATE_LIMIT:
        kind = _KINDS.get(_ENDING.sub("", name).lower(), kind)
    message = _message(fields)
    if not message and not fields:
        message = excerpt(body)
    error = _error(kind, message or f"HTTP {status} without a message", fields)
    error.status, error.type = status, name or None
    told = waits.from_headers(headers)
    error.retry_after = told if told is not None else error.retry_after
    return error


def exception(name: str, message: str, fields: Json | None = None) -> ErrorInfo:
    """An exception inside of a stream, which has no status; `error` is an InternalServerException."""
    known = _name(name)
    kind = _KINDS.get(_ENDING.sub("", known).lower(), ErrorKind.SERVER)
    error = _error(kind, message or known or "The stream broke off with an error.", fields or {})
    error.type = known or None
    return error


def _error(kind: ErrorKind, message: str, fields: Json) -> ErrorInfo:
    """The reason is the code, and stands behind a message that does not say it: clients and people look there."""
    reason = fields.get("reason")
    error = ErrorInfo(kind, message)
    if isinstance(reason, str) and reason:
        error.code = reason
        if reason not in message:
            error.message = f"{message} ({reason})"
    error.retry_after = waits.believed(fields.get("retryAfterMilliseconds"), 0.001)
    return error


def _name(value: object) -> str:
    """`ThrottlingException` out of `com.amazon.kiro.runtimeservice#ThrottlingException:http://…`."""
    return value.partition(":")[0].rpartition("#")[2] if isinstance(value, str) else ""


def _message(fields: Json) -> str:
    found = next((fields[key] for key in ("message", "Message") if isinstance(fields.get(key), str)), "")
    return str(found)
