"""What the ChatGPT backend says of a plan's windows, and what its refusals mean, row by row (codex.md §9, §10)."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from addons.gateway.answers.books import cause_of
from addons.gateway.exchange import Cause
from addons.pool.ratelimits import spent
from addons.providers.api import Answer
from addons.providers.codex import limits
from addons.providers.listening import Listening
from addons.providers.quota import Quota
from addons.providers.registry import built_in
from tests.standin.codex import CLOUDFLARE, limit_headers
from translators import registry
from translators.canonical.errors import ErrorInfo, ErrorKind

PROVIDER = built_in().get("codex")
NOW = 1_790_000_000.0
Json = dict[str, Any]


def headers(**values: object) -> dict[str, str]:
    return {f"x-codex-{name.replace('_', '-')}": str(value) for name, value in values.items()}


def brief(quotas: list[Quota]) -> list[tuple[str, float, float, str | None]]:
    return [(quota.counts, quota.remaining, quota.resets, quota.model) for quota in quotas]


PRIMARY = {"primary_used_percent": 30, "primary_window_minutes": 300, "primary_reset_at": NOW + 60}

TOLD: dict[str, tuple[dict[str, str], list[tuple[str, float, float, str | None]]]] = {
    "the windows of a plan": (
        headers(
            **PRIMARY,
            secondary_used_percent="12.5",
            secondary_window_minutes=10080,
            secondary_reset_at=NOW + 600,
            primary_over_secondary_limit_percent=0,
        ),
        [("% of the 5-hour window", 70, NOW + 60, None), ("% of the weekly window", 87.5, NOW + 600, None)],
    ),
    "a reset in seconds, as formerly": (
        headers(primary_used_percent=30, primary_window_minutes=300, primary_reset_after_seconds=90),
        [("% of the 5-hour window", 70, NOW + 90, None)],
    ),
    "a window is named by its length": (
        headers(primary_used_percent=1, primary_window_minutes=43200, primary_reset_at=NOW + 5),
        [("% of the monthly window", 99, NOW + 5, None)],
    ),
    "by whatever length it has": (
        headers(primary_used_percent=1, primary_window_minutes=4320, primary_reset_at=NOW + 5),
        [("% of the 3-day window", 99, NOW + 5, None)],
    ),
    "a window that the plan does not have": (
        headers(**PRIMARY, secondary_used_percent=0, secondary_window_minutes=0, secondary_reset_at=0),
        [("% of the 5-hour window", 70, NOW + 60, None)],
    ),
    "a limit that one model has": (
        headers(
            bengal_primary_used_percent=50,
            bengal_primary_window_minutes=300,
            bengal_primary_reset_at=NOW + 60,
            bengal_limit_name="GPT-5.3-Codex-Spark",
        ),
        [("% of the 5-hour window", 50, NOW + 60, "gpt-5.3-codex-spark")],
    ),
    "the limit of the model that was asked": (
        headers(
            active_limit="bengal",
            bengal_primary_used_percent=50,
            bengal_primary_window_minutes=300,
            bengal_primary_reset_at=NOW + 60,
        ),
        [("% of the 5-hour window", 50, NOW + 60, "gpt-5.5")],
    ),
    "more than all": (
        headers(**{**PRIMARY, "primary_used_percent": 104}),
        [("% of the 5-hour window", 0, NOW + 60, None)],
    ),
    "what makes no sense": (headers(**{**PRIMARY, "primary_used_percent": "many"}), []),
    "nothing": ({"x-codex-plan-type": "plus", "content-type": "text/event-stream"}, []),
}


@pytest.mark.parametrize("what", TOLD)
def test_what_headers_tell_of_a_plan(what: str) -> None:
    given, wanted = TOLD[what]
    assert brief(PROVIDER.told(given, "gpt-5.5", NOW)) == wanted


@pytest.mark.parametrize(
    ("credits", "rests"), [({"credits_has_credits": "True"}, False), ({"credits_unlimited": "true"}, False), ({}, True)]
)
def test_a_spent_window_keeps_nobody_away_who_has_credits(credits: dict[str, str], rests: bool) -> None:
    told = PROVIDER.told(headers(**{**PRIMARY, "primary_used_percent": 100}, **credits), "gpt-5.5", NOW)
    assert [quota.remaining for quota in told] == [0]
    assert bool(spent(told, 0.0, NOW)) is rests


def of_stream(*events: Json) -> bytes:
    return b"".join(b"event: %s\ndata: %s\n\n" % (str(e["type"]).encode(), json.dumps(e).encode()) for e in events)


def window(used: float, minutes: int = 300, reset: float = NOW + 60) -> Json:
    return {"used_percent": used, "window_minutes": minutes, "reset_at": reset}


def limits_event(primary: object = None, secondary: object = None, **more: object) -> Json:
    return {"type": "codex.rate_limits", "rate_limits": {"primary": primary, "secondary": secondary}, **more}


#: As a text of the model's may quote it.
QUOTED = {"type": "response.output_text.delta", "delta": json.dumps(limits_event(window(100)))}
IN_STREAM: dict[str, tuple[bytes, list[tuple[str, float, float, str | None]]]] = {
    "both windows, before the answer": (
        of_stream(limits_event(window(30), window(12.5, 10080, NOW + 600)), {"type": "response.created"}),
        [("% of the 5-hour window", 70, NOW + 60, None), ("% of the weekly window", 87.5, NOW + 600, None)],
    ),
    "the last of two": (
        of_stream(limits_event(window(30)), {"type": "response.created"}, limits_event(window(31))),
        [("% of the 5-hour window", 69, NOW + 60, None)],
    ),
    "the plan's limit by its name": (
        of_stream(limits_event(window(30), metered_limit_name="codex")),
        [("% of the 5-hour window", 70, NOW + 60, None)],
    ),
    "a limit that one model has": (
        of_stream(limits_event(window(100), metered_limit_name="bengal", limit_name="GPT-5.3-Codex-Spark")),
        [("% of the 5-hour window", 0, NOW + 60, "gpt-5.3-codex-spark")],
    ),
    "a spent window that credits pay beyond": (
        of_stream(limits_event(window(100), credits={"has_credits": True, "unlimited": False})),
        [("% of the 5-hour window", 0, 0.0, None)],
    ),
    "a window that the plan does not have": (of_stream(limits_event(window(0, 0, 0), None)), []),
    "a text that speaks of it": (of_stream(QUOTED), []),
    "what makes no sense": (b'data: {"type":"codex.rate_limits"\n\ndata: ["codex.rate_limits"]\n', []),
    "windows of another shape": (of_stream({"type": "codex.rate_limits", "rate_limits": {"primary": [1]}}), []),
    "an answer without": (of_stream({"type": "response.created"}), []),
    "a cut one": (of_stream(limits_event(window(30)))[:-20], []),
    "nothing": (b"", []),
}


@pytest.mark.parametrize("what", IN_STREAM)
def test_what_a_stream_tells_of_a_plan(what: str) -> None:
    body, wanted = IN_STREAM[what]
    assert isinstance(PROVIDER, Listening)
    assert brief(PROVIDER.told_within(body, "gpt-5.5", NOW)) == wanted


def test_what_the_usage_endpoint_tells() -> None:
    window = {"used_percent": 25, "limit_window_seconds": 18000, "reset_after_seconds": 60, "reset_at": NOW + 60}
    answer = {
        "plan_type": "pro",
        "rate_limit": {"primary_window": window, "secondary_window": None},
        "additional_rate_limits": [
            {"limit_name": "GPT-5.3-Codex-Spark", "rate_limit": {"primary_window": {**window, "used_percent": 100}}},
            {"limit_name": None},
        ],
        "credits": {"has_credits": False},
    }
    assert brief(limits.from_usage(answer, NOW)) == [
        ("% of the 5-hour window", 75, NOW + 60, None),
        ("% of the 5-hour window", 0, NOW + 60, "gpt-5.3-codex-spark"),
    ]


def test_a_spent_window_says_nothing_there_of_who_has_credits() -> None:
    window = {"used_percent": 100, "limit_window_seconds": 18000, "reset_at": NOW + 60}
    answer = {"rate_limit": {"primary_window": window}, "credits": {"has_credits": True}}
    assert limits.from_usage(answer, NOW) == []
    assert [quota.remaining for quota in limits.from_usage({**answer, "credits": None}, NOW)] == [0]


@pytest.mark.parametrize(
    "answer", [{}, {"rate_limit": 3, "credits": "x", "additional_rate_limits": {}}, {"rate_limit": None}]
)
def test_an_answer_that_makes_no_sense_tells_nothing(answer: Json) -> None:
    assert limits.from_usage(answer, NOW) == []


# -- errors


def judged(status: int, body: Any, fields: dict[str, str] | None = None) -> ErrorInfo:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Answer(status, {"content-type": "application/json", **(fields or {})}, data)
    return PROVIDER.judge(registry.get("codex").decode_error(status, dict(answer.headers), data), answer)


def error(kind: str = "", message: str = "no", **more: Any) -> Json:
    return {"error": {"type": kind, "message": message, **more}}


CAPACITY = "Selected model is at capacity. Please try a different model."
UNSUPPORTED = "The 'gpt-5.4' model is not supported when using Codex with a ChatGPT account."

#: status, body, kind, scope, what becomes of the request
ROWS: list[tuple[int, Json, ErrorKind, str, Cause]] = [
    (429, error("usage_limit_reached", resets_in_seconds=60), ErrorKind.RATE_LIMIT, "account", Cause.RATE_LIMIT),
    (429, error("usage_not_included"), ErrorKind.BILLING, "", Cause.BILLING),
    (429, error("rate_limit_exceeded", "Please try again in 1.3s"), ErrorKind.RATE_LIMIT, "", Cause.RATE_LIMIT),
    (429, error("rate_limit_error"), ErrorKind.RATE_LIMIT, "", Cause.RATE_LIMIT),
    (429, {"detail": CAPACITY}, ErrorKind.RATE_LIMIT, "model", Cause.RATE_LIMIT),
    (400, {"detail": CAPACITY}, ErrorKind.RATE_LIMIT, "model", Cause.RATE_LIMIT),
    (503, error("server_is_overloaded"), ErrorKind.OVERLOADED, "", Cause.SERVER),
    (503, error("slow_down"), ErrorKind.OVERLOADED, "", Cause.SERVER),
    (400, error("context_length_exceeded"), ErrorKind.PROMPT_TOO_LONG, "", Cause.CLIENT_FAULT),
    (400, error("x", code="invalid_encrypted_content"), ErrorKind.INVALID_REQUEST, "", Cause.SIGNATURE),
    (400, error("x", "invalid signature in thinking block"), ErrorKind.INVALID_REQUEST, "", Cause.SIGNATURE),
    (400, error("x", code="previous_response_not_found"), ErrorKind.INVALID_REQUEST, "", Cause.CLIENT_FAULT),
    (400, error("cyber_policy"), ErrorKind.INVALID_REQUEST, "", Cause.CLIENT_FAULT),
    (400, error("invalid_prompt"), ErrorKind.INVALID_REQUEST, "", Cause.CLIENT_FAULT),
    (400, {"detail": UNSUPPORTED}, ErrorKind.NOT_FOUND, "", Cause.NOT_FOUND),
    (400, {"detail": "Unsupported parameter: top_p"}, ErrorKind.INVALID_REQUEST, "", Cause.CLIENT_FAULT),
    (401, error("x", "invalid or expired token"), ErrorKind.AUTHENTICATION, "", Cause.AUTHENTICATION),
    (402, {"detail": "no"}, ErrorKind.BILLING, "", Cause.BILLING),
    (429, error("insufficient_quota"), ErrorKind.BILLING, "", Cause.BILLING),
    (403, {"detail": "Workspace is not part of this login"}, ErrorKind.PERMISSION, "", Cause.AUTHENTICATION),
]


@pytest.mark.parametrize(("status", "body", "kind", "scope", "cause"), ROWS)
def test_what_a_refusal_means(status: int, body: Json, kind: ErrorKind, scope: str, cause: Cause) -> None:
    found = judged(status, body)
    assert (found.kind, found.scope, cause_of(found)) == (kind, scope, cause)
    assert not found.out_of_service


def test_a_spent_plan_says_when_it_is_whole_again() -> None:
    assert judged(429, error("usage_limit_reached", resets_in_seconds=7200)).retry_after == 7200
    later = judged(429, error("usage_limit_reached", resets_at=time.time() + 7200)).retry_after
    assert later == pytest.approx(7200, abs=5)


def test_a_short_wait_is_read_from_the_words() -> None:
    assert judged(429, error("rate_limit_exceeded", "Please try again in 1.3s.")).retry_after == 1.3


def test_a_limit_that_one_model_has_leaves_the_others_alone() -> None:
    fields = limit_headers(
        active_limit="bengal", bengal_primary_used_percent="100", bengal_primary_window_minutes="300"
    )
    assert judged(429, error("usage_limit_reached", resets_in_seconds=60), fields).scope == "model"
    assert judged(429, error("usage_limit_reached"), limit_headers(primary=100)).scope == "account"


def test_a_page_of_cloudflares_is_neither_a_limit_nor_a_ban_nor_about_the_login() -> None:
    found = judged(403, CLOUDFLARE, {"content-type": "text/html; charset=UTF-8", "cf-ray": "8a-FRA"})
    assert (found.kind, cause_of(found), found.out_of_service) == (ErrorKind.SERVER, Cause.SERVER, False)
    assert "neither the account's limit nor a ban" in found.message


def test_a_401_may_say_more_in_its_headers() -> None:
    told = base64.b64encode(json.dumps({"error": {"message": "token was revoked"}}).encode()).decode()
    assert judged(401, b"", {"x-error-json": told}).message == "token was revoked"
    assert judged(401, b"", {"x-error-json": "%%", "x-openai-authorization-error": "expired"}).message == "expired"


def test_a_closed_account_ends_its_credential() -> None:
    assert judged(401, error("x", code="account_deactivated")).out_of_service
    assert not judged(401, error("x", "the text says account_deactivated")).out_of_service
