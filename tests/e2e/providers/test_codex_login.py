"""Codex with a ChatGPT login behind the gateway: Codex CLI's own requests, other clients', limits and bad days
(codex.md)."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import openai
import pytest
import zstandard

from addons.vault.credential import Credential
from tests.e2e.clients import job
from tests.e2e.clients.drivers import DRIVERS
from tests.e2e.clients.install import ensure
from tests.e2e.pairs.speaking import Wish
from tests.e2e.pairs.talking import SPEAKERS, post
from tests.e2e.stage import Stage
from tests.standin import HELLO, Scenario, StandIn, Turn
from tests.standin.codex import CLOUDFLARE, CodexStandIn, usage_limit
from tests.standin.codex_logins import ACCOUNT
from tests.standin.codex_tables import BASE, header_trouble
from tests.standin.conversations import SCRIPT, TALKS
from tests.standin.failures import cut_after, status

from .conftest import ROOT
from .kinds import UNPACED

pytestmark = pytest.mark.e2e
NUMBERS = itertools.count(1)
THREAD = "0198a3c1-1111-7222-8333-944455556666"
OWN_HEADERS = [
    ("content-type", "application/json"),
    ("accept", "text/event-stream"),
    ("user-agent", "codex_cli_rs/0.146.0 (Ubuntu 24.04; x86_64) tmux/3.4"),
    ("originator", "codex_cli_rs"),
    ("session-id", THREAD),
    ("thread-id", THREAD),
    ("x-client-request-id", THREAD),
    ("x-codex-window-id", f"{THREAD}:0"),
    ("x-codex-beta-features", "a,b"),
]
OWN_BODY: dict[str, Any] = {
    "model": "gpt-5.5",
    "instructions": "You are Codex",
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Rules"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Grüße 日本"}]},
    ],
    "tools": [{"type": "custom", "name": "apply_patch", "description": "", "format": {"type": "text"}}],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": THREAD,
    "client_metadata": {"x-codex-installation-id": "i"},
}


@dataclass
class Door:
    """A key for a profile with the login in front; `name` is the login's credential."""

    on: Stage
    backend: CodexStandIn
    name: str
    key: str

    def own(self, body: bytes | None = None, path: str = "/v1/responses", **more: str) -> httpx.Response:
        """A request as Codex CLI puts it."""
        data = json.dumps(OWN_BODY, indent=1).encode() if body is None else body
        headers = [*OWN_HEADERS, ("authorization", f"Bearer {self.key}"), *more.items()]
        return self.on.client.post(path, content=data, headers=headers)

    def ask(self, client: str = "anthropic", **wish: Any) -> httpx.Response:
        speaker = SPEAKERS[client]
        return post(self.on, speaker, "login", Wish(history=[speaker.user("Hi")], **wish))

    @property
    def sdk(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.on.gateway.url}/v1", api_key=self.key, max_retries=0)

    @property
    def state(self) -> tuple[str, str]:
        rows = json.loads(self.on.gateway.command("credentials", "list", "--json"))
        (row,) = [row for row in rows if row["name"] == self.name]
        return row["state"], row["cause"] or ""


@dataclass
class Reached:
    """Where an SDK's talk is held, and with which key."""

    url: str
    key: str


@pytest.fixture
def backend() -> Iterator[CodexStandIn]:
    with CodexStandIn(shred=11, models=("gpt-5.5",)) as made:
        yield made


@pytest.fixture
def door(at: dict[str, Stage], backend: CodexStandIn) -> Callable[..., Door]:
    def make(*behind: str, secret: str | None = None, model: str | None = "gpt-5.5", **settings: Any) -> Door:
        name = f"codex-login-{next(NUMBERS)}"
        secret = backend.login() if secret is None else secret
        at[ROOT].add(Credential(name, "codex", secret, {**backend.settings(), **UNPACED, **settings}))
        key = at[ROOT].key(name, *behind, model=model)
        return Door(at[ROOT].beside(backend, {"login": key}), backend, name, key)

    return make


@pytest.fixture
def api_key(at: dict[str, Stage]) -> tuple[str, StandIn]:
    """A credential of another provider, which answers as well."""
    other = at["anthropic_compatible"].backend
    return at[ROOT].credential("anthropic", other), other


# -- Codex CLI itself


@pytest.mark.slow
def test_codex_cli_speaks_for_itself(door: Callable[..., Door], backend: CodexStandIn, tmp_path: Path) -> None:
    driver = DRIVERS["codex"](ensure("codex"), tmp_path)
    to = door(model=None)
    backend.scenario = job.scenario(driver)
    driver.prepare(to.on.gateway.url, to.key)
    job.check_client(driver.run(job.PROMPT), driver)
    assert [str(request.refusal) for request in backend.refusals] == []
    assert {request.headers["originator"] for request in backend.main_requests} == {"codex_exec"}


def test_its_request_arrives_as_it_was_sent_but_for_the_login(door: Callable[..., Door], backend: CodexStandIn) -> None:
    answer = door().own()
    assert answer.status_code == 200, answer.text
    (request,) = backend.main_requests
    assert request.raw == json.dumps(OWN_BODY, indent=1).encode()
    sent = dict(OWN_HEADERS)
    arrived = {name: value for name, value in request.headers.items() if name in sent}
    assert arrived == sent
    assert request.headers["chatgpt-account-id"] == ACCOUNT
    assert header_trouble(dict(request.headers), "generate") == ""
    assert "codex.rate_limits" in answer.text, "its own answer is passed on, too"
    assert answer.headers["x-codex-turn-state"] == "turn-1"


def test_a_compressed_body_is_understood(door: Callable[..., Door], backend: CodexStandIn) -> None:
    packed = zstandard.ZstdCompressor().compress(json.dumps(OWN_BODY).encode())
    assert door().own(packed, **{"content-encoding": "zstd"}).status_code == 200
    assert backend.main_requests[0].json == OWN_BODY


def test_without_instructions_it_gets_empty_ones(door: Callable[..., Door], backend: CodexStandIn) -> None:
    body = {name: value for name, value in OWN_BODY.items() if name != "instructions"}
    assert door().own(json.dumps(body).encode()).status_code == 200
    assert backend.main_requests[0].json == {**body, "instructions": ""}


def test_a_profiles_model_is_all_that_changes(door: Callable[..., Door], backend: CodexStandIn) -> None:
    body = json.dumps(OWN_BODY | {"model": "gpt-5.4"}).encode()
    assert door().own(body).status_code == 200
    assert backend.main_requests[0].raw == body.replace(b'"gpt-5.4"', b'"gpt-5.5"')


def test_it_may_compact_its_history_and_ask_for_models(door: Callable[..., Door], backend: CodexStandIn) -> None:
    to = door()
    answer = to.own(b'{"model":"gpt-5.5","input":[],"instructions":""}', "/v1/responses/compact")
    assert answer.json()["output"][0]["type"] == "compaction"
    headers = {"authorization": f"Bearer {to.key}"}
    listed = to.on.client.get("/v1/models?client_version=0.146.0", headers=headers).json()
    assert "gpt-5.5" in [model["slug"] for model in listed["models"]]


# -- other clients


@pytest.mark.parametrize("stream", [True, False])
def test_a_responses_client_is_mended_and_hears_everything(
    door: Callable[..., Door], backend: CodexStandIn, stream: bool
) -> None:
    backend.scenario = Scenario(final=Turn(thinking="Hm.", text="Hallo"))
    settings: dict[str, Any] = {
        "model": "gpt-5.5",
        "input": "Hi",
        "temperature": 0.3,
        "max_output_tokens": 500,
        "metadata": {"a": "b"},
        "service_tier": "flex",
        "reasoning": {"effort": "minimal", "summary": "auto"},
        "tools": [{"type": "web_search_preview"}],
    }
    sdk = door().sdk
    if stream:
        with sdk.responses.stream(**settings) as events:
            response: Any = events.get_final_response()
    else:
        response = sdk.responses.create(**settings)
    assert response.output_text == "Hallo"
    assert [part.text for item in response.output if item.type == "reasoning" for part in item.summary] == ["Hm."]
    assert backend.refusals == []


def test_what_is_dropped_stands_in_the_audit(door: Callable[..., Door], backend: CodexStandIn) -> None:
    to = door()
    to.sdk.responses.create(model="gpt-5.5", input="Hi", temperature=0.3)
    deadline = time.monotonic() + 20
    while "does not take it: temperature" not in noted(to) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert "does not take it: temperature" in noted(to)


def noted(to: Door) -> str:
    return to.on.audit.read_bytes().decode("utf-8", "replace") + "".join(
        path.read_bytes().decode("utf-8", "replace") for path in to.on.audit.parent.glob("audit.db-wal")
    )


def test_what_builds_on_stored_responses_gets_a_clear_refusal(door: Callable[..., Door], backend: CodexStandIn) -> None:
    with pytest.raises(openai.BadRequestError, match=r"[Ss]end the whole conversation"):
        door().sdk.responses.create(model="gpt-5.5", input="Hi", previous_response_id="resp_1")
    assert backend.main_requests == []


@pytest.mark.parametrize("client", SPEAKERS)
def test_a_conversations_requests_share_thread_and_cache(
    door: Callable[..., Door], backend: CodexStandIn, client: str
) -> None:
    to = door()
    for _ in range(2):
        assert to.ask(client).status_code == 200
    one, two = backend.main_requests
    assert one.headers["thread-id"] == two.headers["thread-id"] == one.json["prompt_cache_key"]
    assert "codex_cli_rs" in one.headers["user-agent"]


@pytest.mark.parametrize("client", ["anthropic", "openai_responses", "gemini"])
def test_reasoning_comes_back_encrypted_as_the_service_gave_it(
    door: Callable[..., Door], backend: CodexStandIn, client: str
) -> None:
    backend.scenario = SCRIPT
    to = door()
    assert len(list(TALKS[client](cast(StandIn, Reached(to.on.gateway.url, to.key)), True))) == 4
    replayed = [item for item in backend.main_requests[-1].json["input"] if item.get("type") == "reasoning"]
    assert len(replayed) == 2 and all(item["encrypted_content"] for item in replayed), "as many as thought were told"
    assert backend.refusals == []


@pytest.mark.parametrize("client", SPEAKERS)
def test_a_turns_routing_token_comes_back_with_the_results_of_its_tools(
    door: Callable[..., Door], backend: CodexStandIn, client: str
) -> None:
    backend.scenario = SCRIPT
    to = door()
    assert len(list(TALKS[client](cast(StandIn, Reached(to.on.gateway.url, to.key)), True))) == 4
    echoed = [request.headers.get("x-codex-turn-state") for request in backend.main_requests]
    assert echoed == [None, "turn-1", "turn-1", "turn-1"]
    assert backend.refusals == []


def test_cloudflares_cookies_come_back_and_reach_no_client(door: Callable[..., Door], backend: CodexStandIn) -> None:
    backend.cookie = "c00k1e" + "x" * 30
    to = door()
    told = [to.ask(), to.ask(stream=True), to.own()]
    assert [answer.status_code for answer in told] == [200] * 3
    sent = [request.headers.get("cookie") for request in backend.main_requests]
    assert sent == [None, f"__cf_bm={backend.cookie}", f"__cf_bm={backend.cookie}"]
    assert [answer.headers.get("set-cookie") for answer in told] == [None] * 3
    assert backend.cookie not in noted(to)


# -- the login


def test_many_requests_at_once_renew_an_expired_login_once(door: Callable[..., Door], backend: CodexStandIn) -> None:
    backend.logins.lifetime = 5
    secret = backend.login()
    backend.logins.lifetime = 864_000  # before the gateway knows of it: it asks for quotas by itself
    to = door(secret=secret)
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: to.ask().status_code, range(20)))
    assert statuses == [200] * 20
    assert len(backend.logins.posts) == 1


def test_a_token_that_is_refused_is_renewed_in_codex_own_file(
    door: Callable[..., Door], backend: CodexStandIn, tmp_path: Path
) -> None:
    file = tmp_path / "auth.json"
    file.write_text(backend.login())
    to = door(secret="", creds_file_path=str(file))
    backend.logins.valid = {"another"}
    assert to.ask().status_code == 200
    assert json.loads(file.read_text())["tokens"]["refresh_token"] == backend.logins.refresh


def test_a_login_that_is_over_is_said_and_the_next_candidate_answers(
    door: Callable[..., Door], backend: CodexStandIn, api_key: tuple[str, StandIn]
) -> None:
    to = door(api_key[0], model=None)
    backend.logins.valid = set()
    backend.logins.trouble.append((401, {"error": {"code": "refresh_token_reused"}}))
    assert to.ask().status_code == 200
    assert len(api_key[1].main_requests) == 1
    state, cause = to.state
    assert state == "out_of_service" and "refresh_token_reused" in cause


# -- limits and bad days


def test_a_spent_plan_moves_on_and_rests_until_its_reset(
    door: Callable[..., Door], backend: CodexStandIn, api_key: tuple[str, StandIn]
) -> None:
    to = door(api_key[0], model=None)
    backend.fail_next(1, usage_limit(7200))
    for number in (1, 2):
        assert to.ask().status_code == 200
        assert len(api_key[1].main_requests) == number
    state, cause = to.state
    assert state.startswith("cooling") and "usage limit has been reached" in cause


@pytest.mark.parametrize("stream", [True, False])
def test_a_window_that_a_stream_tells_is_spent_rests_it_too(
    door: Callable[..., Door], backend: CodexStandIn, api_key: tuple[str, StandIn], stream: bool
) -> None:
    backend.limits = {}
    spent = {"used_percent": 100, "window_minutes": 300, "reset_at": round(time.time()) + 3600}
    backend.told = {"type": "codex.rate_limits", "plan_type": "plus", "rate_limits": {"primary": spent}}
    to = door(api_key[0], model=None)
    assert to.ask(stream=stream).status_code == 200
    assert api_key[1].main_requests == [], "the answer itself is whole"
    assert to.ask(stream=stream).status_code == 200
    assert len(api_key[1].main_requests) == 1
    state, cause = to.state
    assert state.startswith("cooling") and "5-hour" in cause


def test_alone_its_refusal_goes_to_the_client_with_the_true_wait(
    door: Callable[..., Door], backend: CodexStandIn
) -> None:
    backend.fail_next(1, usage_limit(45))
    answer = door().ask()
    assert answer.status_code == 429
    assert 30 <= float(answer.headers["retry-after"]) <= 45


CAPACITY = {"detail": "Selected model is at capacity. Please try a different model."}


@pytest.mark.parametrize(
    ("code", "body", "wanted", "state"),
    [
        (429, CAPACITY, 429, "active"),
        (400, CAPACITY, 429, "active"),
        (503, {"error": {"code": "server_is_overloaded", "message": "busy"}}, 529, "active"),
        (429, {"error": {"type": "usage_not_included", "message": "no Codex"}}, 402, "cooling"),
        (400, {"error": {"code": "context_length_exceeded", "message": "too long"}}, 400, "active"),
        (403, CLOUDFLARE, 502, "active"),
    ],
)
def test_what_becomes_of_an_error(
    door: Callable[..., Door], backend: CodexStandIn, code: int, body: Any, wanted: int, state: str
) -> None:
    to = door()
    backend.fail_next(1, status(code, {}, body))
    answer = to.ask()
    assert (answer.status_code, answer.json()["type"]) == (wanted, "error")
    found, cause = to.state
    assert found.startswith(state) or (state == "active" and "gpt-5.5" in found), (found, cause)


def test_a_page_of_cloudflares_is_not_answered_with_a_refresh(door: Callable[..., Door], backend: CodexStandIn) -> None:
    to = door()
    backend.fail_next(1, status(403, {"content-type": "text/html", "cf-ray": "8a-FRA"}, CLOUDFLARE))
    assert "neither the account's limit nor a ban" in to.ask().text
    assert backend.logins.posts == [] and to.state[0] == "active"


def test_a_closed_account_is_out_of_service_and_its_siblings_do_not_step_in(
    door: Callable[..., Door], backend: CodexStandIn, api_key: tuple[str, StandIn]
) -> None:
    second = door()
    to = door(second.name, api_key[0], model=None)
    closed = {"error": {"code": "account_deactivated", "message": "Your account has been deactivated."}}
    backend.fail_next(9, status(401, {}, closed))
    for number in (1, 2):
        assert to.ask().status_code == 200
        assert len(api_key[1].main_requests) == number
    assert to.state == ("out_of_service", "Your account has been deactivated.")
    assert second.state[0] == "active"


@pytest.mark.parametrize("client", SPEAKERS)
def test_a_cut_stream_ends_in_an_error_of_the_clients(
    door: Callable[..., Door], backend: CodexStandIn, client: str
) -> None:
    backend.scenario = Scenario(final=Turn(text="eins zwei drei vier fünf sechs sieben acht neun zehn"))
    backend.fail_next(1, cut_after(7))
    answer = door().ask(client, stream=True)
    assert answer.status_code == 200 and "error" in answer.text
    assert HELLO.last.text not in answer.text


def test_codex_own_cut_stream_ends_in_an_error_too(door: Callable[..., Door], backend: CodexStandIn) -> None:
    backend.scenario = Scenario(final=Turn(text="eins zwei drei vier fünf sechs sieben acht neun zehn"))
    backend.fail_next(1, cut_after(7))
    assert "response.failed" in door().own().text


def test_paths_that_a_login_does_not_have_are_refused(door: Callable[..., Door], backend: CodexStandIn) -> None:
    to = door()
    answer = to.on.client.post(
        "/v1/embeddings", json={"model": "m", "input": "x"}, headers={"authorization": f"Bearer {to.key}"}
    )
    assert answer.status_code == 400 and "API key" in answer.json()["error"]["message"]
    assert [request for request in backend.requests if request.path.startswith(f"{BASE}/embed")] == []
