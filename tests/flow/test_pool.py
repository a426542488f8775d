"""The pool on real sockets: states under load, their causes, what survives and what is shared."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.e2e.gateway import Gateway
from tests.flow import upstream as up
from tests.flow.conftest import CONFIG, Setup
from tests.flow.test_failover import BODY, ask
from tests.flow.upstream import Connection, Received, Upstream

pytestmark = pytest.mark.flow
NUMBERS = itertools.count(1)
RATE_LIMIT = up.error_body("rate_limit_error", "too many requests")
REVOKED = up.error_body("authentication_error", "this key was revoked")
BANNED = up.error_body("invalid_request_error", "This organization has been disabled.")


def states(gateway: Gateway) -> dict[str, dict[str, object]]:
    rows = json.loads(gateway.command("credentials", "list", "--json"))
    return {row["name"]: row for row in rows}


def always(status: int, body: bytes, **headers: str) -> up.Behaviour:
    return up.answer(status, body, two=False, **headers)


class Always(Upstream):
    """An upstream whose secrets keep their behaviour until told otherwise."""

    def __init__(self) -> None:
        self.fixed: dict[str, up.Behaviour] = {}
        super().__init__(self._behave)

    def _behave(self, connection: Connection, request: Received) -> None:
        self.fixed.get(request.secret, up.good)(connection, request)


@pytest.fixture(scope="module")
def always_upstream() -> Always:
    return Always()


async def load(gateway: Gateway, key: str, times: int, at_once: int) -> list[int]:
    gate = asyncio.Semaphore(at_once)
    async with httpx.AsyncClient(
        base_url=gateway.url, headers={"x-api-key": key}, timeout=30, trust_env=False
    ) as client:

        async def one(number: int) -> int:
            async with gate:
                body = {
                    **BODY,
                    "stream": number % 2 == 0,
                    "messages": [{"role": "user", "content": f"{times} {number}"}],
                }
                return (await client.post("/v1/messages", json=body)).status_code

        return await asyncio.gather(*(one(number) for number in range(times)))


async def test_one_limited_one_revoked_one_good_and_no_client_notices(
    gateway: Gateway, key: str, setup: Setup, always_upstream: Always
) -> None:
    number = next(NUMBERS)
    secrets = [f"limited-{number}", f"revoked-{number}", f"good-{number}"]
    limited, revoked, good = (setup.credential("anthropic", always_upstream.url, secret) for secret in secrets)
    setup.route(limited, revoked, good)
    always_upstream.fixed[secrets[0]] = always(429, RATE_LIMIT, retry_after="6")
    always_upstream.fixed[secrets[1]] = always(401, REVOKED)
    statuses = await load(gateway, key, 200, 16)
    assert set(statuses) == {200}
    known = states(gateway)
    assert str(known[limited]["state"]).startswith("cooling") and known[limited]["cause"] == "too many requests"
    assert (known[revoked]["state"], known[revoked]["cause"]) == ("out_of_service", "this key was revoked")
    assert known[good]["state"] == "active"
    assert len(always_upstream.of(secrets[1])) < 40, "a revoked credential is left alone"
    assert f"{revoked} is out of service" in gateway.log
    always_upstream.fixed.pop(secrets[0])
    await asyncio.sleep(6.2)
    before = len(always_upstream.of(secrets[0]))
    assert set(await load(gateway, key, 5, 1)) == {200}
    assert len(always_upstream.of(secrets[0])) == before + 5, "after retry-after the first is back"
    always_upstream.fixed.pop(secrets[1])
    gateway.command("credentials", "enable", revoked)
    assert states(gateway)[revoked]["state"] == "active"


def test_faults_of_the_client_and_hang_ups_bench_nobody(
    gateway: Gateway, client: httpx.Client, setup: Setup, upstream: Upstream
) -> None:
    secret = f"innocent-{next(NUMBERS)}"
    name = setup.credential("anthropic", upstream.url, secret)
    setup.route(name)
    bad = up.answer(400, up.error_body("invalid_request_error", "max_tokens: too high"))
    upstream.script(secret, *[bad] * 6)
    for _ in range(6):
        assert ask(client, stream=False).status_code == 400
    upstream.script(secret, *[up.stream(up.START, up.BLOCK, up.delta("x"), end="stall")] * 4)
    for _ in range(4):
        with client.stream("POST", "/v1/messages", json={**BODY, "stream": True}) as response:
            next(response.iter_bytes())
    time.sleep(0.3)
    assert states(gateway)[name]["state"] == "active"
    assert ask(client, stream=False).status_code == 200


def test_failing_three_times_makes_unhealthy_and_a_probe_brings_back(
    gateway: Gateway, client: httpx.Client, setup: Setup, always_upstream: Always
) -> None:
    number = next(NUMBERS)
    failing, off, other = f"failing-{number}", f"off-{number}", f"other-{number}"
    names = [setup.credential("anthropic", always_upstream.url, secret) for secret in (failing, off, other)]
    setup.route(*names)
    always_upstream.fixed[failing] = always_upstream.fixed[off] = always(500, b"boom")
    for number in range(3):
        body = {**BODY, "messages": [{"role": "user", "content": f"fail {number}"}]}
        assert client.post("/v1/messages", json=body).status_code == 200
    assert [states(gateway)[name]["state"] for name in names] == ["unhealthy", "unhealthy", "active"]
    gateway.command("credentials", "disable", names[1])
    always_upstream.fixed[failing] = lambda connection, request: (
        up.answer(200, b'{"data":[]}') if request.method == "GET" else up.good
    )(connection, request)
    deadline = time.monotonic() + 16
    while states(gateway)[names[0]]["state"] != "active":
        assert time.monotonic() < deadline, "no probe brought it back"
        time.sleep(0.5)
    probes = [request for request in always_upstream.of(failing) if request.method == "GET"]
    assert probes and probes[0].path.startswith("/v1/models")
    assert "GET" not in {request.method for request in always_upstream.of(off)}, "its owner said to leave it alone"


def test_one_that_cannot_be_made_ready_counts_as_failing_too(
    gateway: Gateway, client: httpx.Client, setup: Setup, always_upstream: Always, tmp_path: Path
) -> None:
    number = next(NUMBERS)
    login = tmp_path / "account.json"
    names = [
        setup.credential("vertex", always_upstream.url, "", creds_file_path=str(login), project="p"),
        setup.credential("anthropic", always_upstream.url, f"other-{number}"),
    ]
    setup.route(*names)
    deadline = time.monotonic() + 30
    while states(gateway)[names[0]]["state"] == "active":
        assert time.monotonic() < deadline, "it is never said"
        body = {**BODY, "messages": [{"role": "user", "content": f"unready {number} {time.monotonic()}"}]}
        assert client.post("/v1/messages", json=body).status_code == 200
        time.sleep(0.5)
    row = states(gateway)[names[0]]
    assert row["state"] == "unhealthy" and "account.json cannot be read" in str(row["cause"])


def limits(remaining: int, seconds: float, limit: int = 50) -> dict[str, str]:
    """Anthropic's headers of one limit (anthropic.md §9)."""
    reset = datetime.fromtimestamp(time.time() + seconds, UTC).isoformat().replace("+00:00", "Z")
    told = {"limit": str(limit), "remaining": str(remaining), "reset": reset}
    return {f"anthropic_ratelimit_requests_{part}": value for part, value in told.items()}


@pytest.mark.parametrize("streamed", [False, True])
def test_a_credential_is_left_before_its_limit_is_hit(
    gateway: Gateway, client: httpx.Client, setup: Setup, always_upstream: Always, streamed: bool
) -> None:
    number = next(NUMBERS)
    secrets = [f"ending-{number}", f"ample-{number}"]
    names = [setup.credential("anthropic", always_upstream.url, secret, reserve="20%") for secret in secrets]
    setup.route(*names)

    def behave(connection: Connection, request: Received) -> None:
        headers = limits(9, 30)
        if streamed:
            whole = b"".join((up.START, up.BLOCK, up.delta("good"), up.STOP, up.END))
            up.answer(200, whole, "text/event-stream", two=False, **headers)(connection, request)
        else:
            up.answer(200, up.message(), two=False, **headers)(connection, request)

    always_upstream.fixed[secrets[0]] = behave
    for turn in range(4):
        body = {**BODY, "stream": streamed, "messages": [{"role": "user", "content": f"ending {number} {turn}"}]}
        assert client.post("/v1/messages", json=body).status_code == 200
    assert [len(always_upstream.of(secret)) for secret in secrets] == [1, 3]
    row = states(gateway)[names[0]]
    assert str(row["state"]).startswith("cooling") and "9 of 50 requests left" in str(row["cause"])


def test_a_disabled_account_is_out_of_service_at_once(
    gateway: Gateway, client: httpx.Client, setup: Setup, always_upstream: Always
) -> None:
    number = next(NUMBERS)
    secrets = [f"banned-{number}", f"fine-{number}"]
    names = [setup.credential("anthropic", always_upstream.url, secret) for secret in secrets]
    setup.route(*names, take_over=True)
    always_upstream.fixed[secrets[0]] = always(400, BANNED)
    for turn in range(3):
        body = {**BODY, "messages": [{"role": "user", "content": f"banned {number} {turn}"}]}
        assert client.post("/v1/messages", json=body).status_code == 200
    assert [len(always_upstream.of(secret)) for secret in secrets] == [1, 3]
    assert states(gateway)[names[0]]["state"] == "out_of_service"


def test_its_share_is_not_its_siblings_unless_the_profile_says_so(
    gateway: Gateway, client: httpx.Client, setup: Setup, always_upstream: Always, upstream: Upstream
) -> None:
    number = next(NUMBERS)
    secrets = [f"gone-{number}", f"sibling-{number}"]
    names = [setup.credential("anthropic", always_upstream.url, secret) for secret in secrets]
    other = setup.credential("anthropic_compatible", upstream.url, f"other-{number}")
    always_upstream.fixed[secrets[0]] = always(403, BANNED)

    def turn(text: str) -> httpx.Response:
        return client.post("/v1/messages", json={**BODY, "messages": [{"role": "user", "content": f"{number} {text}"}]})

    setup.route(*names)
    assert (turn("the one that met the ban").status_code, turn("the next").status_code) == (403, 403)
    assert "`take_over = true` in the profile" in turn("the third").json()["error"]["message"]
    setup.route(*names, other)
    assert turn("with another provider").status_code == 200
    assert [len(always_upstream.of(secret)) for secret in secrets] == [1, 0]
    setup.route(*names, other, take_over=True)
    assert turn("with leave").status_code == 200
    assert [len(always_upstream.of(secret)) for secret in secrets] == [1, 1]
    setup.route(*reversed(names), other)
    assert turn("the sibling's own share").status_code == 200
    assert [len(always_upstream.of(secret)) for secret in secrets] == [1, 2]


def test_pacing_moves_on_and_then_waits_or_says_so(
    gateway: Gateway, client: httpx.Client, setup: Setup, upstream: Upstream
) -> None:
    number = next(NUMBERS)
    paced, free = f"paced-{number}", f"free-{number}"
    first = setup.credential("anthropic", upstream.url, paced, requests_per_minute=1)
    second = setup.credential("anthropic", upstream.url, free)
    setup.route(first, second)
    for turn in range(3):
        body = {**BODY, "messages": [{"role": "user", "content": f"paced {number} {turn}"}]}
        assert client.post("/v1/messages", json=body).status_code == 200
    assert (len(upstream.of(paced)), len(upstream.of(free))) == (1, 2)
    setup.route(first)
    response = ask(client, stream=False)
    assert response.status_code == 429 and "paces" in response.json()["error"]["message"]
    assert int(response.headers["retry-after"]) > 30
    slow = setup.credential("anthropic", upstream.url, f"slow-{number}", min_interval=0.4)
    setup.route(slow)
    began = time.monotonic()
    for _ in range(3):
        assert ask(client, stream=False).status_code == 200
    assert time.monotonic() - began >= 0.75


def test_states_survive_a_restart_and_are_shared(tmp_path: Path, always_upstream: Always) -> None:
    (tmp_path / "proxycast").mkdir(mode=0o700)
    (tmp_path / "proxycast" / "config.toml").write_text(CONFIG, encoding="utf-8")
    number = next(NUMBERS)
    secrets = [f"gone-{number}", f"stays-{number}"]
    always_upstream.fixed[secrets[0]] = always(401, REVOKED)
    gateway = Gateway(tmp_path)
    setup = Setup(gateway)
    setup.route(*(setup.credential("anthropic", always_upstream.url, secret) for secret in secrets))

    def ask_once(running: Gateway, key: str) -> int:
        body = {**BODY, "messages": [{"role": "user", "content": str(time.monotonic())}]}
        return httpx.post(f"{running.url}/v1/messages", json=body, headers={"x-api-key": key}, timeout=20).status_code

    gateway.start()
    key = gateway.key("k")
    try:
        assert [ask_once(gateway, key) for _ in range(3)] == [200] * 3
    finally:
        gateway.stop()
    refused = len(always_upstream.of(secrets[0]))
    assert refused == 2
    gateway.start()
    try:
        assert ask_once(gateway, key) == 200
        assert len(always_upstream.of(secrets[0])) == refused, "the restarted gateway asked it again"
    finally:
        gateway.stop()


def test_a_service_that_says_nothing_is_left_is_not_asked_to_answer(
    gateway: Gateway, client: httpx.Client, setup: Setup, always_upstream: Always
) -> None:
    number = next(NUMBERS)
    empty, ample = f"empty-{number}", f"ample-{number}"

    def behave(connection: Connection, request: Received) -> None:
        left = json.dumps({"data": {"total_granted": 500, "total_available": 0, "unlimited_quota": False}}).encode()
        (up.answer(200, left) if request.path == "/api/usage/token/" else up.good)(connection, request)

    always_upstream.fixed[empty] = always_upstream.fixed[ample] = behave
    names = [
        setup.credential("new_api", always_upstream.url, empty, api="anthropic"),
        setup.credential("anthropic", always_upstream.url, ample),
    ]
    setup.route(*names)
    deadline = time.monotonic() + 15
    while states(gateway)[names[0]]["state"] == "active":
        assert time.monotonic() < deadline, "nobody asked what is left"
        time.sleep(0.2)
    assert "0 of 500 units left" in str(states(gateway)[names[0]]["cause"])
    assert ask(client, stream=False).status_code == 200
    assert [request.path for request in always_upstream.of(empty)] == ["/api/usage/token/"]
    rows = json.loads(gateway.command("credentials", "quota", names[0], "--no-live", "--json"))
    assert [(row["remaining"], row["limit"]) for row in rows] == [(0, 500)]
