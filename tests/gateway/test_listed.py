"""What backends say of their models: asked seldom and quickly, and never at the price of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from addons.gateway.local import listed
from addons.gateway.local.listed import KEPT, KEPT_FAILURE, Listed
from addons.providers import asking
from addons.providers.api import Provider
from addons.providers.registry import built_in
from addons.vault.credential import Credential

REGISTRY = built_in()
MODELS = {"data": [{"id": "one"}, {"id": "two"}]}
Answer = Callable[[httpx.Request], httpx.Response]


class Backend:
    """`asked` are the requests it got; `answer` may be changed."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[httpx.Request] = []
        self.now = 0.0
        self.listed = Listed(self.acquire, self.connect, lambda: self.now)

    async def acquire(self, provider: Provider, credential: Credential) -> Credential:
        return await provider.acquire(replace(credential, secret=credential.secret.replace("login", "token")))

    def connect(self, _: Credential, timeout: float) -> httpx.AsyncClient:
        def handle(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            return self.answer(request)

        return httpx.AsyncClient(transport=httpx.MockTransport(handle), timeout=timeout)

    async def names(self, provider: str = "new_api", **settings: object) -> tuple[str, ...] | None:
        return (await self.listed.of([made(provider, **settings)])).get("c")


def made(provider: str, **settings: object) -> tuple[Provider, Credential]:
    return REGISTRY.get(provider), Credential("c", provider, "k", {"base_url": "http://127.0.0.1:9", **settings})


def good(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=MODELS)


async def test_an_answer_is_kept_for_five_minutes():
    backend = Backend(good)
    for now, asked in ((0.0, 1), (KEPT - 1, 1), (KEPT, 2)):
        backend.now = now
        assert await backend.names() == ("one", "two")
        assert len(backend.asked) == asked
    assert KEPT == 300


async def test_a_changed_credential_is_asked_anew():
    backend = Backend(good)
    await backend.names()
    await backend.names(api="chat")
    assert len(backend.asked) == 2


def refuses(_: httpx.Request) -> httpx.Response:
    return httpx.Response(500, text="no")


def broken(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no")


def page(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, text="<html>")


def redirects(_: httpx.Request) -> httpx.Response:
    return httpx.Response(302, headers={"location": "http://127.0.0.1:9/elsewhere"})


def faulty(_: httpx.Request) -> httpx.Response:
    raise RuntimeError("a fault of ours")


@pytest.mark.parametrize("answer", [refuses, broken, page, redirects, faulty])
async def test_a_failure_is_no_names_and_is_not_repeated_at_once(answer: Answer):
    backend = Backend(answer)
    assert await backend.names() == ()
    assert await backend.names() == ()
    assert len(backend.asked) == 1
    backend.now, backend.answer = KEPT_FAILURE, good
    assert await backend.names() == ("one", "two")


async def test_what_was_known_outlives_a_failure():
    backend = Backend(good)
    await backend.names()
    backend.now, backend.answer = KEPT, refuses
    assert await backend.names() == ("one", "two")


async def test_nobody_waits_for_a_slow_backend(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listed, "PATIENCE", 0.05)
    provider, credential = made("new_api")

    async def never(_: Credential) -> Credential:
        await asyncio.sleep(60)
        raise AssertionError

    monkeypatch.setattr(provider, "acquire", never)
    assert await Listed().of([(provider, credential)]) == {"c": ()}


@pytest.mark.parametrize(
    ("provider", "settings", "url", "header"),
    [
        ("new_api", {}, "http://127.0.0.1:9/v1/models", ("authorization", "Bearer k")),
        ("anthropic_compatible", {}, "http://127.0.0.1:9/v1/models?limit=1000", ("anthropic-version", "2023-06-01")),
        ("openai_compatible", {"base_url": "http://127.0.0.1:9/api/v4"}, "http://127.0.0.1:9/api/v4/models", None),
        ("ollama", {}, "http://127.0.0.1:9/api/tags", None),
        ("deepseek", {}, "http://127.0.0.1:9/v1/models", ("authorization", "Bearer k")),
    ],
)
async def test_each_provider_is_asked_at_its_own_address(
    provider: str, settings: dict[str, object], url: str, header: tuple[str, str] | None
):
    backend = Backend(good)
    assert await backend.names(provider, **settings) == ("one", "two")
    (request,) = backend.asked
    assert (request.method, str(request.url)) == ("GET", url)
    assert header is None or request.headers[header[0]] == header[1]


async def test_a_login_is_asked_with_the_token_that_its_secret_gives():
    backend = Backend(good)
    provider, credential = made("new_api")
    await backend.listed.of([(provider, replace(credential, secret="login"))])
    assert backend.asked[0].headers["authorization"] == "Bearer token"


async def test_who_cannot_be_asked_is_not():
    backend = Backend(good)
    assert await backend.names("azure_openai") is None
    assert await backend.names("new_api", base_url="http://far.example.com") == ()
    assert backend.asked == []


async def test_only_what_the_credential_serves_is_listed():
    assert await Backend(good).names(excluded_models=["t*"]) == ("one",)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (MODELS, ["one", "two"]),
        ({"models": [{"name": "models/gemini-3", "displayName": "G"}]}, ["gemini-3"]),
        ({"models": [{"name": "qwen3:8b", "size": 5}]}, ["qwen3:8b"]),
        (
            {"models": {"gemini-3-flash": {"displayName": "G"}, "claude-sonnet-4-6": {}}},
            ["gemini-3-flash", "claude-sonnet-4-6"],
        ),
        ({"object": "list", "data": []}, []),
        ([{"id": "a"}, {"id": "a"}, {"id": 7}, "x", {"id": "x" * 300}, {}], ["a"]),
    ],
)
def test_lists_of_every_dialect_are_read(body: object, names: list[str]):
    assert asking.names_in(body) == names


@pytest.mark.parametrize("body", [None, 7, "x", {}, {"data": {}}, {"error": {"message": "no"}}])
def test_what_is_no_list_is_refused(body: object):
    with pytest.raises(ValueError, match="no list"):
        asking.names_in(body)


def test_a_router_without_end_is_cut():
    assert len(asking.names_in([{"id": f"m{number}"} for number in range(5000)])) == asking.MOST
