"""Errors of backends, and ours for clients (openai_responses.md §7, mapping.md §3, codex.md §10)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.translators.openai_responses.support import RESPONSES
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.openai_responses.errors import encode_failure


def decode(status: int, body: Any, **headers: str) -> ErrorInfo:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return RESPONSES.decode_error(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


def openai(message: str = "m", **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **fields}}


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (ErrorKind.INVALID_REQUEST, 400, None),
        (ErrorKind.PROMPT_TOO_LONG, 400, "context_length_exceeded"),
        (ErrorKind.AUTHENTICATION, 401, "invalid_api_key"),
        (ErrorKind.BILLING, 429, "insufficient_quota"),
        (ErrorKind.PERMISSION, 403, None),
        (ErrorKind.NOT_FOUND, 404, "model_not_found"),
        (ErrorKind.TOO_LARGE, 413, None),
        (ErrorKind.RATE_LIMIT, 429, "rate_limit_exceeded"),
        (ErrorKind.SERVER, 500, None),
        (ErrorKind.OVERLOADED, 503, None),
        (ErrorKind.TIMEOUT, 504, None),
    ],
)
def test_every_kind_has_a_status_and_a_shape(kind: ErrorKind, status: int, code: str | None) -> None:
    found, body = RESPONSES.encode_error(ErrorInfo(kind, "what happened", param="input"))
    assert found == status
    assert body["error"].pop("type")
    assert body == {"error": {"message": "what happened", "param": "input", "code": code}}


@pytest.mark.parametrize(
    ("kind", "status", "kept"),
    [
        (ErrorKind.INVALID_REQUEST, 422, 422),
        (ErrorKind.INVALID_REQUEST, 200, 400),
        (ErrorKind.SERVER, 502, 502),
        (ErrorKind.OVERLOADED, 529, 503),
        (ErrorKind.BILLING, 402, 429),
    ],
)
def test_an_exact_status_is_kept_a_foreign_one_is_not(kind: ErrorKind, status: int, kept: int) -> None:
    assert RESPONSES.encode_error(ErrorInfo(kind, "m", status=status))[0] == kept


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ErrorInfo(ErrorKind.PROMPT_TOO_LONG, "m"), "context_length_exceeded"),
        (ErrorInfo(ErrorKind.BILLING, "m"), "insufficient_quota"),
        (ErrorInfo(ErrorKind.BILLING, "m", code="usage_not_included"), "usage_not_included"),
        (ErrorInfo(ErrorKind.RATE_LIMIT, "m"), "rate_limit_exceeded"),
        (ErrorInfo(ErrorKind.INVALID_REQUEST, "m"), "invalid_prompt"),
        (ErrorInfo(ErrorKind.INVALID_REQUEST, "m", code="unsupported_value"), "invalid_prompt"),
        (ErrorInfo(ErrorKind.AUTHENTICATION, "m"), "invalid_prompt"),
        (ErrorInfo(ErrorKind.PERMISSION, "m"), "invalid_prompt"),
        (ErrorInfo(ErrorKind.NOT_FOUND, "m"), "invalid_prompt"),
        (ErrorInfo(ErrorKind.TOO_LARGE, "m"), "invalid_prompt"),
        (ErrorInfo(ErrorKind.SERVER, "m"), "server_error"),
        (ErrorInfo(ErrorKind.OVERLOADED, "m"), "server_error"),
        (ErrorInfo(ErrorKind.OVERLOADED, "m", code="server_is_overloaded"), "server_is_overloaded"),
        (ErrorInfo(ErrorKind.TIMEOUT, "m"), "server_error"),
    ],
)
def test_codes_in_a_failed_response_are_those_that_codex_acts_on(error: ErrorInfo, code: str) -> None:
    assert encode_failure(error) == {"code": code, "message": "m"}


def test_the_wait_of_a_rate_limit_stands_where_codex_looks_for_it() -> None:
    error = ErrorInfo(ErrorKind.RATE_LIMIT, "Too many.", retry_after=2.5)
    assert encode_failure(error)["message"] == "Too many. Please try again in 2.5s."
    said = ErrorInfo(ErrorKind.RATE_LIMIT, "Try again in 3 seconds.", retry_after=3)
    assert encode_failure(said)["message"] == "Try again in 3 seconds."


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, openai(), ErrorKind.INVALID_REQUEST),
        (400, openai(code="context_length_exceeded"), ErrorKind.PROMPT_TOO_LONG),
        (400, openai("This model's maximum context length is 8 tokens."), ErrorKind.PROMPT_TOO_LONG),
        (400, openai("Your input exceeds the context window of this model."), ErrorKind.PROMPT_TOO_LONG),
        (400, openai(code="previous_response_not_found"), ErrorKind.INVALID_REQUEST),
        (401, openai(code="invalid_api_key"), ErrorKind.AUTHENTICATION),
        (402, openai(), ErrorKind.BILLING),
        (403, openai(), ErrorKind.PERMISSION),
        (404, openai(code="model_not_found"), ErrorKind.NOT_FOUND),
        (413, openai(), ErrorKind.TOO_LARGE),
        (422, {"detail": [{"loc": ["body"], "msg": "bad"}]}, ErrorKind.INVALID_REQUEST),
        (400, {"detail": "Unsupported parameter: max_output_tokens"}, ErrorKind.INVALID_REQUEST),
        (429, openai(code="rate_limit_exceeded"), ErrorKind.RATE_LIMIT),
        (429, openai(code="insufficient_quota"), ErrorKind.BILLING),
        (429, openai(type="insufficient_quota"), ErrorKind.BILLING),
        (429, openai(code="usage_not_included"), ErrorKind.BILLING),
        (429, openai(type="usage_limit_reached"), ErrorKind.RATE_LIMIT),
        (400, openai("Selected model is at capacity. Please try a different model."), ErrorKind.RATE_LIMIT),
        (500, openai(type="server_error"), ErrorKind.SERVER),
        (503, openai(code="server_is_overloaded"), ErrorKind.OVERLOADED),
        (503, b"", ErrorKind.OVERLOADED),
        (504, b"<html><body>Gateway Timeout</body></html>", ErrorKind.TIMEOUT),
        (500, {"error": "text"}, ErrorKind.SERVER),
        (500, {"message": "text"}, ErrorKind.SERVER),
        (400, {"object": "error", "message": "text", "code": 400}, ErrorKind.INVALID_REQUEST),
        (400, [{"error": {"message": "text"}}], ErrorKind.INVALID_REQUEST),
        (418, b"null", ErrorKind.INVALID_REQUEST),
    ],
)
def test_every_body_has_a_kind_and_a_message(status: int, body: Any, kind: ErrorKind) -> None:
    error = decode(status, body)
    assert error.kind is kind
    assert error.message
    assert error.status == status


def test_the_upstreams_own_words_are_kept() -> None:
    error = decode(400, openai("No 'x'.", param="input[0]", code="invalid_value"))
    assert (error.message, error.param, error.code) == ("No 'x'.", "input[0]", "invalid_value")
    assert RESPONSES.encode_error(error)[1]["error"]["code"] == "invalid_value"


def test_what_a_page_of_html_says_is_readable() -> None:
    page = b"<html><head><style>p{}</style></head><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"
    assert decode(502, page).message == "502 Bad Gateway nginx"


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        (openai(), {"retry_after": "7"}, 7),
        (openai(), {"retry_after_ms": "1500", "retry_after": "2"}, 1.5),
        (openai(), {"retry_after": "Sat, 21 Nov 2026 00:01:00 GMT", "date": "Sat, 21 Nov 2026 00:00:00 GMT"}, 60),
        (openai(), {"retry_after": "soon"}, None),
        (openai("Please try again in 1.3s."), {}, 1.3),
        (openai("Please try again in 250ms."), {}, 0.25),
        (openai("Please try again in 1m30s."), {}, 90),
        (openai("try again in 2 hours"), {}, 7200),
        (openai("Please try again in 1.3s."), {"retry_after": "7"}, 7),
        (openai(resets_in_seconds=90), {}, 90),
        (openai(resets_at=1_795_219_260), {"date": "Sat, 21 Nov 2026 00:00:00 GMT"}, 60),
        (openai(resets_at=1_795_219_260), {}, None),
    ],
)
def test_how_long_to_wait(body: Any, headers: dict[str, str], seconds: float | None) -> None:
    assert decode(429, body, **headers).retry_after == seconds


def test_what_a_plan_says_of_its_limits_is_kept() -> None:
    error = decode(429, openai(type="usage_limit_reached", plan_type="plus", resets_at=1))
    assert error.details == {"plan_type": "plus", "resets_at": 1}
    assert error.type == "usage_limit_reached"
