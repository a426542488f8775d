"""Signing in to Kiro at a service as strict as the sheet, and what comes of it: a login that can be used and renewed
(kiro.md §3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from addons.login.errors import LoginError
from addons.login.run import run
from addons.login.steps import Steps
from addons.vault.credential import Credential
from addons.vault.tokens import Token
from tests.login.conftest import Person
from tests.standin.kiro import ARN, KiroStandIn
from tests.standin.kiro_logins import CLIENT_ID, CLIENT_SECRET

from .stage import KIRO

pytestmark = pytest.mark.usefixtures("slept")
FLOWS = {flow.id: flow for flow in KIRO.manifest.login}
START = "https://d-0123456789.awsapps.com/start"


@pytest.fixture(scope="module")
def running() -> Iterator[KiroStandIn]:
    with KiroStandIn() as made:
        yield made


@pytest.fixture
def kiro(running: KiroStandIn) -> KiroStandIn:
    running.reset()
    running.logins.trouble.clear()
    running.logins.pending = 2
    return running


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as made:
        yield made


PLACES = {
    "builder-id": {"register_url": "/client/register", "device_url": "/device_authorization", "token_url": "/token"},
    "google": {"device_url": "/oauth/device/authorization", "poll_url": "/oauth/device/poll"},
    "browser": {"token_url": "/oauth/token"},
}
PLACES |= {"identity-center": PLACES["builder-id"], "github": PLACES["google"]}


def steps(kiro: KiroStandIn, client: httpx.AsyncClient, flow: str, **settings: str) -> Steps:
    places = {name: kiro.url + path for name, path in PLACES[flow].items()}
    return KIRO.login_steps(FLOWS[flow], Credential("one", "kiro", "", {**places, **settings}), client)


async def renewed(kiro: KiroStandIn, client: httpx.AsyncClient, token: Token, path: str) -> Token:
    """With a token so new, the service takes what it issued."""
    return await KIRO.renew(token, Credential("one", "kiro", "", {"token_url": kiro.url + path}), client)


@pytest.mark.parametrize(
    ("flow", "settings", "extra"),
    [
        (
            "builder-id",
            {},
            {"provider": "BuilderId", "region": "us-east-1", "start_url": "https://view.awsapps.com/start"},
        ),
        (
            "identity-center",
            {"start_url": START, "region": "eu-central-1"},
            {"provider": "Enterprise", "region": "eu-central-1", "start_url": START},
        ),
    ],
)
async def test_aws_sign_in_by_device_code(
    kiro: KiroStandIn, client: httpx.AsyncClient, flow: str, settings: dict[str, str], extra: dict[str, str]
) -> None:
    person = Person()
    token = await run(steps(kiro, client, flow, **settings), person)
    assert kiro.logins.access[token.access] == "idc" and kiro.logins.refresh[token.refresh] == "idc"
    own = {"auth_method": "IdC", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "client": "cli"}
    assert token.extra == {**own, **extra}
    assert "enter the code  ABCD-EFGH" in "\n".join(person.said)
    assert [request.status for request in kiro.requests] == [200, 200, 400, 400, 200]
    assert kiro.logins.access[(await renewed(kiro, client, token, "/token")).access] == "idc"
    assert kiro.requests[-1].status == 200, "with the registration of this login, as the CLI"


@pytest.mark.parametrize(("flow", "provider"), [("google", "Google"), ("github", "Github")])
async def test_social_sign_in_by_device_code(
    kiro: KiroStandIn, client: httpx.AsyncClient, flow: str, provider: str
) -> None:
    token = await run(steps(kiro, client, flow), Person())
    assert kiro.logins.access[token.access] == "social" and token.expires is not None
    assert token.extra == {"auth_method": "social", "provider": "Google", "profile_arn": ARN, "client": "cli"}
    assert {request.status for request in kiro.requests} == {200}, "pending is a 200, too"
    assert provider in kiro.requests[0].raw.decode()
    assert kiro.logins.access[(await renewed(kiro, client, token, "/refreshToken")).access] == "social"


def portal(kiro: KiroStandIn, option: str, path: str = "/oauth/callback") -> Person:
    """Somebody who signs in that way at the portal, which sends the browser back."""

    def visit(url: str) -> Any:
        asked = httpx.URL(url).params
        assert asked["redirect_from"] == "kirocli" and asked["code_challenge_method"] == "S256"
        root = asked["redirect_uri"]
        assert httpx.URL(root).path in ("", "/"), "the port alone"
        kiro.logins.challenges["the-code"] = (asked["code_challenge"], f"{root}{path}?login_option={option}")
        back = urlencode({"code": "the-code", "state": asked["state"], "login_option": option})
        return httpx.get(f"{root}{path}?{back}", trust_env=False)

    return Person(visit)


@pytest.mark.parametrize(
    ("option", "path", "provider"),
    [("google", "/oauth/callback", "Google"), ("github", "/signin/callback", "Github")],
)
async def test_social_sign_in_in_the_browser(
    kiro: KiroStandIn, client: httpx.AsyncClient, option: str, path: str, provider: str
) -> None:
    token = await run(steps(kiro, client, "browser"), portal(kiro, option, path))
    assert kiro.logins.access[token.access] == "social"
    assert token.extra == {"auth_method": "social", "provider": provider, "profile_arn": ARN, "client": "cli"}


@pytest.mark.parametrize(
    ("option", "why"),
    [("builderid", "--flow builder-id"), ("awsidc", "--flow identity-center"), ("other", "does not say how")],
)
async def test_other_ways_of_the_portal_are_other_logins(
    kiro: KiroStandIn, client: httpx.AsyncClient, option: str, why: str
) -> None:
    with pytest.raises(LoginError, match=why):
        await run(steps(kiro, client, "browser"), portal(kiro, option))
    assert not kiro.requests


async def test_the_address_may_be_pasted(kiro: KiroStandIn, client: httpx.AsyncClient) -> None:
    def reply(url: str) -> str:
        asked = httpx.URL(url).params
        root = asked["redirect_uri"]
        kiro.logins.challenges["code-2"] = (asked["code_challenge"], f"{root}/oauth/callback?login_option=google")
        return f"{root}/oauth/callback?code=code-2&state={asked['state']}&login_option=google"

    token = await run(steps(kiro, client, "browser"), Person(reply=reply), paste=True)
    assert kiro.logins.access[token.access] == "social"
    with pytest.raises(LoginError, match="the whole address"):
        await run(steps(kiro, client, "browser"), Person(answers=["code-alone"]), paste=True)


@pytest.mark.parametrize(
    ("flow", "settings", "answer", "why"),
    [
        ("builder-id", {}, (400, {"error": "invalid_request"}), "invalid_request"),
        ("builder-id", {"region": "evil.example/"}, (200, {}), "no region"),
        ("google", {}, (403, {"message": "Forbidden"}), "Forbidden"),
    ],
)
async def test_what_goes_wrong_is_said(
    kiro: KiroStandIn, client: httpx.AsyncClient, flow: str, settings: dict[str, str], answer: Any, why: str
) -> None:
    kiro.logins.trouble.append(answer)
    with pytest.raises(LoginError, match=why):
        await run(steps(kiro, client, flow, **settings), Person())
