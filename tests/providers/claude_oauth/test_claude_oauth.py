"""A Claude plan's login: who is Claude Code, what headers tell of the plan, what refusals mean (claude_oauth.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from addons.gateway.answers.books import cause_of
from addons.gateway.exchange import Cause
from addons.gateway.upkeep import probe
from addons.pool.ratelimits import spent
from addons.pool.standing import Standings
from addons.providers import asking
from addons.providers.api import Answer, Call, Operation, UnavailableError
from addons.providers.claude_oauth import BETA, limits
from addons.providers.claude_oauth.recognise import is_claude_code
from addons.providers.quota import Quota
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from tests.standin.claude_login import ClaudeLoginStandIn, windows
from translators import registry
from translators.canonical.errors import ErrorInfo, ErrorKind, TranslationError

PROVIDER = built_in().get("claude_oauth")
CREDENTIAL = Credential("c", "claude_oauth", "a-token")
NOW = 1_790_000_000.0
Json = dict[str, Any]

# -- who is Claude Code (§3.1, §3.3)

MARKS = {"user-agent": "claude-cli/2.1.220 (external, cli)", "x-app": "cli"}
ATTRIBUTION = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.220; cc_entrypoint=cli; cch=0;"}
COMMAND = {"type": "text", "text": "You are Claude Code, Anthropic's official CLI for Claude."}
WITH_SDK = {"text": "You are Claude Code, Anthropic's official CLI for Claude, running within the Claude Agent SDK."}
OF_SDK = {"type": "text", "text": "You are a Claude agent, built on Anthropic's Claude Agent SDK."}
OTHER = {"type": "text", "text": "You are a helpful assistant."}
SESSION = "0b9a3c1e-1111-4222-8333-944455556666"
USER = json.dumps({"device_id": "d" * 64, "account_uuid": "", "session_id": SESSION})

BODIES: dict[str, tuple[Json, bool]] = {
    "attribution and identity": ({"system": [ATTRIBUTION, COMMAND]}, True),
    "identity alone": ({"system": [COMMAND, OTHER]}, True),
    "within the SDK": ({"system": [ATTRIBUTION, WITH_SDK]}, True),
    "an agent of the SDK": ({"system": [OF_SDK]}, True),
    "identity as one text": ({"system": COMMAND["text"]}, True),
    "a helper call": ({"metadata": {"user_id": USER}}, True),
    "a helper call of an older one": (
        {"metadata": {"user_id": f"user_{'d' * 64}_account__session_{SESSION}"}},
        True,
    ),
    "another client's system": ({"system": [OTHER]}, False),
    "the identity somewhere below": ({"system": [OTHER, OTHER, COMMAND]}, False),
    "the identity in a message": ({"messages": [{"role": "user", "content": COMMAND["text"]}]}, False),
    "another client's user": ({"metadata": {"user_id": "somebody"}}, False),
    "a user that looks like JSON": ({"metadata": {"user_id": "{"}}, False),
    "nothing": ({}, False),
    "what makes no sense": ({"system": 3, "metadata": [1]}, False),
}


@pytest.mark.parametrize("what", BODIES)
def test_claude_code_is_known_by_its_body(what: str) -> None:
    body, wanted = BODIES[what]
    assert is_claude_code(MARKS, body) is wanted


@pytest.mark.parametrize(
    "headers",
    [{**MARKS, "user-agent": "anthropic/python 0.9"}, {**MARKS, "x-app": ""}, {"x-app": "cli"}, {}],
)
def test_and_by_its_headers(headers: dict[str, str]) -> None:
    assert not is_claude_code(headers, {"system": [ATTRIBUTION, COMMAND]})
    assert not is_claude_code(headers, None)


def test_a_count_has_no_marks_in_its_body() -> None:
    assert is_claude_code(MARKS, None)


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        (["claude-code-20250219,effort-2025-11-24"], [f"claude-code-20250219,{BETA},effort-2025-11-24"]),
        (["claude-code-20250219"], [f"claude-code-20250219,{BETA}"]),
        (["interleaved-thinking-2025-05-14"], [f"{BETA},interleaved-thinking-2025-05-14"]),
        (["claude-code-20250219", "effort-2025-11-24"], [f"claude-code-20250219,{BETA}", "effort-2025-11-24"]),
        ([f"effort-2025-11-24, {BETA}"], [f"effort-2025-11-24, {BETA}"]),
        ([], [BETA]),
    ],
)
def test_the_beta_of_a_plans_token_stands_where_claude_code_has_it(own: list[str], sent: list[str]) -> None:
    """§3.2: the wire's order."""
    betas = [("anthropic-beta", value) for value in own]
    body = json.dumps({"system": [COMMAND]}).encode()
    call = Call(Operation.GENERATE, "anthropic", "m", True, body, headers=betas, received=[*MARKS.items(), *betas])
    headers = PROVIDER.build(call, CREDENTIAL).headers
    assert [value for name, value in headers if name == "anthropic-beta"] == sent


@pytest.mark.parametrize("operation", [Operation.GENERATE, Operation.COUNT_TOKENS, Operation.MODELS, Operation.PASS])
def test_nothing_of_our_own_accord_goes_out(operation: Operation) -> None:
    call = Call(operation, "anthropic", "claude-opus-5", False, b"{}", translated=True)
    with pytest.raises(TranslationError, match="credentials add anthropic"):
        PROVIDER.build(call, CREDENTIAL)


async def test_so_it_is_not_probed_and_the_next_request_tells() -> None:
    assert await probe.answers(PROVIDER, CREDENTIAL)


async def test_and_a_trial_says_why_there_is_none() -> None:
    outcome = await asking.try_out(PROVIDER, CREDENTIAL, "claude-opus-5")
    assert outcome.error is not None and "Claude Code alone" in outcome.error.message


# -- what is left (§2, §4)


def unified(**values: object) -> dict[str, str]:
    return {f"{limits.PREFIX}{name.replace('_', '-').lstrip('-')}": str(value) for name, value in values.items()}


def of(window: str, **values: object) -> dict[str, str]:
    return {f"{limits.PREFIX}{window}-{name}": str(value) for name, value in values.items()}


def brief(quotas: list[Quota]) -> list[tuple[str, float, float, str | None]]:
    return [(quota.counts, round(quota.remaining, 3), quota.resets, quota.model) for quota in quotas]


TOLD: dict[str, tuple[dict[str, str], list[tuple[str, float, float, str | None]]]] = {
    "two windows": (
        of("5h", status="allowed", reset=NOW + 60, utilization="0.3")
        | of("7d", status="allowed_warning", reset=NOW + 600, utilization="0.875"),
        [("% of the 5-hour window", 70, NOW + 60, None), ("% of the weekly window", 12.5, NOW + 600, None)],
    ),
    "a spent one": (
        of("5h", status="rejected", reset=NOW + 60, utilization="1.01"),
        [("% of the 5-hour window", 0, NOW + 60, None)],
    ),
    "spent, without a figure": (
        of("7d", status="rejected", reset=NOW + 60),
        [("% of the weekly window", 0, NOW + 60, None)],
    ),
    "full, but extra usage goes on": (
        of("5h", status="allowed", reset=NOW + 60, utilization="1.2")
        | unified(status="allowed", overage_in_use="true"),
        [("% of the 5-hour window", 0, 0, None)],
    ),
    "the group that was asked": (
        unified(status="rejected")
        | of("5h", status="allowed", utilization="0.5")
        | of("7d_oi", status="rejected", reset=NOW + 60),
        [("% of the 5-hour window", 50, 0, None), ("% of the weekly Fable window", 0, NOW + 60, "claude-opus")],
    ),
    "the group while another is asked": (
        unified(status="allowed") | of("7d_oi", status="rejected", reset=NOW + 60),
        [("% of the weekly Fable window", 0, NOW + 60, "claude-fable")],
    ),
    "no figure and not spent": (of("5h", status="allowed", reset=NOW + 60), []),
    "what makes no sense": (of("5h", utilization="much"), []),
}


@pytest.mark.parametrize("what", TOLD)
def test_what_headers_tell_of_a_plan(what: str) -> None:
    given, wanted = TOLD[what]
    assert brief(PROVIDER.told(given, "claude-opus-5", NOW)) == wanted


def test_models_of_a_family_share_their_limits() -> None:
    names = ("claude-opus-5", "claude-opus-4-8", "claude-fable-5", "claude-3-7-sonnet", "m")
    assert [PROVIDER.limited_as(name) for name in names] == [
        "claude-opus",
        "claude-opus",
        "claude-fable",
        "claude-3-7-sonnet",
        "m",
    ]


USAGE: dict[str, tuple[Json, list[tuple[str, float, float, str | None]]]] = {
    "the older form": (
        {
            "five_hour": {"utilization": 40, "resets_at": "2026-10-01T00:00:00Z"},
            "seven_day": {"utilization": 10.5, "resets_at": None},
            "seven_day_opus": {"utilization": 100, "resets_at": "2026-10-01T00:00:00+00:00"},
            "seven_day_oauth_apps": None,
        },
        [
            ("% of the 5-hour window", 60, 1_790_812_800, None),
            ("% of the weekly window", 89.5, 0, None),
            ("% of the weekly Opus window", 0, 1_790_812_800, "claude-opus"),
        ],
    ),
    "that of 2026": (
        {
            "limits": [
                {"kind": "session", "percent": 40, "resets_at": "2026-10-01T00:00:00Z", "scope": None},
                {"kind": "weekly_all", "percent": 3, "resets_at": None, "scope": None},
                {
                    "kind": "weekly_scoped",
                    "percent": 7,
                    "resets_at": None,
                    "scope": {"model": {"id": "claude-fable-5", "display_name": "Fable"}, "surface": None},
                },
            ]
        },
        [
            ("% of the 5-hour window", 60, 1_790_812_800, None),
            ("% of the weekly window", 97, 0, None),
            ("% of the weekly Fable window", 93, 0, "claude-fable"),
        ],
    ),
    "extra usage behind a full window": (
        {"five_hour": {"utilization": 100, "resets_at": "2026-10-01T00:00:00Z"}, "extra_usage": {"is_enabled": True}},
        [],
    ),
    "nothing": ({"limits": [3, {}], "five_hour": "x"}, []),
}


@pytest.mark.parametrize("what", USAGE)
def test_what_the_usage_endpoint_tells(what: str) -> None:
    answer, wanted = USAGE[what]
    assert brief(limits.from_usage(answer, NOW)) == wanted


@pytest.fixture
def backend() -> Iterator[ClaudeLoginStandIn]:
    with ClaudeLoginStandIn() as made:
        yield made


async def test_it_is_asked_as_ourselves_and_minutes_apart(backend: ClaudeLoginStandIn) -> None:
    credential = Credential("asked", "claude_oauth", backend.access, {"base_url": backend.url})
    provider = built_in().get("claude_oauth")
    for _ in range(3):
        (quota,) = await asking.quotas(provider, credential)
        assert (quota.counts, quota.remaining) == ("% of the 5-hour window", 88)
    (request,) = backend.requests
    assert request.refusal is None
    assert request.headers["user-agent"].startswith("proxycast/")


async def test_a_token_that_may_not_ask_is_said_so(backend: ClaudeLoginStandIn) -> None:
    credential = Credential("setup", "claude_oauth", "another", {"base_url": backend.url})
    with pytest.raises(UnavailableError, match="HTTP 401"):
        await asking.quotas(built_in().get("claude_oauth"), credential)


async def test_which_plan_it_is_stands_in_the_file() -> None:
    login = {"login": {"subscription_type": "max"}}
    async with httpx.AsyncClient() as client:
        assert await PROVIDER.enrol(Credential("c", "claude_oauth", "t", login), client) == {"plan": "max"}
        assert await PROVIDER.enrol(CREDENTIAL, client) == {}


# -- refusals (§5, §6)


def judged(status: int, message: str, headers: dict[str, str] | None = None, kind: str = "x") -> ErrorInfo:
    body = json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
    answer = Answer(status, headers or {}, body)
    return PROVIDER.judge(registry.get("anthropic").decode_error(status, dict(answer.headers), body), answer)


RETRY = {"x-should-retry": "true"}
FULL_5H = windows(five_hours=1.01, status="rejected")
FULL_7D = windows(week=1.0, status="rejected")
FULL_GROUP = windows(status="rejected") | of("7d_oi", status="rejected", reset=NOW + 60)
NO_CREDITS = {f"{limits.PREFIX}overage-disabled-reason": "out_of_credits", f"{limits.PREFIX}status": "rejected"}

LIMITS: dict[str, tuple[dict[str, str], str, str]] = {
    "five hours spent": (FULL_5H, "no", "account"),
    "a week spent": (FULL_7D, "no", "account"),
    "a spent window asks to be retried as well": (FULL_5H | RETRY, "no", "account"),
    "a group of models spent": (FULL_GROUP, "no", "model"),
    "no credits for this model": (NO_CREDITS, "no", "model"),
    "fast mode": (windows(), "Usage credits are required for fast mode", "request"),
    "a fast request": (windows(), "Fast request rejected", "request"),
    "fast mode behind a spent window": (FULL_5H, "fast request rejected", "account"),
    "no headers, to be retried": (RETRY, "no", "request"),
    "no headers, not to be retried": ({"x-should-retry": "false"}, "no", "model"),
    "a wait alone": ({"retry-after": "30", **RETRY}, "no", "model"),
}


@pytest.mark.parametrize("what", LIMITS)
def test_whom_a_429_is_about(what: str) -> None:
    headers, message, scope = LIMITS[what]
    found = judged(429, message, headers, "rate_limit_error")
    assert (found.kind, found.scope) == (ErrorKind.RATE_LIMIT, scope)


def rest(headers: dict[str, str], model: str) -> dict[str | None, float]:
    """Who rests until when, after such a refusal to a request for Opus."""
    standings = Standings()
    quotas = spent(PROVIDER.told(headers, "claude-opus-5", NOW), 0.0, NOW)
    standings.failed(
        "c", PROVIDER.limited_as("claude-opus-5"), judged(429, "no", headers, "rate_limit_error"), NOW, quotas
    )
    return {standing.model: standing.until for _, standing in standings.all(NOW)}


def test_the_latest_reset_of_the_rejected_windows_counts() -> None:
    both = of("5h", status="rejected", reset=NOW + 60) | of("7d", status="rejected", reset=NOW + 600)
    assert rest(both | {"retry-after": "30"}, "") == {None: NOW + 600}


def test_a_group_waits_for_its_own_retry_after() -> None:
    headers = unified(status="rejected") | of("7d_oi", status="rejected", reset=NOW + 600) | {"retry-after": "30"}
    assert rest(headers, "") == {"claude-opus": NOW + 30}


def test_what_is_about_one_request_rests_nobody() -> None:
    assert rest(RETRY, "") == {}


THIRD_PARTY = "Third-party apps now draw from your extra usage, not your plan limits. Ask your admin."
#: status, text, kind, what becomes of the request
ROWS: list[tuple[int, str, ErrorKind, Cause]] = [
    (401, "OAuth token has expired. Please obtain a new token.", ErrorKind.AUTHENTICATION, Cause.AUTHENTICATION),
    (401, "Invalid bearer token", ErrorKind.AUTHENTICATION, Cause.AUTHENTICATION),
    (401, "OAuth authentication is currently not supported.", ErrorKind.INVALID_REQUEST, Cause.CLIENT_FAULT),
    (400, "OAuth authentication is currently not supported.", ErrorKind.INVALID_REQUEST, Cause.CLIENT_FAULT),
    (
        400,
        "This credential is only authorized for use with Claude Code.",
        ErrorKind.INVALID_REQUEST,
        Cause.CLIENT_FAULT,
    ),
    (400, "Error", ErrorKind.INVALID_REQUEST, Cause.CLIENT_FAULT),
    (400, THIRD_PARTY, ErrorKind.BILLING, Cause.BILLING),
    (400, "You're out of extra usage. Add more to go on.", ErrorKind.BILLING, Cause.BILLING),
    (400, "messages.0.content: 'extra usage' is no block", ErrorKind.INVALID_REQUEST, Cause.CLIENT_FAULT),
    (403, "OAuth token does not meet scope requirement user:profile", ErrorKind.PERMISSION, Cause.AUTHENTICATION),
    (403, "OAuth token has been revoked", ErrorKind.PERMISSION, Cause.AUTHENTICATION),
    (529, "Overloaded", ErrorKind.OVERLOADED, Cause.SERVER),
    (500, "Internal server error", ErrorKind.SERVER, Cause.SERVER),
    (504, "Timed out", ErrorKind.TIMEOUT, Cause.TIMEOUT),
    (413, "Request exceeds the maximum size", ErrorKind.TOO_LARGE, Cause.CLIENT_FAULT),
]


@pytest.mark.parametrize(("status", "message", "kind", "cause"), ROWS)
def test_what_a_refusal_means(status: int, message: str, kind: ErrorKind, cause: Cause) -> None:
    found = judged(status, message)
    assert (found.kind, cause_of(found), found.out_of_service) == (kind, cause, False)


@pytest.mark.parametrize("status", [400, 403])
def test_a_closed_organisation_ends_the_credential(status: int) -> None:
    assert judged(status, "This organization has been disabled.").out_of_service
    assert not judged(status, "system: 'This organization has been disabled.' is no block").out_of_service


# -- how it is brought


def test_there_is_no_login_from_here_but_it_is_said_how(refused: Any) -> None:
    told = refused("credentials", "login", "claude_oauth")
    for word in ("/login", "discover --add", "setup-token", "Keychain", "credentials add anthropic"):
        assert word in told


def test_it_is_found_and_added_where_claude_code_has_it(
    home: Any, command: Any, read: Any, backend: ClaudeLoginStandIn
) -> None:
    file = home.path.parent / ".claude" / ".credentials.json"
    file.parent.mkdir(parents=True)
    file.write_text(backend.credentials_json())
    (found,) = read("credentials", "discover")
    assert (found["provider"], found["place"], found["state"]) == ("claude_oauth", str(file), "ready")
    result = command("credentials", "discover", "--add", "--accept-terms")
    assert result.exit_code == 0, result.output
    assert "own apps only" in result.stderr
    (row,) = read("credentials", "list")
    assert (row["provider"], row["settings"]["plan"]) == ("claude_oauth", "max")


def test_it_may_have_been_put_elsewhere(
    home: Any, read: Any, backend: ClaudeLoginStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = home.path.parent / "elsewhere" / ".credentials.json"
    file.parent.mkdir(parents=True)
    file.write_text(backend.credentials_json())
    monkeypatch.setenv("CLAUDE_SECURESTORAGE_CONFIG_DIR", str(file.parent))
    assert [row["place"] for row in read("credentials", "discover")] == [str(file)]


def test_a_setup_token_is_added_like_a_key(command: Any, read: Any, backend: ClaudeLoginStandIn) -> None:
    result = command(
        "credentials", "add", "claude_oauth", "--name", "c", "--accept-terms", "--no-check", given=backend.access
    )
    assert result.exit_code == 0, result.output
    assert read("credentials", "list")[0]["provider"] == "claude_oauth"
