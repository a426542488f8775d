"""What users of other gateways complained about and no other test here looks at (docs/complaints.md has them all)."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpx
import pytest

from addons.audit import reader
from addons.config.settings import Settings
from tests.e2e.gateway import Gateway
from tests.flow import upstream as up
from tests.flow.conftest import Setup
from tests.flow.upstream import Behaviour, Connection, Received, Upstream

pytestmark = pytest.mark.flow
NUMBERS = itertools.count(1)
Json = dict[str, Any]
BODY: Json = {"model": "claude-sonnet-4-6", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


def chat_stream(*deltas: Json, finish: str = "stop", usage: Json | None = None) -> Behaviour:
    """A chat backend's stream of these deltas."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if usage is not None:
        chunks.append({**head, "choices": [], "usage": usage})
    return up.stream(*(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks), b"data: [DONE]\n\n")


class Backend:
    """One credential at the misbehaving upstream, and the way to it."""

    def __init__(self, setup: Setup, upstream: Upstream, provider: str = "anthropic") -> None:
        self.secret = f"complaint-{next(NUMBERS)}"
        base_url = upstream.url if provider == "anthropic" else f"{upstream.url}/v1"
        self._setup = setup
        self.name = setup.credential(provider, base_url, self.secret)

    def chosen(self, *others: Backend) -> Backend:
        self._setup.route(self.name, *(other.name for other in others))
        return self


def events(answer: httpx.Response) -> list[Json]:
    assert answer.status_code == 200, answer.text
    lines = (line[6:] for line in answer.text.splitlines() if line.startswith("data: "))
    return [json.loads(line) for line in lines if line != "[DONE]"]


def ask(client: httpx.Client, **extra: object) -> httpx.Response:
    return client.post("/v1/messages", json={**BODY, **extra})


def until[T](look: Callable[[], T], seconds: float = 10) -> T:
    """What `look` finds, once it is anything."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return found


def test_a_call_that_comes_first_keeps_its_arguments(client: httpx.Client, setup: Setup, upstream: Upstream) -> None:
    backend = Backend(setup, upstream, "openai_compatible").chosen()
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "run", "arguments": '{"a":'}}
    rest = {"index": 0, "function": {"arguments": '"é"}'}}
    upstream.script(backend.secret, chat_stream({"tool_calls": [call]}, {"tool_calls": [rest]}, finish="tool_calls"))
    tools = [{"name": "run", "input_schema": {"type": "object"}}]
    told = events(ask(client, stream=True, tools=tools))
    assert [e["content_block"]["type"] for e in told if e["type"] == "content_block_start"] == ["tool_use"]
    pieces = [e["delta"]["partial_json"] for e in told if e["type"] == "content_block_delta"]
    assert json.loads("".join(pieces)) == {"a": "é"}
    assert told[-2]["delta"]["stop_reason"] == "tool_use"


WHOLE_CHAT = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "good"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()


@pytest.mark.parametrize(
    ("provider", "body"), [("anthropic", up.message()), ("openai_compatible", WHOLE_CHAT)], ids=["same", "translated"]
)
def test_json_in_place_of_a_stream_is_streamed(
    provider: str, body: bytes, client: httpx.Client, setup: Setup, upstream: Upstream
) -> None:
    upstream.script(Backend(setup, upstream, provider).chosen().secret, up.answer(200, body))
    answer = ask(client, stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = events(answer)
    assert "".join(e["delta"]["text"] for e in told if e["type"] == "content_block_delta") == "good"
    assert (told[0]["type"], told[-1]["type"]) == ("message_start", "message_stop")


@pytest.mark.parametrize(
    ("provider", "behaviour"),
    [("anthropic", up.stream(*up.GOOD_STREAM)), ("openai_compatible", chat_stream({"content": "good"}))],
    ids=["same", "translated"],
)
def test_a_stream_in_place_of_json_is_folded(
    provider: str, behaviour: Behaviour, client: httpx.Client, setup: Setup, upstream: Upstream
) -> None:
    upstream.script(Backend(setup, upstream, provider).chosen().secret, behaviour)
    answer = ask(client)
    assert answer.headers["content-type"].startswith("application/json")
    assert [block["text"] for block in answer.json()["content"]] == ["good"]


def test_our_own_keep_alives_do_not_hide_a_dead_upstream(
    client: httpx.Client, setup: Setup, upstream: Upstream
) -> None:
    backend = Backend(setup, upstream).chosen()
    upstream.script(backend.secret, up.stream(up.START, up.BLOCK, up.delta("go"), end="stall"))
    before = len(upstream.hang_ups)
    told = events(ask(client, stream=True))
    assert told[-1]["type"] == "error"
    assert "ping" in [e["type"] for e in told]
    until(lambda: len(upstream.hang_ups) > before)


def test_the_usual_patience_outlasts_long_thinking() -> None:
    usual = Settings().timeouts
    assert usual.silence >= 300  # between two events
    assert usual.first_event >= 120
    assert usual.hold <= 15  # and a client hears of us long before its own watchdog of 20 s


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
async def test_streams_at_the_same_time_do_not_mix(
    path: str, gateway: Gateway, key: str, setup: Setup, upstream: Upstream
) -> None:
    backend = Backend(setup, upstream).chosen()

    def echo(connection: Connection, request: Received) -> None:
        said = json.dumps(json.loads(request.body)["messages"])
        word = said[said.index("word-") :].split('"')[0]
        pieces = [up.delta(letter) for letter in word]
        up.stream(up.START, up.BLOCK, *pieces, up.STOP + up.END, pause=0.002)(connection, request)

    upstream.script(backend.secret, *[echo] * 40)
    headers = {"x-api-key": key}
    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=30, trust_env=False) as many:

        async def one(number: int) -> tuple[str, str]:
            word = f"word-{number}-" + chr(ord("a") + number % 26) * 30
            body = {**BODY, "stream": True, "messages": [{"role": "user", "content": word}]}
            return word, _said(events(await many.post(path, json=body)))

        for sent, heard in await asyncio.gather(*(one(number) for number in range(40))):
            assert heard == sent


def _said(told: Iterable[Json]) -> str:
    found = []
    for event in told:
        delta = event.get("delta") or (event.get("choices") or [{}])[0].get("delta") or {}
        found.append(delta.get("text") or delta.get("content") or "")
    return "".join(found)


def test_a_bare_429_is_asked_once_at_each_account(client: httpx.Client, setup: Setup, upstream: Upstream) -> None:
    first, second = Backend(setup, upstream), Backend(setup, upstream)
    first.chosen(second)
    limited = up.answer(429, up.error_body("rate_limit_error", "slow down"))
    for backend in (first, second):
        upstream.script(backend.secret, *[limited] * 5)
    answer = ask(client)
    assert answer.status_code == 429
    assert "retry-after" not in answer.headers
    assert [len(upstream.of(backend.secret)) for backend in (first, second)] == [1, 1]


def test_streams_that_clients_leave_leave_no_connection_behind(
    gateway: Gateway, key: str, setup: Setup, upstream: Upstream
) -> None:
    backend = Backend(setup, upstream).chosen()
    endless = up.stream(up.START, up.BLOCK, up.delta("go"), end="stall")
    upstream.script(backend.secret, *[endless] * 20)
    before = len(upstream.hang_ups)
    for _ in range(20):
        with (
            httpx.Client(base_url=gateway.url, headers={"x-api-key": key}, timeout=20, trust_env=False) as leaving,
            leaving.stream("POST", "/v1/messages", json={**BODY, "stream": True}) as answer,
        ):
            next(answer.iter_raw())
    until(lambda: len(upstream.hang_ups) >= before + 20)


def test_counts_that_are_no_whole_numbers_are_told_as_such(
    client: httpx.Client, setup: Setup, upstream: Upstream
) -> None:
    backend = Backend(setup, upstream, "openai_compatible").chosen()
    usage = {"prompt_tokens": 12.0, "completion_tokens": 3.0, "total_tokens": 15.0}
    upstream.script(backend.secret, chat_stream({"content": "good"}, usage=usage))
    counted = ask(client).json()["usage"]
    assert (counted["input_tokens"], counted["output_tokens"]) == (12, 3)
    assert {type(counted[name]) for name in ("input_tokens", "output_tokens")} == {int}


def test_what_a_broken_off_stream_used_is_recorded(
    client: httpx.Client, gateway: Gateway, setup: Setup, upstream: Upstream
) -> None:
    backend = Backend(setup, upstream).chosen()
    upstream.script(backend.secret, up.stream(up.START, up.BLOCK, up.delta("go"), end="close"))
    session = f"broken-off-{next(NUMBERS)}"
    headers = {"x-claude-code-session-id": session}
    assert client.post("/v1/messages", json={**BODY, "stream": True}, headers=headers).status_code == 200
    database = gateway.home / "proxycast" / "audit.db"
    row = until(lambda: reader.recent(database, session=session))[0]
    assert (row["input_fresh"], row["output"]) == (3, 1)
