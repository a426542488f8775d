"""`proxycast client`: coding agents are pointed at the gateway and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from addons.config.home import Home
from addons.vault.keys import find
from addons.vault.store import StateStore
from tests.clients.test_pointing import BEFORE


@pytest.fixture
def user(home: Home, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME", "GEMINI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    return home.path.parent


def row(read, name: str) -> dict:
    [found] = [row for row in read("client", "list") if row["client"] == name]
    return found


def test_a_connected_client_has_a_key_of_its_own_that_the_gateway_takes(done, read, user: Path, home: Home):
    done("client", "connect", "claude-code")
    env = json.loads((user / ".claude/settings.json").read_text())["env"]
    assert env["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:8999"
    made = StateStore(home.state, home.vault_key).find_key(env["ANTHROPIC_AUTH_TOKEN"])
    assert made is not None
    assert made.name == "claude-code"
    assert row(read, "claude-code")["connected"] == "yes"
    assert row(read, "codex")["connected"] == "no"


def test_its_key_is_shown_nowhere(command, user: Path):
    shown = command("client", "connect", "claude-code").output
    again = command("client", "connect", "claude-code", "--json").output
    key = json.loads((user / ".claude/settings.json").read_text())["env"]["ANTHROPIC_AUTH_TOKEN"]
    listed = command("client", "list", "--json").output
    assert key not in shown + again + listed
    assert "ANTHROPIC_AUTH_TOKEN" in shown


@pytest.mark.parametrize("name", BEFORE)
def test_disconnected_it_is_as_it_was_and_its_key_is_gone(done, read, user: Path, name: str):
    file, text = user / BEFORE[name][0], BEFORE[name][1]
    file.parent.mkdir(parents=True)
    file.write_bytes(text.encode())
    done("client", "connect", name, "--model", "m")
    assert file.read_bytes() != text.encode()
    assert [key["name"] for key in read("keys", "list")] == [name]
    assert read("client", "disconnect", name) == [
        {"client": name, "left": [], "files": [str(path) for path in _changed(name, user)]}
    ]
    assert file.read_bytes() == text.encode()
    assert read("keys", "list") == []
    assert row(read, name)["connected"] == "no"


def _changed(name: str, user: Path) -> list[Path]:
    beside = {"gemini-cli": [".gemini/settings.json"], "qwen-code": [".qwen/settings.json"]}
    return [user / path for path in (BEFORE[name][0], *beside.get(name, ()))]


def test_connected_anew_it_goes_back_to_what_stood_there_first(done, read, user: Path):
    file = user / ".codex/config.toml"
    file.parent.mkdir()
    file.write_text('model = "first"\n')
    done("client", "connect", "codex", "--model", "a")
    done("client", "connect", "codex", "--model", "b", "--url", "http://gateway.internal:9000/")
    assert 'model = "b"' in file.read_text()
    assert row(read, "codex")["base_url"] == "http://gateway.internal:9000/v1"
    assert [key["name"] for key in read("keys", "list")] == ["codex"]
    done("client", "disconnect", "--all")
    assert file.read_text() == 'model = "first"\n'


def test_a_key_of_the_users_with_that_name_is_left_alone(done, read, user: Path):
    done("keys", "create", "codex")
    done("client", "connect", "codex")
    assert [key["name"] for key in read("keys", "list")] == ["codex", "codex-2"]
    done("client", "disconnect", "codex")
    assert [key["name"] for key in read("keys", "list")] == ["codex"]


def test_its_key_may_be_pinned_to_a_profile(done, read, refused, user: Path):
    done("credentials", "add", "demo", "--name", "d")
    done("profiles", "add", "cheap", "--use", "d")
    done("client", "connect", "codex", "--profile", "cheap")
    assert [key["profile"] for key in read("keys", "list")] == ["cheap"]
    assert "no profile 'dear'" in refused("client", "connect", "gemini-cli", "--profile", "dear")


def test_a_dry_run_shows_everything_and_changes_nothing(done, read, user: Path):
    said = done("client", "connect", "codex", "--dry-run")
    assert str(user / ".codex/config.toml") in said
    assert "model_provider" in said
    assert not (user / ".codex").exists()
    assert read("keys", "list") == []


def test_where_the_gateway_listens_is_what_the_client_is_told(done, read, user: Path, home: Home):
    home.ensure()
    home.config.write_text('[gateway]\nhost = "0.0.0.0"\nport = 9001\n')
    done("client", "connect", "qwen-code")
    assert row(read, "qwen-code")["base_url"] == "http://127.0.0.1:9001/v1"


def test_a_client_that_must_be_told_its_models_asks_for_them(refused, read, user: Path):
    said = refused("client", "connect", "opencode", "--url", "http://127.0.0.1:1")
    assert "--model" in said
    assert read("keys", "list") == []
    assert row(read, "opencode")["connected"] == "no"


def test_a_file_that_cannot_be_changed_leaves_all_as_it_was(refused, read, user: Path):
    file = user / ".claude/settings.json"
    file.parent.mkdir()
    file.write_text("{ // mine\n}")
    assert "comments in it would be lost" in refused("client", "connect", "claude-code")
    assert file.read_text() == "{ // mine\n}"
    assert read("keys", "list") == []
    assert row(read, "claude-code")["connected"] == "no"


def test_a_variable_of_the_shell_that_wins_is_said(command, user: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GEMINI_API_KEY", "mine")
    assert "GEMINI_API_KEY is set in this shell" in command("client", "connect", "gemini-cli").stderr


def test_what_was_changed_since_is_seen_and_said(command, done, read, user: Path):
    done("client", "connect", "claude-code")
    file = user / ".claude/settings.json"
    file.write_text(file.read_text().replace("http://127.0.0.1:8999", "https://elsewhere"))
    assert row(read, "claude-code")["connected"] == "changed since"
    result = command("client", "disconnect", "claude-code")
    assert result.exit_code == 0
    assert "left as it is: env.ANTHROPIC_BASE_URL" in result.stderr


def test_without_the_vaults_key_it_can_still_be_forgotten(done, refused, read, user: Path, home: Home):
    done("client", "connect", "claude-code")
    home.vault_key.write_bytes(Fernet.generate_key())
    assert "--forget" in refused("client", "disconnect", "claude-code")
    assert row(read, "claude-code")["connected"] == "what stood there cannot be opened"
    file = (user / ".claude/settings.json").read_text()
    done("client", "disconnect", "claude-code", "--forget")
    assert (user / ".claude/settings.json").read_text() == file
    assert read("keys", "list") == []


@pytest.mark.parametrize(
    ("arguments", "said", "status"),
    [
        (["connect", "emacs"], "", 2),
        (["connect", "codex", "--url", "localhost:8999"], "is like http", 2),
        (["connect", "codex", "--url", "http://localhost:8999/v1"], "without /v1", 2),
        (["disconnect", "codex"], "not connected", 1),
        (["disconnect"], "--all", 2),
    ],
)
def test_what_cannot_be_done_is_said(command, user: Path, arguments: list[str], said: str, status: int):
    result = command("client", *arguments)
    assert result.exit_code == status
    assert said in result.stderr


def test_the_key_in_the_file_is_known_by_its_hash_alone(done, user: Path, home: Home):
    done("client", "connect", "claude-code")
    key = json.loads((user / ".claude/settings.json").read_text())["env"]["ANTHROPIC_AUTH_TOKEN"]
    assert find(key, StateStore(home.state, home.vault_key).keys) is not None
    assert key.encode() not in b"".join(path.read_bytes() for path in home.path.iterdir() if path.is_file())
