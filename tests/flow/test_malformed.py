"""Ten thousand malformed requests over all four protocols, to the demo and to backends that need translation."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from addons.config.edit import edit, table
from tests.e2e.gateway import Gateway
from tests.flow import upstream as up
from tests.flow.calls import error_message
from tests.flow.conftest import Setup
from tests.flow.malformed import ANSWERED, CUT, REFUSED, UNREAD, Case, cases
from tests.flow.process import until
from tests.flow.upstream import Upstream

pytestmark = [pytest.mark.flow, pytest.mark.slow]
COUNT, WARM, SEED, PARALLEL, PATIENCE = 10_000, 2_000, 20_26, 16, 5.0
KEYS = ("pxc_demo", "pxc_translated")
MAX_BODY = 1 << 20
GROWTH = 48 << 20  # bytes of memory that are no growth: caches that fill, what the allocator keeps


def chat_answer(connection: up.Connection, request: up.Received) -> None:
    body = json.loads(request.body)
    message = {"role": "assistant", "content": "good"}
    whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    if body.get("stream"):
        delta = {"index": 0, "delta": message, "finish_reason": "stop"}
        chunk = {**whole, "object": "chat.completion.chunk", "choices": [delta]}
        up.stream(f"data: {json.dumps(chunk)}\n\n".encode(), b"data: [DONE]\n\n")(connection, request)
    else:
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        up.answer(200, json.dumps({**whole, "choices": [choice]}).encode())(connection, request)


def backend(connection: up.Connection, request: up.Received) -> None:
    (chat_answer if request.path.endswith("/chat/completions") else up.good)(connection, request)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """Its second key leads every protocol to a backend of another."""
    server = Upstream(backend)
    home = tmp_path / "proxycast"
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text(f"[gateway]\nmax_body = {MAX_BODY}\n", encoding="utf-8")
    gateway = Gateway(tmp_path)
    setup = Setup(gateway)
    chat = setup.credential("openai_compatible", server.url + "/v1", "chat-secret", api="chat")
    messages = setup.credential("anthropic", server.url, "messages-secret")
    demo = setup.credential("demo", "", "")
    profiles = {
        "demo": {"use": [demo]},
        "translated": {"use": [messages], "routes": [{"match": "claude-*", "use": [chat]}], "model": "claude-x"},
    }

    def change(document: object) -> None:
        table(document, "profiles").update(profiles)  # type: ignore[arg-type]

    edit(setup.home.config, change)
    for key, profile in zip(KEYS, profiles, strict=True):
        setup.state.add_key(profile, key, profile)
    setup.state.close()
    with gateway:
        yield gateway
    server.close()


@dataclass
class Outcome:
    """What came of all cases: how many were answered, and what was wrong, by kind."""

    answered: int = 0
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


class NoAnswer(Exception):
    """The connection ended before, or within, an answer."""


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """One HTTP/1.1 answer."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split(" ", 2)[1])
        if "chunked" in fields.get("transfer-encoding", ""):
            body = b""
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readuntil(b"\r\n")
        elif "content-length" in fields:
            body = await reader.readexactly(int(fields["content-length"]))
        else:
            body = await reader.read()
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise NoAnswer from error
    return status, fields, body


async def attempt(case: Case, port: int, key: str, outcome: Outcome) -> str:
    """Send one case; → what is wrong with the answer, "" for nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
    try:
        writer.write(case.raw.replace(b"{key}", key.encode()))
        try:
            await writer.drain()
            if case.half:
                writer.write_eof()
        except ConnectionError:
            pass  # answered before everything was sent
        try:
            status, _, body = await read_answer(reader)
        except NoAnswer:
            return "" if case.expect in (CUT, UNREAD) else "no answer"  # ended, which is the point
        outcome.statuses[case.kind, status] += 1
        if case.expect == UNREAD:
            with contextlib.suppress(ConnectionError):  # closed with some of the request unread
                await reader.read()
            return "" if 400 <= status < 500 else f"{status}"
        outcome.answered += 1
        if case.kind == "pipelined":
            for _ in range(2):
                outcome.answered += (await read_answer(reader))[0] == status
        if 200 <= status < 300:
            return "" if case.expect in (ANSWERED, CUT) else f"{status} {body[:200]!r}"
        if not 400 <= status < 500:
            return f"{status} {body[:300]!r}"
        try:
            error_message("openai_chat" if case.protocol == "unknown" else case.protocol, status, body)
        except (AssertionError, ValueError, KeyError, TypeError):
            return f"{status} in no shape: {body[:200]!r}"
        return ""
    finally:
        writer.close()


async def run(batch: list[Case], gateway: Gateway, outcome: Outcome) -> None:
    queue = iter(batch)

    async def worker() -> None:
        for number, case in enumerate(queue):
            key = KEYS[(number + len(case.raw)) % 2]
            try:
                wrong = await asyncio.wait_for(attempt(case, gateway.port, key, outcome), PATIENCE)
            except TimeoutError:
                wrong = "hangs"
            if wrong:
                outcome.wrong[f"{case.kind}, {case.protocol}"].append(f"{key}: {wrong}\n    {case.raw[-900:]!r}")

    await asyncio.gather(*(worker() for _ in range(PARALLEL)))


def memory(gateway: Gateway) -> int:
    """Resident bytes of the gateway itself."""
    process = gateway._process
    assert process is not None
    assert process.poll() is None, gateway.log
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return 0
    return int(next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:")).split()[1]) << 10


def audit(gateway: Gateway) -> dict[str, int]:
    numbers: dict[str, int] = httpx.get(f"{gateway.url}/health", timeout=10, trust_env=False).json()["audit"]
    return numbers


def test_ten_thousand_malformed_requests(gateway: Gateway) -> None:
    everything = list(cases(COUNT, SEED))
    outcome = Outcome()
    asyncio.run(run(everything[:WARM], gateway, outcome))
    before = memory(gateway)
    asyncio.run(run(everything[WARM:], gateway, outcome))
    after = memory(gateway)
    report = "\n".join(
        f"{kind} ({len(samples)})\n  " + "\n  ".join(samples[:2]) for kind, samples in outcome.wrong.items()
    )
    assert not outcome.wrong, report
    assert outcome.answered > COUNT * 0.85
    assert {status for (kind, status) in outcome.statuses if kind == REFUSED} <= set(range(400, 500))
    assert after - before < GROWTH, f"{before >> 20} MB after {WARM}, {after >> 20} MB after {COUNT}"
    assert "Traceback" not in gateway.log
    assert "crashed" not in gateway.log
    until(lambda: audit(gateway)["queue"] == 0)
    numbers = audit(gateway)
    assert numbers["dropped"] == numbers["errors"] == numbers["lost"] == 0
    with sqlite3.connect(gateway.home / "proxycast" / "audit.db") as db:
        rows = db.execute("SELECT count(*) FROM exchanges").fetchone()[0]
    assert rows >= outcome.answered
