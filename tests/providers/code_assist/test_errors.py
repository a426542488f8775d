"""What Google's refusals mean, row by row of the sheets (gemini_code_assist.md §5, antigravity.md §8)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addons.providers.code_assist import errors
from addons.providers.registry import built_in
from tests.standin.google_internal import TYPE, error, help_link, info, retry
from translators import registry as protocols
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.names import NameMap

PROVIDERS = {"gemini_oauth": "code_assist", "antigravity": "antigravity"}
REGISTRY = built_in()
LINK = "https://accounts.google.com/verify"


def quota(identity: str) -> dict[str, Any]:
    return {"@type": f"{TYPE}QuotaFailure", "violations": [{"quotaId": identity, "quotaMetric": "requests"}]}


def judged(provider: str, status: int, body: Any, headers: dict[str, str] | None = None) -> ErrorInfo:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return REGISTRY.get(provider).judge(protocols.get(PROVIDERS[provider]).decode_error(status, headers or {}, data))


#: status, body, kind, scope, retry_after.
ROWS: dict[str, tuple[int, Any, ErrorKind, str, float | None]] = {
    "404: no such model": (
        404,
        error(404, "NOT_FOUND", "Requested entity was not found."),
        ErrorKind.NOT_FOUND,
        "",
        None,
    ),
    "none of that model": (
        429,
        error(429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric: requests, limit: 0"),
        ErrorKind.NOT_FOUND,
        "",
        None,
    ),
    "another limit than none": (
        429,
        error(429, "RESOURCE_EXHAUSTED", "Quota exceeded, limit: 0.5 and limit: 20"),
        ErrorKind.RATE_LIMIT,
        "",
        None,
    ),
    "no machines": (
        429,
        error(429, "RESOURCE_EXHAUSTED", "No capacity", info("MODEL_CAPACITY_EXHAUSTED")),
        ErrorKind.RATE_LIMIT,
        "model",
        None,
    ),
    "no machines, with 503": (
        503,
        error(503, "UNAVAILABLE", "No capacity available for model x on the server"),
        ErrorKind.RATE_LIMIT,
        "model",
        None,
    ),
    "credits are spent": (
        429,
        error(429, "RESOURCE_EXHAUSTED", "no credits", info("INSUFFICIENT_G1_CREDITS_BALANCE")),
        ErrorKind.BILLING,
        "",
        None,
    ),
    "rate limit, with a time": (
        429,
        error(429, "RESOURCE_EXHAUSTED", "slow down", info("RATE_LIMIT_EXCEEDED"), retry("34.074824224s")),
        ErrorKind.RATE_LIMIT,
        "model",
        34.074824224,
    ),
    "rate limit, the time in its reason": (
        429,
        error(429, "RESOURCE_EXHAUSTED", "slow", info("RATE_LIMIT_EXCEEDED", quotaResetDelay="1h16m0.667s")),
        ErrorKind.RATE_LIMIT,
        "model",
        4560.667,
    ),
    "rate limit, the time in its text": (
        429,
        error(
            429,
            "RESOURCE_EXHAUSTED",
            "You have exhausted your capacity on this model. Your quota will reset after 3s.",
            info("RATE_LIMIT_EXCEEDED"),
        ),
        ErrorKind.RATE_LIMIT,
        "model",
        3.0,
    ),
    "quota is used up": (
        429,
        error(429, "RESOURCE_EXHAUSTED", "Your quota will reset after 2h0m5s.", info("QUOTA_EXHAUSTED")),
        ErrorKind.RATE_LIMIT,
        "model",
        7205.0,
    ),
    "quota of a day": (
        429,
        error(429, "RESOURCE_EXHAUSTED", "used up", quota("GenerateRequestsPerDayPerProject")),
        ErrorKind.RATE_LIMIT,
        "model",
        None,
    ),
    "daily quota": (
        429,
        error(429, "RESOURCE_EXHAUSTED", "used up", quota("DailyRequests")),
        ErrorKind.RATE_LIMIT,
        "model",
        None,
    ),
    "quota of a minute": (
        429,
        error(429, "RESOURCE_EXHAUSTED", "used up", quota("GenerateRequestsPerMinute")),
        ErrorKind.RATE_LIMIT,
        "model",
        60.0,
    ),
    "quota of a minute, with a time": (
        429,
        error(429, "RESOURCE_EXHAUSTED", "used up", quota("RequestsPerMinute"), retry("7s")),
        ErrorKind.RATE_LIMIT,
        "model",
        7.0,
    ),
    "a text with seconds": (
        429,
        error(429, "RESOURCE_EXHAUSTED", "Please retry in 5.2s."),
        ErrorKind.RATE_LIMIT,
        "",
        5.2,
    ),
    "a text with milliseconds": (
        429,
        error(429, "RESOURCE_EXHAUSTED", "Please retry in 200ms"),
        ErrorKind.RATE_LIMIT,
        "",
        0.2,
    ),
    "a reason of another service": (
        429,
        error(429, "RESOURCE_EXHAUSTED", "?", {**info("QUOTA_EXHAUSTED"), "domain": "example.com"}),
        ErrorKind.RATE_LIMIT,
        "",
        None,
    ),
    "429 without details": (429, error(429, "RESOURCE_EXHAUSTED", "?"), ErrorKind.RATE_LIMIT, "", None),
    "499 without details": (499, error(499, "CANCELLED", "?"), ErrorKind.SERVER, "", None),
    "503 without details": (503, error(503, "UNAVAILABLE", "?"), ErrorKind.OVERLOADED, "", None),
    "500": (500, error(500, "INTERNAL", "?"), ErrorKind.SERVER, "", None),
    "401": (401, error(401, "UNAUTHENTICATED", "?"), ErrorKind.AUTHENTICATION, "", None),
    "403: not allowed": (403, error(403, "PERMISSION_DENIED", "no"), ErrorKind.PERMISSION, "", None),
    "400: an empty part": (
        400,
        error(400, "INVALID_ARGUMENT", "required oneof field 'data' must have one initialized field"),
        ErrorKind.INVALID_REQUEST,
        "",
        None,
    ),
    "a page": (502, b"<html><body>Bad <b>gateway</b></body></html>", ErrorKind.SERVER, "", None),
    "nothing": (500, b"", ErrorKind.SERVER, "", None),
}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("row", ROWS)
def test_a_refusal_means_what_its_sheet_says(provider: str, row: str):
    status, body, kind, scope, wait = ROWS[row]
    found = judged(provider, status, body)
    assert (found.kind, found.scope, found.out_of_service) == (kind, scope, False)
    assert found.retry_after == pytest.approx(wait) if wait is not None else found.retry_after is None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_header_goes_before_what_the_body_says(provider: str):
    body = error(429, "RESOURCE_EXHAUSTED", "slow down", info("RATE_LIMIT_EXCEEDED"), retry("34s"))
    assert judged(provider, 429, body, {"retry-after": "9"}).retry_after == 9


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "details",
    [
        [info("VALIDATION_REQUIRED"), help_link(LINK)],
        [info("VALIDATION_REQUIRED", validation_link=LINK)],
    ],
)
def test_an_account_that_must_be_verified_rests_until_its_owner_did_it_and_says_where(
    provider: str, details: list[Any]
):
    found = judged(provider, 403, error(403, "PERMISSION_DENIED", "Verify your account to continue.", *details))
    assert found.out_of_service
    assert LINK in found.message and "credentials enable" in found.message


BANS = [
    "Gemini has been disabled in this account for violation of Terms of Service.",
    "Gemini Code Assist has been disabled in this account for violation of Terms of Service. If you believe this is an "
    "error, contact support.",
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("text", BANS)
def test_a_ban_ends_the_account(provider: str, text: str):
    assert judged(provider, 403, error(403, "PERMISSION_DENIED", text)).out_of_service


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, BANS[0]),
        (403, f'Invalid value "{BANS[0]}" in contents[0]'),
        (403, "contents[0].parts[0].text: my account has been disabled in this account for violation of Terms"),
        (403, "tools[0]: x; y has been disabled in this account for violation of terms of service"),
    ],
)
def test_words_that_a_client_can_bring_about_are_no_ban(provider: str, status: int, text: str):
    assert not judged(provider, status, error(status, "PERMISSION_DENIED", text)).out_of_service


USUAL = error(429, "RESOURCE_EXHAUSTED", 'slow, ,\\" down', info("RATE_LIMIT_EXCEEDED"), retry("34s"))
FORMS = {
    "a list of one": json.dumps([USUAL]),
    "encoded twice": json.dumps({"error": {"code": 429, "message": json.dumps(USUAL, indent=2), "status": "X"}}),
    "a list, encoded twice": json.dumps([{"error": {"code": 429, "message": json.dumps([USUAL])}}]),
    "stray commas": json.dumps(USUAL).replace('"details": [', '"details": [, ').replace("}, {", "},, {"),
    "commas at the end": json.dumps(USUAL).replace("]", ",]").replace("}}", "},\n ,}"),
}


@pytest.mark.parametrize("form", FORMS)
def test_odd_bodies_are_read_all_the_same(form: str):
    found = errors.classify(errors.decode(429, {}, FORMS[form].encode()))
    assert (found.kind, found.code, found.retry_after) == (ErrorKind.RATE_LIMIT, "RATE_LIMIT_EXCEEDED", 34)
    assert found.message == 'slow, ,\\" down'


def test_an_error_in_a_stream_is_judged_as_well():
    inner = error(429, "RESOURCE_EXHAUSTED", "No capacity", info("MODEL_CAPACITY_EXHAUSTED"))
    (event,) = protocols.get("code_assist").stream_decoder(NameMap()).feed(f"data: {json.dumps(inner)}\n\n".encode())
    found = REGISTRY.get("gemini_oauth").judge(event.error)  # type: ignore[union-attr]
    assert (found.kind, found.scope) == (ErrorKind.RATE_LIMIT, "model")
    assert errors.is_capacity(found)


def test_an_unknown_model_of_antigravity_may_be_the_reported_versions_fault():
    assert "client version" in judged("antigravity", 404, error(404, "NOT_FOUND", "not found")).message
