"""Failover on real sockets: each cause, on a fresh and a reused connection, head and body together and apart."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Callable

import httpx
import pytest

from tests.e2e.gateway import Gateway
from tests.flow import upstream as up
from tests.flow.conftest import Setup
from tests.flow.upstream import Behaviour, Upstream

pytestmark = pytest.mark.flow
NUMBERS = itertools.count(1)
BODY = {"model": "claude-sonnet-4-6", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}

RATE_LIMIT = up.error_body("rate_limit_error", "slow down")
OVERLOADED = up.error_body("overloaded_error", "too busy")

CAUSES: dict[str, Callable[[bool], Behaviour]] = {
    "reset": lambda two: up.reset,
    "closed": lambda two: up.close,
    "silence": lambda two: up.silence,
    "429 with retry-after": lambda two: up.answer(429, RATE_LIMIT, two=two, retry_after="7"),
    "429 without": lambda two: up.answer(429, RATE_LIMIT, two=two),
    "503": lambda two: up.answer(503, b"<html>busy</html>", "text/html", two=two),
    "529": lambda two: up.answer(529, OVERLOADED, two=two),
    "401": lambda two: up.answer(401, up.error_body("authentication_error", "bad key"), two=two),
    "402": lambda two: up.answer(402, up.error_body("billing_error", "no credit"), two=two),
    "404": lambda two: up.answer(404, up.error_body("not_found_error", "no such model"), two=two),
    "redirect": lambda two: up.answer(302, b"", two=two, location="http://127.0.0.1:1/elsewhere"),
    "html in a 200": lambda two: up.answer(200, b"<html>hello</html>", "text/html", two=two),
}
STREAM_CAUSES: dict[str, Callable[[bool], Behaviour]] = {
    "error as first event": lambda two: up.stream(
        up.event("error", error={"type": "overloaded_error", "message": "busy"}), two=two
    ),
    "error after the start": lambda two: up.stream(
        up.START, up.event("error", error={"type": "overloaded_error", "message": "busy"}), two=two
    ),
    "cut before content": lambda two: up.stream(up.START, up.BLOCK, two=two, end="close"),
    "reset before content": lambda two: up.stream(up.START, up.BLOCK, two=two, end="reset"),
    "ended before content": lambda two: up.stream(up.START, two=two),
    "stalled before content": lambda two: up.stream(up.START, two=two, end="stall"),
    "empty stream": lambda two: up.stream(two=two),
}


class Pair:
    """Two credentials on one host, the first of which will misbehave."""

    def __init__(self, setup: Setup, upstream: Upstream) -> None:
        number = next(NUMBERS)
        self.first, self.second = f"first-secret-{number}", f"second-secret-{number}"
        names = [setup.credential("anthropic", upstream.url, secret) for secret in (self.first, self.second)]
        setup.route(*names)
        self.names = names


@pytest.fixture
def pair(setup: Setup, upstream: Upstream) -> Pair:
    return Pair(setup, upstream)


def ask(client: httpx.Client, *, stream: bool, **extra: object) -> httpx.Response:
    return client.post("/v1/messages", json={**BODY, "stream": stream, **extra})


def text_of(response: httpx.Response) -> str:
    """The answer's text, whole or streamed; the stream must be grammatical and end well."""
    if "event-stream" not in response.headers["content-type"]:
        return response.json()["content"][0]["text"]
    events = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]
    assert [e["type"] for e in events].count("message_start") == 1
    assert events[-1]["type"] == "message_stop"
    return "".join(e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta")


@pytest.mark.parametrize("two", [False, True], ids=["one segment", "two segments"])
@pytest.mark.parametrize("reused", [False, True], ids=["fresh", "reused"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("cause", [*CAUSES, *STREAM_CAUSES])
def test_the_client_does_not_notice(
    cause: str, stream: bool, reused: bool, two: bool, client: httpx.Client, pair: Pair, upstream: Upstream
) -> None:
    if cause in STREAM_CAUSES and not stream:
        return
    if reused:
        assert text_of(ask(client, stream=stream)) == "good"
    behaviour = {**CAUSES, **STREAM_CAUSES}[cause](two)
    # a closed kept-alive connection is tried again once with the same credential
    upstream.script(pair.first, behaviour, behaviour)
    response = ask(client, stream=stream)
    assert response.status_code == 200, response.text
    assert text_of(response) == "good"
    assert upstream.of(pair.second), "the second credential was never asked"
    assert ask(client, stream=False).status_code == 200


def test_a_refused_connection_moves_on(setup: Setup, upstream: Upstream, client: httpx.Client) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{probe.getsockname()[1]}"
        names = [
            setup.credential("anthropic", dead, "x-secret-1"),
            setup.credential("anthropic", upstream.url, "y-2"),
        ]
        setup.route(*names)
        for stream in (False, True, False):
            assert text_of(ask(client, stream=stream)) == "good"


def test_a_fault_in_preparing_one_candidate_is_not_the_others(
    setup: Setup, upstream: Upstream, client: httpx.Client
) -> None:
    """Settings of another version, for one: those that are typed now are checked."""
    odd = setup.credential("anthropic", upstream.url, "odd", target={"of_another_version": 1})
    setup.route(odd)
    alone = ask(client, stream=False)
    assert alone.status_code == 500
    assert "internal error in the gateway" in alone.json()["error"]["message"]
    setup.route(odd, setup.credential("anthropic", upstream.url, "good"))
    assert text_of(ask(client, stream=True)) == "good"


def test_an_idle_connection_that_closes_is_retried_on_the_same_credential(
    client: httpx.Client, pair: Pair, upstream: Upstream
) -> None:
    assert ask(client, stream=False).status_code == 200
    upstream.script(pair.first, up.close)
    assert text_of(ask(client, stream=False)) == "good"
    assert len(upstream.of(pair.first)) == 3
    assert not upstream.of(pair.second)


def test_a_client_fault_goes_back_untouched_and_is_not_retried(
    client: httpx.Client, pair: Pair, upstream: Upstream
) -> None:
    body = b'{"type":"error",  "error":{"type":"invalid_request_error","message":"max_tokens: too high"},"x":1}'
    upstream.script(pair.first, up.answer(400, body, request_id="req_theirs"))
    response = ask(client, stream=True)
    assert (response.status_code, response.content) == (400, body)
    assert response.headers["request-id"] == "req_theirs"
    assert not upstream.of(pair.second)


def test_when_all_fail_the_last_429_tells_the_shortest_true_wait(
    client: httpx.Client, pair: Pair, upstream: Upstream
) -> None:
    upstream.script(pair.first, up.answer(429, RATE_LIMIT, retry_after="7"))
    upstream.script(pair.second, up.answer(429, up.error_body("rate_limit_error", "second"), retry_after="30"))
    response = ask(client, stream=False)
    assert response.status_code == 429
    assert response.headers["retry-after"] == "7"
    assert response.json()["error"]["message"] == "second"


def test_when_all_fail_otherwise_a_502_names_the_attempts(client: httpx.Client, pair: Pair, upstream: Upstream) -> None:
    upstream.script(pair.first, up.answer(500, b"boom", "text/plain"))
    upstream.script(pair.second, up.answer(529, OVERLOADED))
    response = ask(client, stream=True)
    assert response.status_code == 502
    text = response.json()["error"]["message"]
    assert pair.names[0] in text and pair.names[1] in text


def test_a_single_candidates_error_goes_back_unchanged(setup: Setup, client: httpx.Client, upstream: Upstream) -> None:
    secret = f"lonely-secret-{next(NUMBERS)}"
    setup.route(setup.credential("anthropic", upstream.url, secret))
    upstream.script(secret, up.answer(429, RATE_LIMIT))
    response = ask(client, stream=True)
    assert (response.status_code, response.content) == (429, RATE_LIMIT)
    assert "retry-after" not in response.headers
    assert ask(client, stream=False).status_code == 200


@pytest.mark.parametrize("end", ["close", "reset", "stall", "chunked"])
def test_a_cut_after_content_ends_in_an_error_event(
    end: str, client: httpx.Client, pair: Pair, upstream: Upstream
) -> None:
    upstream.script(pair.first, up.stream(up.START, up.BLOCK, up.delta("half"), end=end))
    response = ask(client, stream=True)
    assert response.status_code == 200
    events = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]
    assert events[-1]["type"] == "error"
    assert "half" in response.text
    assert not upstream.of(pair.second), "content was delivered: nothing may be tried again"


def test_keep_alives_bridge_a_slow_start_and_failover_goes_on(
    client: httpx.Client, pair: Pair, upstream: Upstream
) -> None:
    upstream.script(pair.first, up.silence)
    response = ask(client, stream=True)
    assert ": keep-alive" in response.text
    assert text_of(response) == "good"


def test_all_fail_after_keep_alives_in_stream(client: httpx.Client, pair: Pair, upstream: Upstream) -> None:
    upstream.script(pair.first, up.silence)
    upstream.script(pair.second, up.answer(500, b"boom", "text/plain"))
    response = ask(client, stream=True)
    assert response.status_code == 200
    events = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]
    assert events[-1]["type"] == "error"


@pytest.mark.parametrize("when", ["before the head", "in mid-stream"])
def test_a_hang_up_stops_the_upstream_at_once(
    when: str, gateway: Gateway, key: str, pair: Pair, upstream: Upstream
) -> None:
    behaviour = up.silence if when == "before the head" else up.stream(up.START, up.BLOCK, up.delta("x"), end="stall")
    upstream.script(pair.first, behaviour)
    before = len(upstream.hang_ups)
    body = json.dumps({**BODY, "stream": True}).encode()
    with socket.create_connection(("127.0.0.1", gateway.port)) as sock:
        head = (
            f"POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: {key}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        sock.sendall(head.encode() + body)
        if when == "in mid-stream":
            assert b"200" in sock.recv(4096)
        else:
            _wait(lambda: bool(upstream.of(pair.first)))
    _wait(lambda: len(upstream.hang_ups) > before)
    assert not upstream.of(pair.second)


def _wait(condition: Callable[[], bool], seconds: float = 1.5) -> None:
    import time

    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
