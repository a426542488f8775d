"""`proxycast credentials`: secrets come from standard input and are never shown."""

from __future__ import annotations

import time

import pytest

from addons.config.home import Home
from addons.pool.standing import Standing, State
from addons.pool.standing_store import StandingStore
from addons.vault.store import StateStore

SECRET = "sk-" + "test-0123456789abcdef"


@pytest.fixture
def kept(home: Home):
    """The credential as the gateway gets it."""
    return lambda name: StateStore(home.state, home.vault_key).credentials[name]


def test_add_keeps_the_secret_from_standard_input(done, kept):
    done("credentials", "add", "openai", "--name", "a", "--set", "api=chat", "--priority", "5", given=f"{SECRET}\n")
    assert (kept("a").secret, kept("a").settings, kept("a").priority) == (SECRET, {"api": "chat"}, 5)


def test_base_url_has_an_option_of_its_own(done, kept):
    done("credentials", "add", "openai_compatible", "--name", "a", "--base-url", "http://127.0.0.1:1/v1")
    assert kept("a").settings == {"base_url": "http://127.0.0.1:1/v1"}


def test_a_setting_may_be_json(done, kept):
    done("credentials", "add", "openai", "--name", "a", "--set", 'models={"a": "b"}', "--set", "x=[1", given=SECRET)
    assert kept("a").settings == {"models": {"a": "b"}, "x": "[1"}


def test_an_alias_names_the_provider(done, kept):
    done("credentials", "add", "claude_api", "--name", "a", given=SECRET)
    assert kept("a").provider == "anthropic"


def test_no_command_shows_the_secret(done):
    done("credentials", "add", "openai", "--name", "a", given=SECRET)
    for arguments in (("list",), ("list", "--json"), ("show", "a"), ("show", "a", "--json")):
        shown = done("credentials", *arguments)
        assert SECRET not in shown
        assert "cdef" in shown


MISTAKES = {
    "no such provider": (["nobody", "--name", "a"], SECRET, 1, "there is no provider 'nobody'"),
    "no secret": (["openai", "--name", "a"], "", 2, "needs a secret on standard input"),
    "a missing setting": (["openai_compatible", "--name", "a"], "", 2, "needs --set base_url"),
    "a value that is none": (["openai", "--name", "a", "--set", "api=soap"], SECRET, 2, "one of chat, responses"),
    "no value": (["openai", "--name", "a", "--set", "api"], SECRET, 2, "field=value"),
    "two lines": (["openai", "--name", "a"], f"{SECRET}\n{SECRET}", 2, "one line of plain characters"),
    "half of a JSON": (["bedrock", "--name", "a"], '{"access_key_id": "x"', 2, "or JSON with several fields"),
    "no address": (["azure_openai", "--name", "a"], SECRET, 2, "azure_openai needs --set resource="),
    "no part of the address": (["databricks", "--name", "a"], SECRET, 2, "databricks needs --set host="),
}


@pytest.mark.parametrize(("arguments", "given", "status", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_adds_nothing(refused, read, arguments, given, status, said):
    assert said in refused("credentials", "add", *arguments, given=given, status=status)
    assert read("credentials", "list") == []


def test_a_secret_with_several_fields_comes_as_json(done, kept):
    done("credentials", "add", "openai", "--name", "a", given='{\n "access_key": "x",\n "secret_key": "y"\n}')
    assert kept("a").secret_field("secret_key") == "y"


def test_a_setting_that_nobody_knows_is_kept_and_said(command):
    result = command("credentials", "add", "openai", "--name", "a", "--set", "bse_url=http://x", given=SECRET)
    assert result.exit_code == 0
    assert "no setting 'bse_url'" in result.stderr


def test_edit_changes_what_it_names_alone(done, kept):
    done("credentials", "add", "openai", "--name", "a", "--set", "api=chat", "--set", "base_url=http://x", given=SECRET)
    done("credentials", "edit", "a", "--set", "api=", "--priority", "3")
    assert (kept("a").settings, kept("a").priority, kept("a").secret) == ({"base_url": "http://x"}, 3, SECRET)
    done("credentials", "edit", "a", "--secret", given="other-secret")
    assert kept("a").secret == "other-secret"


def test_disable_enable_remove(done, read, refused):
    done("credentials", "add", "openai", "--name", "a", given=SECRET)
    done("credentials", "disable", "a")
    assert read("credentials", "list")[0]["enabled"] is False
    done("credentials", "enable", "a")
    assert read("credentials", "list")[0]["enabled"] is True
    done("credentials", "remove", "a")
    assert read("credentials", "list") == []
    assert "there is no credential 'a'" in refused("credentials", "show", "a")


def test_removing_one_that_a_profile_names_says_so(done, command):
    done("credentials", "add", "openai", "--name", "a", given=SECRET)
    done("profiles", "add", "work", "--use", "a")
    assert "profile 'work' still names it" in command("credentials", "remove", "a").stderr


def test_one_that_cannot_be_opened_is_listed_with_what_to_do(done, read, refused, home: Home):
    done("credentials", "add", "openai", "--name", "a", given=SECRET)
    home.vault_key.unlink()
    assert "restore it from a backup" in read("credentials", "list")[0]["cause"]
    assert "restore it from a backup" in refused("credentials", "show", "a")
    assert "restore it from a backup" in refused("route", "explain", "gpt-5.5")  # the demo does not step in
    done("credentials", "remove", "a")
    assert read("credentials", "list") == []


def test_without_a_new_secret_the_old_one_stays(done, kept, refused):
    done("credentials", "add", "openai", "--name", "a", given=SECRET)
    assert "the one that is kept stays" in refused("credentials", "edit", "a", "--secret", given="\n", status=2)
    assert kept("a").secret == SECRET


def test_a_setting_that_is_needed_is_not_taken_away(done, kept, refused):
    done("credentials", "add", "databricks", "--name", "a", "--set", "host=h.example", given=SECRET)
    assert "databricks needs --set host=" in refused("credentials", "edit", "a", "--set", "host=", status=2)
    assert kept("a").settings == {"host": "h.example"}


def test_a_disabled_one_is_disabled_as_a_whole(done, read, home: Home):
    done("credentials", "add", "openai", "--name", "a", given=SECRET)
    later = Standing(State.COOLING, "too many requests", time.time() + 600, time.time(), "gpt-5.5")
    StandingStore(home.state).save([("a", later)])
    assert read("credentials", "list")[0]["state"] == "cooling (gpt-5.5)"
    done("credentials", "disable", "a")
    assert (read("credentials", "list")[0]["state"], read("credentials", "list")[0]["until"]) == ("disabled", None)


@pytest.mark.parametrize("first", [("list",), ("quota",), ("show", "a")])
def test_whatever_is_asked_first_the_state_is_for_its_owner_alone(command, home: Home, first: tuple[str, ...]):
    command("credentials", *first)
    assert home.state.stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o077 for path in home.path.iterdir()} == {0}


def test_one_that_is_not_there_is_said_alike_by_all(refused):
    for arguments in (("show",), ("test",), ("models",), ("quota",), ("enable",), ("disable",), ("edit",), ("remove",)):
        assert "there is no credential 'a': see" in refused("credentials", *arguments, "a")


def test_an_address_that_no_secret_may_be_sent_to_is_said(command):
    given = ("credentials", "add", "ollama", "--name", "a", "--base-url", "http://192.168.1.5:11434")
    assert "not sent over plain HTTP to another machine" in command(*given).stderr
