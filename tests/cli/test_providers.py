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


def test_presets_are_listed_when_they_are_wanted(read, home):
    home.ensure()
    home.config.write_text('[providers.mine]\nbase_url = "https://llm.example.com/v1"\n', encoding="utf-8")
    rows = {row["id"]: row for row in read("providers", "list", "--presets")}
    assert set(PROVIDERS) < set(rows) and len(rows) > 150
    assert rows["openrouter"]["kind"] == "preset"
    assert rows["mine"] | {"kind": "custom", "base_url": "https://llm.example.com/v1"} == rows["mine"]


def test_a_preset_is_shown_and_takes_credentials_like_any_provider(read, done, refused, home):
    assert read("providers", "show", "deepseek")["env"] == ["DEEPSEEK_API_KEY"]
    assert "region" in refused("credentials", "add", "bedrock-openai", "--name", "b", given="k", status=2)
    done("credentials", "add", "bedrock-openai", "--name", "b", "--set", "region=eu-central-1", given="k")
    done("credentials", "add", "deepseek", "--name", "d", "--set", "api=anthropic", given="k")
    assert "must be one of" in refused(
        "credentials", "add", "deepseek", "--name", "e", "--set", "api=x", given="k", status=2
    )
    assert [row["provider"] for row in read("credentials", "list")] == ["bedrock-openai", "deepseek"]
