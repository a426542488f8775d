"""Plugins come, change and go while fifty streams are under way, and none of them is broken."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from addons.audit import reader
from addons.plugins.install import sources
from addons.plugins.install.installer import Installer
from tests.e2e.gateway import Gateway
from tests.flow import upstream as up
from tests.flow.conftest import Setup
from tests.flow.process import until
from tests.flow.upstream import Connection, Received, Upstream
from tests.plugins import making

pytestmark = [pytest.mark.flow, pytest.mark.slow]
STREAMS = 50
MANIFEST = """
id = "{id}"
name = "Acme AI"
protocols = ["anthropic"]
base_url = "{url}"
auth_header = "x-api-key"
models = ["acme-*"]
"""
TEXT = "".join(f"piece {number} " for number in range(8))


class Held(Upstream):
    """Streams begin, and go on when they are let: `secret` "held" waits, others do not."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        super().__init__(self._answer)

    def _answer(self, connection: Connection, request: Received) -> None:
        if not request.secret.startswith("held"):
            up.good(connection, request)
            return
        pieces = [up.delta(f"piece {number} ") for number in range(8)]
        begun = [up.START, up.BLOCK, pieces[0]]
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for chunk in begun:
            connection.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        assert self.let_go.wait(120)
        for chunk in (*pieces[1:], up.STOP + up.END):
            connection.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        connection.send(b"0\r\n\r\n")


@pytest.fixture
def held() -> Iterator[Held]:
    server = Held()
    yield server
    server.let_go.set()
    server.close()


class Author:
    """Makes versions of a plugin, and installs them as the command does."""

    def __init__(self, place: Path, plugins: Path, url: str) -> None:
        self._place, self._url, self.installer = place, url, Installer(plugins)

    def install(self, version: str, name: str = "acme") -> None:
        folder = making.write(
            self._place / f"{name}-{version}",
            name,
            manifest=MANIFEST.format(id=name, url=self._url),
            json_=making.described(name, version=version),
            files=making.with_code(version),
        )
        with self.installer.prepared(sources.parse(str(folder))) as prepared:
            prepared.install()


@asynccontextmanager
async def streaming(gateway: Gateway, key: str) -> AsyncIterator[list[asyncio.Task[str]]]:
    """Fifty streams, half of them translated, of which each has said its first words."""
    began = asyncio.Semaphore(0)

    async def one(client: httpx.AsyncClient, number: int) -> str:
        chat = number % 2 == 0
        path = "/v1/chat/completions" if chat else "/v1/messages"
        body = {
            "model": "acme-1",
            "max_tokens": 99,
            "stream": True,
            "messages": [{"role": "user", "content": f"{number}"}],
        }
        text, ended = "", False
        async with client.stream("POST", path, json=body) as response:
            assert response.status_code == 200, await response.aread()
            async for line in response.aiter_lines():
                if not line.startswith("data: "):
                    continue
                if line == "data: [DONE]":
                    ended = True
                    continue
                event = json.loads(line[6:])
                assert "error" not in event, event
                if chat:
                    piece = event["choices"][0]["delta"].get("content") or "" if event.get("choices") else ""
                else:
                    piece = event.get("delta", {}).get("text", "")
                    ended = ended or event["type"] == "message_stop"
                if piece and not text:
                    began.release()
                text += piece
        assert ended, text
        return text

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=gateway.url, headers={"x-api-key": key}, timeout=150, trust_env=False, limits=limits
    ) as client:
        tasks = [asyncio.create_task(one(client, number)) for number in range(STREAMS)]
        for _ in tasks:
            await asyncio.wait_for(began.acquire(), 90)
        yield tasks


async def test_fifty_streams_outlive_installations_updates_and_removals(tmp_path: Path, held: Held) -> None:
    gateway = Gateway(tmp_path / "gateway")
    gateway.configure("")
    setup = Setup(gateway)
    author = Author(tmp_path, setup.home.plugins, held.url)
    author.install("1.0.0")
    names = [setup.credential("acme", held.url, secret) for secret in ("held-secret", "quick-secret")]
    setup.route(names[0])
    key = gateway.key()

    def ask(client: httpx.Client, model: str = "acme-1") -> int:
        body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        return client.post("/v1/messages", json=body).status_code

    def marked(client: httpx.Client, version: str) -> bool:
        """A new request is made by that version's code; it never fails, whichever that is."""
        assert ask(client) == 200
        return held.of("quick-secret")[-1].headers["x-acme"] == version

    def changes() -> None:
        headers = {"x-api-key": key}
        with httpx.Client(base_url=gateway.url, headers=headers, timeout=30, trust_env=False) as client:
            setup.route(names[1])
            assert marked(client, "1.0.0")
            author.install("2.0.0")
            until(lambda: marked(client, "2.0.0"))
            author.install("1.0.0", "other")
            setup.route(setup.credential("other", held.url, "other-secret"))
            until(lambda: ask(client) == 200)
            setup.route(names[1])
            author.installer.configure("acme", enabled=False)
            until(lambda: ask(client) != 200)
            author.installer.configure("acme", enabled=True)
            until(lambda: ask(client) == 200)
            until(lambda: marked(client, "2.0.0"))
            author.installer.remove("acme", data=True)
            until(lambda: ask(client) != 200)

    with gateway:
        async with streaming(gateway, key) as tasks:
            await asyncio.to_thread(changes)
            assert not any(task.done() for task in tasks)
            held.let_go.set()
            texts = await asyncio.wait_for(asyncio.gather(*tasks), 90)
    assert texts == [TEXT] * STREAMS
    assert [request.headers["x-acme"] for request in held.of("held-secret")] == ["1.0.0"] * STREAMS
    assert "Traceback" not in gateway.log


def test_a_plugin_that_cannot_be_loaded_is_told_in_the_log_and_stops_nobody(tmp_path: Path, held: Held) -> None:
    gateway = Gateway(tmp_path / "gateway")
    gateway.configure("")
    setup = Setup(gateway)
    making.write(setup.home.plugins, "broken", files={"__init__.py": "1 / 0"})
    making.write(setup.home.plugins, "exits", files={"__init__.py": "raise SystemExit(3)"})
    setup.route(setup.credential("anthropic", held.url, "quick-secret"))
    key = gateway.key()
    with gateway, httpx.Client(base_url=gateway.url, headers={"x-api-key": key}, timeout=30, trust_env=False) as client:
        body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        assert client.post("/v1/messages", json=body).status_code == 200
        making.write(setup.home.plugins, "late", files={"__init__.py": "import no_such_module"})
        until(lambda: "the plugin late cannot be used" in gateway.log)
        assert client.post("/v1/messages", json=body).status_code == 200
    assert "the plugin broken cannot be used: its code cannot be imported: ZeroDivisionError" in gateway.log
    assert "the plugin exits cannot be used" in gateway.log


#: What may raise in a plugin's code, and whether its service is asked before that is noticed.
FAULTY = {
    "acquire": False,
    "protocol": False,
    "target": False,
    "base_url": False,
    "auth_headers": False,
    "build": False,
    "answer": False,
    "told": True,
    "judge": True,
    "again": True,
    "limited_as": True,
}
RAISING = """
from addons.providers.api import Provider
class Faulty(Provider):
    {how}def {method}(self, *arguments, **named):
        raise RuntimeError("a fault of the plugin's")
create = Faulty
"""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Setup, Upstream, str]]:
    """A gateway with a plugin for each method, which raises in that one."""
    upstream = Upstream(up.good)
    gateway = Gateway(tmp_path_factory.mktemp("faulty"))
    gateway.configure("")
    setup = Setup(gateway)
    for method in FAULTY:
        how = "async " if method in ("acquire", "answer") else ""
        name = f"faulty-{method.replace('_', '-')}"
        making.write(
            setup.home.plugins,
            name,
            manifest=MANIFEST.format(id=name, url=upstream.url),
            files={"__init__.py": RAISING.format(how=how, method=method)},
        )
    key = gateway.key()
    with gateway:
        yield gateway, setup, upstream, key
    upstream.close()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
@pytest.mark.parametrize("method", FAULTY)
def test_where_a_plugins_code_raises_the_next_candidate_answers(
    faulty: tuple[Gateway, Setup, Upstream, str], method: str, path: str, stream: bool
) -> None:
    gateway, setup, upstream, key = faulty
    secrets = [f"{method}-{path}-{stream}-faulty", f"{method}-{path}-{stream}-good"]
    bad = setup.credential(f"faulty-{method.replace('_', '-')}", upstream.url, secrets[0])
    setup.route(bad, setup.credential("anthropic", upstream.url, secrets[1]))
    upstream.script(secrets[0], up.answer(500, up.error_body("api_error", "broken")))
    body = {"model": "m", "max_tokens": 9, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    with httpx.Client(base_url=gateway.url, headers={"x-api-key": key}, timeout=30, trust_env=False) as client:
        answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert bool(upstream.of(secrets[0])) is FAULTY[method]
    assert len(upstream.of(secrets[1])) == 1
    assert f"the plugin faulty-{method.replace('_', '-')} failed in {method}" in gateway.log


@pytest.mark.parametrize("address", ["https://127.0.0.1:99999/v1", "http://other.example/v1", "https://[::1/v1", "x"])
def test_where_an_address_is_none_the_next_candidate_answers_and_nothing_is_left_counted(
    faulty: tuple[Gateway, Setup, Upstream, str], address: str
) -> None:
    gateway, setup, upstream, key = faulty
    bad = setup.credential("anthropic", address, "bad-secret", max_concurrent=1)
    setup.route(bad, setup.credential("anthropic", upstream.url, f"good-beside-{address}"))
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    with httpx.Client(base_url=gateway.url, headers={"x-api-key": key}, timeout=30, trust_env=False) as client:
        assert [client.post("/v1/messages", json=body).status_code for _ in range(3)] == [200] * 3
        setup.route(bad)
        told = [client.post("/v1/messages", json=body).text for _ in range(2)]
    assert "at most" not in told[1] and told[0].partition("request_id")[0] == told[1].partition("request_id")[0]


def test_what_sounds_like_a_secret_in_a_plugins_settings_is_not_recorded(tmp_path: Path, held: Held) -> None:
    gateway = Gateway(tmp_path / "gateway")
    gateway.configure("")
    setup = Setup(gateway)
    author = Author(tmp_path, setup.home.plugins, held.url)
    author.install("1.0.0")
    setup.route(setup.credential("anthropic", held.url, "quick-secret"))
    key, numbers, words = (
        gateway.key(),
        itertools.count(1),
        ["first words of a plugin's own", "others that it was told later"],
    )
    author.installer.configure("acme", settings={"password": words[0]})
    headers = {"x-api-key": key}
    with gateway, httpx.Client(base_url=gateway.url, headers=headers, timeout=30, trust_env=False) as client:

        def redacted(said: str) -> bool:
            body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": f"quoth he: {said}"}]}
            session = f"session-{next(numbers)}"
            answer = client.post("/v1/messages", json=body, headers={"x-claude-code-session-id": session})
            assert answer.status_code == 200
            until(lambda: client.get("/health").json()["audit"]["written"] > 0)  # there are tables now
            row = until(lambda: reader.recent(setup.home.audit, session=session))[0]
            kept = reader.rebuild(setup.home.audit, row["id"], "client_request")
            assert b"quoth he" in kept
            return said.encode() not in kept

        assert redacted(words[0])
        author.installer.configure("acme", settings={"password": words[1]})
        until(lambda: redacted(words[1]))
