"""`proxycast doctor`: each thing that commonly goes wrong is found, with what to do; 1 only when something is wrong."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from addons.cli import doctor
from addons.config.home import Home
from tests.e2e.gateway import free_port
from tests.loopback import Answer, Asked, Loopback

pytestmark = pytest.mark.slow  # starts processes, or works hard on purpose

SECRET = "sk-" + "test-0123456789"


@pytest.fixture
def wrong(command) -> Callable[[], dict[str, str]]:
    """What is wrong: check → what was found. The exit status must say the same."""

    def run() -> dict[str, str]:
        result = command("doctor", "--json")
        found = json.loads(result.stdout)
        bad = {one["check"]: one["found"] for one in found if one["state"] == "wrong"}
        assert result.exit_code == (1 if bad else 0)
        assert all(one["advice"] for one in found if one["state"] == "wrong")
        return bad

    return run


def write_ports(home: Home, **ports: int) -> None:
    """Ports of our own in config.toml, those that are not named free ones."""
    chosen = {name: ports.get(name) or free_port() for name in ("gateway", "proxy", "datasette")}
    home.config.write_text("".join(f"[{name}]\nport = {port}\n" for name, port in chosen.items()), encoding="utf-8")
    home.config.chmod(0o600)


@pytest.fixture
def nothing_listens(home: Home) -> None:
    """A port of our own: another gateway may run on this machine."""
    home.ensure()
    write_ports(home, gateway=free_port())


@pytest.fixture
def healthy(nothing_listens: None, done) -> str:
    return str(done("keys", "create", "laptop"))


def test_a_new_machine_has_nothing_wrong(nothing_listens: None, wrong):
    assert wrong() == {}


def test_a_used_home_has_nothing_wrong(healthy: str, done, wrong):
    done("credentials", "add", "openai", "--name", "a", given=SECRET)
    assert wrong() == {}


def test_it_can_be_read_by_people_too(healthy: str, done):
    text = done("doctor")
    assert "ok     config" in text
    assert "note   gateway" in text
    assert "→ scripts/run" in text


def test_files_that_others_can_read(healthy: str, home: Home, wrong):
    home.state.chmod(0o644)
    assert wrong() == {"home": f"others can read {home.state}"}


def test_a_broken_configuration(healthy: str, home: Home, wrong):
    home.config.write_text("[gateway\n", encoding="utf-8")
    assert "not valid TOML" in wrong()["config"]


def test_no_client_key(nothing_listens: None, done, wrong):
    done("keys", "create", "laptop")
    done("keys", "disable", "laptop")
    assert wrong() == {"keys": "no client key that works"}


def test_a_lost_vault_key(healthy: str, done, home: Home, wrong):
    done("credentials", "add", "openai", "--name", "a", given=SECRET)
    home.vault_key.unlink()
    assert "restore it from a backup" in wrong()["credentials"]


@pytest.mark.parametrize("setting", ["ca_file", "creds_file_path"])
def test_a_file_of_a_credential_that_is_gone(healthy: str, done, tmp_path: Path, wrong, setting: str):
    file = tmp_path / "file"
    file.write_text("x")
    done("credentials", "add", "openai", "--name", "a", "--set", f"{setting}={file}", given=SECRET)
    file.unlink()
    assert wrong() == {"credentials": f"a: its {setting} {file} cannot be read"}


def test_a_profile_that_names_what_is_not_there(healthy: str, done, wrong):
    done("credentials", "add", "openai", "--name", "a", given=SECRET)
    done("profiles", "add", "work", "--use", "a,demo")
    done("credentials", "remove", "a")
    assert wrong() == {"profiles": "profile 'work' names 'a', which is not there"}


def test_a_credential_of_a_provider_that_is_gone(healthy: str, done, home: Home, wrong):
    done("credentials", "add", "openai", "--name", "a", given=SECRET)
    with sqlite3.connect(home.state) as db:
        db.execute("UPDATE credentials SET provider = 'gone'")
    assert "there is no provider 'gone'" in wrong()["credentials"]


@pytest.mark.parametrize("name", ["state", "audit"])
def test_a_damaged_database(healthy: str, home: Home, wrong, name: str):
    path = getattr(home, name)
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    path.write_bytes(b"this is no database" * 100)
    path.chmod(0o600)
    assert len(wrong()) == 1


@contextmanager
def answering(home: Home, pages: dict[str, tuple[int, str]]) -> Iterator[None]:
    """Something that listens where the gateway should: path → status, body."""

    def answer(asked: Asked) -> Answer:
        status, body = pages.get(asked.path, (404, "no"))
        if asked.path == "/v1/models" and asked.headers.get("x-proxycast-key") != "good":
            status, body = 401, "{}"
        return status, body.encode(), {}

    server = Loopback(answer)
    write_ports(home, gateway=server.port)
    try:
        yield
    finally:
        server.close()


GATEWAY = {"/health": (200, '{"status": "ok", "config_error": null}'), "/v1/models": (200, "{}")}


def test_another_program_on_the_gateways_port(healthy: str, home: Home, wrong):
    with answering(home, {"/health": (200, "<html>")}):
        assert "is not ProxyCast" in wrong()["gateway"]


def test_a_gateway_that_keeps_older_settings(healthy: str, home: Home, wrong):
    with answering(home, {"/health": (200, '{"status": "ok", "config_error": "line 3"}')}):
        assert wrong() == {"gateway": "it keeps older settings: line 3"}


@pytest.mark.parametrize(("key", "found"), [("good", {}), ("bad", {"client key": "/v1/models answers HTTP 401"})])
def test_the_client_key_is_tried_in_earnest(
    healthy: str, home: Home, wrong, monkeypatch, key: str, found: dict[str, str]
):
    monkeypatch.setenv("PROXYCAST_KEY", key)
    with answering(home, GATEWAY):
        assert wrong() == found


@pytest.mark.parametrize("name", ["proxy", "datasette"])
def test_a_port_that_something_else_has(healthy: str, home: Home, wrong, name: str):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        write_ports(home, **{name: port})
        assert wrong() == {"ports": f"cannot listen on 127.0.0.1:{port}: Address already in use"}


def test_without_a_key_nothing_is_tried_and_it_says_how(healthy: str, home: Home, done):
    with answering(home, GATEWAY):
        assert "PROXYCAST_KEY=… proxycast doctor" in done("doctor")


def test_a_provider_of_ones_own_that_another_shadows(nothing_listens: None, home: Home, done, wrong):
    done("keys", "create", "laptop")
    with home.config.open("a") as file:
        file.write('[providers.openai]\nbase_url = "https://mine.example/v1"\n')
    assert wrong() == {"config": "[providers.openai] does nothing: a provider has that name already"}


def test_a_client_that_no_longer_comes_here_is_seen(nothing_listens: None, home: Home, done):
    done("client", "connect", "claude-code")
    done("client", "connect", "codex")
    assert "claude-code is pointed at http://127.0.0.1:" in done("doctor")
    file = home.path.parent / ".codex/config.toml"
    file.write_text(file.read_text().replace("http://127.0.0.1", "https://elsewhere"))
    said = done("doctor")
    assert "codex is pointed at https://elsewhere" in said
    assert "proxycast client connect codex" in said


def test_an_old_python_does_not_fit():
    assert not doctor.python_fits((3, 11))
    assert doctor.python_fits((3, 12))
