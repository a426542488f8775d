"""`credentials test`, `models` and `quota`: real requests to a service on a real socket, and what it said."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from addons.config.home import Home
from addons.pool.quotas import QuotaStore
from addons.providers.quota import Quota
from tests.flow import upstream as up
from tests.flow.upstream import Upstream, good

SECRET = "secret-0123456789abcdef"
LISTS = {
    "anthropic": {"data": [{"type": "model", "id": "claude-a"}, {"type": "model", "id": "claude-b"}]},
    "openai": {"object": "list", "data": [{"id": "gpt-a"}, {"id": "whatever"}]},
    "gemini": {"models": [{"name": "models/gemini-a"}]},
}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream(good)
    yield server
    server.close()


@pytest.fixture
def add(done, upstream: Upstream):
    def made(provider: str = "anthropic", *options: str) -> None:
        root = upstream.url + ("/v1" if provider.startswith("openai") else "")
        done("credentials", "add", provider, "--name", "a", "--base-url", root, *options, given=SECRET)

    return made


def test_a_small_request_is_sent_and_its_answer_shown(add, read, done, upstream: Upstream):
    add()
    report = read("credentials", "test", "a", "--model", "claude-sonnet-4-6")
    assert (report["ok"], report["status"], report["model"]) == (True, 200, "claude-sonnet-4-6")
    assert report["url"] == f"{upstream.url}/v1/messages"
    assert report["answer"]
    request = upstream.requests[0]
    assert request.secret == SECRET
    assert json.loads(request.body)["model"] == "claude-sonnet-4-6"
    assert json.loads(request.body)["max_tokens"] <= 64
    assert report["answer"] in done("credentials", "test", "a")


FAULTS = {
    "refused": (401, "authentication_error", "invalid x-api-key", "authentication"),
    "limited": (429, "rate_limit_error", "slow down", "rate_limit"),
    "spent": (400, "invalid_request_error", "Your credit balance is too low", "billing"),
    "broken": (500, "api_error", "oh no", "server"),
}


@pytest.mark.parametrize(("status", "kind", "message", "meant"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_said_as_the_service_said_it(
    add, command, refused, upstream: Upstream, status, kind, message, meant
):
    add()
    upstream.script(SECRET, *[up.answer(status, up.error_body(kind, message))] * 2)
    said = refused("credentials", "test", "a")
    assert message in said
    assert f"HTTP {status}" in said
    result = command("credentials", "test", "a", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert (report["ok"], report["status"], report["error"]["kind"]) == (False, status, meant)


@pytest.mark.parametrize("asked", [("test",), ("test", "--json"), ("models",), ("models", "--json")])
def test_a_secret_that_a_service_repeats_is_not_shown(add, command, upstream: Upstream, asked: tuple[str, ...]):
    add("anthropic_compatible")
    upstream.script(SECRET, up.answer(401, up.error_body("authentication_error", f"invalid key: {SECRET}")))
    shown = command("credentials", *asked, "a").output
    assert "invalid key: [redacted]" in shown and SECRET not in shown


def test_nor_one_that_stands_in_what_is_no_answer(add, command, upstream: Upstream):
    add()
    upstream.script(SECRET, up.answer(200, f"<html>{SECRET}</html>".encode(), "text/html"))
    assert SECRET not in command("credentials", "test", "a").output


def test_a_service_that_is_not_there_is_said(done, refused):
    done("credentials", "add", "anthropic", "--name", "a", "--base-url", "http://127.0.0.1:1", given=SECRET)
    assert "server" in refused("credentials", "test", "a")


def test_what_is_no_answer_is_said(add, refused, upstream: Upstream):
    add()
    upstream.script(SECRET, up.answer(200, b"<html>welcome</html>", "text/html"))
    assert "not what its protocol says: <html>welcome" in refused("credentials", "test", "a")


def test_a_secret_is_not_sent_in_the_clear(done, refused):
    done("credentials", "add", "anthropic", "--name", "a", "--base-url", "http://relay.example", given=SECRET)
    assert "a credential is not sent to http://relay.example" in refused("credentials", "test", "a")


@pytest.mark.parametrize("provider", LISTS)
def test_models_are_those_that_the_service_lists_and_the_credential_serves(
    add, read, upstream: Upstream, provider: str
):
    add(provider, "--set", "excluded_models=*-b")
    upstream.good = up.answer(200, json.dumps(LISTS[provider]).encode())
    report = read("credentials", "models", "a")
    family = {"anthropic": "claude", "openai": "gpt", "gemini": "gemini"}[provider]
    assert report == {"name": "a", "listed": True, "models": [f"{family}-a"], "note": None}
    assert upstream.requests[0].method == "GET"


def test_without_a_list_the_known_models_are_shown(add, read, command, upstream: Upstream):
    add()
    upstream.good = up.answer(404, b"nothing here")
    report = read("credentials", "models", "a")
    assert report["listed"] is False
    assert any(model.startswith("claude-") for model in report["models"])
    assert "ProxyCast knows of" in command("credentials", "models", "a").stderr


def test_a_service_that_knows_its_models_is_tested_with_the_first(add, read, upstream: Upstream):
    add("openai_compatible")
    chat = {
        "id": "c",
        "object": "chat.completion",
        "model": "own-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "pong"}, "finish_reason": "stop"}],
    }
    upstream.script(
        SECRET,
        up.answer(200, b'{"data": [{"id": "own-1"}]}'),
        up.answer(200, json.dumps(chat).encode()),
    )
    report = read("credentials", "test", "a")
    assert (report["model"], report["answer"]) == ("own-1", "pong")


def test_one_that_tells_no_models_needs_to_be_told(add, refused, upstream: Upstream):
    add("openai_compatible")
    upstream.good = up.answer(404, b"{}")
    assert "--model" in refused("credentials", "test", "a", status=2)


def test_the_demo_needs_no_network(done, read):
    done("credentials", "add", "demo", "--name", "d")
    assert read("credentials", "test", "d")["ok"] is True
    assert read("credentials", "models", "d")["models"] == ["demo", "claude-demo"]


def test_quota_shows_what_gateways_were_told(add, read, done, refused, home: Home):
    add()
    assert read("credentials", "quota") == []
    store = QuotaStore(home.state)
    now = time.time()
    store.save(
        [("a", Quota("requests", 12.0, 50.0, now + 60, "claude-a", "anthropic-ratelimit-requests-remaining", now))]
    )
    row = read("credentials", "quota", "a")[0]
    assert (row["counts"], row["remaining"], row["limit"], row["model"]) == ("requests", 12, 50, "claude-a")
    assert row["resets"] > row["seen"]
    assert "12" in done("credentials", "quota")
    assert "there is no credential 'b'" in refused("credentials", "quota", "b")


def balance(connection: up.Connection, request: up.Received) -> None:
    body = {"is_available": True, "balance_infos": [{"currency": "USD", "total_balance": "9.75"}]}
    (up.answer(200, json.dumps(body).encode()) if request.path == "/user/balance" else good)(connection, request)


def test_a_service_with_an_address_for_it_is_asked_what_is_left(add, read, done, command, upstream: Upstream):
    add("deepseek")
    assert read("credentials", "quota", "--no-live") == []
    upstream.script(SECRET, balance)
    (row,) = read("credentials", "quota", "a")
    assert (row["counts"], row["remaining"], row["source"]) == ("USD", 9.75, "GET /user/balance")
    upstream.script(SECRET, up.answer(500, b"{}"))
    result = command("credentials", "quota")
    assert result.exit_code == 0 and "9.75" in result.stdout, "what was told last is shown"
    assert "a: it does not say what is left: it answered HTTP 500" in result.stderr
    asked = len(upstream.requests)
    done("credentials", "quota", "--no-live")
    assert len(upstream.requests) == asked
