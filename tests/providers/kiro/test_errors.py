"""Errors of the service row by row: what each means for request, model and account (kiro.md §8)."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from addons.gateway.answers.books import cause_of
from addons.gateway.exchange import Cause
from addons.providers.api import Answer
from tests.standin.kiro_answers import BUSY, LIMIT, LOCKED, SUSPENDED, ErrorRow
from translators import registry as protocols
from translators.canonical.errors import ErrorInfo, ErrorKind

from .stage import KIRO

DENIED, QUOTA, BUSY_TYPE, WRONG = (
    "AccessDeniedException",
    "ServiceQuotaExceededException",
    "ThrottlingException",
    "ValidationException",
)


@dataclass(frozen=True)
class Row:
    error: ErrorRow
    kind: ErrorKind
    cause: Cause
    scope: str = ""
    ends: bool = False

    def __str__(self) -> str:
        return str(self.error)


def client_fault(reason: str) -> Row:
    return Row(ErrorRow(400, WRONG, reason, "No."), ErrorKind.INVALID_REQUEST, Cause.CLIENT_FAULT)


ROWS = [
    Row(
        ErrorRow(403, DENIED, None, "The bearer token included in the request is invalid."),
        ErrorKind.AUTHENTICATION,
        Cause.AUTHENTICATION,
    ),
    Row(
        ErrorRow(403, DENIED, None, "The bearer token included in the request is expired."),
        ErrorKind.AUTHENTICATION,
        Cause.AUTHENTICATION,
    ),
    Row(ErrorRow(403, "", None, "Token expired"), ErrorKind.AUTHENTICATION, Cause.AUTHENTICATION),
    Row(ErrorRow(401, "", None, "Unauthorized"), ErrorKind.AUTHENTICATION, Cause.AUTHENTICATION),
    Row(
        ErrorRow(403, DENIED, "TEMPORARILY_SUSPENDED", SUSPENDED), ErrorKind.PERMISSION, Cause.AUTHENTICATION, ends=True
    ),
    Row(
        ErrorRow(403, DENIED, "TEMPORARILY_SUSPENDED", "Anything."),
        ErrorKind.PERMISSION,
        Cause.AUTHENTICATION,
        ends=True,
    ),
    Row(ErrorRow(403, DENIED, None, LOCKED), ErrorKind.PERMISSION, Cause.AUTHENTICATION, ends=True),
    Row(ErrorRow(403, DENIED, "FEATURE_NOT_SUPPORTED", "No."), ErrorKind.NOT_FOUND, Cause.NOT_FOUND),
    Row(
        ErrorRow(403, DENIED, "UNAUTHORIZED_CUSTOMIZATION_RESOURCE_ACCESS", "No."),
        ErrorKind.NOT_FOUND,
        Cause.NOT_FOUND,
    ),
    Row(
        ErrorRow(403, DENIED, None, "Your subscription does not support this application."),
        ErrorKind.NOT_FOUND,
        Cause.NOT_FOUND,
    ),
    *(
        Row(ErrorRow(status, QUOTA, reason, LIMIT), ErrorKind.BILLING, Cause.BILLING)
        for status in (402, 400)
        for reason in ("MONTHLY_REQUEST_COUNT", "OVERAGE_REQUEST_LIMIT_EXCEEDED", "CONVERSATION_LIMIT_EXCEEDED")
    ),
    Row(ErrorRow(402, QUOTA, None, LIMIT), ErrorKind.BILLING, Cause.BILLING),
    Row(ErrorRow(429, BUSY_TYPE, "MONTHLY_REQUEST_COUNT", LIMIT), ErrorKind.BILLING, Cause.BILLING),
    Row(ErrorRow(429, BUSY_TYPE, "DAILY_REQUEST_COUNT", LIMIT), ErrorKind.RATE_LIMIT, Cause.RATE_LIMIT, "account"),
    Row(ErrorRow(429, BUSY_TYPE, "INSUFFICIENT_MODEL_CAPACITY", BUSY), ErrorKind.RATE_LIMIT, Cause.RATE_LIMIT, "model"),
    Row(
        ErrorRow(429, BUSY_TYPE, "CREDIT_CONSUMPTION_RATE_EXCEEDED", BUSY),
        ErrorKind.RATE_LIMIT,
        Cause.RATE_LIMIT,
        "account",
    ),
    Row(
        ErrorRow(429, BUSY_TYPE, "USER_REQUEST_RATE_EXCEEDED", BUSY), ErrorKind.RATE_LIMIT, Cause.RATE_LIMIT, "account"
    ),
    Row(
        ErrorRow(429, BUSY_TYPE, "SERVICE_REQUEST_RATE_EXCEEDED", BUSY), ErrorKind.RATE_LIMIT, Cause.RATE_LIMIT, "model"
    ),
    Row(ErrorRow(429, BUSY_TYPE, None, BUSY), ErrorKind.RATE_LIMIT, Cause.RATE_LIMIT),
    *(
        Row(
            ErrorRow(status, "ServiceUnavailableException", "MODEL_TEMPORARILY_UNAVAILABLE", "Encountered high load."),
            ErrorKind.OVERLOADED,
            Cause.SERVER,
        )
        for status in (500, 503)
    ),
    Row(ErrorRow(500, "InternalServerException", None, "Oh."), ErrorKind.SERVER, Cause.SERVER),
    *(
        Row(ErrorRow(400, WRONG, reason, text), ErrorKind.PROMPT_TOO_LONG, Cause.CLIENT_FAULT)
        for reason, text in (
            ("CONTENT_LENGTH_EXCEEDS_THRESHOLD", "Input is too long."),
            ("PROMPT_TOO_LONG", "No."),
            (None, "Input is too long."),
            (None, "Input content length exceeds threshold."),
        )
    ),
    *(
        client_fault(reason)
        for reason in (
            "REQUEST_BODY_INVALID",
            "INVALID_CONVERSATION_ID",
            "INVALID_KMS_GRANT",
            "TOOL_USE_RESULT_MISMATCH",
            "TOOL_SCHEMA_INVALID",
            "TOOL_DUPLICATE",
            "TOOL_CONFIG_MISSING",
            "REQUEST_BODY_INVALID_JSON",
            "IMAGE_DIMENSION_EXCEEDED",
            "IMAGE_SIZE_EXCEEDED",
            "IMAGE_COUNT_EXCEEDED",
            "IMAGE_FORMAT_UNSUPPORTED",
            "IMAGE_MIME_MISMATCH",
            "DOCUMENT_COUNT_EXCEEDED",
            "INVALID_DOCUMENT_NAME",
            "DISALLOWED_FILE_TYPE",
            "UNSUPPORTED_LANGUAGE",
        )
    ),
    Row(ErrorRow(400, WRONG, "INVALID_MODEL_ID", "Invalid model."), ErrorKind.NOT_FOUND, Cause.NOT_FOUND),
    Row(ErrorRow(400, WRONG, "THINKING_SIGNATURE_INVALID", "Invalid."), ErrorKind.INVALID_REQUEST, Cause.SIGNATURE),
    Row(ErrorRow(400, WRONG, None, "profileArn is required for this request."), ErrorKind.SERVER, Cause.SERVER),
    Row(ErrorRow(400, WRONG, None, "Invalid profileArn."), ErrorKind.SERVER, Cause.SERVER),
]


def judged(status: int, body: bytes, headers: dict[str, str] | None = None) -> ErrorInfo:
    info = protocols.get("kiro").decode_error(status, headers or {}, body)
    return KIRO.judge(info, Answer(status, headers or {}, body))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_an_error_means(row: Row) -> None:
    found = judged(row.error.status, json.dumps(row.error.body).encode())
    assert (found.kind, cause_of(found), found.scope, found.out_of_service) == (
        row.kind,
        row.cause,
        row.scope,
        row.ends,
    )
    assert row.error.message in found.message and found.code == row.error.reason
    assert found.retry_after is None, "no wait is made up"


@pytest.mark.parametrize(
    "error",
    [
        ErrorRow(400, WRONG, "REQUEST_BODY_INVALID", f"Improperly formed: {SUSPENDED}"),
        ErrorRow(400, WRONG, None, SUSPENDED),
        ErrorRow(403, DENIED, None, f"No access to 'TEMPORARILY_SUSPENDED'. {SUSPENDED}"),
        ErrorRow(429, BUSY_TYPE, "TEMPORARILY_SUSPENDED", BUSY),
    ],
    ids=str,
)
def test_no_text_that_a_client_could_bring_about_ends_an_account(error: ErrorRow) -> None:
    assert not judged(error.status, json.dumps(error.body).encode()).out_of_service


@pytest.mark.parametrize(
    ("headers", "more", "seconds"),
    [
        ({"retry-after": "7"}, {}, 7.0),
        ({}, {"retryAfterMilliseconds": 1500}, 1.5),
        ({"retry-after": "soon"}, {"retryAfterMilliseconds": "x"}, None),
    ],
)
def test_only_the_services_own_wait_counts(
    headers: dict[str, str], more: dict[str, object], seconds: float | None
) -> None:
    row = ErrorRow(429, BUSY_TYPE, "USER_REQUEST_RATE_EXCEEDED", BUSY, more)
    assert judged(429, json.dumps(row.body).encode(), headers).retry_after == seconds


@pytest.mark.parametrize(
    ("body", "headers", "message", "type_"),
    [
        (b"<html>Bad  gateway</html>", {}, "Bad gateway", None),
        (b"", {}, "HTTP 502 without a message", None),
        (b"[1]", {}, "[1]", None),
        (b'{"Message": "old"}', {}, "old", None),
        (b'{"message": 5, "reason": 7}', {}, "HTTP 502 without a message", None),
        (b'{"message": "m"}', {"x-amzn-errortype": "ThrottlingException:http://x"}, "m", "ThrottlingException"),
        (b'{"message": "m", "__type": "com.amazon.aws.codewhisperer#X"}', {}, "m", "X"),
    ],
)
def test_answers_of_any_shape_are_read(body: bytes, headers: dict[str, str], message: str, type_: str | None) -> None:
    found = protocols.get("kiro").decode_error(502, headers, body)
    assert (found.kind, found.message, found.type) == (ErrorKind.SERVER, message, type_)
