"""`proxycast providers headers`: what is sent, why, and which file says so."""

from __future__ import annotations

import pytest

from addons.providers.registry import built_in

WITH = [provider.manifest.id for provider in built_in() if provider.manifest.header_profile is not None]
OWN = """
updated = "2026-11-01"
[facts]
version = "9.8.7"
[[headers]]
name = "User-Agent"
value = "QwenCode/{version} ({os}; {arch})"
source = "seen"
"""


@pytest.mark.parametrize("name", WITH)
def test_each_header_has_its_source_and_the_calls_it_goes_with(read, done, name: str):
    found = read("providers", "headers", name)
    assert (found["provider"], found["file_used"], found["problem"]) == (name, False, None)
    assert found["updated"] and found["headers"]
    text = done("providers", "headers", name)
    for row in found["headers"]:
        assert row["source"] and row["calls"]
        assert row["header"] in text


def test_places_are_filled_with_what_is_true_of_this_machine(read):
    rows = {row["header"]: row["value"] for row in read("providers", "headers", "qwen")["headers"]}
    facts = read("providers", "headers", "qwen")["facts"]
    assert rows["User-Agent"] == f"QwenCode/{facts['version']} ({facts['os']}; {facts['arch']})"
    assert rows["x-request-id"] == "{request_id}", "known only when a call is made"


def test_of_headers_that_depend_on_the_system_only_the_own_one_is_shown(read):
    names = [row["header"] for row in read("providers", "headers", "qwen")["headers"]]
    assert names.count("X-Stainless-OS") == 1


def test_a_newer_file_of_the_users_goes_before_it(read, done, command, home):
    file = home.path / "headers" / "qwen.toml"
    file.parent.mkdir(parents=True)
    file.write_text(OWN)
    found = read("providers", "headers", "qwen")
    assert (found["file"], found["file_used"], found["updated"]) == (str(file), True, "2026-11-01")
    assert [row["value"].partition(" ")[0] for row in found["headers"]] == ["QwenCode/9.8.7"]
    assert str(file) in command("providers", "headers", "qwen").stderr.replace("\n", "")


def test_a_broken_file_is_said_and_not_used(read, command, home):
    file = home.path / "headers" / "qwen.toml"
    file.parent.mkdir(parents=True)
    file.write_text(OWN.replace('source = "seen"', ""))
    found = read("providers", "headers", "qwen")
    assert (found["file_used"], found["facts"]["version"]) == (False, "0.14.2")
    assert "source" in found["problem"]
    assert "is not used" in command("providers", "headers", "qwen").stderr


def test_a_provider_that_is_told_nothing_says_so(refused):
    assert "nothing that identifies" in refused("providers", "headers", "openai")


def test_the_ways_to_sign_in_and_the_status_are_shown(read, done):
    found = read("providers", "show", "qwen")
    assert found["status"] == "ended (2026-04-15)"
    assert [(flow["flow"], flow["kind"]) for flow in found["logins"]] == [("device", "device")]
    assert "--flow device (device)" in done("providers", "show", "qwen")
