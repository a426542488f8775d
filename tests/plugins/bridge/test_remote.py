"""A provider behind a program: what the gateway sees of it, and what the service sees of the gateway."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from addons.plugins.bridge.errors import PluginDownError
from addons.plugins.bridge.relay import HEADER
from addons.plugins.bridge.remote import RemoteProvider, create
from addons.plugins.folder import Plugin, read
from addons.providers.api import Answer, Call, Operation, UnavailableError
from addons.vault.credential import Credential
from tests.flow import upstream as up
from tests.flow.test_trust import Private
from tests.flow.upstream import Upstream
from tests.plugins.bridge.making import LIMITS, hosting, make, until
from translators import registry
from translators.canonical.blocks import Text, Thinking, ToolCall
from translators.canonical.errors import ErrorKind, TranslationError
from translators.canonical.events import StopReason
from translators.canonical.names import NameMap
from translators.canonical.response import Response, folded

pytestmark = pytest.mark.slow
BODY = {"model": "private-1", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
LINES = up.stream(b'{"think":"hm"}\n{"te', b'xt":"he"}\n{"text":"llo"}\n', b'{"end":true}\n')
ALL = ["credential.acquire", "request.transform", "response.chunk", "response.end", "error.parse"]


@pytest.fixture
def service() -> Iterator[Upstream]:
    made = Upstream(LINES)
    yield made
    made.close()


@asynccontextmanager
async def provider(home: Path, **settings: Any) -> AsyncIterator[RemoteProvider]:
    plugin = make(home, "provider.py", config={"settings": settings, "timeout_ms": 60_000})
    made = create(plugin, plugin.provider_manifest(), hosting(home))
    assert isinstance(made, RemoteProvider)
    try:
        yield made
    finally:
        await made.close(0.0)


def credential(service: Upstream, secret: str = "the-secret-key", **settings: Any) -> Credential:
    return Credential("mine", "fixture", secret, {"base_url": service.url, **settings})


def call(*, stream: bool = True, model: str = "private-1", operation: Operation = Operation.GENERATE) -> Call:
    body = json.dumps({**BODY, "model": model, "stream": stream}).encode()
    headers = [("content-type", "application/json"), ("anthropic-version", "2023-06-01")]
    return Call(operation, "anthropic", model, stream, body, path="/v1/messages", headers=headers, translated=True)


async def send(made: RemoteProvider, ready: Credential, asked: Call) -> httpx.Response:
    """As the gateway sends an attempt."""
    upstream = made.build(asked, ready)
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        return await client.request(upstream.method, upstream.url, headers=upstream.headers, content=upstream.body)


def heard(response: httpx.Response, protocol: str = "anthropic") -> Response:
    decoder = registry.get(protocol).stream_decoder(NameMap())
    return folded([*decoder.feed(response.content), *decoder.end()])


# -- the way through


async def test_a_stream_goes_through_the_plugin_both_ways(tmp_path: Path, service: Upstream) -> None:
    async with provider(tmp_path) as made:
        response = await send(made, await made.acquire(credential(service)), call())

    answer = heard(response)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream"
    thinking, text = answer.blocks
    assert isinstance(thinking, Thinking) and (thinking.text, thinking.signature) == ("hm", "signed")
    assert isinstance(text, Text) and text.text == "hello"
    assert (answer.usage.input_fresh, answer.usage.output) == (7, 3)
    (seen,) = service.requests
    assert (seen.path, seen.headers["x-session"]) == ("/private", "session-1-of-the-secret-key")
    assert json.loads(seen.body) == {"wrapped": {**BODY, "stream": True}, "stream": True}
    assert {"host", "x-session", "user-agent", "accept-encoding", "content-length"} == set(seen.headers)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("protocol", registry.client_ids())
async def test_canonical_events_are_answers_in_every_target_protocol(
    tmp_path: Path, service: Upstream, protocol: str, stream: bool
) -> None:
    service.good = up.stream(b'{"text":"look"}\n{"tool":"Bash","arguments":"{\\"command\\":\\"ls\\"}"}\n{"end":1}\n')
    async with provider(tmp_path, models=[{"pattern": "*", "protocol": protocol}]) as made:
        ready = await made.acquire(credential(service))
        assert made.protocol("private-1", ready) == protocol
        response = await send(made, ready, replace(call(stream=stream), protocol=protocol))
    decoded = registry.get(protocol).decode_response
    answer = heard(response, protocol) if stream else decoded(response.json(), NameMap())
    text, tool = answer.blocks
    assert isinstance(text, Text) and text.text == "look"
    assert isinstance(tool, ToolCall) and (tool.name, json.loads(tool.arguments)) == ("Bash", {"command": "ls"})
    assert answer.stop is StopReason.TOOL_USE
    assert (answer.usage.input_fresh, answer.usage.output) == (7, 3)


def raw(*pieces: bytes) -> list[bytes]:
    return [json.dumps({"raw": piece.decode()}).encode() + b"\n" for piece in pieces]


async def test_a_plugin_may_write_the_target_protocol_itself(tmp_path: Path, service: Upstream) -> None:
    written = b'event: message_start\ndata: {"type":"message_start"}\n\n'
    service.good = up.stream(*raw(written[:20], written[20:]))
    async with provider(tmp_path, answers="bytes") as made:
        response = await send(made, await made.acquire(credential(service)), call())
        assert (response.content, response.headers["content-type"]) == (written, "text/event-stream")
        service.good = up.stream(*raw(b'{"id":"whole"}'))
        response = await send(made, await made.acquire(credential(service)), call(stream=False))
        assert (response.content, response.headers["content-type"]) == (b'{"id":"whole"}', "application/json")


async def test_bytes_that_break_off_are_no_whole_answer(tmp_path: Path, service: Upstream) -> None:
    service.good = up.stream(*raw(b"event: message_start\n"), end="close")
    async with provider(tmp_path, answers="bytes") as made:
        ready = await made.acquire(credential(service))
        with pytest.raises(httpx.TransportError):
            await send(made, ready, call())


async def test_a_whole_answer_is_put_together_from_the_pieces(tmp_path: Path, service: Upstream) -> None:
    service.good = up.stream(b'{"text":"look"}\n{"tool":"Bash","arguments":"{\\"command\\":\\"ls\\"}"}\n{"end":1}\n')
    async with provider(tmp_path) as made:
        response = await send(made, await made.acquire(credential(service)), call(stream=False))
    answer = registry.get("anthropic").decode_response(response.json(), NameMap())
    text, tool = answer.blocks
    assert isinstance(text, Text) and text.text == "look"
    assert isinstance(tool, ToolCall) and (tool.name, tool.arguments) == ("Bash", '{"command":"ls"}')
    assert response.json()["stop_reason"] == "tool_use"


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_a_plugin_may_transform_whole_answers_only(tmp_path: Path, service: Upstream, stream: bool) -> None:
    service.good = up.answer(200, b'{"text":"all at once"}')
    methods = ["credential.acquire", "request.transform", "response.transform"]
    async with provider(tmp_path, implements=methods) as made:
        response = await send(made, await made.acquire(credential(service)), call(stream=stream))
    assert response.headers["content-type"] == "application/json"
    assert response.json()["content"] == [{"type": "text", "text": "all at once"}]


async def test_a_plugin_that_changes_requests_only_lets_answers_pass_as_they_are(
    tmp_path: Path, service: Upstream
) -> None:
    service.good = up.answer(200, b'{"id":"as it is"}', request_id="of-the-service")
    async with provider(tmp_path, implements=["credential.acquire", "request.transform"]) as made:
        response = await send(made, await made.acquire(credential(service)), call(stream=False))
    assert response.content == b'{"id":"as it is"}'
    assert response.headers["request-id"] == "of-the-service"


@pytest.mark.parametrize("framing", ["raw", "sse"])
async def test_streams_are_handed_over_as_the_plugin_wants_them(
    tmp_path: Path, service: Upstream, framing: str
) -> None:
    service.good = up.stream(b"data: a\n", b"\n")
    home = tmp_path / "home"
    plugin = make(home, "framing.py", config={"settings": {"framing": framing}})
    made = create(plugin, plugin.provider_manifest(), hosting(home))
    assert isinstance(made, RemoteProvider)
    try:
        response = await send(made, await made.acquire(credential(service)), call())
    finally:
        await made.close(0.0)
    (text,) = heard(response).blocks
    assert isinstance(text, Text)
    told = {"raw": b"data: a\n\n".decode(), "sse": "a"}[framing]
    assert text.text == told


async def test_one_that_only_acquires_is_not_on_the_way(tmp_path: Path, service: Upstream) -> None:
    async with provider(tmp_path, implements=["credential.acquire"]) as made:
        kept = credential(service, proxy_url="http://127.0.0.1:1", headers={"x-own": "1"})
        ready = await made.acquire(kept)
        upstream = made.build(call(), ready)
    assert upstream.url == service.url + "/v1/messages"
    sent = dict(upstream.headers)
    assert (sent["x-session"], sent["x-own"]) == ("session-1-of-the-secret-key", "1")
    assert "x-api-key" not in sent  # the plugin's headers are all the authentication
    assert ready.setting("proxy_url") == "http://127.0.0.1:1"
    assert HEADER not in sent


# -- credentials


async def test_a_lease_is_asked_for_once_and_used_while_it_is_good(tmp_path: Path, service: Upstream) -> None:
    async with provider(tmp_path) as made:
        kept = credential(service)
        readies = await asyncio.gather(*(made.acquire(kept) for _ in range(10)))
        assert {ready.settings["headers"]["x-session"] for ready in readies} == {"session-1-of-the-secret-key"}
        again = await made.acquire(credential(service, secret="another-secret"))
        assert again.settings["headers"]["x-session"] == "session-2-of-another-secret"


async def test_a_lease_is_good_while_the_plugin_rests(tmp_path: Path, service: Upstream) -> None:
    async with provider(tmp_path, implements=["credential.acquire"]) as made:
        kept = credential(service)
        await made.acquire(kept)
        made.session.supervisor.limits = replace(made.session.supervisor.limits, backoff=(600.0,))
        with pytest.raises(PluginDownError):
            await made.session.supervisor.call("test.exit", {}, 30)
        assert made.session.supervisor.resting
        ready = await made.acquire(kept)
        assert dict(made.build(call(), ready).headers)["x-session"] == "session-1-of-the-secret-key"
        with pytest.raises(UnavailableError, match="started again in"):
            await made.acquire(credential(service, secret="another-secret"))


async def test_a_refusal_ends_the_lease(tmp_path: Path, service: Upstream) -> None:
    async with provider(tmp_path) as made:
        kept = credential(service)
        await made.acquire(kept)
        made.released(kept, "authentication", None)
        ready = await made.acquire(kept)
        assert ready.settings["headers"]["x-session"] == "session-2-of-the-secret-key"


async def test_refresh_gives_other_terms_and_none_where_the_plugin_cannot(tmp_path: Path, service: Upstream) -> None:
    async with provider(tmp_path / "1", implements=[*ALL, "credential.refresh"]) as made:
        fresh = await made.refresh(await made.acquire(credential(service)))
        assert fresh is not None
        assert fresh.settings["headers"]["x-session"] == "session-2-of-the-secret-key"
        again = await made.acquire(fresh)  # as the next attempt does
        assert again.settings["headers"]["x-session"] == "session-2-of-the-secret-key"
    async with provider(tmp_path / "2", implements=ALL) as made:
        assert await made.refresh(await made.acquire(credential(service))) is None


async def test_an_account_that_the_plugin_calls_closed_is_out_of_service(tmp_path: Path, service: Upstream) -> None:
    async with provider(tmp_path) as made:
        with pytest.raises(UnavailableError, match="the account was closed") as caught:
            await made.acquire(credential(service, secret="closed"))
    assert caught.value.info.out_of_service
    assert caught.value.info.kind is ErrorKind.PERMISSION


async def test_tokens_of_a_lease_are_made_known_to_who_hides_secrets(tmp_path: Path, service: Upstream) -> None:
    plugin = make(tmp_path, "provider.py")
    host = hosting(tmp_path)
    noted: list[str] = []
    host.note = noted.append
    made = create(plugin, plugin.provider_manifest(), host)
    assert isinstance(made, RemoteProvider)
    ready = await made.acquire(credential(service))
    await made.close(0.0)
    assert "session-1-of-the-secret-key" in noted
    assert ready.secret == "session-1-of-the-secret-key"


# -- models


async def test_its_models_are_those_that_it_lists(tmp_path: Path, service: Upstream) -> None:
    async with provider(tmp_path, implements=[*ALL, "models.list"]) as made:
        ready = await made.acquire(credential(service))
        assert made.manifest.lists_models
        asked = Call(Operation.MODELS, "anthropic", "", False, b"", method="GET", translated=True)
        response = await send(made, ready, asked)
    assert [row["id"] for row in response.json()["data"]] == ["private-1", "private-9"]
    assert service.requests == []


async def test_a_probe_asks_the_plugin_whether_a_credential_is_good(tmp_path: Path, service: Upstream) -> None:
    asked = Call(Operation.MODELS, "anthropic", "", False, b"", method="GET", translated=True)
    async with provider(tmp_path, implements=["credential.validate"]) as made:
        good = await send(made, await made.acquire(credential(service)), asked)
        bad = await send(made, await made.acquire(credential(service, secret="wrong")), asked)
    assert (good.status_code, bad.status_code) == (200, 401)


async def test_what_it_says_of_its_models_goes_before_its_files(tmp_path: Path, service: Upstream) -> None:
    models = [{"pattern": "gem-*", "protocol": "gemini"}, {"pattern": "private-*"}]
    async with provider(tmp_path, models=models) as made:
        kept = credential(service)
        assert made.serves("anything", kept)
        await made.acquire(kept)
        assert [made.serves(name, kept) for name in ("gem-1", "private-1", "anything")] == [True, True, False]
        assert made.protocol("gem-1", kept) == "gemini"
        assert made.protocol("private-1", kept) == "anthropic"
        assert made.manifest.protocols == ("anthropic", "gemini")


async def test_whether_it_serves_a_model_is_asked_behind_the_scenes(tmp_path: Path, service: Upstream) -> None:
    async with provider(tmp_path, implements=[*ALL, "models.serves"]) as made:
        kept = credential(service)
        await made.acquire(kept)
        assert made.serves("private-2", kept) and made.serves("private-1", kept)
        await until(lambda: not made.serves("private-2", kept))
        assert made.serves("private-1", kept)


# -- errors


@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_means_what_the_plugin_says(tmp_path: Path, service: Upstream, stream: bool) -> None:
    service.good = up.answer(418, b'{"reason":"busy"}')
    async with provider(tmp_path, implements=ALL) as made:
        response = await send(made, await made.acquire(credential(service)), call(stream=stream))
        told = Answer(response.status_code, dict(response.headers), response.content)
        error = made.judge(registry.get("anthropic").decode_error(told.status, dict(told.headers), told.body), told)
        assert made.real_url(response.headers[HEADER]) == service.url + "/private"
    assert (response.status_code, response.headers["retry-after"]) == (418, "7")
    assert response.json()["error"]["message"] == "too many at a time"
    assert (error.kind, error.scope, error.retry_after) == (ErrorKind.RATE_LIMIT, "account", 7)


async def test_an_error_before_content_still_has_a_status(tmp_path: Path, service: Upstream) -> None:
    service.good = up.stream(b'{"fault":"no room"}\n')
    async with provider(tmp_path) as made:
        response = await send(made, await made.acquire(credential(service)), call())
    assert response.status_code == 529
    assert response.json()["error"]["message"] == "no room"


async def test_an_error_after_content_is_told_in_the_stream(tmp_path: Path, service: Upstream) -> None:
    service.good = up.stream(b'{"text":"he"}\n', b'{"fault":"no room"}\n')
    async with provider(tmp_path) as made:
        response = await send(made, await made.acquire(credential(service)), call())
    answer = heard(response)
    assert response.status_code == 200
    assert answer.error is not None and answer.error.message == "no room"


async def test_a_stream_that_is_cut_is_never_a_whole_one(tmp_path: Path, service: Upstream) -> None:
    service.good = up.stream(b'{"text":"he"}\n', end="close")
    async with provider(tmp_path) as made:
        response = await send(made, await made.acquire(credential(service)), call())
    assert heard(response).error is not None


@pytest.mark.parametrize(
    "url", ["http://service.example/", "http://10.0.0.1/", "http://[::1", "nowhere", "file:///etc/passwd", "https://"]
)
async def test_a_secret_goes_nowhere_in_plain_text(
    tmp_path: Path, service: Upstream, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with provider(tmp_path) as made:
        ready = await made.acquire(credential(service, odd={"url": url}))
        response = await send(made, ready, call(model="odd"))
    assert response.status_code == 502
    assert "an address that no credential is sent to" in response.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "odd",
    [
        {"headers": {"x": "grüße"}},
        {"headers": {"x y": "1"}},
        {"headers": {"x": "1\r\nx-smuggled: 2"}},
        {"headers": [["only a name"]]},
        {"method": "GET / HTTP/1.1\r\nx: y\r\n"},
        {"body_base64": "???"},
        {"url": 5},
    ],
    ids=str,
)
async def test_a_request_that_cannot_be_sent_is_a_failure_and_no_more(
    tmp_path: Path, service: Upstream, odd: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with provider(tmp_path) as made:
        ready = await made.acquire(credential(service, odd=odd))
        response = await send(made, ready, call(model="odd"))
    assert response.status_code == 502, response.text
    assert "Traceback" not in caplog.text
    assert service.requests == []


async def test_the_way_there_is_the_credentials_own(tmp_path: Path, service: Upstream) -> None:
    """Its proxy, and the certificates that its CA file vouches for; neither is used on the way to the relay."""
    implements = ["request.transform"]
    async with provider(tmp_path / "proxy", implements=implements) as made:
        kept = credential(service, proxy_url=service.url, odd={"url": "http://localhost:9/private", "headers": {}})
        ready = await made.acquire(kept)
        response = await send(made, ready, call(model="odd"))
    assert response.status_code == 200
    assert service.requests[0].path == "http://localhost:9/private"
    assert not ready.setting("proxy_url")

    private = Private(tmp_path)
    async with provider(tmp_path / "ca", implements=implements) as made:
        statuses = {}
        for name, ca_file in (("its own", private.ca), ("another", private.other), ("none", None)):
            settings = {"ca_file": str(ca_file)} if ca_file else {}
            asked = {"url": private.url(), "headers": {"x-api-key": name}, "body": {}}
            ready = await made.acquire(credential(service, odd=asked, **settings))
            statuses[name] = (await send(made, ready, call(model="odd", stream=False))).status_code
    assert statuses == {"its own": 200, "another": 502, "none": 502}
    assert private.secrets == ["its own"]


async def test_a_request_that_is_too_long_for_a_message_says_nothing_of_the_credential(
    tmp_path: Path, service: Upstream
) -> None:
    async with provider(tmp_path) as made:
        ready = await made.acquire(credential(service))
        long = replace(call(), body=json.dumps({**BODY, "system": "x" * LIMITS.line}).encode())
        response = await send(made, ready, long)
        told = Answer(response.status_code, dict(response.headers), response.content)
        error = made.judge(registry.get("anthropic").decode_error(413, dict(told.headers), told.body), told)
        assert (await send(made, ready, call())).status_code == 200
    assert (response.status_code, error.kind) == (413, ErrorKind.TOO_LARGE)


async def test_a_redirect_is_not_followed(tmp_path: Path, service: Upstream) -> None:
    service.good = up.answer(307, b"", location=service.url + "/elsewhere")
    async with provider(tmp_path) as made:
        response = await send(made, await made.acquire(credential(service)), call())
    assert response.status_code == 502
    assert len(service.requests) == 1


#: What the plugin does on the way → status, what is said.
MISDEEDS = {
    "request-crash": (502, "has ended"),
    "request-garbage": (502, "writes what is no JSON-RPC"),
    "answer-crash": (502, "has ended"),
    "answer-garbage": (502, "writes what is no JSON-RPC"),
    "answer-flood": (502, "talks more than it may"),
    "answer-shape": (502, "with a wrong shape"),
    "answer-nonsense": (500, "an event without sense"),
}


@pytest.mark.parametrize("model", MISDEEDS)
async def test_a_plugin_that_fails_on_the_way_is_an_upstream_that_failed(
    tmp_path: Path, service: Upstream, model: str
) -> None:
    status, words = MISDEEDS[model]
    service.good = up.stream(b'{"text":"he"}\n', b'{"end":true}\n')
    async with provider(tmp_path) as made:
        response = await send(made, await made.acquire(credential(service)), call(model=model))
        assert (response.status_code, words in response.json()["error"]["message"]) == (status, True), response.text


@pytest.mark.parametrize("model", [name for name in MISDEEDS if name.startswith("answer")])
async def test_a_plugin_that_fails_after_content_ends_the_stream_in_an_error(
    tmp_path: Path, service: Upstream, model: str
) -> None:
    async with provider(tmp_path) as made:  # which thinks before it speaks
        response = await send(made, await made.acquire(credential(service)), call(model=model))
    answer = heard(response)
    assert response.status_code == 200
    assert answer.error is not None and MISDEEDS[model][1] in answer.error.message


@pytest.mark.parametrize("model", ["request-hang", "answer-hang"])
async def test_a_plugin_that_hangs_is_an_upstream_that_did_not_answer(
    tmp_path: Path, service: Upstream, model: str
) -> None:
    service.good = up.stream(b'{"text":"he"}\n', b'{"end":true}\n')
    async with provider(tmp_path) as made:
        ready = await made.acquire(credential(service))
        plugin = made.plugin
        made.reconfigure(Plugin(plugin.folder, plugin.manifest, plugin.config.with_changes(timeout_ms=300)))
        response = await send(made, ready, call(model=model))
    assert response.status_code == 504
    assert re.search(r"did not answer (request.transform|response.chunk) within 0.3 s", response.text)


async def test_a_client_that_goes_away_ends_it_all(tmp_path: Path, service: Upstream) -> None:
    service.good = up.stream(b'{"text":"he"}\n', end="stall")
    async with provider(tmp_path) as made:
        upstream = made.build(call(), await made.acquire(credential(service)))
        async with (
            httpx.AsyncClient(trust_env=False, timeout=30) as client,
            client.stream("POST", upstream.url, headers=upstream.headers, content=upstream.body) as response,
        ):
            await anext(response.aiter_bytes())
        await until(lambda: service.hang_ups)
        told = await made.session.supervisor.call("test.seen", {}, 5)
        assert [method for method, _ in told["seen"]] == ["response.cancel"]


# -- the relay's door


@pytest.mark.parametrize("ticket", [None, "guessed"])
async def test_nobody_else_gets_through_the_relay(tmp_path: Path, service: Upstream, ticket: str | None) -> None:
    async with provider(tmp_path) as made:
        upstream = made.build(call(), await made.acquire(credential(service)))
        headers = {} if ticket is None else {HEADER: ticket}
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.post(upstream.url, headers=headers, content=b"{}")).status_code == 403
            assert (await client.post(upstream.url, headers=upstream.headers, content=upstream.body)).status_code == 200
            assert (await client.post(upstream.url, headers=upstream.headers, content=b"{}")).status_code == 403
    assert len(service.requests) == 1


async def test_the_relay_serves_one_request_after_the_other_on_a_connection(tmp_path: Path, service: Upstream) -> None:
    async with provider(tmp_path) as made, httpx.AsyncClient(trust_env=False, timeout=30) as client:
        ready = await made.acquire(credential(service))
        for _ in range(5):
            upstream = made.build(call(), ready)
            response = await client.post(upstream.url, headers=upstream.headers, content=upstream.body)
            assert response.status_code == 200
    assert len(service.requests) == 5
    assert service.connections == 1  # nor does the service see new ones


# -- its life


async def test_exchanges_under_way_outlive_the_plugins_replacement(tmp_path: Path, service: Upstream) -> None:
    service.good = up.stream(b'{"text":"he"}\n', *[b'{"text":"l"}\n'] * 20, b'{"end":1}\n', pause=0.05)
    plugin = make(tmp_path, "provider.py")
    made = create(plugin, plugin.provider_manifest(), hosting(tmp_path))
    assert isinstance(made, RemoteProvider)
    ready = await made.acquire(credential(service))
    streams = [asyncio.create_task(send(made, ready, call())) for _ in range(10)]
    await until(lambda: len(service.requests) == 10)
    await made.close(60.0)
    answers = [heard(await stream) for stream in streams]
    assert all(answer.error is None and answer.stop is not None for answer in answers)
    assert made.session.supervisor.running is None


@pytest.mark.parametrize("told", [True, False], ids=["told of it", "made anew"])
async def test_other_settings_reach_a_plugin_that_takes_them(tmp_path: Path, service: Upstream, told: bool) -> None:
    methods = [*ALL, "settings.update"] if told else ALL
    async with provider(tmp_path, implements=methods) as made:
        await made.acquire(credential(service))
        changed = read(made.plugin.folder)
        config = changed.config.with_changes(settings={**changed.config.settings, "colour": "blue"})
        assert made.reconfigure(Plugin(changed.folder, changed.manifest, config)) is told
        seen = await made.session.supervisor.call("test.seen", {}, 5)
        assert ("colour" in seen["settings"]) is told


async def test_what_became_of_an_attempt_is_told(tmp_path: Path, service: Upstream) -> None:
    async with provider(tmp_path) as made:
        kept = credential(service)
        await made.acquire(kept)
        made.released(kept, "ok", None)
        made.released(kept, "rate_limit", made.judge(registry.get("anthropic").decode_error(429, {}, b"")))
        told = await made.session.supervisor.call("test.seen", {}, 5)
    outcomes = [(method, params["outcome"], params.get("error", {}).get("kind")) for method, params in told["seen"]]
    assert outcomes == [("credential.release", "ok", None), ("credential.release", "rate_limit", "rate_limit")]


@pytest.mark.parametrize("operation", [Operation.COUNT_TOKENS, Operation.PASS])
async def test_what_the_plugin_has_no_way_for_is_not_asked_of_it(
    tmp_path: Path, service: Upstream, operation: Operation
) -> None:
    async with provider(tmp_path) as made:
        ready = await made.acquire(credential(service))
        with pytest.raises(TranslationError) as caught:
            made.build(call(operation=operation), ready)
    assert caught.value.info.kind is ErrorKind.NOT_FOUND


@pytest.mark.parametrize(
    "said",
    [
        {"models": [{"pattern": "*", "protocol": "morse"}]},
        {"models": [{"pattern": 5}]},
        {"framing": "smoke signals"},
        {"implements": 5},
    ],
    ids=str,
)
async def test_a_plugin_that_says_what_nobody_understands_is_not_used(
    tmp_path: Path, service: Upstream, said: dict[str, Any]
) -> None:
    async with provider(tmp_path, **said) as made:
        with pytest.raises(UnavailableError) as caught:
            await made.acquire(credential(service))
        assert "could not be made ready" in str(caught.value)
        assert made.session.supervisor.running is None


async def test_the_old_versions_end_leaves_the_new_ones_events_alone(tmp_path: Path, service: Upstream) -> None:
    host = hosting(tmp_path)
    plugin = make(tmp_path, "provider.py", config={"settings": {"listen": ["exchange.*"]}})
    old, new = (create(plugin, plugin.provider_manifest(), host) for _ in range(2))
    assert isinstance(old, RemoteProvider) and isinstance(new, RemoteProvider)
    for made in (old, new):
        await made.acquire(credential(service))
    await until(lambda: host.bus.emit("exchange.finished", {}) == 2)
    await old.close(0.0)
    assert host.bus.emit("exchange.finished", {}) == 1
    await new.close(0.0)
    assert host.bus.emit("exchange.finished", {}) == 0
