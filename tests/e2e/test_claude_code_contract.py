"""What Claude Code demands of a gateway, line by line (field.md section 1, clients.md section 1)."""

from __future__ import annotations

import contextlib
import gzip
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any

import brotli
import httpx
import pytest
import zstandard

from addons.audit import reader
from tests.e2e.pairs.talking import last_sent, strings
from tests.e2e.stage import PROTOCOLS, Stage, stage
from tests.flow.upstream import (
    BLOCK,
    END,
    GOOD_STREAM,
    START,
    STOP,
    Behaviour,
    Received,
    Upstream,
    answer,
    delta,
    error_body,
    event,
    good,
    message,
    stream,
)
from tests.standin import StandIn, status

pytestmark = pytest.mark.e2e

SECRET = "-".join(("upstream", "secret"))
MESSAGES = "/v1/messages?beta=true"
ATTRIBUTION = "x-anthropic-billing-header: cc_version=2.1.329.abc; cc_entrypoint=cli; cch=00000;"
SESSION = "5f0c7b1e-0000-4000-8000-00000000c0de"
# As Claude Code writes: order, spacing and escapes are its own, and some fields are known to nobody yet.
BODY = (
    b'{"model":"claude-sonnet-4-6",  "messages":[{"role":"user","content":[{"type":"text","text":"Gr\\u00fc\\u00dfe '
    + "日本".encode()
    + b'","cache_control":{"type":"ephemeral"}}]},{"role":"system","content":"mid"}],'
    b'"system":[{"type":"text","text":"' + ATTRIBUTION.encode() + b'"},{"type":"text","text":"You are Claude Code"},'
    b'{"type":"text","text":"third","cache_control":{"type":"ephemeral","ttl":"1h"}}],'
    b'"zz_future_field":{"b":1,"a":[1.0,1e3,null]},"max_tokens":32000,"thinking":{"type":"adaptive","new":true},'
    b'"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},"metadata":{"user_id":"u"}}'
)
STREAMING = BODY[:-1] + b',"stream":true}'


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    server = Upstream(good)
    yield server
    server.close()


@pytest.fixture(scope="module")
def made(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    config = "[timeouts]\nhold = 0.5\nkeepalive = 0.3\n"
    with StandIn() as backend, stage(tmp_path_factory.mktemp("contract"), backend, config) as running:
        running.keys["recorded"] = running.key(running.credential_at("anthropic", upstream.url, SECRET))
        name = running.credential_at("anthropic", upstream.url, SECRET)
        running.keys["renamed"] = running.key(name, model="claude-haiku-4-5")
        yield running


@pytest.fixture
def on(made: Stage, upstream: Upstream) -> Stage:
    made.backend.reset()
    made.forgive()
    upstream.requests.clear()
    upstream.behaviours.clear()
    return made


def claude_code(on: Stage, key: str = "recorded") -> dict[str, str]:
    """The headers of Claude Code 2.1.329."""
    return {
        "authorization": f"Bearer {on.keys[key]}",
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,future-beta-2027-01-01",
        "anthropic-dangerous-direct-browser-access": "true",
        "anthropic-future-header": "Some; value=1",
        "user-agent": "claude-cli/2.1.329 (external, cli)",
        "x-app": "cli",
        "x-stainless-retry-count": "0",
        "x-claude-code-session-id": SESSION,
        "x-claude-code-agent-id": "agent-7",
        "x-claude-code-parent-agent-id": "agent-1",
    }


def send(on: Stage, body: bytes = BODY, *, path: str = MESSAGES, **headers: str) -> httpx.Response:
    return on.client.post(path, content=body, headers={**claude_code(on), **headers})


def sole(upstream: Upstream) -> Received:
    [request] = upstream.requests
    return request


class TestTheRequestGoesOnAsItCame:
    @pytest.mark.parametrize(
        "path",
        [
            "/v1/messages?beta=true",
            "/v1/messages?beta=true&future=1",
            "/v1/messages",
            "/anthropic/v1/messages?beta=true",
            "/api/v1/messages",
            "/api/anthropic/v1/messages",
            "/v1/v1/messages?beta=true",
            "/messages?beta=true",
        ],
    )
    def test_whatever_stands_before_the_path_or_behind_it(self, on: Stage, upstream: Upstream, path: str) -> None:
        assert send(on, path=path).status_code == 200
        _, _, query = path.partition("?")
        assert sole(upstream).path == "/v1/messages" + (f"?{query}" if query else "")

    @pytest.mark.parametrize("body", [BODY, STREAMING], ids=["whole", "streamed"])
    def test_with_every_byte_of_its_body(self, on: Stage, upstream: Upstream, body: bytes) -> None:
        send(on, body)
        assert sole(upstream).body == body

    def test_with_its_headers_known_or_not(self, on: Stage, upstream: Upstream) -> None:
        send(on)
        arrived = sole(upstream).headers
        for name, value in claude_code(on).items():
            if name != "authorization":
                assert arrived[name] == value, name

    def test_without_a_beta_that_it_did_not_name(self, on: Stage, upstream: Upstream) -> None:
        headers = claude_code(on)
        del headers["anthropic-beta"]
        on.client.post(MESSAGES, content=BODY, headers=headers)
        assert "anthropic-beta" not in sole(upstream).headers

    @pytest.mark.parametrize("name", ["authorization", "x-api-key", "x-proxycast-key"])
    def test_without_the_client_key(self, on: Stage, upstream: Upstream, name: str) -> None:
        headers = claude_code(on)
        key = on.keys["recorded"]
        del headers["authorization"]
        headers[name] = f"Bearer {key}" if name == "authorization" else key
        assert on.client.post(MESSAGES, content=BODY, headers=headers).status_code == 200
        request = sole(upstream)
        assert request.secret == SECRET
        assert not any(key in value for value in request.headers.values())

    def test_without_a_login_that_fills_the_usual_header(self, on: Stage, upstream: Upstream) -> None:
        login = "Bearer " + "-".join(("login", "of", "claude.ai"))
        more: Any = {"x-proxycast-key": on.keys["recorded"]}
        send(on, authorization=login, **more)
        request = sole(upstream)
        assert request.secret == SECRET
        assert login not in request.headers.values()

    def test_but_for_the_model_where_a_profile_names_another(self, on: Stage, upstream: Upstream) -> None:
        send(on, authorization=f"Bearer {on.keys['renamed']}")
        assert sole(upstream).body == BODY.replace(b'"claude-sonnet-4-6"', b'"claude-haiku-4-5"')

    @pytest.mark.parametrize(
        ("coding", "packed"),
        [
            ("gzip", gzip.compress(BODY)),
            ("br", brotli.compress(BODY)),
            ("zstd", zstandard.ZstdCompressor().compress(BODY)),
        ],
    )
    def test_unpacked_where_it_was_compressed(self, on: Stage, upstream: Upstream, coding: str, packed: bytes) -> None:
        assert send(on, packed, **{"content-encoding": coding}).status_code == 200
        request = sole(upstream)
        assert request.body == BODY
        assert "content-encoding" not in request.headers


class TestTheAttributionBlock:
    @pytest.mark.parametrize("backend", [protocol for protocol in PROTOCOLS if protocol != "anthropic"])
    def test_stays_out_of_other_backends(self, on: Stage, backend: str) -> None:
        body = {
            "model": "claude-sonnet-4-6",
            "max_tokens": 3000,
            "system": [{"type": "text", "text": ATTRIBUTION}, {"type": "text", "text": "You are Claude Code"}],
            "messages": [{"role": "user", "content": "Hi"}],
        }
        response = on.client.post(MESSAGES, json=body, headers=claude_code(on, backend))
        assert response.status_code == 200
        said = strings(last_sent(on))
        assert any("You are Claude Code" in text for text in said)
        assert not any("billing-header" in text or "cch=" in text for text in said)


ERRORS: list[tuple[int, bytes, dict[str, str]]] = [
    (400, error_body("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), {}),
    (400, error_body("invalid_request_error", "messages.1.content.0.thinking: Field required"), {}),
    (401, error_body("authentication_error", "invalid x-api-key"), {}),
    (403, error_body("permission_error", "no"), {}),
    (404, error_body("not_found_error", "model: claude-x"), {}),
    (413, error_body("request_too_large", "Request exceeds the maximum size"), {}),
    (429, error_body("rate_limit_error", "slow down"), {"retry-after": "42", "x-should-retry": "false"}),
    (500, error_body("api_error", "Internal server error"), {"request-id": "req_theirs"}),
    (529, b'{"error":  {"type":"overloaded_error","message":"Overloaded","new":1},"type":"error"}', {}),
]


class TestErrors:
    @pytest.mark.parametrize("body", [BODY, STREAMING], ids=["whole", "streamed"])
    @pytest.mark.parametrize(("code", "told", "headers"), ERRORS)
    def test_of_an_anthropic_upstream_come_back_untouched(
        self, on: Stage, upstream: Upstream, code: int, told: bytes, headers: dict[str, str], body: bytes
    ) -> None:
        said: Any = {name.replace("-", "_"): value for name, value in headers.items()}
        upstream.script(SECRET, answer(code, told, **said))
        response = send(on, body)
        assert (response.status_code, response.content) == (code, told)
        assert headers.items() <= dict(response.headers).items()
        assert response.headers["request-id"]
        assert "retry-after" in headers or "retry-after" not in response.headers

    def test_of_other_upstreams_say_what_makes_it_compact(self, on: Stage) -> None:
        words = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
        told = {"error": {"code": 400, "message": words, "status": "INVALID_ARGUMENT"}}
        on.backend.fail_next(1, status(400, body=told))
        body = {"model": "claude-x", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
        response = on.client.post(MESSAGES, json=body, headers=claude_code(on, "gemini"))
        assert response.status_code == 400
        error = response.json()["error"]
        assert error["type"] == "invalid_request_error"
        assert "prompt is too long" in error["message"]
        assert "capability_rejected: prompt_too_long" in error["message"]
        assert words in error["message"]


class TestStreams:
    def test_come_through_byte_for_byte_with_the_upstreams_pings(self, on: Stage, upstream: Upstream) -> None:
        ping = event("ping")
        odd = (
            b'event: content_block_delta\r\ndata: {"type": "content_block_delta","index":0,"new":1,"delta":{}}\r\n\r\n'
        )
        pieces = (START, ping, BLOCK, delta("Grüße"), ping, odd, STOP + END)
        upstream.script(SECRET, stream(*pieces))
        response = send(on, STREAMING)
        assert response.content == b"".join(pieces)
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-accel-buffering"] == "no"

    def test_are_not_buffered(self, on: Stage, upstream: Upstream) -> None:
        upstream.script(SECRET, stream(*GOOD_STREAM, pause=0.15))
        begun = time.monotonic()
        arrivals = []
        with on.client.stream("POST", MESSAGES, content=STREAMING, headers=claude_code(on)) as response:
            for piece in response.iter_raw():
                arrivals.append((time.monotonic() - begun, piece))
        first = next(at for at, piece in arrivals if b"content_block_delta" in piece)
        assert arrivals[-1][0] - first > 0.2, "content came only with the end"

    def test_of_a_silent_upstream_get_pings_of_ours(self, on: Stage, upstream: Upstream) -> None:
        upstream.script(SECRET, paused(START + BLOCK + delta("a"), 0.9, delta("b") + STOP + END))
        lines = send(on, STREAMING).text.split("\n")
        assert lines.count("event: ping") >= 1
        texts = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
        assert [text["delta"]["text"] for text in texts if text["type"] == "content_block_delta"] == ["a", "b"]

    def test_may_be_asked_for_again_without_streaming(self, on: Stage, upstream: Upstream) -> None:
        upstream.script(SECRET, stream(START, BLOCK, delta("go"), end="close"))
        broken = send(on, STREAMING)
        assert b"event: error" in broken.content
        whole = send(on, BODY)
        assert whole.content == message()


def paused(before: bytes, seconds: float, after: bytes) -> Behaviour:
    """A stream with one silence in it."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"

    def behave(connection: Any, _: Received) -> None:
        connection.send(head + b"%x\r\n%s\r\n" % (len(before), before))
        time.sleep(seconds)
        connection.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(after), after))

    return behave


class TestModels:
    @pytest.mark.parametrize("header", ["authorization", "x-api-key"])
    @pytest.mark.parametrize("backend", [*PROTOCOLS, "recorded"])
    def test_are_listed_at_once_for_either_header(self, on: Stage, backend: str, header: str) -> None:
        key = on.keys[backend]
        sent = {"anthropic-version": "2023-06-01", header: f"Bearer {key}" if header == "authorization" else key}
        begun = time.monotonic()
        response = on.client.get("/v1/models?limit=1000", headers=sent, follow_redirects=False)
        assert time.monotonic() - begun < 3
        assert response.status_code == 200
        listed = response.json()["data"]
        assert any("claude" in model["id"] or "anthropic" in model["id"] for model in listed), "it keeps no others"
        assert all(model["display_name"] for model in listed)


class TestProbes:
    @pytest.mark.parametrize("path", ["/", "/api/hello", "/v1/messages"])
    def test_are_answered_at_once_without_a_key(self, on: Stage, upstream: Upstream, path: str) -> None:
        begun = time.monotonic()
        response = on.client.head(path)
        assert response.status_code in (200, 204, 404)
        assert response.content == b""
        assert time.monotonic() - begun < 1
        assert upstream.requests == []


class TestCounting:
    BODY = json.dumps({"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hi"}]}).encode()

    def test_is_asked_of_an_anthropic_upstream(self, on: Stage, upstream: Upstream) -> None:
        upstream.script(SECRET, answer(200, b'{"input_tokens": 8}'))
        response = send(on, self.BODY, path="/v1/messages/count_tokens?beta=true")
        assert response.content == b'{"input_tokens": 8}'
        request = sole(upstream)
        assert (request.path, request.body) == ("/v1/messages/count_tokens?beta=true", self.BODY)

    @pytest.mark.parametrize("backend", PROTOCOLS)
    def test_is_never_an_error(self, on: Stage, backend: str) -> None:
        headers = claude_code(on, backend)
        del headers["anthropic-beta"]
        response = on.client.post("/v1/messages/count_tokens?beta=true", content=self.BODY, headers=headers)
        assert response.status_code == 200
        assert response.json()["input_tokens"] > 0


class TestSessions:
    @pytest.mark.parametrize("backend", ["recorded", "gemini"])
    def test_are_found_in_the_audit(self, on: Stage, backend: str) -> None:
        headers = {**claude_code(on, backend), "x-claude-code-session-id": f"{SESSION}-{backend}"}
        body = {"model": "claude-sonnet-4-6", "max_tokens": 3000, "messages": [{"role": "user", "content": "Hi"}]}
        assert on.client.post(MESSAGES, json=body, headers=headers).status_code == 200
        row = eventually(lambda: reader.recent(on.audit, session=f"{SESSION}-{backend}"))[0]
        assert (row["agent"], row["parent_agent"], row["client"]) == ("agent-7", "agent-1", "claude-code")


def eventually(look: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What `look` finds, once it finds something: the audit is written behind the exchange."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with contextlib.suppress(sqlite3.OperationalError):  # the writer has not made the tables yet
            if found := look():
                return found
        time.sleep(0.05)
    raise AssertionError("nothing in the audit within 5 s")


class TestGeminiPaths:
    """The other client whose paths come in many spellings."""

    @pytest.mark.parametrize(
        "path",
        [
            "/v1beta/models/gemini-3.5-flash:generateContent",
            "/v1/models/gemini-3.5-flash:generateContent",
            "/v1alpha/models/gemini-3.5-flash:generateContent",
            "/v1beta/models/gemini-3.5-flash%3AgenerateContent",
            "/v1/gemini/v1beta/models/gemini-3.5-flash:generateContent",
            "/v1/gemini/models/gemini-3.5-flash:generateContent",
            "/gemini/v1beta/models/gemini-3.5-flash:generateContent",
        ],
    )
    @pytest.mark.parametrize("credential", ["header", "query", "bearer"])
    def test_all_lead_to_the_model(self, on: Stage, path: str, credential: str) -> None:
        key = on.keys["gemini"]
        headers = {"header": {"x-goog-api-key": key}, "bearer": {"authorization": f"Bearer {key}"}, "query": {}}
        query = {"key": key} if credential == "query" else None
        response = on.client.post(
            path, json={"contents": [{"parts": [{"text": "Hi"}]}]}, headers=headers[credential], params=query
        )
        assert response.status_code == 200, response.text
        assert response.json()["candidates"]
        [request] = on.backend.requests
        assert request.path.endswith("/models/gemini-3.5-flash:generateContent")
        assert "key" not in request.query
        assert request.headers["x-goog-api-key"] == on.backend.key
