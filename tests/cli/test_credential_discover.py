"""`proxycast credentials discover`: shows what there is, adds what it is told to, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from addons.cli import context, questions
from addons.cli.context import USAGE_ERROR
from addons.config.home import Home
from addons.vault import sources
from addons.vault.store import StateStore

KEY, OTHER = "sk-" + "first-0123456789abcdef", "sk-" + "other-0123456789abcdef"


@pytest.fixture(autouse=True)
def machine(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two keys in the environment, a login without a provider in a file; nothing of whoever runs the tests."""
    import os

    from addons.providers.registry import built_in

    registry = built_in()
    used = {name for provider in (*registry, *registry.presets()) for name in provider.manifest.env}
    for name in used | set(sources.VARIABLES) | {"CLAUDE_CONFIG_DIR", "CODEX_HOME"}:
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in os.environ if name.endswith("_BASE_URL")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("GROQ_API_KEY", OTHER)
    login = home.path.parent / ".gemini" / "oauth_creds.json"
    login.parent.mkdir()
    login.write_text('{"access_token": "access-0123456789", "refresh_token": "refresh-0123456789"}')
    registry.unregister("gemini_oauth")
    monkeypatch.setattr(context, "built_in", lambda: registry)


def names(home: Home) -> list[str]:
    return list(StateStore(home.state, home.vault_key).credentials)


def test_it_shows_what_there_is_and_adds_nothing(done, read, home: Home):
    rows = {row["name"]: row["state"] for row in read("credentials", "discover")}
    assert rows == {"gemini-login": "no provider yet", "openai": "ready", "groq": "ready"}
    assert names(home) == []
    for shown in (done("credentials", "discover"), done("credentials", "discover", "--json")):
        for secret in (KEY, OTHER, "access-0123456789", "refresh-0123456789"):
            assert secret not in shown


def test_a_script_adds_what_is_ready(done, read, home: Home):
    rows = read("credentials", "discover", "--add")
    assert [row["name"] for row in rows if row["added"]] == ["openai", "groq"]
    assert names(home) == ["openai", "groq"]
    assert StateStore(home.state, home.vault_key).credentials["openai"].secret == KEY
    assert {row["state"] for row in read("credentials", "discover")} == {"no provider yet", "already added"}
    assert [row["added"] for row in read("credentials", "discover", "--add")] == [False] * 3


def test_one_may_be_chosen(done, refused, home: Home):
    done("credentials", "discover", "--add", "--only", "groq")
    assert names(home) == ["groq"]
    assert "nothing named 'x'" in refused("credentials", "discover", "--add", "--only", "x")


def test_on_a_terminal_each_is_asked_for(command, home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(questions, "interactive", lambda: True)
    result = command("credentials", "discover", "--add", given="n\ny\n")
    assert "Add openai (OpenAI API, key, from OPENAI_API_KEY)?" in result.stderr
    assert names(home) == ["groq"]


def test_an_answer_of_nothing_is_no(command, home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(questions, "interactive", lambda: True)
    assert "nothing was added" in command("credentials", "discover", "--add", given="\n\n").stderr
    assert names(home) == []


@pytest.fixture
def codex(home: Home) -> Path:
    login = home.path.parent / ".codex" / "auth.json"
    login.parent.mkdir()
    login.write_text('{"tokens": {"access_token": "access-0123456789", "refresh_token": "refresh-0123456789"}}')
    return login


def test_nothing_is_added_until_the_terms_of_a_login_are_agreed_to(codex: Path, command, home: Home):
    result = command("credentials", "discover", "--add", "--only", "codex-login")
    assert result.exit_code == USAGE_ERROR
    assert "--accept-terms" in result.stderr
    assert names(home) == []


def test_a_login_whose_terms_nobody_agreed_to_keeps_no_key_back(codex: Path, command, home: Home):
    result = command("credentials", "discover", "--add")
    assert result.exit_code == USAGE_ERROR
    assert "the terms of codex-login must be agreed to: --accept-terms" in result.stderr
    assert names(home) == ["openai", "groq"]


def test_who_does_not_agree_to_the_terms_of_one_is_asked_for_the_others(
    codex: Path, command, home: Home, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(questions, "interactive", lambda: True)
    result = command("credentials", "discover", "--add", "--no-check", given="y\nn\ny\ny\n")
    assert (result.exit_code, names(home)) == (0, ["openai", "groq"])


def test_a_login_stays_in_the_file_of_its_tool(codex: Path, done, home: Home):
    done("credentials", "discover", "--add", "--only", "codex-login", "--accept-terms", "--no-check")
    added = StateStore(home.state, home.vault_key).credentials["codex-login"]
    assert (added.secret, added.settings["creds_file_path"]) == ("", str(codex))


def test_an_env_file_on_request(read, refused, tmp_path: Path):
    (tmp_path / ".env").write_text("DEEPSEEK_API_KEY=" + "sk-" + "deep-0123456789abcdef")
    rows = read("credentials", "discover", "--env-file", str(tmp_path / ".env"))
    assert rows[-1]["name"] == "deepseek"
    assert rows[-1]["place"] == f"DEEPSEEK_API_KEY in {tmp_path}/.env"
    assert "cannot read" in refused("credentials", "discover", "--env-file", str(tmp_path / "missing"))
