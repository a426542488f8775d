"""`proxycast providers`: read from the registry, so what a plugin adds is there too."""

from __future__ import annotations

import pytest

from addons.providers.registry import built_in

PROVIDERS = [provider.manifest.id for provider in built_in()]


def test_every_provider_is_listed(read, done):
    assert [row["id"] for row in read("providers", "list")] == PROVIDERS
    assert all(name in done("providers", "list") for name in PROVIDERS)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_shows_its_terms_and_protocols(read, done, name: str):
    found = read("providers", "show", name)
    assert found["terms"]
    assert found["protocols"]
    assert found["terms"] in done("providers", "show", name)


def test_a_provider_says_what_its_credentials_need(read, done):
    fields = {field["field"]: field for field in read("providers", "show", "openai")["fields"]}
    assert fields["secret"]["required"]
    assert fields["secret"]["given"] == "on standard input"
    assert fields["api"]["values"] == ["chat", "responses"]
    assert "--set api=" in done("providers", "show", "openai")


def test_an_alias_will_do(read):
    assert read("providers", "show", "claude_api")["id"] == "anthropic"


def test_an_unknown_one_is_answered_with_those_there_are(refused):
    said = refused("providers", "show", "nobody")
    assert all(name in said for name in PROVIDERS)
