"""Cloudflare's cookies: kept for their credential and host until they end; no others (codex.md §5)."""

from __future__ import annotations

import pytest

from addons.providers.api import Call, Operation, Upstream
from addons.providers.codex import Codex
from addons.providers.codex.cookies import MOST, SESSION, Cookies
from addons.providers.registry import built_in
from addons.vault.credential import Credential

NOW = 1_790_000_000.0
HOST = "chatgpt.com"


def kept(*lines: str, later: float = 0.0, host: str = HOST, credential: str = "one") -> str:
    cookies = Cookies()
    cookies.note("one", HOST, lines, NOW)
    return cookies.header(credential, host, NOW + later)


def test_they_come_back_in_their_order() -> None:
    lines = "__cf_bm=a.b-c; path=/; domain=.chatgpt.com; HttpOnly; Secure", "_cfuvid=d; Path=/"
    assert kept(*lines) == "__cf_bm=a.b-c; _cfuvid=d"


def test_a_new_one_takes_the_place_of_the_old() -> None:
    assert kept("__cf_bm=a", "__cf_bm=b") == "__cf_bm=b"


@pytest.mark.parametrize(
    ("attributes", "later", "there"),
    [
        ("; Max-Age=60", 59, True),
        ("; Max-Age=60", 61, False),
        ("; Max-Age=0", 0, False),
        ("; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 1, True),
        ("; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 0, False),
        ("; Expires=Fri, 01 Jan 2100 00:00:00 GMT", 1e6, True),
        ("; Expires=whenever", SESSION - 1, True),
        ("", SESSION + 1, False),
    ],
)
def test_they_end(attributes: str, later: float, there: bool) -> None:
    assert bool(kept(f"__cf_bm=a{attributes}", later=later)) is there


def test_one_that_is_ended_takes_the_old_one_along() -> None:
    assert kept("__cf_bm=a", "__cf_bm=b; Max-Age=0") == ""


@pytest.mark.parametrize(
    "line", ["session=a", "oai-did=a", "__cf_bm=", "__cf_bm", "", "=a", "__cf_bm=a b", "__cf_bm=a,b", "__cf_bm=ä"]
)
def test_what_is_none_of_cloudflares_is_not_kept(line: str) -> None:
    assert kept(line) == ""


def test_they_go_to_no_other_host_and_no_other_account() -> None:
    assert kept("__cf_bm=a", host="elsewhere.example") == kept("__cf_bm=a", credential="two") == ""


def test_there_is_an_end_to_them() -> None:
    assert kept(*(f"__cf_{number}=a" for number in range(MOST + 5))).count("=") == MOST


@pytest.mark.parametrize("operation", [Operation.GENERATE, Operation.MODELS])
def test_they_go_with_every_call_of_the_credential(operation: Operation) -> None:
    provider = built_in().get("codex")
    assert isinstance(provider, Codex)

    def ask(account: str, **settings: str) -> Upstream:
        call = Call(operation, "codex", "gpt-5.5", True, b'{"input":[]}', translated=True)
        return provider.build(call, Credential(account, "codex", "token", dict(settings)))

    def cookie(upstream: Upstream) -> list[str]:
        return [value for name, value in upstream.headers if name == "Cookie"]

    assert cookie(ask("one")) == []
    provider.heard(Credential("one", "codex", "token"), ask("one"), [("set-cookie", "__cf_bm=a; path=/")])
    assert cookie(ask("one")) == ["__cf_bm=a"]
    assert cookie(ask("two")) == cookie(ask("one", base_url="https://mirror.example/codex")) == []
