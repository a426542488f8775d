"""Model overrides: exact names, patterns, Claude Code's families, a default."""

import pytest

from addons.pool.models import override

TABLE = {
    "claude-sonnet-5-5": "exact",
    "claude-*": "short pattern",
    "claude-opus-*": "long pattern",
    "haiku": "small",
    "default": "rest",
}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("claude-sonnet-5-5", "exact"),
        ("claude-opus-5-5", "long pattern"),
        ("claude-haiku-5-5", "short pattern"),
        ("anthropic/Claude-HAIKU-4-5", "small"),
        ("gpt-5.5", "rest"),
    ],
)
def test_the_most_particular_entry_wins(model: str, expected: str) -> None:
    assert override(model, TABLE) == expected


@pytest.mark.parametrize("family", ["opus", "sonnet", "haiku", "fable"])
def test_each_family_of_claude_code_has_its_key(family: str) -> None:
    assert override(f"claude-{family}-9", {family: "mine"}) == "mine"


@pytest.mark.parametrize("name", ["small_fast", "small-fast"])
def test_small_fast_is_the_older_name_of_haikus_role(name: str) -> None:
    assert override("claude-haiku-4-5", {name: "tiny"}) == "tiny"


def test_without_a_fitting_entry_nothing_is_overridden() -> None:
    assert override("gpt-5.5", {"opus": "x", "claude-*": "y"}) is None
