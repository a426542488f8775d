"""Bringing a ChatGPT login: signing in by browser or code, taking over Codex CLI's own, keeping it fresh in its file
(codex.md §1, §2, §3)."""

from __future__ import annotations

import json
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result

from addons.cli import credential_login
from addons.config.home import Home
from addons.pool.refresh import LoginOverError, Refresher
from addons.providers.api import UnavailableError
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from addons.vault.store import StateStore
from tests.standin.codex import CodexStandIn
from tests.standin.codex_logins import ACCOUNT, EMAIL, PLAN

pytestmark = pytest.mark.usefixtures("slept")
PROVIDER = built_in().get("codex")
Command = Callable[..., Result]


@pytest.fixture
def service() -> Iterator[CodexStandIn]:
    with CodexStandIn() as made:
        yield made


def addresses(service: CodexStandIn) -> dict[str, str]:
    return {
        "token_url": f"{service.url}/oauth/token",
        "authorize_url": f"{service.url}/oauth/authorize",
        "device_url": f"{service.url}/api/accounts/deviceauth/usercode",
        "poll_url": f"{service.url}/api/accounts/deviceauth/token",
    }


@pytest.fixture
def login(service: CodexStandIn, command: Command) -> Command:
    pairs = [part for name, url in addresses(service).items() for part in ("--set", f"{name}={url}")]
    return lambda *more, **given: command("credentials", "login", "codex", *pairs, *more, **given)


def kept(home: Home) -> tuple[dict[str, Any], dict[str, Any]]:
    found = StateStore(home.state, home.vault_key).credentials["codex"]
    return json.loads(found.secret), found.settings


# -- signing in


def test_by_a_code_on_any_device(service: CodexStandIn, login: Command, home: Home, slept: list[float]) -> None:
    result = login("--flow", "device", "--accept-terms")
    assert result.exit_code == 0, result.output
    assert "https://auth.openai.com/codex/device and enter the code  ABCD-EFGH" in result.stderr
    secret, settings = kept(home)
    assert secret["access_token"] in service.logins.valid and secret["refresh_token"] == service.logins.refresh
    assert (settings["email"], settings["plan"]) == (EMAIL, PLAN)
    assert slept == [5.0, 5.0], "its interval is a text; 403 means that the user is not done"


def test_in_the_browser(service: CodexStandIn, login: Command, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def browser(url: str) -> bool:
        back = service.logins.sign_in(url)
        threading.Thread(target=lambda: httpx.get(back, trust_env=False, timeout=10), daemon=True).start()
        return True

    monkeypatch.setattr(credential_login, "_sees_a_browser", lambda: True)
    monkeypatch.setattr(webbrowser, "open", browser)
    result = login("--flow", "browser", "--accept-terms")
    assert result.exit_code == 0, result.output
    assert kept(home)[0]["access_token"] in service.logins.valid


def test_its_terms_come_first(service: CodexStandIn, login: Command) -> None:
    result = login("--flow", "device")
    assert result.exit_code != 0 and "made for OpenAI's own Codex clients" in result.stderr
    assert service.logins.posts == []


# -- Codex CLI's own login


@pytest.fixture
def file(home: Home, service: CodexStandIn) -> Path:
    path = home.path.parent / ".codex" / "auth.json"
    path.parent.mkdir(parents=True)
    path.write_text(service.logins.auth_json())
    path.chmod(0o600)
    return path


def test_it_is_found_and_added_where_it_is(file: Path, command: Command, home: Home, read: Any) -> None:
    (found,) = [row for row in read("credentials", "discover") if row["provider"] == "codex"]
    assert (found["kind"], found["place"], found["state"]) == ("login", str(file), "ready")
    result = command("credentials", "discover", "--add", "--only", found["name"], "--accept-terms")
    assert result.exit_code == 0, result.output
    made = StateStore(home.state, home.vault_key).credentials[found["name"]]
    assert (made.provider, made.secret, made.settings["creds_file_path"]) == ("codex", "", str(file))
    assert made.settings["email"] == EMAIL


def kept_at(tmp_path: Path, service: CodexStandIn, content: str) -> tuple[Refresher, Credential, Path]:
    path = tmp_path / "auth.json"
    path.write_text(content)
    path.chmod(0o600)
    state = StateStore(tmp_path / "state.db", tmp_path / "vault.key")
    state.add_credential(Credential("c", "codex", "", {"creds_file_path": str(path), **service.settings()}))
    return Refresher(state, tmp_path), state.credentials["c"], path


async def test_a_refresh_is_written_back_for_codex_cli(service: CodexStandIn, tmp_path: Path) -> None:
    service.logins.lifetime = 10
    content = service.logins.auth_json()
    service.logins.lifetime = 864_000
    refresher, credential, path = kept_at(tmp_path, service, content)
    ready = await refresher.acquire(PROVIDER, credential)
    assert ready.secret in service.logins.valid
    before, after = json.loads(content), json.loads(path.read_text())
    assert after["tokens"]["refresh_token"] == service.logins.refresh
    assert after["tokens"]["id_token"] != before["tokens"]["id_token"]
    assert after["tokens"]["account_id"] == ACCOUNT
    assert time.time() - datetime.fromisoformat(after["last_refresh"]).timestamp() < 60
    assert {name: after[name] for name in ("auth_mode", "OPENAI_API_KEY", "agent_identity")} == {
        "auth_mode": "chatgpt",
        "OPENAI_API_KEY": None,
        "agent_identity": None,
    }
    (asked,) = service.logins.posts
    assert asked.keys() == {"client_id", "grant_type", "refresh_token"}
    assert path.stat().st_mode & 0o777 == 0o600


async def test_after_a_refusal_the_file_is_looked_at_before_anything_is_renewed(
    service: CodexStandIn, tmp_path: Path
) -> None:
    refresher, credential, path = kept_at(tmp_path, service, service.logins.auth_json())
    stale = await refresher.acquire(PROVIDER, credential)
    path.write_text(service.logins.auth_json())  # Codex CLI was first
    fresh = await refresher.renew(PROVIDER, stale)
    assert fresh is not None and fresh.secret in service.logins.valid
    assert service.logins.posts == []
    again = await refresher.renew(PROVIDER, fresh)
    assert again is not None and again.secret in service.logins.valid
    assert len(service.logins.posts) == 1


@pytest.mark.parametrize(
    ("left_out", "changed"),
    [(("id_token",), {"access_token", "refresh_token"}), (("refresh_token",), {"access_token", "id_token"})],
)
async def test_what_a_refresh_leaves_out_stays(
    service: CodexStandIn, tmp_path: Path, left_out: tuple[str, ...], changed: set[str]
) -> None:
    service.logins.lifetime = 10
    content = service.logins.auth_json()
    service.logins.lifetime, service.logins.leaves_out = 864_000, left_out
    refresher, credential, path = kept_at(tmp_path, service, content)
    await refresher.acquire(PROVIDER, credential)
    before, after = json.loads(content)["tokens"], json.loads(path.read_text())["tokens"]
    assert {name for name in after if after[name] != before[name]} == changed


async def test_a_refresh_token_without_an_access_token_is_not_lost(service: CodexStandIn, tmp_path: Path) -> None:
    refresher, credential, path = kept_at(tmp_path, service, service.logins.auth_json())
    service.logins.leaves_out = ("access_token",)
    used = await refresher.acquire(PROVIDER, credential)
    await refresher.renew(PROVIDER, used)
    assert json.loads(path.read_text())["tokens"]["refresh_token"] == service.logins.refresh


OVER = ["refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated"]
ENDS: list[tuple[int, dict[str, Any]]] = [(400, {"error": {"code": code}}) for code in OVER]
ENDS += [(400, {"error": OVER[0]}), (400, {"code": OVER[1]}), (401, {"error": {"code": "whatever"}})]


@pytest.mark.parametrize(("status", "body"), ENDS)
async def test_what_ends_a_login(service: CodexStandIn, tmp_path: Path, status: int, body: dict[str, Any]) -> None:
    refresher, credential, _ = kept_at(tmp_path, service, service.logins.auth_json())
    used = await refresher.acquire(PROVIDER, credential)
    service.logins.trouble.append((status, body))
    with pytest.raises(LoginOverError):
        await refresher.renew(PROVIDER, used)
    assert len(service.logins.posts) == 1


@pytest.mark.parametrize("status", [400, 429, 500, 503])
async def test_what_may_pass_ends_none(service: CodexStandIn, tmp_path: Path, status: int) -> None:
    refresher, credential, path = kept_at(tmp_path, service, service.logins.auth_json())
    used = await refresher.acquire(PROVIDER, credential)
    before = path.read_text()
    service.logins.trouble += [(status, {"error": {"code": "try_later"}})] * 3
    with pytest.raises(UnavailableError) as caught:
        await refresher.renew(PROVIDER, used)
    assert not isinstance(caught.value, LoginOverError)
    assert path.read_text() == before


async def test_a_file_with_an_api_key_alone_is_no_login(service: CodexStandIn, tmp_path: Path) -> None:
    content: dict[str, Any] = {"OPENAI_API_KEY": "k", "tokens": None}
    refresher, credential, _ = kept_at(tmp_path, service, json.dumps(content))
    with pytest.raises(UnavailableError, match="no login"):
        await refresher.acquire(PROVIDER, credential)


async def test_a_bare_access_token_is_used_until_it_expires(service: CodexStandIn, tmp_path: Path) -> None:
    state = StateStore(tmp_path / "state.db", tmp_path / "vault.key")
    token = json.loads(service.logins.auth_json())["tokens"]["access_token"]
    state.add_credential(Credential("c", "codex", token, service.settings()))
    ready = await Refresher(state, tmp_path).acquire(PROVIDER, state.credentials["c"])
    assert ready.secret == token
