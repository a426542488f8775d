"""Signing in to iFlow and keeping the API key fresh, at a strict stand-in of its services (iflow.md §1 to §3)."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from addons.pool.refresh import LoginOverError, Refresher
from addons.providers.api import UnavailableError
from addons.providers.iflow import account, client_secret, renewal
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from addons.vault.store import StateStore
from tests.login.conftest import visit
from tests.standin.iflow import CLIENT_ID, SECRET, IflowStandIn

pytestmark = pytest.mark.usefixtures("slept")
PROVIDER = built_in().get("iflow")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[IflowStandIn]:
    monkeypatch.setattr(renewal, "AGAIN", (0.01, 0.01))
    monkeypatch.delenv("IFLOW_CLIENT_SECRET", raising=False)
    with IflowStandIn() as made:
        yield made


def urls(service: IflowStandIn) -> dict[str, str]:
    return {
        "authorize_url": f"{service.url}/oauth",
        "token_url": f"{service.url}/oauth/token",
        "user_info_url": f"{service.url}/api/oauth/getUserInfo",
        "api_key_url": f"{service.url}/api/openapi/apikey",
        "base_url": f"{service.url}/v1",
    }


# -- signing in


@pytest.fixture
def login(service: IflowStandIn, command, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`login(...)` in front of a browser that signs in; it goes nowhere further."""

    def browser(url: str) -> bool:
        went = visit(service.sign_in(url), follow_redirects=False)
        pages.append((went.status_code, went.headers.get("location", "")))
        return True

    pages: list[tuple[int, str]] = []
    monkeypatch.setenv("BROWSER", "a browser")
    monkeypatch.setattr("webbrowser.open", browser)
    pairs = [part for name, url in urls(service).items() for part in ("--set", f"{name}={url}")]

    def run(*more: str, given: str = "") -> Any:
        result = command("credentials", "login", "iflow", "--accept-terms", *pairs, *more, given=given)
        return result, pages

    return run


def kept(home: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(StateStore(home.state, home.vault_key).credentials["iflow"].secret)
    return found


def test_a_login_in_the_browser_ends_at_the_api_key(service: IflowStandIn, login, home):
    result, pages = login("--set", f"client_secret={SECRET}")
    assert result.exit_code == 0, result.output
    found = kept(home)
    assert found.pop("expires_at") == pytest.approx(time.time() + 172_800, abs=60)
    assert found == {
        "access_token": service.key,
        "refresh_token": "refresh-1",
        "oauth_token": "oauth-1",
        "scope": "all",
        "client_secret": SECRET,
    }
    settings = StateStore(home.state, home.vault_key).credentials["iflow"].settings
    assert settings["account"] == "someone@example.com"
    assert "client_secret" not in settings, "it is kept with the login, encrypted"
    assert pages == [(302, "https://iflow.cn/oauth/success")]
    assert (service.grants[:2], service.refusals) == (["authorization_code", "getUserInfo"], [])
    for secret in (service.key, "refresh-1", "oauth-1", SECRET):
        assert str(secret) not in result.output


def test_without_the_clients_secret_it_says_where_that_is(login, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    result, pages = login()
    assert (result.exit_code, "install iFlow CLI" in result.stderr, pages) == (1, True, [])


def test_the_installed_client_has_the_secret(service: IflowStandIn, login, home, installed):
    result, _ = login()
    assert result.exit_code == 0, result.output
    assert kept(home)["client_secret"] == SECRET


def test_a_failure_that_is_answered_with_200_is_said(service: IflowStandIn, login):
    result, _ = login("--set", "client_secret=another")
    assert (result.exit_code, "HTTP 200: 40001" in result.stderr) == (1, True)


def test_a_cookie_gives_a_key_of_its_own(service: IflowStandIn, login, home):
    before = service.key
    result, _ = login("--flow", "cookie", given=f"other=1; BXAuth={service.cookie}; more=2\n")
    assert result.exit_code == 0, result.output
    found = kept(home)
    assert found.pop("expires_at") == pytest.approx(time.time() + 7 * 86_400, abs=120)
    cookie = f"BXAuth={service.cookie}"
    assert found == {"access_token": service.key, "refresh_token": cookie, "kind": "cookie"}
    assert service.key != before, "the key is not shown: it had to be made anew"
    assert (service.grants, service.refusals) == (["GET apikey", "POST apikey"], [])
    assert service.cookie not in result.output


def test_a_key_that_is_shown_is_left_as_it_is(service: IflowStandIn, login, home):
    service.shows_key = True
    before = service.key
    assert login("--flow", "cookie", given=service.cookie + "\n")[0].exit_code == 0
    assert (kept(home)["access_token"], service.grants) == (before, ["GET apikey"])


def test_a_cookie_that_is_over_is_said(login):
    result, _ = login("--flow", "cookie", given="BXAuth=old\n")
    assert (result.exit_code, "40101: please sign in" in result.stderr) == (1, True)


COOKIES = {
    "BXAuth=a": "BXAuth=a",
    "x=1; BXAuth=a; y=2": "BXAuth=a",
    "a-value": "BXAuth=a-value",
    "BXAuth=a;": "BXAuth=a",
}


@pytest.mark.parametrize(("given", "sent"), COOKIES.items())
def test_only_the_cookie_that_counts_is_kept(given: str, sent: str):
    assert account.cookie_of(given) == sent


@pytest.mark.parametrize("given", ["", "x=1; y=2", "two words", 'quo"ted', "line\nbreak"])
def test_what_is_no_cookie_is_said(given: str):
    with pytest.raises(account.AccountError, match="no cookie BXAuth"):
        account.cookie_of(given)


# -- the client's secret (§2)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """iFlow CLI as npm installs it, a command that points into its package."""
    root = tmp_path / "lib" / "node_modules" / "@iflow-ai" / "iflow-cli"
    (root / "bundle").mkdir(parents=True)
    (root / "bundle" / "iflow.js").write_text(
        f'var a={{secret:"of-something-else"}};{" " * 3000}var c={{clientId:"{CLIENT_ID}",clientSecret:"{SECRET}"}};'
    )
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "iflow").symlink_to(root / "bundle" / "iflow.js")
    (root / "bundle" / "iflow.js").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("IFLOW_CLIENT_SECRET", raising=False)
    return root


def test_the_secret_that_stands_nearest_to_the_client_id_is_it(installed: Path):
    assert client_secret.find(CLIENT_ID) == SECRET
    assert client_secret.find("another client") == ""


def test_a_client_that_came_to_have_it_is_looked_into_again(installed: Path):
    assert client_secret.find("another client") == ""
    (installed / "bundle" / "chunk.mjs").write_text('{clientId:"another client",client_secret:"of-the-update"}')
    assert client_secret.find("another client") == "of-the-update"


def test_the_variable_goes_before_it(installed: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IFLOW_CLIENT_SECRET", "of-the-variable")
    assert client_secret.find(CLIENT_ID) == "of-the-variable"


# -- fresh (§1, §2)


class Kept:
    """A login of iFlow CLI's, in its file, that has expired."""

    def __init__(self, folder: Path, service: IflowStandIn, **changes: Any) -> None:
        parts = {
            "access_token": "oauth-0",
            "refresh_token": "refresh-0",
            "expiry_date": 1_000_000_000_000,
            "token_type": "bearer",
            "scope": "all",
            "apiKey": "sk-0",
            **changes,
        }
        self.file = folder / "oauth_creds.json"
        self.file.write_text(json.dumps({name: value for name, value in parts.items() if value is not None}))
        self.file.chmod(0o600)
        self.state = StateStore(folder / "state.db", folder / "vault.key")
        settings = {"creds_file_path": str(self.file), "client_secret": SECRET, **urls(service)}
        self.state.add_credential(Credential("i", "iflow", "", settings))
        self.refresher = Refresher(self.state, folder)

    async def acquire(self) -> Credential:
        credential = self.state.credentials["i"]
        return await PROVIDER.acquire(await self.refresher.acquire(PROVIDER, credential))

    @property
    def written(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found


async def test_a_login_that_is_good_is_used_by_its_key(service: IflowStandIn, tmp_path: Path):
    login = Kept(tmp_path, service, expiry_date=(time.time() + 9000) * 1000)
    assert (await login.acquire()).secret == "sk-0"
    assert service.grants == []


async def test_a_refresh_fetches_the_key_anew_and_writes_all_into_the_tools_file(service: IflowStandIn, tmp_path: Path):
    login = Kept(tmp_path, service)
    ready = await login.acquire()
    assert (ready.secret, ready.settings["login"]["oauth_token"]) == (service.key, "oauth-1")
    written = login.written
    assert written.pop("expiry_date") == pytest.approx((time.time() + 172_800) * 1000, abs=60_000)
    assert written == {
        "access_token": "oauth-1",
        "refresh_token": "refresh-1",
        "token_type": "bearer",
        "scope": "all",
        "apiKey": service.key,
    }
    assert (service.grants, service.refusals) == (["refresh_token", "getUserInfo"], [])


async def test_no_secret_is_logged_on_the_way(service: IflowStandIn, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """The service wants its token in an address, and httpx logs addresses."""
    caplog.set_level(logging.DEBUG)
    await Kept(tmp_path, service).acquire()
    for secret in ("oauth-1", "refresh-0", "refresh-1", str(service.key), SECRET):
        assert secret not in caplog.text


EXPIRIES = {"a number": 1_000_000_000_000, "a text": "1000000000000", "ISO 8601": "2001-09-09T01:46:40.000Z"}


@pytest.mark.parametrize("expiry", EXPIRIES.values(), ids=EXPIRIES)
async def test_the_expiry_stays_in_its_form(service: IflowStandIn, tmp_path: Path, expiry: Any):
    login = Kept(tmp_path, service, expiry_date=expiry)
    await login.acquire()
    assert type(login.written["expiry_date"]) is type(expiry)


async def test_a_file_without_a_key_gets_one(service: IflowStandIn, tmp_path: Path):
    login = Kept(tmp_path, service, apiKey=None, expiry_date=(time.time() + 9000) * 1000)
    assert (await login.acquire()).secret == service.key
    assert login.written["apiKey"] == service.key


async def test_a_refused_key_is_fetched_anew(service: IflowStandIn, tmp_path: Path):
    login = Kept(tmp_path, service, expiry_date=(time.time() + 9000) * 1000)
    ready = await login.acquire()
    again = await login.refresher.renew(PROVIDER, ready)
    assert again is not None and again.secret == service.key


async def test_new_tokens_are_kept_when_the_key_cannot_be_fetched(service: IflowStandIn, tmp_path: Path):
    """The old refresh token is spent: losing the new one would end the login."""
    service.trouble = (502, {"success": False, "code": "502", "message": "busy"})
    login = Kept(tmp_path, service)
    assert (await login.acquire()).secret == "sk-0"
    assert (login.written["refresh_token"], login.written["access_token"]) == ("refresh-1", "oauth-1")


async def test_without_any_key_nothing_else_is_sent_in_its_place(service: IflowStandIn, tmp_path: Path):
    service.trouble = (502, {"success": False, "code": "502", "message": "busy"})
    login = Kept(tmp_path, service, apiKey=None)
    with pytest.raises(UnavailableError, match="API key could not be fetched"):
        await login.acquire()
    service.trouble = None
    assert (await login.acquire()).secret == service.key
    assert login.written["refresh_token"] == "refresh-2"


async def test_a_failure_in_a_200_is_no_token_and_may_pass(service: IflowStandIn, tmp_path: Path):
    service.token_answers.extend([(200, {"success": False, "code": "500", "message": "try later"})] * 3)
    login = Kept(tmp_path, service)
    with pytest.raises(UnavailableError, match="500: try later") as caught:
        await login.acquire()
    assert not isinstance(caught.value, LoginOverError)
    assert login.written["refresh_token"] == "refresh-0"


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_refusal_by_status_ends_the_login(service: IflowStandIn, tmp_path: Path, status: int):
    service.token_answers.append((status, {"success": False, "code": "x", "message": "no"}))
    with pytest.raises(LoginOverError):
        await Kept(tmp_path, service).acquire()


# -- a cookie's key (§3), and a key alone


def own(folder: Path, service: IflowStandIn, secret: str) -> tuple[Refresher, Credential]:
    state = StateStore(folder / "state.db", folder / "vault.key")
    state.add_credential(Credential("i", "iflow", secret, urls(service)))
    return Refresher(state, folder), state.credentials["i"]


def cookies_login(cookie: str, expires_in: float) -> str:
    parts = {"access_token": "sk-0", "refresh_token": cookie, "kind": "cookie", "expires_at": time.time() + expires_in}
    return json.dumps(parts)


async def test_a_cookies_key_is_made_anew_before_it_ends(service: IflowStandIn, tmp_path: Path):
    refresher, credential = own(tmp_path, service, cookies_login("BXAuth=a-session", -1))
    assert (await refresher.acquire(PROVIDER, credential)).secret == service.key
    assert (service.grants, service.refusals) == (["GET apikey", "POST apikey"], [])


async def test_a_platform_that_refuses_ends_it(service: IflowStandIn, tmp_path: Path):
    service.trouble = (401, {"success": False, "code": "401", "message": "please sign in"})
    refresher, credential = own(tmp_path, service, cookies_login("BXAuth=a-session", -1))
    with pytest.raises(LoginOverError, match="please sign in"):
        await refresher.acquire(PROVIDER, credential)


async def test_a_key_alone_is_used_as_it_is(service: IflowStandIn, tmp_path: Path):
    key = "sk-" + "given"
    refresher, credential = own(tmp_path, service, key)
    ready = await PROVIDER.acquire(await refresher.acquire(PROVIDER, credential))
    assert (ready.secret, service.grants) == (key, [])


# -- found on the machine


def test_the_clients_login_and_key_are_found_and_added(command, home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("IFLOW_API_KEY", raising=False)
    folder = home.path.parent / ".iflow"
    folder.mkdir()
    login = {"access_token": "o", "refresh_token": "r", "expiry_date": (time.time() + 9000) * 1000, "apiKey": "sk-a"}
    (folder / "oauth_creds.json").write_text(json.dumps(login))
    (folder / "settings.json").write_text(json.dumps({"selectedAuthType": "iflow", "apiKey": "sk-" + "settings"}))
    options = ("--add", "--only", "iflow-login", "--only", "iflow", "--accept-terms", "--no-check")
    result = command("credentials", "discover", *options)
    assert result.exit_code == 0, result.output
    found = StateStore(home.state, home.vault_key).credentials
    assert {name: one.provider for name, one in found.items()} == {"iflow-login": "iflow", "iflow": "iflow"}
    assert found["iflow-login"].settings["creds_file_path"] == str(folder / "oauth_creds.json")
    assert found["iflow"].secret == "sk-" + "settings"
