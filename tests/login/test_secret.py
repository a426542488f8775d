"""Signing in with what is copied from a browser; and flows as a manifest writes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from addons.login.errors import LoginError
from addons.login.flow import Kind, Redirect
from addons.login.run import run
from addons.login.steps import Steps
from addons.providers.registry import read_manifest
from addons.vault.tokens import Token
from tests.login.conftest import FLOW, Person

COOKIE = replace(FLOW, id="cookie", kind=Kind.SECRET, title="The cookie")


class OfACookie(Steps):
    async def redeem(self, secret: str) -> Token:
        return Token(f"of {secret}")

    async def finish(self, token: Token) -> Token:
        return replace(token, extra={"more": 1})


async def test_a_secret_is_redeemed(steps):
    assert await run(steps(COOKIE, OfACookie), Person(answers=[" a cookie \n"])) == Token(
        "of a cookie", extra={"more": 1}
    )


async def test_no_secret_is_no_login(steps):
    with pytest.raises(LoginError, match="nothing was given"):
        await run(steps(COOKIE, OfACookie), Person(answers=[" "]))


async def test_a_provider_that_takes_none_says_so(steps):
    with pytest.raises(LoginError, match="takes no such secret"):
        await run(steps(COOKIE), Person(answers=["x"]))


MANIFEST = """
id = "x"
name = "X"
protocols = ["anthropic"]
[oauth]
token_url = "https://login.example/token"
client_id = "from oauth"
body = "json"
[[login]]
id = "browser"
kind = "pkce"
authorize_url = "https://login.example/authorize"
scopes = ["a", "b"]
query = { prompt = "login" }
[login.redirect]
host = "localhost"
ports = [1455, 1457]
paths = ["/auth/callback"]
[[login]]
id = "device"
kind = "device"
token_url = "https://other.example/token"
slower = [1.5, 0.0, 10.0]
"""


def test_a_manifest_holds_its_flows():
    manifest = read_manifest(MANIFEST)
    browser, device = manifest.login
    assert (browser.kind, browser.scopes, browser.query) == (Kind.PKCE, ("a", "b"), {"prompt": "login"})
    assert browser.redirect == Redirect("localhost", (1455, 1457), ("/auth/callback",))
    form = browser.token_form(manifest.oauth)
    assert (form.token_url, form.client_id, form.body) == ("https://login.example/token", "from oauth", "json")
    assert device.token_form(manifest.oauth).token_url == "https://other.example/token"
    assert device.slower == (1.5, 0.0, 10.0)


WRONG: dict[str, Any] = {
    "an unknown kind": ('kind = "pkce"', 'kind = "password"'),
    "an unknown field": ('kind = "pkce"', 'kind = "pkce"\nhurry = true'),
    "another machine": ('host = "localhost"', 'host = "example.com"'),
}


@pytest.mark.parametrize(("old", "new"), WRONG.values(), ids=WRONG)
def test_what_is_no_flow_is_refused(old: str, new: str):
    with pytest.raises((TypeError, ValueError)):
        read_manifest(MANIFEST.replace(old, new))
