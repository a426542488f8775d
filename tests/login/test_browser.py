"""Signing in with a browser that comes back to this machine: what is asked, what is believed, what is answered."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from addons.login.errors import LoginError, PortsBusyError
from addons.login.flow import Redirect
from addons.login.loopback import Loopback
from addons.login.run import run
from addons.login.steps import Callback
from tests.login.conftest import FLOW, Person, visit
from tests.login.server import AuthServer, Rules

ON_LOCALHOST = replace(FLOW, redirect=Redirect("localhost"))


@pytest.fixture
def free() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture
def busy() -> Iterator[int]:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield one.getsockname()[1]


# -- a login that goes well


@pytest.mark.parametrize("flow", [FLOW, ON_LOCALHOST], ids=["127.0.0.1", "localhost"])
async def test_a_login_comes_of_a_browser_that_signs_in(server: AuthServer, steps, flow):
    person = Person(lambda url: visit(server.sign_in(url)))
    token = await run(steps(flow), person)
    assert (token.access, token.refresh, token.extra) == ("access-1", "refresh-1", {"account": "a-1"})
    assert server.refused == []
    assert urlsplit(server.authorized[0]["redirect_uri"]).hostname == flow.redirect.host
    assert (await person.tasks[0]).text.startswith("The login has come back")


@pytest.mark.parametrize(
    ("rules", "changes"),
    [
        (Rules(body="json"), {"body": "json"}),
        (Rules(client_secret="s", basic=True), {"basic": True}),
        (Rules(pkce=False), {"pkce": False}),
        (Rules(query={"prompt": "login"}), {"query": {"prompt": "login"}}),
    ],
    ids=["JSON", "Basic", "without PKCE", "further parameters"],
)
async def test_what_services_want_otherwise_is_data(server: AuthServer, steps, rules, changes):
    server.rules = rules
    settings = {"client_secret": rules.client_secret} if rules.client_secret else {}
    person = Person(lambda url: visit(server.sign_in(url)))
    token = await run(steps(replace(FLOW, **changes), **settings), person)
    assert (token.access, server.refused) == ("access-1", [])


async def test_fields_go_by_the_services_own_names(steps):
    flow = replace(FLOW, authorize={"redirect_uri": "redirect", "scope": "", "response_type": ""}, pkce=False)
    made = steps(flow)
    made.redirect_uri = "http://127.0.0.1:1/callback"
    query = dict(httpx.URL(made.authorize_url()).params)
    assert query == {"client_id": "the-client", "redirect": "http://127.0.0.1:1/callback", "state": made.state}
    assert replace(flow, request={"code": "theCode", "client_id": ""}).request["code"] == "theCode"
    renamed = steps(replace(flow, request={"code": "theCode", "client_id": ""})).named({"code": "c", "client_id": "i"})
    assert renamed == {"theCode": "c"}


async def test_what_the_answer_says_becomes_the_login_and_the_settings(server: AuthServer, steps):
    server.answer = {"account": "a-1", "plan": "team", "noise": 1, "empty": None}
    made = steps(replace(FLOW, keep=("account",), settings={"plan_name": "plan", "nothing": "empty"}))
    token = await run(made, Person(lambda url: visit(server.sign_in(url))))
    assert (token.extra, made.settings) == ({"account": "a-1"}, {"plan_name": "team"})


async def test_each_login_has_its_own_state_and_verifier(steps):
    one, other = steps(FLOW), steps(FLOW)
    assert len({one.state, other.state, one.verifier, other.verifier}) == 4


# -- what comes back


async def test_a_refusal_of_the_user_is_said(server: AuthServer, steps):
    person = Person(
        lambda url: visit(server.sign_in(url, code="", error="access_denied", error_description="No\x1b[2J!"))
    )
    with pytest.raises(LoginError, match=r"the service refused: access_denied: No\[2J!$"):
        await run(steps(FLOW), person)
    assert "refused" in (await person.tasks[0]).text
    assert server.posts == []


async def test_another_state_changes_nothing_and_the_right_one_still_counts(server: AuthServer, steps):
    def browser(url: str) -> tuple[int, int]:
        good = server.sign_in(url)
        base = good.partition("?")[0]
        tries = [f"{base}?code=evil&state=other", f"{base}?code=evil", f"{base}?error=access_denied", good + "&state=x"]
        return sum(visit(one).status_code == 400 for one in tries), visit(good).status_code

    person = Person(browser)
    token = await run(steps(FLOW), person)
    assert (await person.tasks[0], token.access) == ((4, 200), "access-1")
    assert [post.fields["code"] for post in server.posts] == ["code-1"]
    assert any("was ignored" in text for text in person.said)


async def test_only_the_first_callback_counts():
    async with Loopback(Redirect(), "s") as loopback:
        url = f"{loopback.url}?state=s&code="
        first = await asyncio.to_thread(visit, url + "one")
        second = await asyncio.to_thread(visit, url + "two")
        assert (first.status_code, second.status_code) == (200, 400)
        assert await loopback.wait(1) == Callback("/callback", {"state": "s", "code": "one"})


async def test_a_callback_without_a_code_is_none(server: AuthServer, steps):
    with pytest.raises(LoginError, match="no code"):
        await run(steps(FLOW), Person(lambda url: visit(server.sign_in(url, code=""))))


async def test_nobody_is_waited_for_longer_than_the_flow_says(steps):
    with pytest.raises(LoginError, match="nobody came back"):
        await run(steps(replace(FLOW, timeout=0.05)), Person())


async def test_the_listener_is_gone_with_the_login(free: int):
    async with Loopback(Redirect(ports=(free,)), "s"):
        pass
    async with Loopback(Redirect(ports=(free,)), "s") as again:
        assert again.port == free


async def test_a_login_that_is_broken_off_leaves_no_listener(steps, free: int):
    task = asyncio.create_task(run(steps(replace(FLOW, redirect=Redirect(ports=(free,)))), Person()))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with Loopback(Redirect(ports=(free,)), "s"):
        pass


async def test_the_browser_is_sent_on_to_the_services_own_page():
    async with Loopback(
        Redirect(done="https://login.example/done", failed="https://login.example/no"), "s"
    ) as loopback:
        came = await asyncio.to_thread(visit, f"{loopback.url}?state=s&code=c")
        assert (came.status_code, came.headers["location"]) == (302, "https://login.example/done")


# -- hostile requests

HOSTILE = {
    "another path": ("/other?state=s&code=c", {}, 404),
    "another name (DNS rebinding)": ("/callback?state=s&code=c", {"host": "evil.example"}, 400),
    "another port": ("/callback?state=s&code=c", {"host": "127.0.0.1:1"}, 400),
    "a state in pieces": ("/callback?state=s&state=s&code=c", {}, 400),
    "an empty state": ("/callback?state=&code=c", {}, 400),
    "no query": ("/callback", {}, 400),
}


@pytest.mark.parametrize(("path", "headers", "status"), HOSTILE.values(), ids=HOSTILE)
async def test_what_is_not_the_callback_is_refused(path: str, headers: dict[str, str], status: int):
    async with Loopback(Redirect(), "s") as loopback:
        base = f"http://127.0.0.1:{loopback.port}"
        answer = await asyncio.to_thread(visit, base + path, headers=headers)
        assert answer.status_code == status
        with pytest.raises(LoginError, match="nobody came back"):
            await loopback.wait(0.01)


RAW = {
    "no HTTP": b"hello\r\n\r\n",
    "a proxy's request": b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "no host": b"GET /callback?state=s&code=c HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /callback?state=s&code=c HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nHost: x\r\n\r\n",
    "a POST": b"POST /callback?state=s&code=c HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n",
    "a head without end": b"GET /callback?" + b"x" * 100_000 + b"\r\n\r\n",
    "bytes": bytes(range(256)) + b"\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW)
async def test_nothing_that_is_sent_ends_the_login(raw: bytes):
    async with Loopback(Redirect(), "s") as loopback:
        reader, writer = await asyncio.open_connection("127.0.0.1", loopback.port)
        writer.write(raw.replace(b"%d", str(loopback.port).encode()))
        writer.write_eof()
        try:
            said = await reader.read()
        except ConnectionError:
            said = b""
        writer.close()
        assert not said.startswith(b"HTTP/1.1 200")
        good = await asyncio.to_thread(visit, f"{loopback.url}?state=s&code=c")
        assert (good.status_code, (await loopback.wait(1)).query["code"]) == (200, "c")


async def test_the_page_repeats_nothing_and_is_kept_nowhere():
    async with Loopback(Redirect(), "s") as loopback:
        answer = await asyncio.to_thread(visit, f"{loopback.url}?state=s&code=c&x=<script>alert(1)</script>")
        assert "script" not in answer.text
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"


# -- ports and addresses


async def test_the_first_free_port_of_those_that_are_allowed(busy: int, free: int):
    async with Loopback(Redirect(ports=(busy, free)), "s") as loopback:
        assert loopback.port == free


async def test_when_all_are_busy_it_says_so_and_what_to_do(steps, busy: int):
    with pytest.raises(PortsBusyError, match=f"port {busy} of this machine.*--paste"):
        await run(steps(replace(FLOW, redirect=Redirect(ports=(busy,)))), Person())


async def test_it_listens_on_this_machine_alone():
    async with Loopback(Redirect("localhost"), "s") as loopback:
        names = {one.getsockname()[0] for server in loopback._servers for one in server.sockets}
        assert names <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
async def test_localhost_is_both_of_its_addresses(address: str):
    if address == "[::1]" and not _has_ipv6():
        return  # there is no such address to come to
    async with Loopback(Redirect("localhost"), "s") as loopback:
        url = f"http://{address}:{loopback.port}/callback?state=s&code=c"
        assert (await asyncio.to_thread(visit, url)).status_code == 200


async def test_a_port_that_is_taken_on_one_address_of_localhost_is_busy(free: int):
    if not _has_ipv6():
        return
    with closing(socket.socket(socket.AF_INET6)) as other:
        other.bind(("::1", free))
        other.listen()
        with pytest.raises(PortsBusyError):
            async with Loopback(Redirect("localhost", ports=(free,)), "s"):
                pass


def _has_ipv6() -> bool:
    try:
        with closing(socket.socket(socket.AF_INET6)) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("wrong", [{"host": "0.0.0.0"}, {"host": "example.com"}, {"ports": ()}, {"paths": ("x",)}])
def test_a_redirect_that_leaves_this_machine_is_refused(wrong: dict[str, Any]):
    with pytest.raises(ValueError):
        Redirect(**wrong)


# -- without a browser of this machine

PASTED = {
    "the whole address": lambda url: url,
    "its query": lambda url: url.partition("?")[2],
    "with the question mark": lambda url: "?" + url.partition("?")[2],
    "code#state": lambda url: "{code}#{state}".format(**dict(httpx.URL(url).params)),
    "the code alone": lambda url: httpx.URL(url).params["code"],
    "with white space around": lambda url: f"  {url} \n",
}


@pytest.mark.parametrize("form", PASTED.values(), ids=PASTED)
async def test_what_the_browser_ended_at_can_be_pasted(server: AuthServer, steps, form):
    made = steps(FLOW)
    person = Person(reply=lambda url: form(server.sign_in(url)))
    token = await run(made, person, paste=True)
    assert (token.access, server.refused, person.opened) == ("access-1", [], [])


async def test_an_address_of_the_service_shows_the_code_where_there_is_one(server: AuthServer, steps):
    server.rules.redirects = ("https://login.example/code",)
    person = Person(reply=server.sign_in)
    await run(steps(replace(FLOW, redirect=Redirect(elsewhere="https://login.example/code"))), person, paste=True)
    assert server.posts[0].fields["redirect_uri"] == "https://login.example/code"


WRONG = {
    "nothing": ("", "neither an address nor a code"),
    "a sentence": ("I did it", "neither an address nor a code"),
    "another state": ("http://127.0.0.1/callback?code=c&state=other", "its state is another"),
    "another state behind the code": ("c#other", "its state is another"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
async def test_what_is_pasted_wrongly_is_said(server: AuthServer, steps, text: str, said: str):
    with pytest.raises(LoginError, match=said):
        await run(steps(FLOW), Person(answers=[text]), paste=True)
    assert server.posts == []


async def test_without_pkce_a_code_alone_is_not_believed(server: AuthServer, steps):
    with pytest.raises(LoginError, match="its state is another"):
        await run(steps(replace(FLOW, pkce=False)), Person(answers=["c"]), paste=True)


async def test_a_refusal_can_be_pasted_too(server: AuthServer, steps):
    made = steps(FLOW)
    text = f"http://127.0.0.1/callback?error=access_denied&state={made.state}"
    with pytest.raises(LoginError, match="refused: access_denied"):
        await run(made, Person(answers=[text]), paste=True)


# -- the service


@pytest.mark.parametrize("name", ["authorize_url", "token_url"])
async def test_a_login_goes_over_tls_or_not_at_all(server: AuthServer, steps, name: str):
    made = steps(FLOW, **{name: "http://auth.example/x"})
    with pytest.raises(LoginError, match=f"does not go to http://auth.example/x: set {name}"):
        await run(made, Person(lambda url: visit(server.sign_in(url))))


async def test_addresses_are_settings_of_the_credential(server: AuthServer, steps):
    flow = replace(FLOW, authorize_url="https://a.example/", token_url="https://b.example/")
    settings = {"authorize_url": server.base + "/authorize", "token_url": server.base + "/token"}
    token = await run(steps(flow, **settings), Person(lambda url: visit(server.sign_in(url))))
    assert token.access == "access-1"


ANSWERS = {
    "a refusal": ({"error": "invalid_grant", "error_description": "code expired"}, "invalid_grant: code expired"),
    "a refusal in an object": ({"error": {"code": "x1", "message": "no"}}, "x1: no"),
    "a failure that is answered with 200 (iflow.md §2)": ({"success": False, "code": "c1", "message": "no"}, "c1: no"),
    "no token": ({"access_token": None}, "answered HTTP 200"),
    "no object": (["x"], "answered HTTP 200"),
}


@pytest.mark.parametrize(("answer", "said"), ANSWERS.values(), ids=ANSWERS)
async def test_what_the_service_says_instead_of_a_login_is_shown(server: AuthServer, steps, monkeypatch, answer, said):
    monkeypatch.setattr(server, "_granted", lambda: (200, answer))
    with pytest.raises(LoginError, match=said):
        await run(steps(FLOW), Person(lambda url: visit(server.sign_in(url))))


async def test_a_challenge_page_is_no_login(server: AuthServer, steps, monkeypatch):
    monkeypatch.setattr(server, "_granted", lambda: (200, b"<html>prove that you are human</html>"))
    with pytest.raises(LoginError, match="HTTP 200"):
        await run(steps(FLOW), Person(lambda url: visit(server.sign_in(url))))


async def test_an_answer_without_end_is_not_read_to_it(server: AuthServer, steps, monkeypatch):
    monkeypatch.setattr(server, "_granted", lambda: (200, b"x" * (2 << 20)))
    with pytest.raises(LoginError, match="more than a login takes"):
        await run(steps(FLOW), Person(lambda url: visit(server.sign_in(url))))


async def test_a_service_that_is_away_is_said(server: AuthServer, steps, free: int):
    made = steps(replace(FLOW, token_url=f"http://127.0.0.1:{free}/token"))
    with pytest.raises(LoginError, match="cannot be reached"):
        await run(made, Person(lambda url: visit(server.sign_in(url))))


async def test_a_client_secret_that_is_not_there_is_asked_for(steps):
    with pytest.raises(LoginError, match=r"client secret is needed: it is in the client.*--set client_secret"):
        await run(steps(replace(FLOW, needs_client_secret="it is in the client")), Person())


def test_secrets_do_not_show_in_what_is_logged():
    assert "hidden" not in repr(Callback("/callback", {"code": "hidden"}))
    assert json.dumps("hidden") not in repr(Callback("/callback", {"code": "hidden"}))
