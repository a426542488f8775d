"""One vocabulary of failures, and the status each protocol gives it (mapping.md §3, Errors)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ErrorKind(StrEnum):
    INVALID_REQUEST = "invalid_request"
    PROMPT_TOO_LONG = "prompt_too_long"
    AUTHENTICATION = "authentication"
    BILLING = "billing"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    RATE_LIMIT = "rate_limit"
    SERVER = "server"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"


#: The HTTP status of an error of ours, before a protocol's own deviations (A: overloaded is 529; C: billing is 429).
STATUS: dict[ErrorKind, int] = {
    ErrorKind.INVALID_REQUEST: 400,
    ErrorKind.PROMPT_TOO_LONG: 400,
    ErrorKind.AUTHENTICATION: 401,
    ErrorKind.BILLING: 402,
    ErrorKind.PERMISSION: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.TOO_LARGE: 413,
    ErrorKind.RATE_LIMIT: 429,
    ErrorKind.SERVER: 500,
    ErrorKind.OVERLOADED: 503,
    ErrorKind.TIMEOUT: 504,
}

_BY_STATUS: dict[int, ErrorKind] = {
    400: ErrorKind.INVALID_REQUEST,
    401: ErrorKind.AUTHENTICATION,
    402: ErrorKind.BILLING,
    403: ErrorKind.PERMISSION,
    404: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    413: ErrorKind.TOO_LARGE,
    429: ErrorKind.RATE_LIMIT,
    503: ErrorKind.OVERLOADED,
    504: ErrorKind.TIMEOUT,
    529: ErrorKind.OVERLOADED,
}


def kind_of_status(status: int) -> ErrorKind:
    """The kind that a bare HTTP status stands for: other 4xx are the client's fault, all else the server's."""
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    return ErrorKind.INVALID_REQUEST if 400 <= status < 500 else ErrorKind.SERVER


@dataclass(slots=True)
class ErrorInfo:
    """A failure. `status` is the HTTP status it came with (None inside a stream), `code` the provider's machine code.

    `retry_after` is in seconds and only ever what the provider said. `type` is the provider's own error type word.
    `scope`: whom a rate limit is about, where a table says so: "request", "model" or "account". `out_of_service`: it
    ends the credential, as a table says.
    """

    kind: ErrorKind
    message: str
    status: int | None = None
    code: str | None = None
    type: str | None = None
    param: str | None = None
    retry_after: float | None = None
    details: dict[str, Any] = field(default_factory=dict)
    scope: str = ""
    out_of_service: bool = False

    @property
    def http_status(self) -> int:
        return self.status if self.status is not None and self.status >= 400 else STATUS[self.kind]


class TranslationError(Exception):
    """The request cannot be expressed or is malformed; `info` is what to tell the client (always a 4xx)."""

    def __init__(
        self,
        message: str,
        *,
        kind: ErrorKind = ErrorKind.INVALID_REQUEST,
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.info = ErrorInfo(kind=kind, message=message, code=code, param=param)
