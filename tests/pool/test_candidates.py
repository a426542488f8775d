"""Who may answer, in which order, asked for what, and why."""

from dataclasses import replace

import pytest

from addons.config.settings import Profile, Route
from addons.pool.candidates import ANY_MODEL, NoCandidateError, find
from addons.providers.registry import Registry, built_in
from addons.vault.credential import Credential

REGISTRY: Registry = built_in()


def credentials(*made: Credential) -> dict[str, Credential]:
    return {credential.name: credential for credential in made}


CLAUDE = Credential("claude", "anthropic", "s")
GPT = Credential("gpt", "openai", "s")
ANY = Credential("any", "openai_compatible", "s", {"base_url": "http://127.0.0.1:1/v1"})


def names(profile: Profile, model: str, *made: Credential) -> list[tuple[str, str]]:
    found = find("p", profile, model, credentials(*made), REGISTRY)
    return [(candidate.name, candidate.model) for candidate in found]


def test_without_any_credential_the_demo_answers() -> None:
    assert names(Profile(), "claude-x") == [("demo", "claude-x")]


def test_without_a_list_those_that_serve_the_model_are_tried() -> None:
    assert names(Profile(), "claude-sonnet-5-5", CLAUDE, GPT) == [("claude", "claude-sonnet-5-5")]
    assert names(Profile(), "gpt-5.5", CLAUDE, GPT) == [("gpt", "gpt-5.5")]


def test_a_request_that_names_no_model_is_for_all() -> None:
    assert names(Profile(), ANY_MODEL, CLAUDE, GPT) == [("claude", ANY_MODEL), ("gpt", ANY_MODEL)]


def test_nobody_is_enabled_says_what_to_do() -> None:
    with pytest.raises(NoCandidateError, match="proxycast credentials list"):
        names(Profile(), ANY_MODEL, replace(CLAUDE, enabled=False))


def test_nobody_serves_the_model_says_what_to_do() -> None:
    with pytest.raises(NoCandidateError, match=r"gemini-3\.5-pro.*proxycast credentials add"):
        names(Profile(), "gemini-3.5-pro", CLAUDE, GPT)


def test_a_list_is_tried_in_its_order_whatever_the_providers_usually_serve() -> None:
    profile = Profile(use=["gpt", "claude"])
    assert names(profile, "claude-x", CLAUDE, GPT) == [("gpt", "claude-x"), ("claude", "claude-x")]


def test_equals_share_a_position() -> None:
    found = find("p", Profile(use=[["claude", "gpt"], "any"]), "m", credentials(CLAUDE, GPT, ANY), REGISTRY)
    assert [candidate.position for candidate in found] == [0, 0, 1]


def test_a_profiles_model_replaces_the_clients() -> None:
    assert names(Profile(use=["any"], model="qwen"), "claude-x", ANY) == [("any", "qwen")]


def test_families_are_overridden_by_profile_and_then_by_credential() -> None:
    aliased = Credential("any", "openai_compatible", "s", {"base_url": "b", "models": {"big": "vendor/big-1"}})
    assert names(Profile(use=["any"], models={"opus": "big"}), "claude-opus-5", aliased) == [("any", "vendor/big-1")]


def test_a_route_by_pattern_comes_first() -> None:
    profile = Profile(use=["gpt"], routes=[Route(match="claude-*", use=["claude"]), Route(match="*", model="gpt-5.5")])
    assert names(profile, "claude-x", CLAUDE, GPT) == [("claude", "claude-x")]
    assert names(profile, "anything", CLAUDE, GPT) == [("gpt", "gpt-5.5")]


def test_disabled_and_excluded_are_left_out() -> None:
    off = Credential("off", "anthropic", "s", enabled=False)
    excluding = Credential("excluding", "anthropic", "s", {"excluded_models": ["claude-opus-*"]})
    assert names(Profile(), "claude-opus-5-5", off, excluding, CLAUDE) == [("claude", "claude-opus-5-5")]


def test_a_profile_whose_credentials_are_gone_says_so() -> None:
    with pytest.raises(NoCandidateError, match="no credential of profile"):
        names(Profile(use=["gone"]), "m", CLAUDE)


def test_each_candidate_says_why() -> None:
    found = find("work", Profile(use=["claude"]), "claude-x", credentials(CLAUDE), REGISTRY)
    assert found[0].why == "profile 'work', place 1"


def test_the_demo_does_not_stand_in_for_credentials_that_cannot_be_opened() -> None:
    locked = {"work": "the key is missing from the key file"}
    with pytest.raises(NoCandidateError, match="work: the key is missing"):
        find("default", Profile(), "claude-x", {}, REGISTRY, locked)


def test_a_named_credential_is_not_asked_for_what_its_owner_excluded() -> None:
    excluding = Credential("any", "openai_compatible", "s", {"excluded_models": ["x-*"], "models": {"al": "x-1"}})
    profile = Profile(use=["any", "gpt"])
    assert names(profile, "x-1", excluding, GPT) == [("gpt", "x-1")]
    assert names(profile, "al", excluding, GPT) == [("gpt", "al")]
    assert names(profile, "y-1", excluding, GPT) == [("any", "y-1"), ("gpt", "y-1")]
    with pytest.raises(NoCandidateError, match="no credential of profile 'p' is usable for 'x-1'"):
        names(Profile(use=["any"]), "x-1", excluding, GPT)
