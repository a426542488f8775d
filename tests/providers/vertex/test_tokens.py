"""Access tokens: one exchange at a time, ahead of expiry, and what the token endpoint may answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from addons.providers import outbound
from addons.providers.api import UnavailableError
from addons.providers.vertex import grant
from addons.providers.vertex.grant import AccessToken
from addons.providers.vertex.tokens import EARLY, MARGIN, Tokens
from addons.vault.credential import Credential
from tests.standin.vertex import VertexStandIn
from translators.canonical.errors import ErrorKind

CREDENTIAL = Credential("c", "vertex", "{}")
INFO = {"type": "service_account", "project_id": "p"}
LIFE = 3600.0


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def fetching(log: list[float], *, fails: bool = False) -> Callable[[Credential, Any, float], Awaitable[AccessToken]]:
    async def fetch(_: Credential, __: Any, now: float) -> AccessToken:
        log.append(now)
        await asyncio.sleep(0)
        if fails:
            raise grant.unavailable("no")
        return AccessToken(f"t{len(log)}", now + LIFE)

    return fetch


async def test_two_hundred_at_once_share_one_exchange():
    log: list[float] = []
    tokens = Tokens(fetching(log), Clock())
    assert set(await asyncio.gather(*(tokens.token(CREDENTIAL, INFO) for _ in range(200)))) == {"t1"}
    assert len(log) == 1


async def test_a_token_is_used_until_it_is_old_then_replaced_on_the_side_then_awaited():
    log: list[float] = []
    clock = Clock()
    tokens = Tokens(fetching(log), clock)
    assert await tokens.token(CREDENTIAL, INFO) == "t1"
    clock.now += LIFE - EARLY - 1
    assert (await tokens.token(CREDENTIAL, INFO), len(log)) == ("t1", 1)
    clock.now += 2
    assert await tokens.token(CREDENTIAL, INFO) == "t1", "nobody waits while it is still good"
    await asyncio.sleep(0.01)
    assert (await tokens.token(CREDENTIAL, INFO), len(log)) == ("t2", 2)
    clock.now += LIFE - MARGIN + 1
    assert await tokens.token(CREDENTIAL, INFO) == "t3"


async def test_a_failed_renewal_on_the_side_harms_nobody_and_a_needed_one_fails_all():
    clock = Clock()
    good: list[float] = []
    tokens = Tokens(fetching(good), clock)
    await tokens.token(CREDENTIAL, INFO)
    tokens._fetch = fetching([], fails=True)
    clock.now += LIFE - EARLY + 1
    for _ in range(2):
        assert await tokens.token(CREDENTIAL, INFO) == "t1"
        await asyncio.sleep(0.01)
    clock.now += EARLY
    results = await asyncio.gather(*(tokens.token(CREDENTIAL, INFO) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(result, UnavailableError) for result in results)


async def test_a_refused_token_is_fetched_anew_once_however_many_were_refused():
    log: list[float] = []
    tokens = Tokens(fetching(log), Clock())
    await tokens.token(CREDENTIAL, INFO)
    for _ in range(5):
        tokens.refused(CREDENTIAL, INFO, "t1")
        assert await tokens.token(CREDENTIAL, INFO) == "t2"
    assert len(log) == 2


async def test_two_logins_have_two_tokens():
    tokens = Tokens(fetching([]), Clock())
    assert await tokens.token(CREDENTIAL, INFO) != await tokens.token(CREDENTIAL, {**INFO, "project_id": "q"})


# -- the endpoint


def test_googles_endpoint_takes_what_we_sign():
    with VertexStandIn() as backend:
        info = json.loads(backend.service_account())
        made = Credential("c", "vertex", "", {"token_url": f"{backend.url}/token"})
        token = asyncio.run(grant.exchange(made, info, 1000.0))
        assert (token.text, token.expires) == (backend.token, 1000.0 + backend.lifetime)


ANSWERS = {
    "revoked": (400, {"error": "invalid_grant", "error_description": "gone"}, ErrorKind.AUTHENTICATION, "gone"),
    "wrong client": (401, {"error": "unauthorized_client"}, ErrorKind.AUTHENTICATION, "unauthorized_client"),
    "busy": (503, {"error": "temporarily_unavailable"}, ErrorKind.OVERLOADED, "temporarily_unavailable"),
    "too many": (429, {}, ErrorKind.RATE_LIMIT, "HTTP 429"),
    "our mistake": (400, {"error": "invalid_request"}, ErrorKind.SERVER, "invalid_request"),
    "no token": (200, {"token_type": "Bearer"}, ErrorKind.SERVER, "HTTP 200"),
    "no object": (200, [1], ErrorKind.SERVER, "HTTP 200"),
    "no JSON": (200, "<html>", ErrorKind.SERVER, "no JSON"),
}


@pytest.mark.parametrize(("status", "body", "kind", "said"), ANSWERS.values(), ids=ANSWERS)
async def test_what_the_token_endpoint_refuses_is_told_apart(
    monkeypatch: pytest.MonkeyPatch, status: int, body: Any, kind: ErrorKind, said: str
):
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, text=body) if isinstance(body, str) else httpx.Response(status, json=body)

    transport = httpx.MockTransport(answer)
    monkeypatch.setattr(outbound, "client", lambda *_: httpx.AsyncClient(transport=transport))
    info = {"type": "authorized_user", "refresh_token": "r"}
    with pytest.raises(UnavailableError, match=said) as raised:
        await grant.exchange(CREDENTIAL, info, 0.0)
    assert raised.value.info.kind is kind


@pytest.mark.parametrize(
    ("url", "said"),
    [("http://tokens.example.com/token", "must be https"), ("http://127.0.0.1:1/token", "no token could be had")],
)
async def test_an_endpoint_that_must_not_or_cannot_be_asked(url: str, said: str):
    made = Credential("c", "vertex", "", {"token_url": url})
    with pytest.raises(UnavailableError, match=said) as raised:
        await grant.exchange(made, {"type": "authorized_user"}, 0.0)
    assert raised.value.info.kind is ErrorKind.SERVER


def test_a_key_of_another_kind_cannot_sign():
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(*form).decode()
    with pytest.raises(UnavailableError, match="no RSA key"):
        grant.assertion({"private_key": pem}, 0.0)
