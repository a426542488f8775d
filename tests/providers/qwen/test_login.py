"""Signing in to Qwen and keeping the login fresh, at a strict stand-in of its login service (qwen.md §2, §3)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from addons.pool.refresh import LoginOverError, Refresher
from addons.providers.api import UnavailableError
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from addons.vault.store import StateStore
from tests.standin.qwen import QwenStandIn

pytestmark = pytest.mark.usefixtures("slept")
PROVIDER = built_in().get("qwen")


@pytest.fixture
def service() -> Iterator[QwenStandIn]:
    with QwenStandIn() as made:
        yield made


def urls(service: QwenStandIn) -> dict[str, str]:
    return {
        "token_url": f"{service.url}/api/v1/oauth2/token",
        "device_url": f"{service.url}/api/v1/oauth2/device/code",
        "base_url": f"{service.url}/v1",
    }


@pytest.fixture
def login(service: QwenStandIn, command) -> Any:
    pairs = [part for name, url in urls(service).items() for part in ("--set", f"{name}={url}")]
    return lambda *more: command("credentials", "login", "qwen", "--accept-terms", *pairs, *more)


def test_a_login_by_a_code(service: QwenStandIn, login, home, slept):
    service.token_answers.extend([(400, {"error": "authorization_pending"}), (200, {"access_token": None})])
    result = login()
    assert result.exit_code == 0, result.output
    assert "https://chat.qwen.ai/authorize and enter the code  ABCD-EFGH" in result.stderr
    assert "2026-04-15" in result.stderr
    kept = json.loads(StateStore(home.state, home.vault_key).credentials["qwen"].secret)
    assert kept.pop("expires_at") == pytest.approx(time.time() + 7200, abs=60)
    assert kept == {"access_token": "access-1", "refresh_token": "refresh-1", "resource_url": "portal.qwen.ai"}
    assert service.refusals == []
    assert slept == [2.0, 2.0, 2.0]


def test_it_asks_less_often_when_it_is_told_to(service: QwenStandIn, login, slept):
    service.token_answers.extend([(429, {"error": "slow_down"})] * 5)
    assert login().exit_code == 0
    assert slept == [2, 3, 4.5, 6.75, 10, 10]


ENDS = [(401, {"error": "x"}), (429, {"error": "y"})]
ENDS += [(400, {"error": "expired_token"}), (400, {"error": "access_denied"})]


@pytest.mark.parametrize("answer", ENDS)
def test_what_ends_a_login_by_a_code(service: QwenStandIn, login, answer):
    service.token_answers.append(answer)
    result = login()
    assert (result.exit_code, answer[1]["error"] in result.stderr) == (1, True)


# -- fresh (§3)


def kept_at(tmp_path: Path, service: QwenStandIn, **changes: Any) -> tuple[Refresher, Credential, Path]:
    """A login of Qwen Code's, in its file, that has expired."""
    file = tmp_path / "oauth_creds.json"
    parts = {
        "access_token": "access-0",
        "refresh_token": "refresh-0",
        "token_type": "Bearer",
        "resource_url": "old.qwen.ai",
        "expiry_date": 1_000_000_000_000,
        **changes,
    }
    file.write_text(json.dumps(parts, indent=2))
    file.chmod(0o600)
    state = StateStore(tmp_path / "state.db", tmp_path / "vault.key")
    state.add_credential(Credential("q", "qwen", "", {"creds_file_path": str(file), **urls(service)}))
    return Refresher(state, tmp_path), state.credentials["q"], file


async def test_a_refresh_replaces_the_resource_url_in_the_tools_file(service: QwenStandIn, tmp_path: Path):
    refresher, credential, file = kept_at(tmp_path, service)
    ready = await refresher.acquire(PROVIDER, credential)
    assert (ready.secret, ready.settings["login"]["resource_url"]) == ("access-1", "portal.qwen.ai")
    written = json.loads(file.read_text())
    assert written.pop("expiry_date") == pytest.approx((time.time() + 7200) * 1000, abs=60_000)
    assert written == {
        "access_token": "access-1",
        "refresh_token": "refresh-1",
        "token_type": "Bearer",
        "resource_url": "portal.qwen.ai",
    }
    assert (service.grants, service.refusals) == (["refresh_token"], [])


async def test_what_the_answer_leaves_out_stays(service: QwenStandIn, tmp_path: Path):
    service.rotates, service.resource_url = False, None
    refresher, credential, file = kept_at(tmp_path, service)
    await refresher.acquire(PROVIDER, credential)
    written = json.loads(file.read_text())
    assert (written["refresh_token"], written["resource_url"]) == ("refresh-0", "old.qwen.ai")


@pytest.mark.parametrize("status", [400, 401])
async def test_a_refusal_ends_the_login(service: QwenStandIn, tmp_path: Path, status: int):
    service.token_answers.append((status, {"error": "whatever"}))
    refresher, credential, _ = kept_at(tmp_path, service)
    with pytest.raises(LoginOverError):
        await refresher.acquire(PROVIDER, credential)


@pytest.mark.parametrize("status", [200, 400, 401, 405])
async def test_a_challenge_page_says_nothing_of_the_login(service: QwenStandIn, tmp_path: Path, status: int):
    service.token_answers.extend([(status, b"<html>prove that you are human</html>")] * 3)
    refresher, credential, file = kept_at(tmp_path, service)
    before = file.read_text()
    with pytest.raises(UnavailableError) as caught:
        await refresher.acquire(PROVIDER, credential)
    assert not isinstance(caught.value, LoginOverError)
    assert file.read_text() == before


# -- found on the machine


def test_the_clients_login_is_found_added_and_used(
    service: QwenStandIn, command, home, monkeypatch: pytest.MonkeyPatch
):
    folder = home.path.parent / ".qwen"
    folder.mkdir()
    (folder / "oauth_creds.json").write_text(service.login())
    assert command("credentials", "discover", "--add", "--only", "qwen-login", "--accept-terms").exit_code == 0
    found = StateStore(home.state, home.vault_key).credentials["qwen-login"]
    assert (found.provider, found.secret) == ("qwen", "")
    assert found.settings == {"creds_file_path": str(folder / "oauth_creds.json")}
    options = ("--set", f"base_url={service.url}/v1")
    command("credentials", "edit", "qwen-login", *options)
    tested = command("credentials", "test", "qwen-login", "--json")
    assert json.loads(tested.stdout)["ok"] is True, tested.output
