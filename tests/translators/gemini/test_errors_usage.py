"""Google's errors and token counts, both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.translators.gemini.support import GEMINI
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import Usage
from translators.gemini import usage


def google(code: int, status: str, message: str = "m", *details: Any) -> bytes:
    return json.dumps(
        {"error": {"code": code, "message": message, "status": status, "details": list(details)}}
    ).encode()


INVALID_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "x"}
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}
QUOTA = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "PerDay"}]}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, google(400, "INVALID_ARGUMENT"), ErrorKind.INVALID_REQUEST),
        (400, google(400, "FAILED_PRECONDITION"), ErrorKind.INVALID_REQUEST),
        (400, google(400, "INVALID_ARGUMENT", "API key not valid. Please pass one."), ErrorKind.AUTHENTICATION),
        (400, google(400, "INVALID_ARGUMENT", "m", INVALID_KEY), ErrorKind.AUTHENTICATION),
        (
            400,
            google(
                400,
                "INVALID_ARGUMENT",
                "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            ),
            ErrorKind.PROMPT_TOO_LONG,
        ),
        (
            400,
            google(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
            ErrorKind.PERMISSION,
        ),
        (401, google(401, "UNAUTHENTICATED"), ErrorKind.AUTHENTICATION),
        (403, google(403, "PERMISSION_DENIED"), ErrorKind.PERMISSION),
        (403, google(403, "PERMISSION_DENIED", "m", {"reason": "BILLING_DISABLED"}), ErrorKind.BILLING),
        (404, google(404, "NOT_FOUND"), ErrorKind.NOT_FOUND),
        (409, google(409, "ABORTED"), ErrorKind.INVALID_REQUEST),
        (413, google(413, "INVALID_ARGUMENT"), ErrorKind.TOO_LARGE),
        (429, google(429, "RESOURCE_EXHAUSTED"), ErrorKind.RATE_LIMIT),
        (
            429,
            google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing."),
            ErrorKind.RATE_LIMIT,
        ),
        (429, google(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), ErrorKind.BILLING),
        (500, google(500, "INTERNAL"), ErrorKind.SERVER),
        (503, google(503, "UNAVAILABLE"), ErrorKind.OVERLOADED),
        (504, google(504, "DEADLINE_EXCEEDED"), ErrorKind.TIMEOUT),
        (502, b"<html><h1>Bad gateway</h1></html>", ErrorKind.SERVER),
        (500, b"", ErrorKind.SERVER),
        (503, b'"busy"', ErrorKind.OVERLOADED),
        (400, b'{"error": "no"}', ErrorKind.INVALID_REQUEST),
        (400, b'[{"error": {"code": 400, "message": "m"}}]', ErrorKind.INVALID_REQUEST),
        (400, b"\xff\xfe", ErrorKind.INVALID_REQUEST),
    ],
)
def test_each_answer_has_its_kind(status, body, kind):
    error = GEMINI.decode_error(status, {}, body)
    assert (error.kind, error.status) == (kind, status)
    assert error.message


def test_what_the_upstream_said_is_kept():
    error = GEMINI.decode_error(400, {}, google(400, "INVALID_ARGUMENT", "Unknown name", INVALID_KEY))
    assert (error.message, error.type, error.code) == ("Unknown name", "INVALID_ARGUMENT", "API_KEY_INVALID")
    assert error.details == {"details": [INVALID_KEY]}
    assert GEMINI.decode_error(502, {}, b"<html><h1>Bad\n gateway</h1></html>").message == "Bad gateway"


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({}, google(429, "RESOURCE_EXHAUSTED", "m", QUOTA, RETRY), 34.5),
        ({}, google(429, "RESOURCE_EXHAUSTED", "m", {"@type": "x", "retryDelay": {"seconds": 12}}), 12),
        ({}, google(429, "RESOURCE_EXHAUSTED", "Quota exceeded. Please retry in 7.25s."), 7.25),
        ({"retry-after": "3"}, google(429, "RESOURCE_EXHAUSTED", "m", RETRY), 3),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, google(429, "RESOURCE_EXHAUSTED"), None),
        ({}, google(429, "RESOURCE_EXHAUSTED", "m", {"retryDelay": "soon"}), None),
        ({}, b"", None),
    ],
)
def test_how_long_to_wait(headers, body, seconds):
    assert GEMINI.decode_error(429, headers, body).retry_after == seconds


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        (ErrorKind.INVALID_REQUEST, 400, "INVALID_ARGUMENT"),
        (ErrorKind.PROMPT_TOO_LONG, 400, "INVALID_ARGUMENT"),
        (ErrorKind.AUTHENTICATION, 401, "UNAUTHENTICATED"),
        (ErrorKind.BILLING, 429, "RESOURCE_EXHAUSTED"),
        (ErrorKind.PERMISSION, 403, "PERMISSION_DENIED"),
        (ErrorKind.NOT_FOUND, 404, "NOT_FOUND"),
        (ErrorKind.TOO_LARGE, 413, "INVALID_ARGUMENT"),
        (ErrorKind.RATE_LIMIT, 429, "RESOURCE_EXHAUSTED"),
        (ErrorKind.SERVER, 500, "INTERNAL"),
        (ErrorKind.OVERLOADED, 503, "UNAVAILABLE"),
        (ErrorKind.TIMEOUT, 504, "DEADLINE_EXCEEDED"),
    ],
)
def test_each_kind_as_a_client_is_told(kind, status, word):
    assert GEMINI.encode_error(ErrorInfo(kind, "m")) == (
        status,
        {"error": {"code": status, "message": "m", "status": word}},
    )
    back = GEMINI.decode_error(status, {}, google(status, word))
    assert GEMINI.encode_error(back)[0] == status


@pytest.mark.parametrize(
    ("kind", "own", "status"),
    [
        (ErrorKind.SERVER, 502, 502),
        (ErrorKind.INVALID_REQUEST, 409, 409),
        (ErrorKind.OVERLOADED, 529, 503),
        (ErrorKind.BILLING, 402, 429),
        (ErrorKind.INVALID_REQUEST, 200, 400),
    ],
)
def test_a_status_of_the_same_kind_is_kept(kind, own, status):
    assert GEMINI.encode_error(ErrorInfo(kind, "m", status=own))[0] == status


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            {
                "promptTokenCount": 100,
                "cachedContentTokenCount": 60,
                "candidatesTokenCount": 20,
                "thoughtsTokenCount": 30,
                "toolUsePromptTokenCount": 5,
                "totalTokenCount": 155,
            },
            Usage(input_fresh=45, cache_read=60, output=50, reasoning=30),
        ),
        ({"promptTokenCount": 5, "candidatesTokenCount": 2}, Usage(input_fresh=5, output=2)),
        ({"promptTokenCount": 5, "totalTokenCount": 9}, Usage(input_fresh=5, output=4)),
        ({"promptTokenCount": 5}, Usage(input_fresh=5)),
        ({"promptTokenCount": 5, "cachedContentTokenCount": 9}, Usage(input_fresh=0, cache_read=9)),
        ({"prompt_token_count": "5", "candidates_token_count": 2.0}, Usage(input_fresh=5, output=2)),
        ({"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0}, None),
        ({}, None),
        ("x", None),
        ({"promptTokenCount": float("nan")}, None),
    ],
)
def test_token_counts(raw, expected):
    found = usage.decode(raw)
    if expected is not None:
        expected.raw = raw
    assert found == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (
            Usage(45, 60, 10, 5, 50, 30),
            {
                "promptTokenCount": 120,
                "cachedContentTokenCount": 60,
                "candidatesTokenCount": 20,
                "thoughtsTokenCount": 30,
                "totalTokenCount": 170,
            },
        ),
        (
            Usage(output=5, reasoning=9),
            {"promptTokenCount": 0, "candidatesTokenCount": 0, "thoughtsTokenCount": 5, "totalTokenCount": 5},
        ),
        (Usage(), None),
    ],
)
def test_token_counts_for_a_client(counts, expected):
    assert usage.encode(counts) == expected


def test_a_count_of_thousands_of_digits_is_none():
    found = usage.decode({"promptTokenCount": "9" * 5000, "candidatesTokenCount": "3"})
    assert found is not None
    assert (found.input_fresh, found.output) == (None, 3)
