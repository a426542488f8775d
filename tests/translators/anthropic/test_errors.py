"""Errors, both ways (mapping.md §3, anthropic.md §9)."""

import json
from typing import Any

import pytest

from tests.translators.anthropic.support import PROTOCOL
from translators.canonical.errors import ErrorInfo, ErrorKind

TABLE = [
    (ErrorKind.INVALID_REQUEST, 400, "invalid_request_error"),
    (ErrorKind.AUTHENTICATION, 401, "authentication_error"),
    (ErrorKind.BILLING, 402, "billing_error"),
    (ErrorKind.PERMISSION, 403, "permission_error"),
    (ErrorKind.NOT_FOUND, 404, "not_found_error"),
    (ErrorKind.TOO_LARGE, 413, "request_too_large"),
    (ErrorKind.RATE_LIMIT, 429, "rate_limit_error"),
    (ErrorKind.SERVER, 500, "api_error"),
    (ErrorKind.OVERLOADED, 529, "overloaded_error"),
    (ErrorKind.TIMEOUT, 504, "timeout_error"),
]


@pytest.mark.parametrize(("kind", "status", "type_"), TABLE)
def test_every_kind_has_its_status_and_type(kind, status, type_):
    sent = PROTOCOL.encode_error(ErrorInfo(kind, "words of the upstream"), request_id="req_1")
    assert sent == (
        status,
        {"type": "error", "error": {"type": type_, "message": "words of the upstream"}, "request_id": "req_1"},
    )


@pytest.mark.parametrize(("kind", "status", "type_"), TABLE)
def test_every_error_of_ours_is_read_back(kind, status, type_):
    _, sent = PROTOCOL.encode_error(ErrorInfo(kind, "m"))
    error = PROTOCOL.decode_error(status, {}, json.dumps(sent).encode())
    assert (error.kind, error.message, error.status, error.type) == (kind, "m", status, type_)


STATUSES = [
    (ErrorInfo(ErrorKind.INVALID_REQUEST, "m", status=422), 422, "invalid_request_error"),
    (ErrorInfo(ErrorKind.INVALID_REQUEST, "m", status=409), 409, "conflict_error"),
    (ErrorInfo(ErrorKind.SERVER, "m", status=502), 502, "api_error"),
    (ErrorInfo(ErrorKind.OVERLOADED, "m", status=503), 529, "overloaded_error"),
    (ErrorInfo(ErrorKind.BILLING, "m", status=429), 402, "billing_error"),
]


@pytest.mark.parametrize(("error", "status", "type_"), STATUSES)
def test_a_status_that_says_more_than_the_kind_is_kept(error, status, type_):
    sent_status, sent = PROTOCOL.encode_error(error)
    assert (sent_status, sent["error"]["type"]) == (status, type_)


TOO_LONG = [
    (
        "prompt is too long: 210000 tokens > 200000 maximum",
        "prompt is too long: 210000 tokens > 200000 maximum (capability_rejected: prompt_too_long)",
    ),
    (
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130,123 tokens.",
        "prompt is too long: 130123 tokens > 128000 maximum (capability_rejected: prompt_too_long): This model's",
    ),
    (
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "prompt is too long: 1200000 tokens > 1048576 maximum (capability_rejected: prompt_too_long): The input",
    ),
    ("Input is too large.", "prompt is too long (capability_rejected: prompt_too_long): Input is too large."),
]


@pytest.mark.parametrize(("upstream", "message"), TOO_LONG)
def test_a_prompt_that_is_too_long_is_said_so_that_claude_code_compacts(upstream, message):
    status, sent = PROTOCOL.encode_error(ErrorInfo(ErrorKind.PROMPT_TOO_LONG, upstream))
    assert (status, sent["error"]["type"]) == (400, "invalid_request_error")
    assert sent["error"]["message"].startswith(message)


def test_the_machine_code_of_anthropic_survives():
    body = {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "m", "details": {"error_code": "file_expired"}},
    }
    error = PROTOCOL.decode_error(400, {}, json.dumps(body).encode())
    assert error.code == "file_expired"
    assert PROTOCOL.encode_error(error)[1] == body


def error_body(type_: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": type_, "message": message}}


BODIES = [
    (400, error_body("invalid_request_error", "prompt is too long: 5 tokens > 4 maximum"), ErrorKind.PROMPT_TOO_LONG),
    (
        400,
        error_body("invalid_request_error", "input length and `max_tokens` exceed context limit: 1 + 2 > 2"),
        ErrorKind.PROMPT_TOO_LONG,
    ),
    (400, {"error": {"code": "context_length_exceeded", "message": "m"}}, ErrorKind.PROMPT_TOO_LONG),
    (400, error_body("invalid_request_error", "Your credit balance is too low to access"), ErrorKind.BILLING),
    (400, error_body("invalid_request_error", "messages: wrong"), ErrorKind.INVALID_REQUEST),
    (404, error_body("invalid_request_error", "m"), ErrorKind.NOT_FOUND),
    (500, error_body("overloaded_error", "m"), ErrorKind.OVERLOADED),
    (502, error_body("api_error", "m"), ErrorKind.SERVER),
    (503, error_body("api_error", "m"), ErrorKind.OVERLOADED),
    (429, {"error": "slow down"}, ErrorKind.RATE_LIMIT),
    (403, {"message": "forbidden"}, ErrorKind.PERMISSION),
    (422, {"detail": "unprocessable"}, ErrorKind.INVALID_REQUEST),
    (422, {"detail": [{"msg": "x"}]}, ErrorKind.INVALID_REQUEST),
    (418, {}, ErrorKind.INVALID_REQUEST),
    (500, [], ErrorKind.SERVER),
]


@pytest.mark.parametrize(("status", "body", "kind"), BODIES)
def test_bodies_of_all_shapes_have_a_kind_and_a_message(status, body, kind):
    error = PROTOCOL.decode_error(status, {}, json.dumps(body).encode())
    assert (error.kind, error.status) == (kind, status)
    assert error.message


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"<html><style>p{}</style><h1>502 Bad  Gateway</h1></html>"])
def test_what_is_no_json_is_excerpted(body):
    error = PROTOCOL.decode_error(502, {}, body)
    assert error.kind is ErrorKind.SERVER and error.message
    assert "<" not in error.message and "p{" not in error.message


RETRY = [
    ({}, None),
    ({"retry-after": "7"}, 7.0),
    ({"retry-after": "7.5", "retry-after-ms": "1500"}, 1.5),
    ({"retry-after": "soon"}, None),
    ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
    ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), RETRY)
def test_retry_after_is_what_the_provider_said_and_nothing_else(headers, seconds):
    assert PROTOCOL.decode_error(429, headers, b"{}").retry_after == seconds
