"""`proxycast credentials login`: terms first, then the flow, then one credential, new or renewed in place."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from addons.cli import credential_login, questions
from addons.config.home import Home
from addons.pool.standing import Standing, State
from addons.pool.standing_store import StandingStore
from addons.providers.api import Json, Manifest, Provider, UnavailableError
from addons.providers.registry import Registry
from addons.vault.credential import Credential
from addons.vault.oauth import OAuth
from addons.vault.store import StateStore
from tests.login.conftest import DEVICE, FLOW, visit
from tests.login.server import AuthServer
from translators.canonical.errors import ErrorInfo, ErrorKind


class Knowing(Provider):
    """Knows more of an account than its owner types."""

    refuses = ""

    async def enrol(self, credential: Credential, client: httpx.AsyncClient) -> Json:
        if self.refuses:
            raise UnavailableError(ErrorInfo(ErrorKind.PERMISSION, self.refuses))
        assert credential.secret == "access-1"
        return {"account": str(credential.settings["login"]["account"]), "region": "learned", "plan": ""}


@pytest.fixture
def server() -> Iterator[AuthServer]:
    made = AuthServer()
    made.device = {"interval": 0.01, "expires_in": 60}
    yield made
    made.close()


@pytest.fixture(autouse=True)
def providers(server: AuthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    urls: dict[str, Any] = {
        "authorize_url": server.base + "/authorize",
        "token_url": server.base + "/token",
        "device_url": server.base + "/device",
    }
    schema = {"properties": {"secret": {}, "region": {"type": "string", "title": "Region"}}}
    first = Manifest(
        id="account",
        name="Account",
        protocols=("anthropic",),
        group="oauth",
        terms="For its own client alone.",
        oauth=OAuth(server.base + "/token", "the-client"),
        login=(replace(FLOW, **urls), replace(DEVICE, title="with a code", **urls)),
        credential_schema=schema,
    )
    others = [
        replace(first, id="code", login=(replace(DEVICE, needs=("region",), **urls),)),
        replace(first, id="knowing", login=(replace(DEVICE, **urls),)),
        replace(first, id="secretive", login=(replace(FLOW, needs_client_secret="ask its owner", **urls),)),
        replace(first, id="imported", login=(), login_note="Run `claude /login`, then `credentials discover`."),
        replace(first, id="keys", login=(), group="api_key"),
    ]

    def made() -> Registry:
        registry = Registry()
        for manifest in (first, *others):
            registry.register((Knowing if manifest.id == "knowing" else Provider)(manifest))
        return registry

    monkeypatch.setattr("addons.cli.context.built_in", made)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_CONNECTION", "CI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def browser(server: AuthServer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One that signs in; → the addresses that it was shown."""
    opened: list[str] = []

    def open_(url: str) -> bool:
        opened.append(url)
        if "/authorize" in url:
            visit(server.sign_in(url))
        return True

    monkeypatch.setenv("BROWSER", "a browser")
    monkeypatch.setattr("webbrowser.open", open_)
    return opened


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who types."""
    monkeypatch.setattr(questions, "interactive", lambda: True)


@pytest.fixture
def kept(home: Home) -> Callable[[str], Credential]:
    return lambda name: StateStore(home.state, home.vault_key).credentials[name]


LOGIN = ("credentials", "login")
TERMS = ("--accept-terms",)


def test_a_login_becomes_a_credential(browser, command, kept):
    result = command(*LOGIN, "account", *TERMS, "--set", "region=eu")
    assert result.exit_code == 0, result.output
    credential = kept("account")
    secret = json.loads(credential.secret)
    assert secret.pop("expires_at") == pytest.approx(time.time() + 3600, abs=60)
    assert secret == {"access_token": "access-1", "refresh_token": "refresh-1", "account": "a-1"}
    assert (credential.provider, credential.settings) == ("account", {"region": "eu"})
    assert "For its own client alone." in result.stderr
    assert "added account" in result.stderr


def test_secrets_are_kept_encrypted_and_not_shown(server: AuthServer, browser, command, home: Home):
    server.answer = {"access_token": "access-" + "0123456789" * 3}
    result = command(*LOGIN, "account", *TERMS, "--json")
    assert server.answer["access_token"] not in result.output
    assert "refresh-1" not in result.output
    for file in home.path.glob("state.db*"):
        assert server.answer["access_token"].encode() not in file.read_bytes()


def test_another_sign_in_may_stand_in(server: AuthServer, browser, command, refused):
    result = command(*LOGIN, "account", *TERMS, "--set", f"authorize_url={server.base}/authorize")
    assert (result.exit_code, "no setting" in result.stderr) == (0, False), result.output
    assert browser[0].startswith(f"{server.base}/authorize?")
    said = refused(*LOGIN, "account", "--name", "b", *TERMS, "--set", "device_url=nowhere", status=2)
    assert "device_url: " in said


def test_scripts_are_told_what_came_of_it(browser, read):
    told = read(*LOGIN, "account", "--name", "mine", *TERMS)
    assert told.pop("expires") == pytest.approx(time.time() + 3600, abs=60)
    assert told == {
        "name": "mine",
        "provider": "account",
        "renewed": False,
        "flow": "browser",
        "secret": "•" * 8,
        "settings": {},
        "problem": None,
    }


def test_nothing_is_sent_before_the_terms_are_agreed_to(server: AuthServer, browser, command, home: Home):
    result = command(*LOGIN, "account")
    assert (result.exit_code, "--accept-terms" in result.stderr) == (2, True)
    assert (browser, server.posts) == ([], [])


def test_a_person_is_asked_to_agree(server: AuthServer, browser, terminal, command, kept):
    assert command(*LOGIN, "account", given="n\n").exit_code == 1
    assert (browser, server.posts) == ([], [])
    assert command(*LOGIN, "account", given="y\n").exit_code == 0
    assert kept("account").provider == "account"


# -- which way


def test_a_code_where_no_browser_is_to_be_seen(server: AuthServer, command, read):
    assert read(*LOGIN, "account", *TERMS)["flow"] == "device"
    assert server.authorized == []


def test_the_way_can_be_chosen(browser, read, refused):
    assert read(*LOGIN, "account", *TERMS, "--flow", "device")["flow"] == "device"
    said = refused(*LOGIN, "account", *TERMS, "--flow", "other", "--name", "b", status=2)
    assert "there are: browser, device (with a code)" in said


def test_an_address_can_be_pasted(server: AuthServer, terminal, monkeypatch, command, kept):
    def ask(self: Any, question: str, *, hidden: bool = False) -> str:
        return server.sign_in(self.url)

    def say(self: Any, text: str) -> None:
        self.url = next((line for line in text.splitlines() if line.startswith("http")), getattr(self, "url", ""))

    monkeypatch.setattr(credential_login.ClickTerminal, "ask", ask)
    monkeypatch.setattr(credential_login.ClickTerminal, "say", say)
    result = command(*LOGIN, "account", *TERMS, "--paste")
    assert result.exit_code == 0, result.output
    assert json.loads(kept("account").secret)["access_token"] == "access-1"


def test_without_a_browser_the_address_is_only_shown(browser, command, monkeypatch):
    class OverError(Exception):
        pass

    def over(*_: object) -> None:
        raise OverError

    monkeypatch.setattr("addons.login.loopback.Loopback.wait", over)
    said: list[str] = []
    monkeypatch.setattr(credential_login.ClickTerminal, "say", lambda self, text: said.append(text))
    with pytest.raises(OverError):
        command(*LOGIN, "account", *TERMS, "--no-browser")
    assert (browser, "/authorize?" in said[0]) == ([], True)


def test_a_code_is_not_pasted(refused):
    assert "nothing is pasted" in refused(*LOGIN, "account", *TERMS, "--paste", "--flow", "device", status=2)
    assert "no login with --paste" in refused(*LOGIN, "knowing", *TERMS, "--paste", status=2)


def test_a_provider_without_a_login_says_what_to_do(refused):
    assert "claude /login" in refused(*LOGIN, "imported", *TERMS)
    assert "credentials add keys" in refused(*LOGIN, "keys", *TERMS)


def test_what_a_flow_needs_to_know_is_asked_for(terminal, command, kept, monkeypatch):
    result = command(*LOGIN, "code", *TERMS, given="eu-1\n")
    assert result.exit_code == 0, result.output
    assert kept("code").settings == {"region": "eu-1"}
    monkeypatch.setattr(questions, "interactive", lambda: False)
    assert "needs --set region" in command(*LOGIN, "code", "--name", "b", *TERMS).stderr


def test_a_client_secret_is_asked_for_and_kept_encrypted(server: AuthServer, browser, terminal, command, kept):
    server.rules.client_secret = SECRET = "of-the-client"
    result = command(*LOGIN, "secretive", *TERMS, given=f"{SECRET}\n")
    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    assert (kept("secretive").settings, json.loads(kept("secretive").secret)["client_secret"]) == ({}, SECRET)


def test_without_anybody_to_ask_a_client_secret_that_is_missing_is_said(browser, command):
    result = command(*LOGIN, "secretive", *TERMS)
    assert (result.exit_code, "ask its owner; or give it with --set client_secret" in result.stderr) == (1, True)


def test_a_login_that_fails_leaves_nothing(server: AuthServer, command, home: Home):
    server.polls.append((400, {"error": "access_denied"}))
    result = command(*LOGIN, "account", *TERMS)
    assert (result.exit_code, "access_denied" in result.stderr) == (1, True)
    assert StateStore(home.state, home.vault_key).credentials == {}


def test_a_busy_port_is_said_and_pasting_offered(server: AuthServer, browser, terminal, command, monkeypatch):
    from addons.login.errors import PortsBusyError

    class Busy:
        def __init__(self, *_: object) -> None:
            raise PortsBusyError("port 1455 is busy")

    monkeypatch.setattr("addons.login.run.Loopback", Busy)
    monkeypatch.setattr(credential_login.ClickTerminal, "ask", lambda self, question, hidden=False: "the-code")
    result = command(*LOGIN, "account", *TERMS, given="y\n")
    assert "port 1455 is busy" in result.stderr
    assert "Paste the address instead?" in result.stderr
    assert [post.fields["code"] for post in server.posts] == ["the-code"]


def test_a_ca_file_that_is_none_is_said(command, tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text("nothing")
    result = command(*LOGIN, "account", *TERMS, "--set", f"ca_file={file}")
    assert (result.exit_code, "ca_file cannot be used" in result.stderr) == (1, True)


# -- a credential that is there


def out_of_service(home: Home, name: str) -> None:
    store = StandingStore(home.state)
    store.save([(name, Standing(State.OUT_OF_SERVICE, "its login is over", since=time.time(), basis="x"))])
    store.close()


def test_a_new_login_renews_the_credential_in_place(server: AuthServer, browser, command, read, kept, home: Home):
    command(*LOGIN, "account", *TERMS, "--set", "region=eu")
    command("credentials", "edit", "account", "--priority", "7")
    out_of_service(home, "account")
    server.answer = {"account": "a-2"}
    assert read(*LOGIN, "account", *TERMS, "--renew")["renewed"] is True
    credential = kept("account")
    assert (credential.priority, credential.settings) == (7, {"region": "eu"})
    assert json.loads(credential.secret)["account"] == "a-2"
    assert read("credentials", "show", "account")[0]["state"] == "active"


def test_it_is_confirmed_first(browser, terminal, command, monkeypatch):
    command(*LOGIN, "account", *TERMS)
    said_no = command(*LOGIN, "account", *TERMS, given="n\n")
    assert (said_no.exit_code, len(browser)) == (1, 1)
    assert command(*LOGIN, "account", *TERMS, given="y\n").exit_code == 0
    monkeypatch.setattr(questions, "interactive", lambda: False)
    assert "--renew" in command(*LOGIN, "account", *TERMS).stderr


def test_a_login_in_a_tools_file_is_replaced_by_one_of_our_own(browser, terminal, command, kept, tmp_path):
    file = tmp_path / "login.json"
    file.write_text('{"access_token": "theirs"}')
    command("credentials", "add", "account", "--name", "a", *TERMS, "--set", f"creds_file_path={file}", given="\n\n")
    result = command(*LOGIN, "account", "--name", "a", *TERMS, given="y\n")
    assert f"Its login is in {file} now" in result.stderr
    assert "creds_file_path" not in kept("a").settings
    assert file.read_text() == '{"access_token": "theirs"}'


def test_a_name_of_another_provider_is_left_alone(browser, command, refused):
    command(*LOGIN, "account", *TERMS, "--name", "a")
    assert "is a credential of account" in refused(*LOGIN, "knowing", *TERMS, "--name", "a", "--renew")


# -- what the service knows


def test_what_the_service_knows_need_not_be_typed(command, read, kept):
    told = read(*LOGIN, "knowing", *TERMS)
    assert told["settings"] == {"account": "a-1", "region": "learned", "learned": ["account", "region"]}
    read(*LOGIN, "knowing", "--name", "b", *TERMS, "--set", "region=mine")
    assert kept("b").settings == {"account": "a-1", "region": "mine", "learned": ["account"]}
    read(*LOGIN, "knowing", "--name", "c", *TERMS, "--no-check")
    assert kept("c").settings == {}


def test_what_was_known_of_another_account_does_not_stay(server: AuthServer, command, read, kept, monkeypatch):
    read(*LOGIN, "knowing", *TERMS)

    async def knows_less(self: Knowing, credential: Credential, client: httpx.AsyncClient) -> Json:
        assert "account" not in credential.settings
        return {"account": str(credential.settings["login"]["account"])}

    monkeypatch.setattr(Knowing, "enrol", knows_less)
    server.answer = {"account": "a-2"}
    read(*LOGIN, "knowing", *TERMS, "--renew")
    assert kept("knowing").settings == {"account": "a-2", "learned": ["account"]}


def test_a_credential_that_its_owner_disabled_stays_so(command, kept):
    command(*LOGIN, "account", *TERMS)
    command("credentials", "disable", "account")
    assert "it stays disabled until" in command(*LOGIN, "account", *TERMS, "--renew").stderr
    assert kept("account").enabled is False


def test_an_account_that_cannot_be_used_is_kept_and_said(command, kept, monkeypatch):
    monkeypatch.setattr(Knowing, "refuses", "this account has no licence")
    result = command(*LOGIN, "knowing", *TERMS, "--json")
    assert (result.exit_code, json.loads(result.stdout)["problem"]) == (1, "this account has no licence")
    assert "knowing is kept, but: this account has no licence" in result.stderr
    assert json.loads(kept("knowing").secret)["access_token"] == "access-1"


def test_adding_a_login_asks_the_service_as_well(command, kept):
    secret = json.dumps({"access_token": "access-1", "account": "a-9", "expires_at": time.time() + 3600})
    result = command("credentials", "add", "knowing", "--name", "a", *TERMS, given=secret)
    assert result.exit_code == 0, result.output
    assert kept("a").settings == {"account": "a-9", "region": "learned", "learned": ["account", "region"]}
    command("credentials", "add", "knowing", "--name", "b", *TERMS, "--no-check", given=secret)
    assert kept("b").settings == {}


def test_a_login_that_is_over_is_said_when_it_is_added(command, kept):
    secret = json.dumps({"access_token": "old", "expires_at": 1})
    result = command("credentials", "add", "knowing", "--name", "a", *TERMS, given=secret)
    assert (result.exit_code, "a is kept, but: a: the login has expired" in result.stderr) == (1, True)
