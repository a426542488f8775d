"""Bedrock's errors: exceptions as HTTP answers and inside a stream (apikey_backends.md §6, Errors).

What a message says beyond its type (a prompt too long, a model that is not there) is judged by the provider's table.
"""

from __future__ import annotations

from typing import Any

from translators import jsonio
from translators.canonical import waits
from translators.canonical.errors import ErrorInfo, ErrorKind, kind_of_status
from translators.canonical.excerpt import excerpt

Json = dict[str, Any]

#: Exception → kind. The first seven rows and in-stream ones: the sheet; the others: botocore's model of the service
#: and AWS' common errors, which any service answers.
_KINDS: dict[str, ErrorKind] = {
    "ValidationException": ErrorKind.INVALID_REQUEST,
    "AccessDeniedException": ErrorKind.PERMISSION,
    "UnrecognizedClientException": ErrorKind.AUTHENTICATION,
    "ExpiredTokenException": ErrorKind.AUTHENTICATION,
    "ResourceNotFoundException": ErrorKind.NOT_FOUND,
    "ThrottlingException": ErrorKind.RATE_LIMIT,
    "ModelNotReadyException": ErrorKind.OVERLOADED,
    "ModelTimeoutException": ErrorKind.TIMEOUT,
    "ModelErrorException": ErrorKind.SERVER,
    "ModelStreamErrorException": ErrorKind.SERVER,
    "InternalServerException": ErrorKind.SERVER,
    "ServiceUnavailableException": ErrorKind.OVERLOADED,
    "ServiceQuotaExceededException": ErrorKind.RATE_LIMIT,
    "TooManyRequestsException": ErrorKind.RATE_LIMIT,
    "InvalidSignatureException": ErrorKind.AUTHENTICATION,
    "SignatureDoesNotMatch": ErrorKind.AUTHENTICATION,
    "IncompleteSignature": ErrorKind.AUTHENTICATION,
    "IncompleteSignatureException": ErrorKind.AUTHENTICATION,
    "InvalidClientTokenId": ErrorKind.AUTHENTICATION,
    "MissingAuthenticationToken": ErrorKind.AUTHENTICATION,
    "MissingAuthenticationTokenException": ErrorKind.AUTHENTICATION,
    "NotAuthorized": ErrorKind.PERMISSION,
    "OptInRequired": ErrorKind.PERMISSION,
    "RequestExpired": ErrorKind.AUTHENTICATION,
}

#: In-stream events begin with a small letter.
_BY_LOWER = {name.lower(): name for name in _KINDS}


def decode_error(status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
    """Any answer that is no 2xx: the exception of the header or the body, a proxy's page, or nothing at all."""
    found = jsonio.object_in(body)
    fields: Json = found or {}
    nested = fields.get("error")  # the OpenAI-dialect shape, should a gateway in between write it
    type_ = _name(headers.get("x-amzn-errortype") or fields.get("__type") or fields.get("code"))
    message = _message(fields) or (_message(nested) if isinstance(nested, dict) else "")
    if not message and found is None:
        message = excerpt(body)
    error = _error(type_, message or f"HTTP {status} without a message", status, fields)
    error.retry_after = waits.from_headers(headers)
    return error


def exception(type_: str, message: str, fields: Json | None = None) -> ErrorInfo:
    """An exception inside a stream, which has no status."""
    name = _name(type_)
    return _error(name, message or name or "The backend's stream broke off with an error", None, fields or {})


def _error(type_: str, message: str, status: int | None, fields: Json) -> ErrorInfo:
    kind = _KINDS.get(type_) or (kind_of_status(status) if status is not None else ErrorKind.SERVER)
    original = fields.get("originalMessage")
    if isinstance(original, str) and original and original not in message:
        message = f"{message} ({original})"
    return ErrorInfo(kind, message, status, type=type_ or None)


def _name(value: object) -> str:
    """`ThrottlingException` out of `com.amazon.coral.service#ThrottlingException:http://…`, in the usual spelling."""
    if not isinstance(value, str):
        return ""
    name = value.partition(":")[0].rpartition("#")[2]
    return _BY_LOWER.get(name.lower(), name)


def _message(fields: Json) -> str:
    found = next((fields[key] for key in ("message", "Message") if isinstance(fields.get(key), str)), "")
    return str(found)
