"""Names: what clients call a model, what the service calls it, whose limits it shares (antigravity.md §7)."""

from __future__ import annotations

import pytest

from addons.providers.antigravity import models
from addons.providers.registry import built_in
from addons.vault.credential import Credential

PROVIDER = built_in().get("antigravity")
MINE = Credential("mine", "antigravity")


@pytest.mark.parametrize(
    ("name", "live"),
    [
        ("claude-opus-4-6", "claude-opus-4-6-thinking"),
        ("claude-opus-4-1-20250805", "claude-opus-4-6-thinking"),
        ("claude-opus-4-6-thinking", "claude-opus-4-6-thinking"),
        ("claude-sonnet-4-6", "claude-sonnet-4-6"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-6"),
        ("claude-sonnet-4-5-thinking", "claude-sonnet-4-6"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4-6"),
        ("claude-3-5-sonnet-20241022", "claude-sonnet-4-6"),
        ("claude-haiku-4-5-20251001", "claude-sonnet-4-6"),
        ("gemini-3.1-pro-high", "gemini-pro-agent"),
        ("gemini-3-pro-high", "gemini-pro-agent"),
        ("models/gemini-3-flash", "gemini-3-flash"),
        ("gemini-2.5-pro", "gemini-2.5-pro"),
        ("gpt-oss-120b-medium", "gpt-oss-120b-medium"),
        ("claude-opus-5", "claude-opus-5"),
    ],
)
def test_a_clients_name_stands_for_a_live_model(name: str, live: str):
    assert models.live(name) == live


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("claude-opus-4-6", "claude"),
        ("claude-haiku-4-5", "claude"),
        ("gpt-oss-120b-medium", "claude"),
        ("gemini-3.1-pro-low", "gemini-pro"),
        ("gemini-3-pro-high", "gemini-pro"),
        ("gemini-3.5-flash-low", "gemini-flash"),
        ("gemini-3.1-flash-image", "gemini-3.1-flash-image"),
        ("something-else", "something-else"),
    ],
)
def test_models_share_their_groups_limits(name: str, group: str):
    assert PROVIDER.limited_as(name) == group


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("claude-sonnet-4-5", "antigravity_claude"),
        ("gemini-3-flash", "antigravity"),
        ("gpt-oss-120b-medium", "antigravity"),
    ],
)
def test_claude_has_a_wire_of_its_own(name: str, protocol: str):
    assert PROVIDER.protocol(name, MINE) == protocol


@pytest.mark.parametrize(
    ("name", "serves"),
    [("claude-haiku-4-5", True), ("gemini-3.7-flash-high", True), ("claude-opus-5", False), ("gpt-5.5", False)],
)
def test_what_it_serves(name: str, serves: bool):
    assert PROVIDER.serves(name, MINE) is serves


def test_known_models_are_live_ones_and_served():
    for name in PROVIDER.manifest.known_models:
        assert models.live(name) == name and PROVIDER.serves(name, MINE)


def test_a_name_takes_what_its_live_model_takes():
    assert PROVIDER.target("antigravity_claude", "claude-haiku-4-5", MINE).max_output_tokens == 64000
    assert PROVIDER.target("antigravity", "gemini-3-pro-high", MINE).thinking == "effort"
