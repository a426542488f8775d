"""Secrets planted in every place of real exchanges, and looked for wherever ProxyCast keeps or shows anything."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from addons.audit.datasette.serve import application
from addons.audit.reader import exchange, rebuild
from addons.config.edit import edit, table
from addons.config.home import Home
from addons.vault.credential import Credential
from addons.vault.store import StateStore
from tests.flow import upstream as up
from tests.flow.calls import CALLS
from tests.flow.process import Process, until
from tests.flow.upstream import Behaviour, Connection, Received, Upstream

pytestmark = pytest.mark.e2e
NUMBERS = itertools.count(1)


class Garden:
    """Makes secrets and remembers them. Put together from parts, so that no scanner takes this file for a leak."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def core(self, place: str) -> str:
        """What is random about the secret of a place: it must be nowhere, whatever stands around it."""
        word = base64.b32encode(f"{next(NUMBERS)}:{place}".encode()).decode().strip("=").lower()
        core = f"{word}7q"
        self.planted[core] = place
        return core

    def opaque(self, place: str) -> str:
        """Looks like nothing: only known to be secret by where it stands."""
        return f"opaque+/{self.core(place)}"

    def shaped(self, place: str) -> str:
        """Looks like a key of a service."""
        return "sk-" + "ant-" + self.core(place)

    def client_key(self, place: str) -> str:
        return "pxc_" + "a1" * 12 + self.core(place)

    def leaks(self, data: bytes) -> set[str]:
        """The places whose secrets are in `data`, also with every character escaped."""
        return {place for core, place in self.planted.items() if any(f in data for f in forms(core))}


def forms(core: str) -> list[bytes]:
    escaped = "".join(f"\\u{ord(c):04x}" for c in core)
    percent = "".join(f"%{ord(c):02x}" for c in core)
    return [core.encode(), escaped.encode(), percent.encode(), percent.upper().encode()]


def escaped(text: str) -> str:
    """As JSON may write it: every character as an escape."""
    return "".join(f"\\u{ord(c):04x}" for c in text)


class Scene:
    """A running gateway with default logging, an upstream that tells tales, and all that was planted."""

    def __init__(self, process: Process, upstream: Upstream, garden: Garden) -> None:
        self.process, self.upstream, self.garden = process, upstream, garden
        self.key = garden.client_key("client key")
        self.secret = garden.opaque("credential")
        self.home = Home(process.config.parent)
        store = StateStore(self.home.state, self.home.vault_key)
        store.add_key("test", self.key)
        store.add_credential(Credential("telling", "anthropic", self.secret, {"base_url": upstream.url}))
        store.add_credential(Credential("unused", "openai", garden.opaque("unused credential"), {}))
        store.close()

        def change(document: object) -> None:
            table(document, "profiles")["default"] = {"use": ["telling"]}  # type: ignore[arg-type]

        edit(process.config, change)

    @property
    def database(self) -> Path:
        return self.home.audit

    def ask(
        self, *, behaviour: Behaviour | None = None, protocol: str = "anthropic", **options: object
    ) -> httpx.Response:
        if behaviour is not None:
            self.upstream.script(self.secret, behaviour)
        headers = {"x-proxycast-key": self.key, **options.pop("headers", {})}  # type: ignore[dict-item]
        query = options.pop("query", "")
        url = f"http://127.0.0.1:{self.process.port}{CALLS[protocol].path}?{query}"
        if "content" not in options:
            options.setdefault("json", CALLS[protocol].body)
        return httpx.post(url, headers=headers, timeout=20, trust_env=False, **options)  # type: ignore[arg-type]

    def settled(self) -> None:
        def audit() -> dict[str, int]:
            health = httpx.get(f"http://127.0.0.1:{self.process.port}/health", trust_env=False)
            numbers: dict[str, int] = health.json()["audit"]
            return numbers

        until(lambda: audit()["submitted"] == audit()["written"])
        assert audit()["dropped"] == audit()["errors"] == audit()["lost"] == 0


def says(text: str, *, status: int = 400) -> Behaviour:
    """The upstream tells in its error what it was given."""
    return up.answer(status, f'{{"type":"error","error":{{"type":"x","message":"{text}"}}}}'.encode())


def plant_all(scene: Scene) -> None:
    """Each exchange plants its secrets; most are answered, some refused."""
    garden, ask, secret, key = scene.garden, scene.ask, scene.secret, scene.key
    for name in (
        "cookie", "x-api-key", "x-goog-api-key", "api-key", "x-custom", "x-forwarded-for", "referer",
        "x-amz-security-token", "anthropic-custom", "proxy-authorization", "x-stainless-secret", "x-proxycast-note",
    ):  # fmt: skip
        ask(headers={name: garden.opaque(f"header {name}")})
    ask(headers={"authorization": f"Bearer {garden.opaque('login in authorization')}"})
    ask(headers={"authorization": f"Basic {garden.opaque('basic')}", "user-agent": f"x {garden.shaped('user agent')}"})
    ask(headers={"x-claude-code-session-id": garden.shaped("session")})

    # the key in the query, right and wrong, and other secrets there
    httpx_query = [
        f"key={quote(key)}",
        f"key={quote(garden.client_key('wrong key'))}",
        f"key={garden.opaque('odd key')}",
    ]
    for query in httpx_query:
        for protocol in CALLS:
            ask(protocol=protocol, query=query, headers={"x-proxycast-key": ""})
    ask(query=f"access_token={quote(garden.opaque('query token'), safe='')}&api_key={garden.shaped('query key')}")

    # pasted into a conversation, plainly and escaped: known secrets and what looks like one
    model = '"model":"claude-sonnet-4-6","max_tokens":9,'
    for text in (secret, key, garden.shaped("body")):
        for written in (text, escaped(text), text.replace("/", "\\/"), json.dumps(json.dumps(text))[1:-1]):
            ask(content=f'{{{model}"messages":[{{"role":"user","content":"it is {written}!"}}]}}')
    ask(content=f'{{"model":"{garden.shaped("model")}","max_tokens":9,"messages":[]}}')
    ask(content=f'{{"model": {garden.shaped("broken JSON")}')

    # an upstream that repeats what it was given, in errors, headers, redirects, answers and streams
    for status in (400, 429, 500):
        ask(behaviour=says(f"bad key {secret}", status=status))
        ask(behaviour=says(f"bad key {escaped(secret)} {garden.shaped('upstream error')}", status=status))
    tales: dict[str, Any] = {"set_cookie": garden.opaque("set-cookie"), "x_internal": garden.opaque("answer header")}
    ask(behaviour=up.answer(200, up.message(f"{secret} {garden.shaped('answer')}"), **tales))
    ask(behaviour=up.answer(302, b"", location=f"https://u:{garden.shaped('redirect')}@example.com/?key={secret}"))
    ask(behaviour=up.answer(200, f"<html>{secret} {garden.shaped('html')}</html>".encode(), "text/html"))
    stream = {**CALLS["anthropic"].body, "stream": True}
    pieces = [up.delta(secret[at : at + 3]) for at in range(0, len(secret), 3)]
    ask(json=stream, behaviour=up.stream(up.START, up.BLOCK, *pieces, up.STOP + up.END))
    error = up.event("error", error={"type": "x", "message": f"no {secret} {garden.shaped('stream error')}"})
    ask(json=stream, behaviour=up.stream(up.START, error))
    ask(json=stream, behaviour=up.stream(up.START, up.BLOCK, up.delta("x"), error))
    ask(json=stream, behaviour=up.stream(up.START, up.BLOCK, up.delta("x"), end="reset"))
    ask(behaviour=lambda connection, _: _garbage(connection, secret))

    # through translation, and over paths of other kinds
    for protocol in ("openai_chat", "openai_responses", "gemini"):
        ask(protocol=protocol, behaviour=says(f"bad key {secret} {escaped(secret)}", status=400))
        ask(protocol=protocol, behaviour=up.answer(200, up.message(f"so {secret}")))
    for path in (f"/v1/messages/{garden.shaped('path')}", f"/nowhere/{garden.shaped('unknown path')}"):
        httpx.get(
            f"http://127.0.0.1:{scene.process.port}{path}", headers={"x-api-key": key}, timeout=20, trust_env=False
        )

    # and at last refusals that end the credential's service, which is remembered and told
    for _ in range(4):
        ask(behaviour=says(f"invalid x-api-key {secret} {garden.shaped('ban')}", status=401))


def _garbage(connection: Connection, secret: str) -> None:
    connection.send(f"HTTP/9 {secret}\r\n{secret}\r\n\r\n".encode())
    connection.close()


def _good(connection: Connection, request: Received) -> None:
    if request.method == "POST" and request.body[:1] == b"{" and request.body[-1:] == b"}":
        up.good(connection, request)
    else:
        up.answer(404, up.error_body("not_found_error", f"no {request.path}"))(connection, request)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    upstream = Upstream(_good)
    with Process(tmp_path_factory.mktemp("secrets")) as process:
        made = Scene(process, upstream, Garden())
        process.start().listens(process.port)
        plant_all(made)
        made.settled()
        yield made
    upstream.close()


def rows(scene: Scene) -> list[dict[str, object]]:
    with sqlite3.connect(scene.database) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute("SELECT * FROM exchanges")]


def everything_stored(scene: Scene) -> bytes:
    """All columns of all tables, and every side as it is rebuilt."""
    found = []
    with sqlite3.connect(scene.database) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall():
            found += [repr(row).encode() for row in db.execute(f'SELECT * FROM "{name}"')]
    for row in rows(scene):
        one = exchange(scene.database, str(row["id"]))
        found += [
            rebuild(scene.database, str(row["id"]), side["side"], side["attempt"] or None) for side in one["sides"]
        ]
    return b"\n".join(found)


def pages(scene: Scene) -> bytes:
    ids = [row["seq"] for row in rows(scene)]
    paths = [
        *(
            "/",
            "/audit",
            "/audit/exchanges?_size=max",
            "/audit/v_exchanges",
            "/audit/attempts?_size=max",
            "/audit/sides",
        ),
        *("/audit/messages?_size=max", "/audit/header_sets?_size=max", "/audit/v_attempts", "/audit/errors"),
        *(f"/audit/bodies?exchange={number}" for number in ids),
    ]

    async def read() -> bytes:
        transport = httpx.ASGITransport(app=application(scene.database, port=8001, token="token"))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8001", timeout=30) as browser:
            await browser.get("/-/auth-token?token=token")
            answers = [await browser.get(path) for path in paths]
        assert {answer.status_code for answer in answers} == {200}
        return b"".join(answer.content for answer in answers)

    return asyncio.run(read())


def files(scene: Scene, *names: str) -> bytes:
    return b"".join(path.read_bytes() for name in names for path in sorted(scene.home.path.glob(name)))


PLACES: dict[str, Callable[[Scene], bytes]] = {
    "audit.db, its log and index": lambda scene: files(scene, "audit.db*"),
    "what audit.db holds": everything_stored,
    "state.db": lambda scene: files(scene, "state.db*"),
    "config.toml": lambda scene: scene.process.config.read_bytes(),
    "the gateway's log": lambda scene: (scene.process.out + scene.process.err).encode(),
    "/health": lambda scene: httpx.get(f"http://127.0.0.1:{scene.process.port}/health", trust_env=False).content,
    "/metrics": lambda scene: (
        httpx.get(
            f"http://127.0.0.1:{scene.process.port}/metrics", headers={"x-api-key": scene.key}, trust_env=False
        ).content
    ),
    "Datasette's pages": pages,
}


def test_the_exchanges_took_place(scene: Scene) -> None:
    """Else there would be nothing to find; and the search finds what is there."""
    stored = rows(scene)
    assert len(stored) > 60
    assert {200, 400, 401, 404, 429, 502} <= {row["status"] for row in stored}
    assert len({row["client_protocol"] for row in stored}) >= 4
    for core, place in scene.garden.planted.items():
        for form in forms(core):
            assert scene.garden.leaks(b"x" + form + b"x") == {place}
    assert b"bad key" in everything_stored(scene)
    assert b"bad key" in pages(scene)
    assert b"out_of_service" in files(scene, "state.db*")
    assert "out of service" in scene.process.out
    assert "/v1/messages" in scene.process.out


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_is_in(place: str, scene: Scene) -> None:
    assert scene.garden.leaks(PLACES[place](scene)) == set()


def test_no_secret_of_ours_went_to_an_upstream_or_back_but_as_its_credential(scene: Scene) -> None:
    """The upstream sees its own secret in its own header; the client key nowhere."""
    for request in scene.upstream.requests:
        assert scene.key not in "".join((request.path, *request.headers.values()))
        for name, value in request.headers.items():
            assert name == "x-api-key" or scene.secret not in value


def test_files_are_readable_for_their_owner_alone(scene: Scene) -> None:
    assert scene.home.path.stat().st_mode & 0o077 == 0
    for path in scene.home.path.iterdir():
        if path.name != "config.toml":  # written by this test
            assert path.stat().st_mode & 0o077 == 0, path.name
