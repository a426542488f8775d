"""Candidate lists are kept, and made anew when anything that they depend on changes."""

import pytest

from addons.config.settings import Profile, Settings
from addons.pool.candidates import NoCandidateError
from addons.pool.lazy import Lazy
from addons.pool.lists import KEPT, Listed, Lists
from addons.providers.registry import built_in
from addons.vault.credential import Credential

CREDENTIALS = {"a": Credential("a", "anthropic", "s")}


class Looker:
    """Asks for lists as routing does."""

    def __init__(self) -> None:
        self.lists, self.registry, self.settings, self.version = Lists(), built_in(), Settings(), 1
        self.credentials = CREDENTIALS

    def __call__(self, model: str = "claude-x", name: str = "default") -> Listed:
        return self.lists.find(
            name,
            Profile(),
            model,
            self.credentials,
            self.registry,
            settings=self.settings,
            version=self.version,
        )


def test_a_list_is_made_once_for_each_profile_and_model() -> None:
    look = Looker()
    assert look() is look()
    assert look("claude-y") is not look() and look(name="other") is not look()
    assert [(c.name, c.model) for c in look("claude-y")] == [("a", "claude-y")]


def test_a_change_of_settings_credentials_or_providers_makes_it_anew() -> None:
    look = Looker()
    first = look()
    look.settings = Settings()
    second = look()
    assert second is not first
    look.credentials, look.version = {**CREDENTIALS, "b": Credential("b", "anthropic", "s")}, 2
    assert [c.name for c in look()] == ["a", "b"]
    look.registry.unregister("anthropic")
    with pytest.raises(NoCandidateError):
        look()


def test_that_there_is_none_is_kept_as_well() -> None:
    look = Looker()
    for _ in range(2):
        with pytest.raises(NoCandidateError, match="no credential serves the model 'gpt-x'"):
            look("gpt-x")


def test_names_of_a_clients_invention_do_not_pile_up() -> None:
    look = Looker()
    first = look("claude-0")
    for number in range(1, KEPT):
        look(f"claude-{number}")
    assert look("claude-0") is first, "it was used last"
    look("claude-more")
    assert look("claude-0") is first
    for number in range(1, KEPT + 1):
        look(f"claude-again-{number}")
    assert look("claude-0") is not first


def test_lazy_looks_only_as_far_as_it_must_and_once() -> None:
    looked: list[int] = []

    def source(number: int) -> int:
        looked.append(number)
        return number * 10

    lazy = Lazy(map(source, range(3)))
    assert lazy and looked == [0]
    iterator = iter(lazy)
    assert (next(iterator), looked) == (0, [0])
    assert list(lazy) == [0, 10, 20] and list(iterator) == [10, 20]
    assert looked == [0, 1, 2]
    assert not Lazy([])
