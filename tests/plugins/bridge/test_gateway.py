"""Executable plugins in a running gateway: they serve, and one that misbehaves is nobody else's trouble."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from addons.config.edit import edit, table
from addons.config.home import Home
from addons.vault.credential import Credential
from addons.vault.keys import generate
from addons.vault.store import StateStore
from tests.e2e.gateway import Gateway
from tests.flow import upstream as up
from tests.flow.upstream import Connection, Received, Upstream, good
from tests.plugins.bridge.making import make, until, working_in

pytestmark = pytest.mark.flow
LINES = up.stream(b'{"think":"hm"}\n{"te', b'xt":"he"}\n{"text":"llo"}\n', b'{"end":true}\n')
BAD = ("crash_at_start", "crash_later", "hang", "flood", "flood_stderr", "garbage", "not_read", "huge_line")
METHODS = ["credential.acquire", "credential.release", "request.transform", "response.chunk", "response.end"]
METHODS += ["error.parse", "models.list"]
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "anthropic": (
        "/v1/messages",
        {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]},
    ),
    "openai_chat": ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "hi"}]}),
    "openai_responses": ("/v1/responses", {"model": "m", "input": "hi"}),
}


@pytest.fixture(scope="module")
def service() -> Iterator[Upstream]:
    made = Upstream(LINES)
    yield made
    made.close()


@pytest.fixture(scope="module")
def other() -> Iterator[Upstream]:
    made = Upstream(good)
    yield made
    made.close()


class Stage:
    """A gateway whose home holds one good plugin and one of each bad kind, and keys that lead to them."""

    def __init__(self, gateway: Gateway, service: Upstream, other: Upstream) -> None:
        self.gateway = gateway
        self.home = Home(gateway.home / "proxycast")
        self.state = StateStore(self.home.state, self.home.vault_key)
        self.state.add_credential(Credential("other", "anthropic", "secret-of-the-other", {"base_url": other.url}))
        self.state.add_credential(Credential("private", "private", "secret-of-mine", {"base_url": service.url}))
        self.state.add_credential(Credential("native", "native", "secret-of-ours", {"base_url": other.url}))
        self.keys = {name: self.key(name, [name]) for name in ("other", "private", "native")}
        for how in BAD:
            self.state.add_credential(Credential(how, how.replace("_", "-"), "secret-of-theirs", {}))
            self.keys[how] = self.key(how, [how, "other"])

    def key(self, name: str, use: list[str]) -> str:
        def change(document: object) -> None:
            table(document, "profiles")[name] = {"use": use, "model": "private-1"}  # type: ignore[arg-type]

        edit(self.home.config, change)
        key = generate()
        self.state.add_key(name, key, name)
        return key

    def ask(self, key: str, protocol: str = "anthropic", *, stream: bool = False) -> httpx.Response:
        path, body = ASKED[protocol]
        headers = {"x-proxycast-key": self.keys[key], "anthropic-version": "2023-06-01"}
        with httpx.Client(base_url=self.gateway.url, trust_env=False, timeout=60) as client:
            return client.post(path, json={**body, "stream": stream}, headers=headers)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, service: Upstream, other: Upstream) -> Iterator[Stage]:
    gateway = Gateway(tmp_path_factory.mktemp("plugins"))
    gateway.configure("")
    home = gateway.home / "proxycast"
    settings = {"implements": METHODS, "listen": ["exchange.*", "credential.*"]}
    make(home, "provider.py", name="private", config={"settings": settings})
    make(home, "provider.py", name="native", config={"settings": {"implements": ["credential.acquire"]}})
    for how in BAD:
        name = how.replace("_", "-")
        folder = make(home, "bad.py", how, name=name, config={"timeout_ms": 500}).folder
        told = json.loads((folder / "plugin.json").read_text())
        told["provider"] = {"id": name, "target_protocol": "anthropic", "base_url": "http://127.0.0.1:9"}
        (folder / "plugin.json").write_text(json.dumps(told))
    with gateway:
        yield Stage(gateway, service, other)
    assert "Traceback" not in gateway.log


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("protocol", ASKED)
def test_every_client_is_served_through_the_relay(stage: Stage, protocol: str, stream: bool) -> None:
    response = stage.ask("private", protocol, stream=stream)
    assert response.status_code == 200, response.text
    assert "he" in response.text and "llo" in response.text
    assert "x-proxycast-relay" not in response.headers


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_plugin_that_only_acquires_is_served_the_native_way(stage: Stage, other: Upstream, stream: bool) -> None:
    response = stage.ask("native", "openai_chat", stream=stream)
    assert response.status_code == 200, response.text
    seen = other.requests[-1]
    assert (seen.path, seen.headers["x-session"]) == ("/v1/messages", "session-1-of-secret-of-ours")
    assert "x-api-key" not in seen.headers and "x-proxycast-relay" not in seen.headers


def test_the_audit_shows_the_service_and_never_the_ticket(stage: Stage, service: Upstream) -> None:
    stage.ask("private")
    deadline = time.monotonic() + 20
    shown: list[str] = []
    while not shown:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        rows = json.loads(stage.gateway.command("audit", "recent", "--json"))
        shown = [row["id"] for row in rows if row["credential"] == "private"]
    told = stage.gateway.command("audit", "export", str(shown[0]))
    assert service.url + "/private" in told
    assert re.search(r'x-proxycast-relay", *"\[redacted:header', told.replace("\n", "")), told
    assert "session-1-of-secret-of-mine" not in told


def test_the_plugin_hears_of_its_own_exchanges_and_credentials(stage: Stage, service: Upstream) -> None:
    service.script("", up.answer(418, b'{"reason":"busy"}'))
    stage.ask("other")
    stage.ask("private", stream=True)
    heard = stage.home.plugins / "private" / "data" / "heard.jsonl"
    deadline = time.monotonic() + 20
    while "cooling" not in heard.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    told = [json.loads(line) for line in heard.read_text().splitlines()]
    events = [params for method, params in told if method == "event"]
    finished = [event["data"] for event in events if event["topic"] == "exchange.finished"]
    assert {one["credential"] for one in finished} == {"private"}
    assert finished[-1]["outcome"] == "rate_limit"
    changed = [event["data"] for event in events if event["topic"] == "credential.changed"]
    assert (changed[-1]["credential"], changed[-1]["state"]) == ("private", "cooling")
    assert changed[-1]["cause"] == "too many at a time"
    released = [params for method, params in told if method == "credential.release"]
    assert released[-1]["error"]["kind"] == "rate_limit"
    stage.gateway.command("credentials", "enable", "private")


def test_the_command_asks_the_plugin_as_well(stage: Stage) -> None:
    models = json.loads(stage.gateway.command("credentials", "models", "private", "--json"))
    assert (models["listed"], models["models"]) == (True, ["private-1", "private-9"])
    tested = json.loads(stage.gateway.command("credentials", "test", "private", "--json"))
    assert (tested["ok"], tested["answer"]) == (True, "hello")


def test_tokens_are_estimated_where_the_plugin_cannot_count(stage: Stage, service: Upstream) -> None:
    before = len(service.requests)
    headers = {"x-proxycast-key": stage.keys["private"], "anthropic-version": "2023-06-01"}
    body = {name: value for name, value in ASKED["anthropic"][1].items() if name != "max_tokens"}
    with httpx.Client(base_url=stage.gateway.url, trust_env=False, timeout=60) as client:
        response = client.post("/v1/messages/count_tokens", json=body, headers=headers)
    assert response.status_code == 200 and response.json()["input_tokens"] > 0
    assert len(service.requests) == before


def test_an_error_of_the_service_is_read_by_the_plugin(stage: Stage, service: Upstream) -> None:
    service.script("", up.answer(418, b'{"reason":"a teapot"}'))
    response = stage.ask("private")
    assert response.status_code == 418
    assert response.json()["error"]["message"] == "no idea what a teapot is"


@pytest.mark.parametrize("how", BAD)
def test_where_a_plugin_fails_the_next_candidate_answers(stage: Stage, how: str) -> None:
    response = stage.ask(how)
    assert response.status_code == 200, response.text
    assert stage.gateway.log.count("Traceback") == 0


async def test_other_providers_are_served_while_plugins_misbehave(stage: Stage, other: Upstream) -> None:
    """All bad plugins are asked again and again, while another provider gets its requests."""
    async with httpx.AsyncClient(base_url=stage.gateway.url, trust_env=False, timeout=60) as client:

        async def ask(key: str) -> int:
            headers = {"x-proxycast-key": stage.keys[key], "anthropic-version": "2023-06-01"}
            response = await client.post(ASKED["anthropic"][0], json=ASKED["anthropic"][1], headers=headers)
            return response.status_code

        statuses = await asyncio.gather(*(ask(key) for _ in range(6) for key in (*BAD, "other", "other", "private")))
    assert set(statuses) == {200}


async def test_an_update_breaks_none_of_fifty_running_streams(stage: Stage, service: Upstream) -> None:
    """The old version's process goes on until the last of them has ended; what comes later is the new one's."""
    release = threading.Event()

    def held(connection: Connection, request: Received) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\ne\r\n" + b'{"text":"he"}\n' + b"\r\n")
        release.wait(60)
        connection.send(b"f\r\n" + b'{"text":"llo"}\n' + b"\r\na\r\n" + b'{"end":1}\n' + b"\r\n0\r\n\r\n")

    service.script("", *[held] * 50)
    before = len(service.requests)
    folder = stage.home.plugins / "private"
    first = working_in(folder)

    async def ask(client: httpx.AsyncClient) -> str:
        headers = {"x-proxycast-key": stage.keys["private"], "anthropic-version": "2023-06-01"}
        body = {**ASKED["anthropic"][1], "stream": True}
        return (await client.post(ASKED["anthropic"][0], json=body, headers=headers)).text

    limits = httpx.Limits(max_connections=60)
    async with httpx.AsyncClient(base_url=stage.gateway.url, trust_env=False, timeout=60, limits=limits) as client:
        streams = [asyncio.create_task(ask(client)) for _ in range(50)]
        await until(lambda: len(service.requests) == before + 50)
        program = folder / "provider.py"
        program.write_text(program.read_text().replace("session-{", "renewed-{"))
        told = json.loads((folder / "plugin.json").read_text())
        (folder / "plugin.json").write_text(json.dumps({**told, "version": "2.0.0"}))
        await until(lambda: "renewed" in _session_of_a_new_request(stage, service), 30)
        assert not any(stream.done() for stream in streams)
        release.set()
        answers = await asyncio.gather(*streams)

    assert all('"message_stop"' in answer and "error" not in answer for answer in answers)
    await until(lambda: not first & working_in(folder), 30)


def _session_of_a_new_request(stage: Stage, service: Upstream) -> str:
    stage.ask("private")
    return service.requests[-1].headers["x-session"]


def test_a_plugin_ends_with_its_gateway(tmp_path: Path, service: Upstream) -> None:
    gateway = Gateway(tmp_path)
    gateway.configure("")
    home = gateway.home / "proxycast"
    plugin = make(home, "bad.py", "ignore_shutdown", name="stubborn")
    told = json.loads((plugin.folder / "plugin.json").read_text())
    told["provider"] = {"id": "stubborn", "target_protocol": "anthropic", "base_url": service.url}
    (plugin.folder / "plugin.json").write_text(json.dumps(told))
    with gateway:
        made = StateStore(home / "state.db", home / "vault.key")
        made.add_credential(Credential("stubborn", "stubborn", "secret", {"base_url": service.url}))
        made.close()
        key = gateway.key()
        with httpx.Client(base_url=gateway.url, trust_env=False, timeout=60) as client:
            client.post(ASKED["anthropic"][0], json=ASKED["anthropic"][1], headers={"x-api-key": key})
        assert working_in(plugin.folder)
    deadline = time.monotonic() + 20
    while working_in(plugin.folder):
        assert time.monotonic() < deadline
        time.sleep(0.1)
