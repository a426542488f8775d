"""Settings as people type them become what the gateway reads; what does not fit is said and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from addons.config.home import Home
from addons.vault.credential import shown_settings
from addons.vault.store import StateStore

SECRET = "sk-" + "test-0123456789abcdef"


@pytest.fixture
def kept(home: Home):
    return lambda name="a": StateStore(home.state, home.vault_key).credentials[name]


FITTING: dict[str, tuple[str, Any]] = {
    "a number": ("max_concurrent=4", 4),
    "a fraction": ("min_interval=0.5", 0.5),
    "a share": ("reserve=10%", "10%"),
    "a list": ("excluded_models=gpt-4*, o1", ["gpt-4*", "o1"]),
    "a list as JSON": ('served_models=["gpt-*"]', ["gpt-*"]),
    "an object": ('models={"opus": "gpt-5.5"}', {"opus": "gpt-5.5"}),
    "headers": ('headers={"x-team": "blue"}', {"x-team": "blue"}),
    "what a model can take": (
        'target={"thinking": "effort", "efforts": ["low"]}',
        {"thinking": "effort", "efforts": ["low"]},
    ),
    "time limits": ('timeouts={"whole": 30}', {"whole": 30}),
    "a URL": ("proxy_url=http://127.0.0.1:3128", "http://127.0.0.1:3128"),
    "text that looks like a list": ("organization=[x", "[x"),
}


@pytest.mark.parametrize(("pair", "value"), FITTING.values(), ids=FITTING)
@pytest.mark.parametrize("command_name", ["add", "edit"])
def test_a_setting_gets_its_type(done, kept, command_name: str, pair: str, value: Any):
    extra = ("--set", pair) if command_name == "add" else ()
    done("credentials", "add", "openai", "--name", "a", *extra, given=SECRET)
    if command_name == "edit":
        done("credentials", "edit", "a", "--set", pair)
    assert kept().settings == {pair.partition("=")[0]: value}


UNFITTING = {
    "no number": ("max_concurrent=many", "max_concurrent must be a whole number, not 'many'"),
    "too small": ("max_concurrent=0", "max_concurrent must be at least 1"),
    "no share": ("reserve=150%", "reserve: '150%' is no share"),
    "no object": ("headers=x-team", "headers must be a JSON object"),
    "no URL": ("base_url=localhost:8000", "base_url: 'localhost:8000' is no http or https URL"),
    "no file": ("ca_file=/missing.pem", "ca_file: there is no file /missing.pem"),
    "no time limit": ('timeouts={"whol": 3}', "timeouts: whol"),
    "no choice": ("api=soap", "api must be one of chat, responses"),
    "no port": ("base_url=https://api.example:99999/v1", "is no http or https URL"),
    "no host": ("proxy_url=http://:3128", "proxy_url: 'http://:3128' is no http or https URL"),
    "no finite number": ("min_interval=nan", "min_interval must be a number, not 'nan'"),
    "no pattern": ("excluded_models=[1, 2]", "excluded_models: 1 is no name or pattern"),
    "no model": ('models={"a": 3}', "models: 3 is no name of a model"),
    "no header name": ('headers={"x y": "b"}', "headers: 'x y' is no name of a header"),
    "no header": ('headers={"x-y": "a\\nb"}', "headers: what x-y says must be one line"),
    "no fact of a model": ('target={"foo": 1}', "target: there is no 'foo' (there are: default_max_tokens,"),
    "no value of such a fact": ('target={"thinking": "deep"}', "target: thinking: Input should be"),
}


@pytest.mark.parametrize(("pair", "said"), UNFITTING.values(), ids=UNFITTING)
def test_a_setting_that_does_not_fit_changes_nothing(done, refused, kept, pair: str, said: str):
    done("credentials", "add", "openai", "--name", "a", given=SECRET)
    assert said in refused("credentials", "edit", "a", "--set", pair, status=2)
    assert kept().settings == {}


def test_a_ca_file_that_is_there_is_taken(done, kept, tmp_path: Path):
    (tmp_path / "ca.pem").write_text("x")
    done("credentials", "add", "openai", "--name", "a", "--set", f"ca_file={tmp_path}/ca.pem", given=SECRET)
    assert kept().settings == {"ca_file": f"{tmp_path}/ca.pem"}


def test_weight_and_priority_are_its_place_among_others(done, kept):
    done("credentials", "add", "openai", "--name", "a", "--weight", "3", given=SECRET)
    done("credentials", "edit", "a", "--priority", "7")
    assert (kept().weight, kept().priority) == (3, 7)
    done("credentials", "edit", "a", "--weight", "5")
    assert (kept().weight, kept().priority) == (5, 7)


def test_editing_does_not_undo_a_refresh_of_another_process(done, kept, home: Home, monkeypatch):
    """The gateway may renew a login between our reading and our writing."""
    done("credentials", "add", "openai", "--name", "a", given="old-login")
    gateway = StateStore(home.state, home.vault_key)
    update = StateStore.update_credential

    def late(self: StateStore, *arguments: Any, **options: Any) -> None:
        gateway.change_secret("a", lambda _: "new-login")
        update(self, *arguments, **options)

    monkeypatch.setattr(StateStore, "update_credential", late)
    for arguments in (("edit", "a", "--priority", "1"), ("disable", "a"), ("enable", "a")):
        gateway.change_secret("a", lambda _: "old-login")
        done("credentials", *arguments)
        assert kept().secret == "new-login"


@pytest.mark.parametrize("arguments", [("edit", "a", "--priority", "2"), ("disable", "a"), ("enable", "a")])
def test_a_change_tells_scripts_what_came_of_it(done, read, arguments: tuple[str, ...]):
    done("credentials", "add", "openai", "--name", "a", given=SECRET)
    assert read("credentials", *arguments) == read("credentials", "show", "a")


def test_adding_and_removing_tell_scripts(read):
    assert read("credentials", "add", "openai", "--name", "a", given=SECRET) == {"name": "a", "provider": "openai"}
    assert read("credentials", "remove", "a") == {"removed": "a"}


HIDDEN = {
    "client_secret": "hush-hush-hush-hush",
    "headers": {"Authorization": "Bearer hush-hush-hush", "x-api-key": "hush-hush-hush-hush", "cookie": "hush"},
    "proxy_url": "http://me:hush@proxy.example:3128",
}
SHOWN = {"token_url": "https://auth.example", "max_concurrent": 3, "headers": {"x-team": "blue"}, "models": {"a": "b"}}


def test_secrets_in_settings_are_masked(done):
    pairs = [f"{k}={json.dumps(v) if isinstance(v, dict) else v}" for k, v in HIDDEN.items()]
    options = [part for pair in pairs for part in ("--set", pair)]
    done("credentials", "add", "openai", "--name", "a", *options, given=SECRET)
    for arguments in (("list",), ("list", "--json"), ("show", "a", "--json")):
        shown = done("credentials", *arguments)
        assert "hush-hush-hush" not in shown
        assert "me:hush" not in shown
        assert "proxy.example:3128" in shown


def test_everything_else_is_shown():
    assert shown_settings(SHOWN) == SHOWN
