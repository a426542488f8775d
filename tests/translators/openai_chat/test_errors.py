"""Errors of the many chat backends, and errors as a chat client reads them (openai_chat.md §7, mapping.md §3)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.translators.openai_chat.support import CHAT
from translators.canonical.errors import ErrorInfo, ErrorKind


def error(status: int, body: Any, **headers: str) -> ErrorInfo:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return CHAT.decode_error(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


SHAPES: list[tuple[Any, str]] = [
    ({"error": {"message": "m", "type": "t", "param": "p", "code": "c"}}, "m"),
    ({"error": "m"}, "m"),
    ({"error": "Bad", "message": "m"}, "m"),
    ({"message": "m"}, "m"),
    ({"detail": "m"}, "m"),
    ({"detail": {"error": {"message": "m"}}}, "m"),
    (
        {"detail": [{"loc": ["body", "messages", 0], "msg": "field required", "type": "x"}]},
        "body.messages.0: field required",
    ),
    ({"object": "error", "message": "m", "type": "BadRequestError", "param": None, "code": 400}, "m"),
    ([{"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}], "m"),
    ({"errors": [{"message": "m"}]}, "m"),
    ({"error_msg": "m"}, "m"),
    (
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {"raw": "deep", "provider_name": "X"},
            }
        },
        "Provider returned error: deep",
    ),
    (b"plain words", "plain words"),
    (b"<html><head><title>502 Bad Gateway</title></head><body>x</body></html>", "502 Bad Gateway x"),
    (b"<html><body><style>p{}</style><p>Sorry,\n  down</p></body></html>", "Sorry, down"),
    (b"", "The backend answered with HTTP status 400."),
    (b"null", "The backend answered with HTTP status 400."),
    ({}, "The backend answered with HTTP status 400."),
]


@pytest.mark.parametrize(("body", "message"), SHAPES)
def test_the_message_is_found_in_every_shape(body: Any, message: str) -> None:
    assert error(400, body).message == message


def test_the_providers_own_words_are_kept() -> None:
    found = error(404, {"error": {"message": "m", "type": "t", "param": "model", "code": "model_not_found"}})
    assert (found.status, found.type, found.param, found.code) == (404, "t", "model", "model_not_found")


KINDS: list[tuple[int, dict[str, Any], ErrorKind]] = [
    (400, {"message": "bad"}, ErrorKind.INVALID_REQUEST),
    (401, {"message": "bad"}, ErrorKind.AUTHENTICATION),
    (402, {"message": "bad"}, ErrorKind.BILLING),
    (403, {"message": "bad"}, ErrorKind.PERMISSION),
    (404, {"message": "bad"}, ErrorKind.NOT_FOUND),
    (408, {"message": "bad"}, ErrorKind.TIMEOUT),
    (413, {"message": "bad"}, ErrorKind.TOO_LARGE),
    (422, {"message": "bad"}, ErrorKind.INVALID_REQUEST),
    (429, {"message": "slow"}, ErrorKind.RATE_LIMIT),
    (429, {"message": "slow", "code": "insufficient_quota"}, ErrorKind.BILLING),
    (429, {"message": "You exceeded your current quota, please check your plan"}, ErrorKind.BILLING),
    (429, {"message": "slow", "type": "exceeded_current_quota_error"}, ErrorKind.BILLING),
    (403, {"message": "Insufficient Balance"}, ErrorKind.BILLING),
    (400, {"message": "bad key", "code": "invalid_api_key"}, ErrorKind.AUTHENTICATION),
    (400, {"message": "who?", "code": "model_not_found"}, ErrorKind.NOT_FOUND),
    (500, {"message": "bad"}, ErrorKind.SERVER),
    (502, {"message": "bad"}, ErrorKind.SERVER),
    (503, {"message": "bad"}, ErrorKind.OVERLOADED),
    (504, {"message": "bad"}, ErrorKind.TIMEOUT),
    (429, {"message": "busy", "type": "engine_overloaded_error"}, ErrorKind.OVERLOADED),
    (429, {"message": "Too many tokens, please wait before trying again."}, ErrorKind.RATE_LIMIT),
    (
        413,
        {
            "message": "Request too large for model on tokens per minute (TPM): Limit 6000, Requested 7000",
            "code": "rate_limit_exceeded",
        },
        ErrorKind.TOO_LARGE,
    ),
    (
        400,
        {"message": "max_tokens is too large: 999999. This model supports at most 8192 completion tokens"},
        ErrorKind.INVALID_REQUEST,
    ),
]


@pytest.mark.parametrize(("status", "inner", "kind"), KINDS)
def test_kinds(status: int, inner: dict[str, Any], kind: ErrorKind) -> None:
    assert error(status, {"error": inner}).kind is kind


TOO_LONG: list[str | dict[str, Any]] = [
    {"message": "too long", "code": "context_length_exceeded"},
    {"message": "x", "type": "exceed_context_size_error"},
    {"message": "x", "code": "1261"},
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
    "This model's maximum prompt length is 131072 but the request contains 140000 tokens.",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "Prompt contains 140000 tokens and 0 draft tokens, too large for model with 131072 maximum context length",
    "Range of input length should be [1, 129024]",
    "Invalid request: Your request exceeded model token limit: 262144",
    "Prompt exceeds max length",
    "the request exceeds the available context size. try increasing the context size or enable context shift",
    "Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with context length "
    "of only 4096 tokens, which is not enough",
    "The number of tokens to keep from the initial prompt is greater than the context length.",
    "Input is too long for requested model.",
    "Please reduce the length of the messages or completion.",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "The prompt is longer than the model's context length",
    "too many tokens: total number of tokens in the prompt exceeds the model's limit",
    "Input length 40000 exceeds the maximum allowed length",
    "litellm.ContextWindowExceededError: prompt too long",
]


@pytest.mark.parametrize("status", [400, 413, 422, 500])
@pytest.mark.parametrize("inner", TOO_LONG)
def test_a_prompt_that_does_not_fit_is_recognised(inner: str | dict[str, Any], status: int) -> None:
    body = inner if isinstance(inner, dict) else {"message": inner}
    assert error(status, {"error": body}).kind is ErrorKind.PROMPT_TOO_LONG


@pytest.mark.parametrize(
    "message",
    [
        "Invalid value for 'messages[0].content'",
        "tool_calls must be followed by tool messages",
        "string too long. Expected a string with maximum length 64",
        "'max_tokens' exceeds the limit",
        "n must be less than 10",
    ],
)
def test_other_client_errors_are_not_taken_for_it(message: str) -> None:
    assert error(400, {"error": {"message": message}}).kind is ErrorKind.INVALID_REQUEST


WAITS: list[tuple[int, dict[str, str], str, float | None]] = [
    (429, {}, "slow down", None),
    (429, {"retry_after": "7"}, "", 7.0),
    (429, {"retry_after": "0.5"}, "", 0.5),
    (429, {"retry_after_ms": "250", "retry_after": "1"}, "", 0.25),
    (
        503,
        {"retry_after": "Wed, 21 Oct 2026 07:28:10 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"},
        "",
        10.0,
    ),
    (503, {"retry_after": "Wed, 21 Oct 2026 07:28:10 GMT"}, "", None),
    (429, {"retry_after": "soon"}, "", None),
    (429, {"retry_after": "-5"}, "", None),
    (
        429,
        {"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "6m0s", "x_ratelimit_reset_tokens": "1s"},
        "",
        360.0,
    ),
    (429, {"x_ratelimit_remaining_requests": "5", "x_ratelimit_reset_requests": "6m0s"}, "", None),
    (429, {}, "Rate limit reached. Please try again in 7.66s.", 7.66),
    (429, {}, "Please try again in 20ms. Visit", 0.02),
    (429, {}, "Please try again in 1h2m3s.", 3723.0),
    (429, {}, "Please retry after 12 seconds.", 12.0),
    (400, {}, "Please try again in 7s", None),
]


@pytest.mark.parametrize(("status", "headers", "message", "seconds"), WAITS)
def test_waiting_time_is_what_the_provider_said(
    status: int, headers: dict[str, str], message: str, seconds: float | None
) -> None:
    assert error(status, {"error": {"message": message}}, **headers).retry_after == seconds


def test_googles_retry_info_is_read() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}]
    assert error(429, [{"error": {"code": 429, "message": "quota", "details": details}}]).retry_after == 17.0


ENCODED: list[tuple[ErrorInfo, int, str | None]] = [
    (ErrorInfo(ErrorKind.INVALID_REQUEST, "m"), 400, None),
    (ErrorInfo(ErrorKind.INVALID_REQUEST, "m", status=422, code="x"), 422, "x"),
    (ErrorInfo(ErrorKind.PROMPT_TOO_LONG, "prompt is too long"), 400, "context_length_exceeded"),
    (ErrorInfo(ErrorKind.AUTHENTICATION, "m"), 401, "invalid_api_key"),
    (ErrorInfo(ErrorKind.BILLING, "m", status=402), 429, "insufficient_quota"),
    (ErrorInfo(ErrorKind.PERMISSION, "m"), 403, "permission_denied"),
    (ErrorInfo(ErrorKind.NOT_FOUND, "m"), 404, "model_not_found"),
    (ErrorInfo(ErrorKind.NOT_FOUND, "m", code="unknown_url"), 404, "unknown_url"),
    (ErrorInfo(ErrorKind.NOT_FOUND, "m", code="not_found_error"), 404, "model_not_found"),
    (ErrorInfo(ErrorKind.TOO_LARGE, "m"), 413, "request_too_large"),
    (ErrorInfo(ErrorKind.RATE_LIMIT, "m"), 429, "rate_limit_exceeded"),
    (ErrorInfo(ErrorKind.SERVER, "m"), 500, "server_error"),
    (ErrorInfo(ErrorKind.SERVER, "m", status=502), 502, "server_error"),
    (ErrorInfo(ErrorKind.OVERLOADED, "m", status=529), 503, "server_overloaded"),
    (ErrorInfo(ErrorKind.TIMEOUT, "m", status=408), 504, "timeout"),
]


@pytest.mark.parametrize(("info", "status", "code"), ENCODED)
def test_errors_in_openais_shape(info: ErrorInfo, status: int, code: str | None) -> None:
    told, body = CHAT.encode_error(info, request_id="req-1")
    assert told == status
    assert body["error"]["code"] == code
    assert body["error"]["message"] == info.message
    assert body["error"].keys() == {"message", "type", "param", "code"}


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_every_kind_survives_the_way_there_and_back(kind: ErrorKind) -> None:
    status, body = CHAT.encode_error(ErrorInfo(kind, "words"))
    assert error(status, body).kind is kind


@given(st.integers(400, 599), st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_no_body_raises(status: int, body: bytes) -> None:
    assert error(status, body).message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "detail", "loc", "msg", "metadata", "raw", "code", "details"]), inner
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_shape_raises(body: Any) -> None:
    assert error(500, body).message
