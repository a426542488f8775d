"""Kiro through a running gateway: logins of its clients shared and renewed once, limits, bans, streams that break off
(kiro.md; design.md, decisions 3 to 5)."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.gateway import Gateway
from tests.flow.conftest import Setup
from tests.standin import Failure, Scenario, Turn, cut_after, error_after, error_first_event, status
from tests.standin import kiro_answers as answers
from tests.standin.kiro import ARN, EMAIL, KiroStandIn
from tests.standin.kiro_logins import CLIENT_ID, CLIENT_SECRET

pytestmark = pytest.mark.flow
Json = dict[str, Any]
MODEL = "claude-sonnet-5"
BODY: Json = {"model": MODEL, "max_tokens": 500, "messages": [{"role": "user", "content": "Hi"}]}
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def running() -> Iterator[KiroStandIn]:
    with KiroStandIn() as made:
        yield made


@pytest.fixture
def kiro(running: KiroStandIn) -> KiroStandIn:
    running.reset()
    running.suspended, running.tail = False, answers.TAIL
    running.scenario = Scenario(final=Turn("Hm.", "Hello from Kiro"))
    return running


@pytest.fixture
def other() -> Iterator[KiroStandIn]:
    """Another service, as far as the gateway can tell."""
    with KiroStandIn(scenario=Scenario(final=Turn(text="Hello from elsewhere"))) as made:
        yield made


def places(kiro: KiroStandIn, path: str = "/refreshToken") -> Json:
    return {"management_url": kiro.url, "token_url": kiro.url + path, "requests_per_minute": 100_000}


def credential(setup: Setup, kiro: KiroStandIn, secret: str | None = None, **settings: Any) -> str:
    secret = kiro.login() if secret is None else secret
    return setup.credential("kiro", kiro.url, secret, **{**places(kiro), **settings})


def said(answer: httpx.Response) -> str:
    """The text of an answer, whole or streamed."""
    if "event-stream" not in answer.headers["content-type"]:
        return "".join(block.get("text", "") for block in answer.json()["content"])
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    return "".join(event.get("delta", {}).get("text", "") for event in events)


def fresh(client: httpx.Client) -> httpx.Response:
    """A conversation of its own, which sticks to no credential."""
    return client.post("/v1/messages", json={**BODY, "messages": [{"role": "user", "content": f"{next(NUMBERS)}"}]})


def state_of(gateway: Gateway, name: str) -> tuple[str, str]:
    (row,) = [row for row in json.loads(gateway.command("credentials", "list", "--json")) if row["name"] == name]
    return row["state"], row["cause"] or ""


async def many(gateway: Gateway, key: str, times: int) -> list[int]:
    headers = {"x-api-key": key}
    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=60, trust_env=False) as client:
        got = await asyncio.gather(*(client.post("/v1/messages", json=BODY) for _ in range(times)))
    return [answer.status_code for answer in got]


# -- logins


async def test_the_ides_login_is_renewed_once_for_all_and_shared_with_it(
    gateway: Gateway, key: str, setup: Setup, kiro: KiroStandIn
) -> None:
    token = json.loads(kiro.login("social", expired=True))
    file = gateway.home / ".aws" / "sso" / "cache" / "kiro-auth-token.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    theirs = {
        "accessToken": token["access_token"],
        "refreshToken": token["refresh_token"],
        "expiresAt": "2026-01-01T00:00:00.000Z",
        "authMethod": "social",
        "provider": "Google",
        "profileArn": ARN,
        "aFieldOfTheirs": [1],
    }
    file.write_text(json.dumps(theirs))
    (found,) = [
        row for row in json.loads(gateway.command("credentials", "discover", "--json")) if row["name"] == "kiro"
    ]
    assert (found["state"], found["provider"]) == ("ready", "kiro")
    name = credential(setup, kiro, "", creds_file_path=str(file))
    setup.route(name)
    before = len(kiro.logins.grants)
    assert set(await many(gateway, key, 30)) == {200}
    assert kiro.logins.grants[before:] == ["social"], "one renewal for thirty requests"
    now = json.loads(file.read_text())
    assert kiro.logins.access[now["accessToken"]] == "social" and now["refreshToken"] != theirs["refreshToken"]
    assert now["expiresAt"] > "2026-11" and now["expiresAt"].endswith("Z"), "as the IDE writes it"
    kept = ("authMethod", "provider", "profileArn", "aFieldOfTheirs")
    assert {part: now[part] for part in kept} == {part: theirs[part] for part in kept}
    assert kiro.refusals == []


async def test_a_login_of_identity_center_is_renewed_with_the_registration_beside_it(
    gateway: Gateway, key: str, setup: Setup, kiro: KiroStandIn, tmp_path: Path
) -> None:
    token = json.loads(kiro.login("idc", expired=True))
    login = {
        "accessToken": token["access_token"],
        "refreshToken": token["refresh_token"],
        "expiresAt": "2026-01-01T00:00:00.000Z",
        "authMethod": "IdC",
        "provider": "BuilderId",
        "region": "us-east-1",
        "clientIdHash": "0123abcd",
    }
    (tmp_path / "kiro-auth-token.json").write_text(json.dumps(login))
    (tmp_path / "0123abcd.json").write_text(json.dumps({"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}))
    path = str(tmp_path / "kiro-auth-token.json")
    setup.route(credential(setup, kiro, "", creds_file_path=path, **places(kiro, "/token")))
    assert await many(gateway, key, 3) == [200, 200, 200]
    assert kiro.refusals == [], "the profile was asked for, and every header is that of this kind of login"


async def test_the_store_of_the_cli_is_read_and_left_alone(
    gateway: Gateway, key: str, setup: Setup, kiro: KiroStandIn, tmp_path: Path
) -> None:
    token = json.loads(kiro.login("social", expired=True))
    path = tmp_path / "data.sqlite3"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value TEXT)")
        db.execute("CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB)")
        login = {**token, "expires_at": "2026-01-01T00:00:00.123456789Z", "provider": "google", "profile_arn": ARN}
        db.execute("INSERT INTO auth_kv VALUES ('kirocli:social:token', ?)", (json.dumps(login),))
        db.commit()
    before = path.read_bytes()
    setup.route(credential(setup, kiro, "", creds_file_path=str(path)))
    assert await many(gateway, key, 3) == [200, 200, 200]
    assert path.read_bytes() == before and kiro.refusals == []
    assert "KiroCLI/" in kiro.main_requests[-1].headers["user-agent"]


async def test_an_api_key_is_sent_as_it_is(gateway: Gateway, key: str, setup: Setup, kiro: KiroStandIn) -> None:
    secret = "ksk_" + "k" * 24
    kiro.logins.access[secret] = "api_key"
    setup.route(credential(setup, kiro, secret))
    assert await many(gateway, key, 2) == [200, 200]
    assert kiro.main_requests[-1].headers["tokentype"] == "API_KEY" and kiro.refusals == []


def test_a_token_that_is_refused_is_renewed_within_the_request(
    client: httpx.Client, setup: Setup, kiro: KiroStandIn
) -> None:
    secret = kiro.login()
    setup.route(credential(setup, kiro, secret))
    del kiro.logins.access[json.loads(secret)["access_token"]]
    answer = client.post("/v1/messages", json=BODY)
    assert answer.status_code == 200 and said(answer) == "Hello from Kiro"
    assert [request.status for request in kiro.requests if request.method == "POST"] == [403, 200, 200]


# -- limits and bans

CAPACITY = answers.ErrorRow(429, "ThrottlingException", "INSUFFICIENT_MODEL_CAPACITY", answers.BUSY)


@pytest.mark.parametrize(
    "failure",
    [
        status(429),
        status(429, {"retry-after": "30"}),
        status(429, body=CAPACITY.body),
        status(402),
        status(400, body=answers.ErrorRow(400, "ServiceQuotaExceededException", "MONTHLY_REQUEST_COUNT", "x").body),
        status(500),
        status(503),
        status(400, body=answers.ErrorRow(400, "ValidationException", "INVALID_MODEL_ID", "Invalid model.").body),
        error_first_event(),
    ],
    ids=lambda failure: str(getattr(failure, "body", None) or failure)[:60],
)
@pytest.mark.parametrize("stream", [False, True])
def test_the_next_candidate_answers(
    client: httpx.Client, setup: Setup, kiro: KiroStandIn, other: KiroStandIn, failure: Failure, stream: bool
) -> None:
    setup.route(credential(setup, kiro), credential(setup, other))
    kiro.fail_next(1, failure)
    answer = client.post("/v1/messages", json={**BODY, "stream": stream})
    assert answer.status_code == 200 and said(answer) == "Hello from elsewhere"


@pytest.mark.parametrize(
    ("reason", "of_account"),
    [
        ("INSUFFICIENT_MODEL_CAPACITY", False),
        ("SERVICE_REQUEST_RATE_EXCEEDED", False),
        (None, False),
        ("DAILY_REQUEST_COUNT", True),
        ("CREDIT_CONSUMPTION_RATE_EXCEEDED", True),
        ("USER_REQUEST_RATE_EXCEEDED", True),
    ],
)
def test_a_limit_rests_whom_it_is_about(
    client: httpx.Client, setup: Setup, kiro: KiroStandIn, other: KiroStandIn, reason: str | None, of_account: bool
) -> None:
    setup.route(credential(setup, kiro), credential(setup, other))
    told = answers.ErrorRow(429, "ThrottlingException", reason, answers.BUSY, {"retryAfterMilliseconds": 300_000})
    kiro.fail_next(1, status(429, body=told.body))
    assert said(fresh(client)) == "Hello from elsewhere"
    assert said(fresh(client)) == "Hello from elsewhere", "as long as the service said"
    another = client.post("/v1/messages", json={**BODY, "model": "claude-opus-5"})
    assert said(another) == ("Hello from elsewhere" if of_account else "Hello from Kiro")


def test_a_spent_account_rests_until_its_limits_begin_anew(
    gateway: Gateway, client: httpx.Client, setup: Setup, kiro: KiroStandIn, other: KiroStandIn
) -> None:
    kiro.used, kiro.reset_at = kiro.limit + 189.5, time.time() + 5 * 86400  # with trial and bonus: all of it
    try:
        name = credential(setup, kiro)
        setup.route(name, credential(setup, other))
        deadline = time.monotonic() + 30
        while state_of(gateway, name)[0] != "cooling":
            assert time.monotonic() < deadline
        assert "0 of 1600 credits left" in state_of(gateway, name)[1]
        assert said(fresh(client)) == "Hello from elsewhere"
    finally:
        kiro.used = 250.5
    assert not [request for request in kiro.requests if request.endpoint == "generate"], "it was not even asked"


def test_a_ban_ends_the_account_and_nothing_else(
    gateway: Gateway, client: httpx.Client, setup: Setup, kiro: KiroStandIn, other: KiroStandIn
) -> None:
    banned, same_provider = credential(setup, kiro), credential(setup, other)
    setup.route(banned, same_provider)
    kiro.suspended = True
    for _ in range(3):
        answer = client.post("/v1/messages", json=BODY)
        assert answer.status_code == 200 and said(answer) == "Hello from elsewhere"
    asked = [request for request in kiro.requests if request.endpoint == "generate"]
    assert len(asked) == 1, "asked once, never again, and no renewal tried"
    assert not any(request.path == "/refreshToken" for request in kiro.requests)
    state, cause = state_of(gateway, banned)
    assert state == "out_of_service" and "temporarily is suspended" in cause
    assert state_of(gateway, same_provider)[0] == "active"
    kiro.suspended = False
    assert said(client.post("/v1/messages", json=BODY)) == "Hello from elsewhere", "only its owner brings it back"
    gateway.command("credentials", "enable", banned)
    deadline = time.monotonic() + 20
    while said(fresh(client)) != "Hello from Kiro":
        assert time.monotonic() < deadline


def test_an_account_is_added_by_the_command_which_learns_whose_it_is(
    gateway: Gateway, client: httpx.Client, setup: Setup, kiro: KiroStandIn
) -> None:
    name = f"added-{next(NUMBERS)}"
    places_ = {"base_url": kiro.url, "management_url": kiro.url, "token_url": f"{kiro.url}/refreshToken"}
    options = [part for item in places_.items() for part in ("--set", "=".join(item))]
    secret = kiro.login(profile_arn="")
    gateway.command("credentials", "add", "kiro", "--name", name, "--accept-terms", *options, secret=secret)
    kept = setup.state.credentials[name].settings
    assert (kept["profile_arn"], kept["account"], kept["plan"]) == (ARN, EMAIL, "KIRO PRO")
    assert json.loads(gateway.command("credentials", "test", name, "--json", "--model", MODEL))
    setup.route(name)
    assert said(client.post("/v1/messages", json=BODY)) == "Hello from Kiro"
    assert kiro.refusals == []


def test_somebody_signs_in_by_the_command(
    gateway: Gateway, client: httpx.Client, setup: Setup, kiro: KiroStandIn
) -> None:
    name = f"signed-in-{next(NUMBERS)}"
    kiro.logins.pending = 1
    places_ = {
        "base_url": kiro.url,
        "management_url": kiro.url,
        "register_url": f"{kiro.url}/client/register",
        "device_url": f"{kiro.url}/device_authorization",
        "token_url": f"{kiro.url}/token",
    }
    options = [part for item in places_.items() for part in ("--set", "=".join(item))]
    told = ("credentials", "login", "kiro", "--flow", "builder-id", "--name", name, "--accept-terms", "--no-browser")
    gateway.command(*told, *options)
    setup.route(name)
    assert said(client.post("/v1/messages", json=BODY)) == "Hello from Kiro"
    assert "KiroCLI/" in kiro.main_requests[-1].headers["user-agent"]
    assert setup.state.credentials[name].settings["account"] == EMAIL


def test_what_is_left_is_told_by_the_command(gateway: Gateway, setup: Setup, kiro: KiroStandIn) -> None:
    name = credential(setup, kiro)
    told = gateway.command("credentials", "quota", name, "--json")
    assert "credits" in told and "939" in told


# -- streams


def test_a_stream_that_breaks_off_is_told_in_the_stream(client: httpx.Client, setup: Setup, kiro: KiroStandIn) -> None:
    setup.route(credential(setup, kiro))
    kiro.scenario = Scenario(final=Turn(text="eins zwei drei vier fünf sechs sieben"))
    for failure in (cut_after(4), error_after(4)):
        kiro.fail_next(1, failure)
        answer = client.post("/v1/messages", json={**BODY, "stream": True})
        assert answer.status_code == 200
        assert "event: error" in answer.text and "message_stop" not in answer.text


def test_an_answer_without_its_tail_is_no_clean_end(client: httpx.Client, setup: Setup, kiro: KiroStandIn) -> None:
    setup.route(credential(setup, kiro))
    kiro.tail = ()
    answer = client.post("/v1/messages", json={**BODY, "stream": True})
    assert "event: error" in answer.text and "message_stop" not in answer.text


def test_an_empty_answer_is_asked_for_elsewhere(
    client: httpx.Client, setup: Setup, kiro: KiroStandIn, other: KiroStandIn
) -> None:
    setup.route(credential(setup, kiro), credential(setup, other))
    kiro.scenario = Scenario(final=Turn(text=""))
    for tail in (answers.TAIL, ()):
        kiro.tail = tail
        content = [{"role": "user", "content": f"{next(NUMBERS)}"}]
        answer = client.post("/v1/messages", json={**BODY, "messages": content, "stream": True})
        assert said(answer) == "Hello from elsewhere"


def test_thinking_of_another_account_is_taken_out_and_the_request_answered(
    client: httpx.Client, setup: Setup, kiro: KiroStandIn
) -> None:
    setup.route(credential(setup, kiro))
    history = [
        {"role": "user", "content": "a"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "forged", "signature": "gw1:kiro:bm90LWEtc2VhbA=="},
                {"type": "text", "text": "b"},
            ],
        },
        {"role": "user", "content": "c"},
    ]
    answer = client.post("/v1/messages", json={**BODY, "messages": history})
    assert answer.status_code == 200 and said(answer) == "Hello from Kiro"
    assert [r.status for r in kiro.requests if r.endpoint == "generate"] == [400, 200]
    assert "reasoningContent" not in kiro.main_requests[-1].raw.decode()


@pytest.mark.parametrize(("tail", "estimated"), [(answers.TAIL, 0), (("contextUsageEvent",), 1)])
def test_the_audit_has_the_books(
    gateway: Gateway, client: httpx.Client, setup: Setup, kiro: KiroStandIn, tail: tuple[str, ...], estimated: int
) -> None:
    name = credential(setup, kiro)
    setup.route(name, model="auto")
    kiro.tail = tail
    assert fresh(client).status_code == 200
    row: sqlite3.Row | None = None
    deadline = time.monotonic() + 20
    while row is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        with closing(sqlite3.connect(f"file:{setup.home.audit}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            row = db.execute("SELECT * FROM exchanges WHERE credential = ?", (name,)).fetchone()
    told = (row["provider"], row["served_model"], row["subscription"], row["usage_estimated"], row["stop_reason"])
    assert told == ("kiro", "claude-sonnet-4.5", 1, estimated, "end"), "which model `auto` was, at nobody's cost"
    assert row["input_total"] > 0 and row["output"] > 0 and row["cost_known"] == 1


def test_stop_sequences_are_kept_by_the_gateway(client: httpx.Client, setup: Setup, kiro: KiroStandIn) -> None:
    setup.route(credential(setup, kiro))
    answer = client.post("/v1/messages", json={**BODY, "stop_sequences": ["from"]})
    assert said(answer) == "Hello " and answer.json()["stop_reason"] == "stop_sequence"
