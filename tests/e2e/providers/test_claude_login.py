"""A Claude plan's login serves Claude Code's own requests, untouched, and nobody else's (claude_oauth.md)."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from addons.pool.quotas import QuotaStore
from addons.vault.credential import Credential
from tests.e2e.clients import job
from tests.e2e.clients.drivers import DRIVERS
from tests.e2e.clients.install import ensure
from tests.e2e.pairs.speaking import Wish
from tests.e2e.pairs.talking import SPEAKERS, post
from tests.e2e.stage import Stage
from tests.standin import HELLO, StandIn
from tests.standin.claude_login import BETA, NOT_CLAUDE_CODE, ClaudeLoginStandIn, error, spent, windows
from tests.standin.failures import cut_after, status

from .conftest import ROOT

pytestmark = pytest.mark.e2e
NUMBERS = itertools.count(1)
SESSION = "0b9a3c1e-1111-4222-8333-944455556666"
USER = json.dumps({"device_id": "d" * 64, "account_uuid": "", "session_id": SESSION})
#: As Claude Code writes it: spacing, order and escapes are its own.
BODY = (
    '{"model":"claude-sonnet-4-6", "messages":[{"role":"user","content":[{"type":"text","text":"Gr\\u00fc\\u00dfe '
    '日本"}]}],"system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1.220.abc; '
    'cc_entrypoint=cli; cch=00000;"},{"type":"text","text":"You are Claude Code, Anthropic\'s official CLI for '
    'Claude.","cache_control":{"type":"ephemeral"}}],"metadata":{"user_id":'
    + json.dumps(USER)
    + '},"max_tokens":32000,'
    '"stream":true}'
).encode()
HEADERS = [
    ("Accept", "application/json"),
    ("Content-Type", "application/json"),
    ("User-Agent", "claude-cli/2.1.220 (external, cli)"),
    ("X-Claude-Code-Session-Id", SESSION),
    ("X-Stainless-Arch", "x64"),
    ("X-Stainless-Lang", "js"),
    ("X-Stainless-Retry-Count", "0"),
    ("anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14"),
    ("anthropic-dangerous-direct-browser-access", "true"),
    ("anthropic-version", "2023-06-01"),
    ("Authorization", "Bearer {key}"),
    ("x-app", "cli"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
]


@dataclass
class Door:
    """A key for a profile with the login in front; `name` is the login's credential."""

    on: Stage
    backend: ClaudeLoginStandIn
    name: str
    key: str

    def send(
        self, body: bytes = BODY, path: str = "/v1/messages?beta=true", betas: str | None = None
    ) -> httpx.Response:
        changed = {} if betas is None else {"anthropic-beta": betas}
        headers = [(name, changed.get(name, value).format(key=self.key)) for name, value in HEADERS]
        return self.on.client.post(path, content=body, headers=headers)

    @property
    def last(self) -> Any:
        return self.backend.main_requests[-1]

    @property
    def state(self) -> tuple[str, str]:
        rows = json.loads(self.on.gateway.command("credentials", "list", "--json"))
        (row,) = [row for row in rows if row["name"] == self.name]
        return row["state"], row["cause"] or ""


@pytest.fixture
def backend() -> Iterator[ClaudeLoginStandIn]:
    with ClaudeLoginStandIn(shred=11, models=("claude-sonnet-4-6",)) as made:
        yield made


def door(
    at: dict[str, Stage],
    backend: ClaudeLoginStandIn,
    *behind: str,
    secret: str | None = None,
    model: str | None = None,
    **settings: Any,
) -> Door:
    name = f"claude-login-{next(NUMBERS)}"
    where = {"base_url": backend.url, "token_url": f"{backend.url}/v1/oauth/token", "requests_per_minute": 100_000}
    secret = backend.credentials_json() if secret is None else secret
    at[ROOT].add(Credential(name, "claude_oauth", secret, {**where, **settings}))
    key = at[ROOT].key(name, *behind, model=model)
    return Door(at[ROOT].beside(backend, {"login": key}), backend, name, key)


def api_key(at: dict[str, Stage]) -> tuple[str, StandIn]:
    """A credential of another provider that answers anybody."""
    other = at["anthropic_compatible"].backend
    return at[ROOT].credential("anthropic", other), other


# -- Claude Code itself


@pytest.mark.slow
def test_claude_code_does_its_job(at: dict[str, Stage], backend: ClaudeLoginStandIn, tmp_path: Path) -> None:
    driver = DRIVERS["claude"](ensure("claude"), tmp_path)
    to = door(at, backend)
    backend.scenario = job.scenario(driver)
    driver.prepare(to.on.gateway.url, to.key)
    run = driver.run(job.PROMPT)
    job.check_client(run, driver)
    assert [str(request.refusal) for request in backend.refusals] == []
    assert {request.path for request in backend.requests} <= {"/v1/messages", "/api/oauth/usage"}


def test_its_request_arrives_byte_by_byte_and_header_by_header(
    at: dict[str, Stage], backend: ClaudeLoginStandIn
) -> None:
    to = door(at, backend)
    answer = to.send()
    assert answer.status_code == 200, answer.text
    assert "event: message_stop" in answer.text
    assert to.last.raw == BODY
    assert dict(to.last.query) == {"beta": "true"}
    wanted = [(name.lower(), value) for name, value in HEADERS]
    changed = {
        "authorization": f"Bearer {backend.access}",
        "anthropic-beta": f"claude-code-20250219,{BETA},interleaved-thinking-2025-05-14",
    }
    arrived = [pair for pair in to.last.headers.items() if pair[0] not in ("host", "content-length")]
    assert arrived == [(name, changed.get(name, value)) for name, value in wanted]


def test_a_beta_that_it_sent_itself_is_not_sent_twice(at: dict[str, Stage], backend: ClaudeLoginStandIn) -> None:
    to = door(at, backend)
    own = f"claude-code-20250219, {BETA}, effort-2025-11-24"
    assert to.send(betas=own).status_code == 200
    assert to.last.headers["anthropic-beta"] == own


def test_a_profiles_model_changes_the_models_name_and_nothing_else(
    at: dict[str, Stage], backend: ClaudeLoginStandIn
) -> None:
    to = door(at, backend, model="claude-opus-5")
    assert to.send().status_code == 200
    assert to.last.raw == BODY.replace(b'"claude-sonnet-4-6"', b'"claude-opus-5"')


def test_a_whole_answer_and_a_count_pass_as_well(at: dict[str, Stage], backend: ClaudeLoginStandIn) -> None:
    to = door(at, backend)
    answer = to.send(BODY.replace(b'"stream":true', b'"stream":false'))
    assert answer.json()["content"][-1]["text"] == HELLO.last.text
    count = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hi"}]}
    counted = to.send(json.dumps(count).encode(), "/v1/messages/count_tokens?beta=true")
    assert counted.status_code == 200 and "x-proxycast-estimated" not in counted.headers
    assert [request.endpoint for request in backend.requests if request.endpoint == "count"] == ["count"]


def test_an_answer_that_comes_compressed_is_understood(at: dict[str, Stage], backend: ClaudeLoginStandIn) -> None:
    backend.compress = True
    answer = door(at, backend).send()
    assert "event: message_stop" in answer.text and "content-encoding" not in answer.headers


# -- everybody else


@pytest.mark.parametrize("client", SPEAKERS)
def test_another_client_is_told_the_way_with_an_api_key(
    at: dict[str, Stage], backend: ClaudeLoginStandIn, client: str
) -> None:
    to, speaker = door(at, backend), SPEAKERS[client]
    answer = post(to.on, speaker, "login", Wish(history=[speaker.user("Hi")], stream=True))
    assert answer.status_code == 403
    assert "proxycast credentials add anthropic" in answer.json()["error"]["message"]
    assert [request for request in backend.requests if request.path != "/api/oauth/usage"] == []
    assert to.state == ("active", "")


@pytest.mark.parametrize("client", SPEAKERS)
def test_or_the_next_candidate_answers_it(at: dict[str, Stage], backend: ClaudeLoginStandIn, client: str) -> None:
    behind, other = api_key(at)
    to, speaker = door(at, backend, behind, model="claude-sonnet-4-6"), SPEAKERS[client]
    assert post(to.on, speaker, "login", Wish(history=[speaker.user("Hi")])).status_code == 200
    assert len(other.main_requests) == 1 and backend.main_requests == []


def test_what_went_wrong_before_is_said_rather_than_that_the_login_is_not_for_it(
    at: dict[str, Stage], backend: ClaudeLoginStandIn
) -> None:
    behind, other = api_key(at)
    to, speaker = door(at, backend), SPEAKERS["anthropic"]
    other.fail_next(1, status(429, {"retry-after": "7"}))
    to.on.keys = {"both": at[ROOT].key(behind, to.name, model="claude-sonnet-4-6")}
    answer = post(to.on, speaker, "both", Wish(history=[speaker.user("Hi")]))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


def test_a_name_alone_makes_nobody_claude_code(at: dict[str, Stage], backend: ClaudeLoginStandIn) -> None:
    to = door(at, backend)
    plain = {"model": "claude-sonnet-4-6", "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}]}
    assert to.send(json.dumps(plain).encode()).status_code == 403
    assert backend.main_requests == []


def test_their_tokens_are_estimated_and_nothing_is_asked(at: dict[str, Stage], backend: ClaudeLoginStandIn) -> None:
    to, speaker = door(at, backend), SPEAKERS["anthropic"]
    body = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hello there"}]}
    answer = to.on.client.post("/v1/messages/count_tokens", json=body, headers=speaker.headers(to.key))
    assert answer.status_code == 200 and answer.headers["x-proxycast-estimated"] == "true"
    assert [request for request in backend.requests if request.path != "/api/oauth/usage"] == []


# -- the login


def test_a_login_in_claude_codes_file_is_renewed_there(
    at: dict[str, Stage], backend: ClaudeLoginStandIn, tmp_path: Path
) -> None:
    file = tmp_path / ".credentials.json"
    file.write_text(backend.credentials_json(expires=time.time() - 10))
    to = door(at, backend, secret="", creds_file_path=str(file))
    assert to.send().status_code == 200
    assert len(backend.posts) == 1
    written = json.loads(file.read_text())
    assert written["claudeAiOauth"]["refreshToken"] == backend.refresh
    assert written["claudeAiOauth"]["subscriptionType"] == "max"
    assert written["mcpOAuth"] == {"some-server": {"accessToken": "not-ours"}}


def test_a_token_that_is_refused_is_renewed_within_the_request(
    at: dict[str, Stage], backend: ClaudeLoginStandIn
) -> None:
    to = door(at, backend)
    backend.fail_next(1, status(401, {}, error("authentication_error", "OAuth token has expired.")))
    assert to.send().status_code == 200
    assert len(backend.posts) == 1


def test_a_setup_token_is_used_as_it_is(at: dict[str, Stage], backend: ClaudeLoginStandIn) -> None:
    to = door(at, backend, secret=backend.access)
    assert to.send().status_code == 200
    assert to.last.headers["authorization"] == f"Bearer {backend.access}"


def test_a_login_that_is_over_is_said(at: dict[str, Stage], backend: ClaudeLoginStandIn) -> None:
    backend.trouble.append((400, {"error": "invalid_grant", "error_description": "Refresh token not found"}))
    to = door(at, backend, secret=backend.credentials_json(expires=time.time() - 10))
    answer = to.send()
    assert answer.status_code == 401
    assert "Refresh token not found" in answer.json()["error"]["message"]
    assert to.state[0] == "out_of_service"


# -- limits and bans


def test_a_spent_window_moves_on_to_the_next_candidate_and_rests_until_its_reset(
    at: dict[str, Stage], backend: ClaudeLoginStandIn
) -> None:
    behind, other = api_key(at)
    to = door(at, backend, behind)
    backend.fail_next(1, spent())
    for _ in range(2):
        assert to.send().status_code == 200
    assert len(other.main_requests) == 2 and backend.main_requests == []
    state, cause = to.state
    assert state.startswith("cooling") and "5-hour window" in cause


def test_what_is_left_is_known_from_every_answer(at: dict[str, Stage], backend: ClaudeLoginStandIn) -> None:
    to = door(at, backend)
    backend.limits = windows(five_hours=0.25, week=0.5)
    backend.usage = {}  # which is asked as well, and says nothing
    assert to.send().status_code == 200
    deadline = time.monotonic() + 20
    while (told := quotas(to)) != {"% of the 5-hour window": 75.0, "% of the weekly window": 50.0}:
        assert time.monotonic() < deadline, told
        time.sleep(0.2)


def quotas(to: Door) -> dict[str, float]:
    store = QuotaStore(to.on.gateway.home / "proxycast" / "state.db")
    with closing(store):
        return {quota.counts: round(quota.remaining, 3) for _, quota in store.load(to.name)}


def test_a_closed_organisation_ends_the_login_at_once_and_other_providers_answer(
    at: dict[str, Stage], backend: ClaudeLoginStandIn
) -> None:
    behind, other = api_key(at)
    second = door(at, backend)  # another account of the same provider
    to = door(at, backend, second.name, behind)
    backend.disabled = True
    for number in (1, 2):
        assert to.send().status_code == 200
        assert len(other.main_requests) == number
    asked = [request for request in backend.requests if request.path == "/v1/messages"]
    assert len(asked) == 1, "neither is the banned account asked again, nor the other one in its place"
    assert to.state == ("out_of_service", "This organization has been disabled.")
    assert second.state == ("active", "")


def test_not_being_taken_for_claude_code_is_said_as_it_is(at: dict[str, Stage], backend: ClaudeLoginStandIn) -> None:
    to = door(at, backend)
    backend.fail_next(1, status(400, {}, error("invalid_request_error", NOT_CLAUDE_CODE)))
    answer = to.send()
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, NOT_CLAUDE_CODE)
    assert to.state == ("active", "")


@pytest.mark.parametrize(
    "message",
    [
        "OAuth token does not meet scope requirement user:inference",
        "OAuth authentication is currently not allowed for this organization.",
    ],
)
def test_what_another_token_would_not_change_renews_nothing(
    at: dict[str, Stage], backend: ClaudeLoginStandIn, message: str
) -> None:
    to = door(at, backend)
    for _ in range(3):
        backend.fail_next(1, status(403, {}, error("permission_error", message)))
        answer = to.send()
        assert (answer.status_code, answer.json()["error"]["message"]) == (403, message)
    assert backend.posts == [] and to.state == ("active", "")


def test_a_cut_stream_ends_in_an_error(at: dict[str, Stage], backend: ClaudeLoginStandIn) -> None:
    to = door(at, backend)
    backend.fail_next(1, cut_after(5))
    answer = to.send()
    assert answer.status_code == 200 and "event: error" in answer.text
