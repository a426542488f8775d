"""On a terminal, `credentials add` asks what the provider's schema says; secrets are not echoed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from addons.cli import questions
from addons.config.home import Home
from addons.providers.api import Manifest, Provider
from addons.providers.registry import Registry
from addons.vault.oauth import OAuth
from addons.vault.store import StateStore

SECRET = "sk-" + "test-0123456789abcdef"
SCHEMA: dict[str, Any] = {
    "required": ["region", "secret"],
    "properties": {
        "secret": {
            "title": "API key; empty: two parts",
            "properties": {"id": {"title": "Key id"}, "key": {"title": "Key itself"}},
        },
        "region": {"type": "string", "title": "Region"},
        "api": {"type": "string", "enum": ["new", "old"], "title": "Dialect"},
        "retries": {"type": "integer", "minimum": 0, "title": "Retries"},
    },
}
PLAIN = Manifest(id="asked", name="Asked", protocols=("anthropic",), credential_schema=SCHEMA)
LOGIN = replace(
    PLAIN,
    id="login",
    name="Login",
    group="oauth",
    terms="For its own client alone.",
    oauth=OAuth("https://auth.example"),
    credential_schema={"properties": {"secret": {"title": "Login"}}},
)


BASED = replace(
    PLAIN,
    id="based",
    credential_schema={
        "required": ["base_url", "secret"],
        "properties": {"secret": {"title": "API key"}, "base_url": {"type": "string", "title": "Base URL"}},
    },
)


@pytest.fixture(autouse=True)
def providers(monkeypatch: pytest.MonkeyPatch) -> None:
    def made() -> Registry:
        registry = Registry()
        for manifest in (PLAIN, LOGIN, BASED):
            registry.register(Provider(manifest))
        return registry

    monkeypatch.setattr("addons.cli.context.built_in", made)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who types."""
    monkeypatch.setattr(questions, "interactive", lambda: True)


@pytest.fixture
def kept(home: Home):
    return lambda name: StateStore(home.state, home.vault_key).credentials[name]


def test_every_field_is_asked_for_in_order(terminal, command, kept):
    result = command("credentials", "add", "asked", given=f"mine\neu-1\nold\n3\n{SECRET}\n")
    assert result.exit_code == 0, result.output
    assert (kept("mine").settings, kept("mine").secret) == ({"region": "eu-1", "api": "old", "retries": 3}, SECRET)
    asked = [result.stderr.index(word) for word in ("Name", "Region", "Dialect [new/old]", "Retries", "API key")]
    assert asked == sorted(asked)


def test_the_secret_is_not_echoed(terminal, command):
    result = command("credentials", "add", "asked", "--name", "a", given=f"eu-1\n\n\n{SECRET}\n")
    assert result.exit_code == 0
    assert SECRET not in result.output


def test_what_is_needed_is_asked_for_until_it_is_there_and_fits(terminal, command, kept):
    answers = ["", "", "eu-1", "newest", "new", "-1", "some", "", SECRET]
    result = command("credentials", "add", "asked", "--name", "a", given="\n".join(answers) + "\n")
    assert result.exit_code == 0, result.output
    assert kept("a").settings == {"region": "eu-1", "api": "new"}
    assert "api must be one of new, old" in result.stderr
    assert "retries must be at least 0" in result.stderr


def test_a_secret_of_several_fields_becomes_json(terminal, command, kept):
    command("credentials", "add", "asked", "--name", "a", given="eu-1\n\n\n\nthe-id\nthe-key\n")
    assert json.loads(kept("a").secret) == {"id": "the-id", "key": "the-key"}


def test_what_is_given_is_not_asked_for(terminal, command, kept):
    options = ("--set", "region=eu-1", "--set", "api=new", "--set", "retries=1")
    result = command("credentials", "add", "asked", "--name", "a", *options, given=f"{SECRET}\n")
    assert "Region" not in result.stderr
    assert kept("a").settings == {"region": "eu-1", "api": "new", "retries": 1}


def test_without_a_terminal_nothing_is_asked(refused):
    assert "--name is needed" in refused("credentials", "add", "asked", given=SECRET, status=2)
    assert "asked needs --set region" in refused("credentials", "add", "asked", "--name", "a", given=SECRET, status=2)


def test_the_terms_of_a_login_are_agreed_to_first(terminal, command, kept):
    said_no = command("credentials", "add", "login", "--name", "a", given="n\n")
    assert said_no.exit_code == 1
    assert "For its own client alone." in said_no.stderr
    command("credentials", "add", "login", "--name", "a", given='y\n{"access_token": "x"}\n')
    assert kept("a").secret == '{"access_token": "x"}'


def test_a_script_agrees_by_an_option(command, done, kept):
    result = command("credentials", "add", "login", "--name", "a", given='{"access_token": "x"}')
    assert (result.exit_code, "--accept-terms" in result.stderr) == (2, True)
    done("credentials", "add", "login", "--name", "a", "--accept-terms", given='{"access_token": "x"}')
    assert kept("a").provider == "login"


def test_a_login_may_stay_in_its_tools_file(done, kept, tmp_path):
    (tmp_path / "login.json").write_text("{}")
    done(
        "credentials",
        "add",
        "login",
        "--name",
        "a",
        "--accept-terms",
        "--set",
        f"creds_file_path={tmp_path}/login.json",
    )
    assert kept("a").secret == ""


def test_an_address_is_asked_for_until_it_is_one(terminal, command, kept):
    answers = ["api.example", "https://api.example:99999/v1", "https://api.example/v1", SECRET]
    result = command("credentials", "add", "based", "--name", "a", given="\n".join(answers) + "\n")
    assert result.exit_code == 0, result.output
    assert kept("a").settings == {"base_url": "https://api.example/v1"}
    assert result.stderr.count("is no http or https URL") == 2
