"""Secrets are planted everywhere an exchange can hold one, and then looked for wherever the audit could show them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from click.testing import CliRunner

from addons.audit import reader
from addons.audit.client import AuditClient
from addons.audit.datasette.serve import application
from addons.cli.audit import audit
from tests.audit.records import message, record, stream

pytestmark = pytest.mark.slow  # starts processes, or works hard on purpose


@dataclass(frozen=True)
class Planted:
    """Put together from parts, so that no scanner takes this file for a leak. `known` is told to the audit."""

    name: str
    known: bool

    @property
    def core(self) -> str:
        """What is random about it: it must not be anywhere, whatever stands around it."""
        return base64.b32encode(f"{self.name}{self.known:d}{self.name}".encode()).decode().strip("=").lower()

    @property
    def value(self) -> str:
        return f"own/{self.core}-x9" if self.known else "sk-" + "ant-" + f"{self.core}9"


PLACES = ("header", "query", "body", "escaped", "nested", "error", "url", "answer", "stream", "split", "note", "agent")
PLANTED = {(place, known): Planted(place, known) for place in PLACES for known in (True, False)}


def exchanges(known: bool) -> list[object]:
    """Exchanges that hold a secret in every place."""

    def secret(place: str) -> str:
        return PLANTED[place, known].value

    escaped = "".join(f"\\u{ord(c):04x}" if not c.isalnum() else c for c in secret("escaped"))
    nested = json.dumps(json.dumps({"command": f"export KEY={secret('nested')}\n"}))
    request = (
        '{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[{"role":"user","content":['
        f'{{"type":"text","text":"my key is {secret("body")}"}},{{"type":"text","text":"{escaped}"}},'
        f'{{"type":"text","text":{nested}}}]}}]}}'
    ).encode()
    split = secret("split")
    pieces = [split[at : at + 3] for at in range(0, len(split), 3)]
    headers = [
        ("content-type", "application/json"),
        ("authorization", f"Bearer {secret('header')}"),
        ("x-api-key", secret("header")),
        ("user-agent", f"client/1 {secret('agent')}"),
    ]
    common = {
        "request": request,
        "headers": headers,
        "path": f"/v1/messages?key={quote(secret('query'), safe='')}&beta=true",
        "url": f"https://user:{secret('url')}@api.example.com/v1/messages",
        "error": f"the upstream said: invalid key {secret('error')}",
        "attempt_error": f"401 for {secret('error')}",
        "user_agent": f"client/1 {secret('agent')}",
        "notes": [f"tried {secret('note')}"],
        "extra": {"seen": {"key": secret("note")}},
    }
    return [
        record(f"json-{known}", answer=message(f"it is {secret('answer')}"), **common),
        record(f"sse-{known}", answer=stream("so ", secret("stream"), " and ", *pieces, "."), stream=True, **common),
    ]


def leaks(data: bytes) -> list[tuple[str, bool]]:
    """The planted secrets that are in `data`."""
    return [name for name, planted in PLANTED.items() if planted.core.encode() in data]


@pytest.fixture(params=["redacted", "full", "metadata"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def expected(mode: str) -> Callable[[list[tuple[str, bool]]], bool]:
    """In full mode what only looks like a secret stays in bodies; nothing else ever does."""
    in_bodies = {"body", "escaped", "nested", "answer", "stream", "split"}

    def check(found: list[tuple[str, bool]]) -> bool:
        return not found or (mode == "full" and all(not known and place in in_bodies for place, known in found))

    return check


@pytest.fixture
def recorded(client: Callable[..., AuditClient], db: Path, mode: str) -> AuditClient:
    one = client(mode=mode)
    one.set_secrets([planted.value for (_, known), planted in PLANTED.items() if known])
    for known in (True, False):
        for exchange in exchanges(known):
            one.submit(exchange)  # type: ignore[arg-type]
    assert one.flush(20)
    assert one.stats()["written"] == 4
    return one


Check = Callable[[list[tuple[str, bool]]], bool]


def test_the_search_of_this_test_finds_what_is_there() -> None:
    for name, planted in PLANTED.items():
        assert leaks(planted.value.encode()) == [name]


def test_no_secret_is_in_the_files(recorded: AuditClient, db: Path, expected: Check) -> None:
    while_open = b"".join(path.read_bytes() for path in db.parent.iterdir())
    recorded.close(10)
    after = b"".join(path.read_bytes() for path in db.parent.iterdir())
    assert expected(leaks(while_open))
    assert expected(leaks(after))


def test_no_secret_is_in_a_rebuilt_side_or_what_was_said(recorded: AuditClient, db: Path, expected: Check) -> None:
    for row in reader.recent(db):
        for side in reader.SIDES:
            assert expected(leaks(reader.rebuild(db, row["id"], side)))
        assert expected(leaks(json.dumps(reader.exchange(db, row["id"])).encode()))
    for word in ("my", "is", "redacted"):
        assert expected(leaks(json.dumps(reader.search(db, word)).encode()))


def test_no_secret_is_on_a_page(recorded: AuditClient, db: Path, expected: Check) -> None:
    pages = [
        *("/", "/audit", "/audit/exchanges", "/audit/v_exchanges", "/audit/attempts", "/audit/sides", "/audit/v_sides"),
        *("/audit/messages", "/audit/header_sets", "/audit/v_attempts", "/audit/errors", "/audit/slowest"),
        *("/audit/search?words=key", "/audit/conversation?conversation=conv", "/audit/exchanges.json?_shape=array"),
        *(f"/audit/bodies{form}exchange={number}" for number in (1, 2, 3, 4) for form in ("?", ".json?")),
    ]

    async def read() -> bytes:
        app = application(db, port=8001, token="token")
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8001") as browser:
            await browser.get("/-/auth-token?token=token")
            found = b""
            for page in pages:
                answer = await browser.get(page)
                assert answer.status_code == 200, page
                found += answer.content
            return found

    seen = asyncio.run(read())
    assert b"claude-sonnet-4-5" in seen
    assert expected(leaks(seen))


def test_no_secret_is_in_what_the_command_prints(
    recorded: AuditClient, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXYCAST_HOME", str(db.parent))
    for arguments in (["recent", "--json"], ["export", "sse-True"], ["export", "json-False"], ["search", "key"]):
        result = CliRunner().invoke(audit, arguments)
        assert result.exit_code == 0, result.output
        # An export goes elsewhere: it is redacted again, also what full mode had kept.
        assert [leak for leak in leaks(result.output.encode()) if leak[1] or arguments[0] == "export"] == []


def test_nothing_but_the_secrets_is_changed(recorded: AuditClient, db: Path, mode: str) -> None:
    if mode == "metadata":
        assert reader.rebuild(db, "json-True", "client_request") == b""
        return
    clean = json.loads(reader.rebuild(db, "json-True", "client_request"))
    texts = [block["text"] for block in clean["messages"][0]["content"]]
    assert texts[0] == "my key is [redacted:known-secret]"
    assert texts[1] == "[redacted:known-secret]"
    assert json.loads(texts[2]) == {"command": "export KEY=[redacted:known-secret]\n"}


def test_secrets_told_later_are_not_stored_from_then_on(client: Callable[..., AuditClient], db: Path) -> None:
    one = client()
    one.submit(record("before", answer=message("the late-secret-value")))
    assert one.flush(20)
    one.set_secrets(["late-secret-value"])
    one.submit(record("after", answer=message("the late-secret-value")))
    assert one.flush(20)
    assert b"late-secret-value" in reader.rebuild(db, "before", "delivered")
    assert b"late-secret-value" not in reader.rebuild(db, "after", "delivered")
