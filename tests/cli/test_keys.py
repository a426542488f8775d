"""`proxycast keys`."""

from __future__ import annotations

from addons.config.home import Home
from addons.vault.store import StateStore


def test_create_prints_the_key_alone_and_it_opens(done, home: Home):
    key = done("keys", "create", "laptop")
    assert key.startswith("pxc_")
    assert "\n" not in key
    found = StateStore(home.state, home.vault_key).find_key(key)
    assert found is not None
    assert found.name == "laptop"


def test_a_key_is_never_shown_again(done):
    key = done("keys", "create", "laptop")
    assert key not in done("keys", "list")
    assert key not in done("keys", "list", "--json")


def test_a_name_is_given_once(done, refused):
    done("keys", "create", "laptop")
    assert "already one named 'laptop'" in refused("keys", "create", "laptop")


def test_a_key_can_be_pinned_to_a_profile_that_exists(done, read, refused):
    assert "there is no profile 'cheap'" in refused("keys", "create", "ci", "--profile", "cheap")
    done("profiles", "add", "cheap", "--use", "demo")
    done("keys", "create", "ci", "--profile", "cheap")
    assert [(key["name"], key["profile"]) for key in read("keys", "list")] == [("ci", "cheap")]


def test_keys_are_disabled_enabled_and_removed(done, read, refused):
    done("keys", "create", "laptop")
    done("keys", "disable", "laptop")
    assert read("keys", "list")[0]["enabled"] is False
    done("keys", "enable", "laptop")
    assert read("keys", "list")[0]["enabled"] is True
    done("keys", "remove", "laptop")
    assert read("keys", "list") == []
    assert "'laptop'" in refused("keys", "remove", "laptop")


def test_without_a_key_the_list_says_how_to_make_one(command):
    assert "proxycast keys create" in command("keys", "list").stderr


def test_a_name_that_would_need_quoting_is_refused(command):
    for name in ("a b", "a,b", "a+b", "", "-a", "x" * 65):
        assert command("keys", "create", "--", name).exit_code == 2
