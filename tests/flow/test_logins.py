"""Logins through running gateways: refreshed once however many want them, and seen by nobody."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from addons.config.edit import edit, table
from addons.config.home import Home
from addons.vault.credential import Credential
from addons.vault.store import StateStore
from tests.e2e.gateway import Gateway
from tests.flow import upstream as up
from tests.flow.upstream import Upstream, good
from tests.pool.token_server import TokenServer

pytestmark = pytest.mark.flow
SCRIPT = Path(__file__).with_name("login_provider.py")
BODY = {"model": "claude-sonnet-4-6", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
REFUSED = up.answer(401, up.error_body("authentication_error", "OAuth token has expired"))


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Gateway]]:
    """Two processes on one home."""
    home = tmp_path_factory.mktemp("logins")
    made = [Gateway(home), Gateway(home)]
    try:
        for gateway in made:
            gateway.start("-s", str(SCRIPT))
        yield made
    finally:
        for gateway in made:
            gateway.stop()


@pytest.fixture(scope="module")
def key(gateways: list[Gateway]) -> str:
    return gateways[0].key("logins")


@pytest.fixture
def server() -> Iterator[TokenServer]:
    made = TokenServer()
    made.delay = 0.3
    yield made
    made.close()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream(good)
    yield made
    made.close()


@pytest.fixture
def login(gateways: list[Gateway], server: TokenServer, upstream: Upstream, request: pytest.FixtureRequest) -> Path:
    """A credential that everything goes to, whose login has expired; the file it lives in."""
    home = Home(gateways[0].home / "proxycast")
    name = request.node.name.partition("[")[0][-40:]
    file = gateways[0].home / f"{name}.json"
    server.good = f"refresh of {name}"
    parts = {"accessToken": "access-0", "refreshToken": server.good, "expiresAt": 1e12}
    file.write_text(json.dumps({"claudeAiOauth": parts}))
    settings = {"base_url": upstream.url, "token_url": server.url, "creds_file_path": str(file)}
    state = StateStore(home.state, home.vault_key)
    state.add_credential(Credential(name, "login", "", settings))
    state.close()

    def change(document: object) -> None:
        document["active_profile"] = name  # type: ignore[index]
        table(document, "profiles")[name] = {"use": [name]}  # type: ignore[arg-type]

    edit(home.config, change)
    return file


async def ask(gateway: Gateway, key: str, times: int) -> list[int]:
    limits = httpx.Limits(max_connections=50)
    headers = {"x-api-key": key}
    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=60, limits=limits) as client:
        answers = await asyncio.gather(*(client.post("/v1/messages", json=BODY) for _ in range(times)))
    return [answer.status_code for answer in answers]


async def test_two_hundred_requests_at_two_gateways_refresh_once(
    gateways: list[Gateway], key: str, login: Path, server: TokenServer, upstream: Upstream
):
    statuses = await asyncio.gather(*(ask(gateway, key, 100) for gateway in gateways))
    assert set(statuses[0] + statuses[1]) == {200}
    assert len(server.posts) == 1
    assert {request.headers["authorization"] for request in upstream.requests} == {"Bearer access-1"}
    assert json.loads(login.read_text())["claudeAiOauth"]["refreshToken"] == "refresh-1"


async def test_requests_that_wait_for_the_same_token_keep_to_what_the_owner_allows(
    gateways: list[Gateway], key: str, login: Path, server: TokenServer, upstream: Upstream
):
    under_way, most, lock = 0, 0, threading.Lock()

    def slowly(connection: up.Connection, request: up.Received) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.1)
        with lock:
            under_way -= 1
        good(connection, request)

    home = Home(gateways[0].home / "proxycast")
    state = StateStore(home.state, home.vault_key)
    credential = state.credentials[login.stem]
    allowed = {**credential.settings, "max_concurrent": 1}
    state.update_credential(replace(credential, settings=allowed), secret=False)
    state.close()
    upstream.script("access-1", *[slowly] * 6)
    assert await ask(gateways[0], key, 6) == [200] * 6
    assert most == 1


async def test_a_token_refused_before_its_time_is_renewed_and_the_request_answered(
    gateways: list[Gateway], key: str, login: Path, server: TokenServer, upstream: Upstream
):
    upstream.script("access-1", REFUSED)
    assert await ask(gateways[0], key, 1) == [200]
    assert [request.secret for request in upstream.requests] == ["access-1", "access-2"]
    assert len(server.posts) == 2


async def test_a_login_that_is_over_is_said_to_the_client(
    gateways: list[Gateway], key: str, login: Path, server: TokenServer
):
    server.revoked = True
    with httpx.Client(base_url=gateways[0].url, headers={"x-api-key": key}, timeout=20) as client:
        answer = client.post("/v1/messages", json=BODY)
    assert answer.status_code == 401
    assert "cannot be renewed" in answer.json()["error"]["message"]
    assert "invalid_grant" in answer.json()["error"]["message"]


def state_of(gateway: Gateway, name: str) -> tuple[str, str]:
    (row,) = [row for row in json.loads(gateway.command("credentials", "list", "--json")) if row["name"] == name]
    return row["state"], row["cause"] or ""


async def until_answered(gateway: Gateway, key: str) -> None:
    deadline = time.monotonic() + 20
    while await ask(gateway, key, 1) != [200]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)


async def test_a_login_that_is_over_ends_its_credential_until_its_file_has_another(
    gateways: list[Gateway], key: str, login: Path, server: TokenServer, upstream: Upstream
):
    server.faults.append((400, {"error": "invalid_grant", "error_description": "signed out"}, {}))
    assert set(await ask(gateways[0], key, 20)) == {401}
    state, cause = state_of(gateways[0], login.stem)
    assert state == "out_of_service" and "signed out" in cause
    assert f"{login.stem} is out of service" in gateways[0].log
    assert set(await ask(gateways[1], key, 1)) != {200}, "the other gateway knows"
    assert len(server.posts) == 1
    parts = {"accessToken": "signed-in-again", "refreshToken": "another", "expiresAt": (time.time() + 3600) * 1000}
    login.write_text(json.dumps({"claudeAiOauth": parts}))
    for gateway in gateways:
        await until_answered(gateway, key)
    assert {request.secret for request in upstream.requests} == {"signed-in-again"}
    assert state_of(gateways[0], login.stem) == ("active", "")
    assert len(server.posts) == 1


async def test_its_owner_may_say_that_it_is_worth_another_try(
    gateways: list[Gateway], key: str, login: Path, server: TokenServer, upstream: Upstream
):
    server.faults.append((400, {"error": "invalid_grant"}, {}))
    assert await ask(gateways[0], key, 1) == [401]
    assert state_of(gateways[0], login.stem)[0] == "out_of_service"
    gateways[0].command("credentials", "enable", login.stem)
    assert await ask(gateways[0], key, 1) == [200]
    assert upstream.requests[-1].secret == "access-1"


async def test_a_token_service_that_stumbles_ends_no_credential(
    gateways: list[Gateway], key: str, login: Path, server: TokenServer
):
    server.faults.extend([(503, b"busy", {})] * 3)
    assert set(await ask(gateways[0], key, 3)) == {500}
    assert state_of(gateways[0], login.stem) == ("active", "")


async def test_no_token_is_in_the_audit_nor_in_the_log(
    gateways: list[Gateway], key: str, login: Path, server: TokenServer, upstream: Upstream
):
    server.answer = lambda form: (  # type: ignore[method-assign]
        200,
        {"access_token": "marked-access-token", "refresh_token": "marked-refresh-token", "expires_in": 3600},
        {},
    )
    echo = up.answer(400, up.error_body("invalid_request_error", "you sent marked-access-token"))
    upstream.script("marked-access-token", echo)
    await ask(gateways[0], key, 1)
    assert upstream.requests[-1].secret == "marked-access-token"
    home = Home(gateways[0].home / "proxycast")
    deadline = time.monotonic() + 10
    while b"you sent" not in kept(home) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert b"you sent" in kept(home)
    assert b"marked-" not in kept(home)
    assert "marked-" not in gateways[0].log


def kept(home: Home) -> bytes:
    return b"".join(path.read_bytes() for path in home.path.glob("audit.db*"))
