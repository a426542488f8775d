"""Logins stay fresh: one refresh whoever wants it, in time, and no refresh token is ever lost."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from addons.pool import refresh
from addons.pool.refresh import LoginOverError, Refresher
from addons.providers.api import Manifest, Provider, UnavailableError
from addons.vault import private_file, token_sources
from addons.vault.credential import Credential
from addons.vault.oauth import OAuth
from addons.vault.store import StateStore
from tests.pool.token_server import TokenServer

pytestmark = pytest.mark.slow  # starts processes, or works hard on purpose

MANIFEST = Manifest(
    id="login",
    name="A service with logins",
    protocols=("anthropic",),
    oauth=OAuth("https://unused.example/token", client_id="client", format="claude_code"),
)
PROVIDER = Provider(MANIFEST)


def login(expires_in: float = -10.0, refresh_token: str = "refresh-0", access: str = "access-0") -> str:
    return json.dumps({"access_token": access, "refresh_token": refresh_token, "expires_at": time.time() + expires_in})


class Home:
    """A home with one token server; `open()` gives what a process of its own would have."""

    def __init__(self, folder: Path, server: TokenServer) -> None:
        self.folder, self.server = folder, server
        self.state = self.open_state()

    def open_state(self) -> StateStore:
        return StateStore(self.folder / "state.db", self.folder / "vault.key")

    def add(self, secret: str, name: str = "a", **settings: Any) -> Credential:
        self.state.add_credential(Credential(name, "login", secret, {"token_url": self.server.url, **settings}))
        return self.state.credentials[name]

    def file(self, **changes: Any) -> Path:
        """A Claude Code login that has expired."""
        parts = {"accessToken": "access-0", "refreshToken": "refresh-0", "expiresAt": 1_000_000_000_000, **changes}
        path = self.folder / "credentials.json"
        path.write_text(json.dumps({"claudeAiOauth": parts, "mcpOAuth": {"keep": "me"}}, indent=2))
        path.chmod(0o640)
        return path

    def refresher(self, state: StateStore | None = None) -> Refresher:
        return Refresher(state or self.state, self.folder)

    def kept(self, name: str = "a") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.open_state().credentials[name].secret)
        return found


def in_file(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())["claudeAiOauth"]
    return found


@pytest.fixture
def server() -> Iterator[TokenServer]:
    made = TokenServer()
    yield made
    made.close()


@pytest.fixture
def home(tmp_path: Path, server: TokenServer) -> Home:
    return Home(tmp_path, server)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second and third try come at once."""
    monkeypatch.setattr(refresh, "AGAIN", (0.01, 0.01))


# -- in time


async def test_a_fresh_token_is_used_as_it_is(home: Home, server: TokenServer):
    credential = home.add(login(3600))
    got = await home.refresher().acquire(PROVIDER, credential)
    assert got.secret == "access-0"
    assert server.posts == []


async def test_an_expired_token_is_renewed_and_kept(home: Home, server: TokenServer):
    got = await home.refresher().acquire(PROVIDER, home.add(login()))
    assert got.secret == "access-1"
    assert server.posts == [{"grant_type": "refresh_token", "refresh_token": "refresh-0", "client_id": "client"}]
    assert (home.kept()["access_token"], home.kept()["refresh_token"]) == ("access-1", "refresh-1")
    assert home.kept()["expires_at"] == pytest.approx(time.time() + 3600, abs=30)


async def test_ahead_of_expiry_nobody_waits(home: Home, server: TokenServer):
    server.delay = 0.2
    refresher, credential = home.refresher(), home.add(login(120))
    assert (await refresher.acquire(PROVIDER, credential)).secret == "access-0"
    await refresher.close(5)
    assert (await refresher.acquire(PROVIDER, credential)).secret == "access-1"
    assert len(server.posts) == 1


async def test_a_token_that_was_refused_is_renewed_before_its_time(home: Home, server: TokenServer):
    refresher, credential = home.refresher(), home.add(login(3600))
    used = await refresher.acquire(PROVIDER, credential)
    fresh = await refresher.renew(PROVIDER, used)
    assert fresh is not None and fresh.secret == "access-1"
    late = await refresher.renew(PROVIDER, used)  # another request had the old token refused, too
    assert late is not None and late.secret == "access-1"
    assert len(server.posts) == 1


async def test_a_provider_without_logins_is_left_alone(home: Home):
    plain = Provider(Manifest(id="plain", name="p", protocols=("anthropic",)))
    credential = Credential("k", "plain", "key")
    assert await home.refresher().acquire(plain, credential) is credential
    assert await home.refresher().renew(plain, credential) is None


# -- once


@pytest.mark.parametrize("where", ["state.db", "a file"])
async def test_two_hundred_at_once_make_one_post(home: Home, server: TokenServer, where: str):
    server.delay = 0.1
    credential = home.add("", creds_file_path=str(home.file())) if where == "a file" else home.add(login())
    refresher = home.refresher()
    got = await asyncio.gather(*(refresher.acquire(PROVIDER, credential) for _ in range(200)))
    assert {one.secret for one in got} == {"access-1"}
    assert len(server.posts) == 1


async def test_two_credentials_of_one_login_make_one_post(home: Home, server: TokenServer):
    server.delay = 0.1
    refresher, both = home.refresher(), (home.add(login(), "a"), home.add(login(), "b"))
    got = await asyncio.gather(*(refresher.acquire(PROVIDER, credential) for credential in both))
    assert [one.secret for one in got] == ["access-1", "access-1"]
    assert len(server.posts) == 1
    assert home.kept("a")["refresh_token"] == home.kept("b")["refresh_token"] == "refresh-1"


PROCESS = """
import asyncio, sys, time
from pathlib import Path
from addons.vault.store import StateStore
from tests.pool.test_refresh import PROVIDER
from addons.pool.refresh import Refresher

async def main(folder, start):
    state = StateStore(folder / "state.db", folder / "vault.key")
    refresher = Refresher(state, folder)
    credential = state.credentials["a"]
    while time.time() < start:
        await asyncio.sleep(0.001)
    got = await asyncio.gather(*(refresher.acquire(PROVIDER, credential) for _ in range(50)))
    print(*sorted({one.secret for one in got}))

asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2])))
"""


@pytest.mark.parametrize("where", ["state.db", "a file"])
def test_processes_on_one_home_make_one_post(home: Home, server: TokenServer, where: str):
    server.delay = 0.3
    if where == "a file":
        home.add("", creds_file_path=str(home.file()))
    else:
        home.add(login())
    command = [sys.executable, "-c", PROCESS, str(home.folder), str(time.time() + 4)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=60)[0].strip() for process in processes] == ["access-1"] * 3
    assert len(server.posts) == 1
    assert not server.revoked


async def test_who_goes_away_takes_no_refresh_with_him(home: Home, server: TokenServer):
    server.delay = 0.2
    refresher, credential = home.refresher(), home.add(login())
    waiting = asyncio.create_task(refresher.acquire(PROVIDER, credential))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await refresher.close(5)
    assert home.kept()["refresh_token"] == "refresh-1"


# -- shared with the tool that owns the file


async def test_a_file_is_written_back_for_its_tool(home: Home):
    path = home.file(subscriptionType="max")
    got = await home.refresher().acquire(PROVIDER, home.add("", creds_file_path=str(path)))
    assert got.secret == "access-1"
    assert got.settings["login"]["subscription_type"] == "max"
    assert in_file(path)["accessToken"] == "access-1"
    assert in_file(path)["refreshToken"] == "refresh-1"
    assert in_file(path)["expiresAt"] > time.time() * 1000
    assert json.loads(path.read_text())["mcpOAuth"] == {"keep": "me"}
    assert path.stat().st_mode & 0o777 == 0o640
    assert home.state.credentials["a"].secret == ""


async def test_what_its_tool_has_renewed_is_adopted(home: Home, server: TokenServer):
    refresher, path = home.refresher(), home.file(accessToken="first", expiresAt=(time.time() + 3600) * 1000)
    credential = home.add("", creds_file_path=str(path))
    assert (await refresher.acquire(PROVIDER, credential)).secret == "first"
    home.file(accessToken="theirs", refreshToken="theirs", expiresAt=(time.time() + 7200) * 1000)
    assert (await refresher.acquire(PROVIDER, credential)).secret == "theirs"
    assert server.posts == []


async def test_a_login_that_its_tool_makes_during_our_post_is_not_overwritten(home: Home, server: TokenServer):
    server.delay = 0.3
    refresher, path = home.refresher(), home.file()
    waiting = asyncio.create_task(refresher.acquire(PROVIDER, home.add("", creds_file_path=str(path))))
    await asyncio.sleep(0.1)
    home.file(accessToken="another-login", refreshToken="another", expiresAt=(time.time() + 3600) * 1000)
    assert (await waiting).secret == "another-login"
    assert in_file(path)["refreshToken"] == "another"


async def test_a_refusal_because_its_tool_was_first_is_no_failure(home: Home, server: TokenServer):
    server.delay = 0.3
    server.good = "what the tool has got meanwhile"
    refresher, path = home.refresher(), home.file()
    waiting = asyncio.create_task(refresher.acquire(PROVIDER, home.add("", creds_file_path=str(path))))
    await asyncio.sleep(0.1)
    home.file(accessToken="theirs", refreshToken=server.good, expiresAt=(time.time() + 3600) * 1000)
    assert (await waiting).secret == "theirs"
    assert len(server.posts) == 1


async def test_what_the_file_cannot_take_is_held_until_it_can(home: Home, server: TokenServer, monkeypatch):
    path = home.file()
    credential = home.add("", creds_file_path=str(path))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(token_sources, "replace_text", full)
    assert (await home.refresher().acquire(PROVIDER, credential)).secret == "access-1"
    assert in_file(path)["refreshToken"] == "refresh-0"
    again = home.refresher(home.open_state())  # after a restart
    assert (await again.acquire(PROVIDER, credential)).secret == "access-1"
    assert len(server.posts) == 1
    monkeypatch.setattr(token_sources, "replace_text", private_file.replace_text)
    used = await again.acquire(PROVIDER, credential)
    fresh = await again.renew(PROVIDER, used)
    assert fresh is not None and fresh.secret == "access-2"
    assert in_file(path)["refreshToken"] == "refresh-2"
    assert home.open_state().credentials["a"].secret == ""


async def test_what_can_be_written_nowhere_is_used_all_the_same(home: Home, server: TokenServer, monkeypatch):
    refresher, credential = home.refresher(), home.add(login())

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(StateStore, "change_secret", fail)
        assert (await refresher.acquire(PROVIDER, credential)).secret == "access-1"
        assert (await refresher.acquire(PROVIDER, credential)).secret == "access-1"
    assert home.kept()["refresh_token"] == "refresh-0"
    used = await refresher.acquire(PROVIDER, credential)
    assert (await refresher.renew(PROVIDER, used)) is not None
    assert home.kept()["refresh_token"] == "refresh-2"
    assert not server.revoked


BROKEN = {
    "gone": (None, "No such file"),
    "empty": ("", "not valid JSON"),
    "half written": ('{"claudeAiOauth": {"acc', "not valid JSON"),
    "logged out": ("{}", "there is no login in it"),
}


@pytest.mark.parametrize(("text", "said"), BROKEN.values(), ids=BROKEN)
async def test_a_file_without_a_login_says_so_and_stays_as_it_is(home: Home, text: str | None, said: str):
    path = home.file()
    credential = home.add("", creds_file_path=str(path))
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(UnavailableError, match=said):
        await home.refresher().acquire(PROVIDER, credential)
    assert not path.exists() if text is None else path.read_text() == text


# -- failures


async def test_a_service_that_stumbles_is_asked_again(home: Home, server: TokenServer):
    server.faults.extend([(503, b"busy", {}), (200, b"<html>", {})])
    assert (await home.refresher().acquire(PROVIDER, home.add(login()))).secret == "access-1"
    assert len(server.posts) == 3


async def test_after_a_failure_it_is_left_alone_for_a_while(home: Home, server: TokenServer, monkeypatch):
    monkeypatch.setattr(refresh, "BACKOFF", (0.2,))
    server.faults.extend([(503, b"busy", {})] * 3)
    refresher, credential = home.refresher(), home.add(login())
    for _ in range(2):
        with pytest.raises(UnavailableError) as caught:
            await refresher.acquire(PROVIDER, credential)
        assert caught.value.info.status == 503
    assert len(server.posts) == 3
    assert home.kept()["refresh_token"] == "refresh-0"
    await asyncio.sleep(0.25)
    assert (await refresher.acquire(PROVIDER, credential)).secret == "access-1"


async def test_a_failure_ahead_of_expiry_harms_nobody(home: Home, server: TokenServer):
    server.faults.extend([(503, b"busy", {})] * 3)
    refresher, credential = home.refresher(), home.add(login(120))
    for _ in range(3):
        assert (await refresher.acquire(PROVIDER, credential)).secret == "access-0"
        await refresher.close(5)
    assert len(server.posts) == 3


async def test_a_wait_that_the_service_names_is_kept(home: Home, server: TokenServer):
    server.faults.append((429, {"error": "slow_down"}, {"retry-after": "40"}))
    refresher, credential = home.refresher(), home.add(login())
    for _ in range(2):
        with pytest.raises(UnavailableError) as caught:
            await refresher.acquire(PROVIDER, credential)
        assert caught.value.info.retry_after == 40
    assert len(server.posts) == 1


async def test_a_login_that_is_over_is_asked_once_and_says_so(home: Home, server: TokenServer):
    server.revoked = True
    refresher, credential = home.refresher(), home.add(login())
    for _ in range(3):
        with pytest.raises(UnavailableError, match="invalid_grant") as caught:
            await refresher.acquire(PROVIDER, credential)
        assert (caught.value.info.status, caught.value.info.code) == (401, "login_expired")
    assert len(server.posts) == 1
    assert home.kept()["refresh_token"] == "refresh-0"


async def test_a_new_login_is_taken_at_once(home: Home, server: TokenServer):
    server.revoked = True
    refresher, credential = home.refresher(), home.add(login())
    with pytest.raises(UnavailableError):
        await refresher.acquire(PROVIDER, credential)
    home.state.change_secret("a", lambda _: login(3600, "another", "signed-in-again"))
    assert (await refresher.acquire(PROVIDER, credential)).secret == "signed-in-again"


async def test_a_login_that_is_over_has_a_fingerprint_that_another_login_or_setting_changes(
    home: Home, server: TokenServer
):
    server.revoked = True
    refresher, credential = home.refresher(), home.add("", creds_file_path=str(home.file()))
    with pytest.raises(LoginOverError) as caught:
        await refresher.acquire(PROVIDER, credential)
    assert refresher.basis(PROVIDER, credential) == caught.value.basis
    home.file(accessToken="access-9")
    assert refresher.basis(PROVIDER, credential) == caught.value.basis, "what cannot be renewed is the same"
    home.file(refreshToken="another")
    assert refresher.basis(PROVIDER, credential) != caught.value.basis
    home.file()
    assert refresher.basis(PROVIDER, credential) == caught.value.basis
    settings = {**credential.settings, "token_url": server.url + "/other"}
    home.state.update_credential(replace(credential, settings=settings))
    assert refresher.basis(PROVIDER, credential) != caught.value.basis


async def test_who_is_told_to_try_again_asks_again(home: Home, server: TokenServer):
    server.faults.append((400, {"error": "invalid_grant"}, {}))
    refresher, credential = home.refresher(), home.add(login())
    for _ in range(2):
        with pytest.raises(LoginOverError):
            await refresher.acquire(PROVIDER, credential)
    refresher.forgive("a")
    assert (await refresher.acquire(PROVIDER, credential)).secret == "access-1"


@pytest.mark.parametrize(("text", "age", "over"), [("{", 0, False), ("{", 60, True), (None, 0, True)])
async def test_a_file_that_its_tool_may_be_writing_is_not_the_end(home: Home, text: str | None, age: float, over: bool):
    path = home.file()
    credential = home.add("", creds_file_path=str(path))
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
        os.utime(path, (time.time() - age,) * 2)
    with pytest.raises(UnavailableError) as caught:
        await home.refresher().acquire(PROVIDER, credential)
    assert isinstance(caught.value, LoginOverError) == over


async def test_without_a_refresh_token_an_expired_login_says_so(home: Home, server: TokenServer):
    with pytest.raises(UnavailableError, match="nothing can renew it"):
        await home.refresher().acquire(PROVIDER, home.add(login(refresh_token="")))
    assert server.posts == []


async def test_a_service_that_does_not_rotate_keeps_its_token(home: Home, server: TokenServer):
    server.rotates, server.lifetime = False, 1.0
    refresher, credential = home.refresher(), home.add(login())
    got = [(await refresher.acquire(PROVIDER, credential)).secret for _ in range(3)]
    assert got == ["access-1", "access-2", "access-3"]
    assert home.kept()["refresh_token"] == "refresh-0"


@pytest.mark.parametrize("url", ["http://auth.example/token", "ftp://127.0.0.1/", "nonsense"])
async def test_a_login_is_sent_over_tls_or_not_at_all(home: Home, url: str):
    with pytest.raises(UnavailableError, match="is not sent to"):
        await home.refresher().acquire(PROVIDER, home.add(login(), token_url=url))


@pytest.mark.parametrize("secret", ["{}", '{"something": "else"}', "[]", "{broken"])
async def test_a_secret_that_is_no_login_is_said(home: Home, secret: str):
    with pytest.raises(UnavailableError, match="is no login"):
        await home.refresher().acquire(PROVIDER, home.add(secret))


async def test_a_bare_token_or_key_is_used_as_it_is_and_never_renewed(home: Home, server: TokenServer):
    refresher, credential = home.refresher(), home.add("just-a-key")
    got = await refresher.acquire(PROVIDER, credential)
    assert got.secret == "just-a-key"
    assert await refresher.renew(PROVIDER, got) is None
    assert server.posts == []


async def test_what_belongs_to_a_login_of_our_own_is_kept_through_a_renewal(home: Home, server: TokenServer):
    server.faults.append((200, {"access_token": "new", "expires_in": 60, "token_type": "Bearer", "place": "there"}, {}))
    secret = json.dumps({**json.loads(login()), "account": {"id": 7}, "place": "here"})
    got = await home.refresher().acquire(PROVIDER, home.add(secret))
    assert (got.secret, got.settings["login"]["account"], got.settings["login"]["place"]) == ("new", {"id": 7}, "there")
    kept = home.kept()
    assert {n: v for n, v in kept.items() if n not in ("access_token", "refresh_token", "expires_at")} == {
        "account": {"id": 7},
        "place": "there",
    }


async def test_the_tools_own_form_can_be_pasted_as_a_secret(home: Home):
    pasted = home.file().read_text()
    assert (await home.refresher().acquire(PROVIDER, home.add(pasted))).secret == "access-1"
    assert home.kept()["claudeAiOauth"]["refreshToken"] == "refresh-1"
    assert home.kept()["mcpOAuth"] == {"keep": "me"}


async def test_every_token_is_known_as_a_secret(home: Home):
    refresher = home.refresher()
    before = refresher.version
    await refresher.acquire(PROVIDER, home.add(login()))
    assert {"access-1", "refresh-1"} <= refresher.secrets
    assert refresher.version > before


async def test_nothing_is_left_in_the_home(home: Home):
    await home.refresher().acquire(PROVIDER, home.add(login()))
    assert [path for path in home.folder.iterdir() if "lock" in path.name] == []
