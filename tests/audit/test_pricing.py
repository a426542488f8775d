"""Cost by the bundled price list: known for what is in it, unknown (never 0) for all else."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from addons.audit.pricing import cost
from translators.canonical.events import Usage

MILLION = 1_000_000
NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("provider", "model", "basis"),
    [
        ("anthropic", "claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"),
        ("claude_oauth", "claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ("kiro", "claude-sonnet-4.5", "anthropic/claude-sonnet-4-5"),
        ("codex", "gpt-5", "openai/gpt-5"),
        ("gemini", "gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("openrouter", "anthropic/claude-sonnet-4.5", "openrouter/anthropic/claude-sonnet-4.5"),
        ("somebody_else", "gpt-4o", "openai/gpt-4o"),
    ],
)
def test_a_known_model_has_a_price(provider: str, model: str, basis: str) -> None:
    found = cost(Usage(input_fresh=1_000, output=1_000), provider=provider, model=model, when=NOW)
    assert found is not None
    assert found.basis == basis
    assert found.usd > 0


@pytest.mark.parametrize(
    ("provider", "model", "usage"),
    [
        ("anthropic", "claude-nobody-made", Usage(input_fresh=10, output=10)),
        ("openai_compatible", "my-own-model", Usage(input_fresh=10, output=10)),
        ("demo", "gpt-5", Usage(input_fresh=10, output=10)),
        ("ollama", "gpt-4o", Usage(input_fresh=10, output=10)),
        ("anthropic", "claude-sonnet-4-5", Usage()),
        ("anthropic", "", Usage(input_fresh=10)),
        ("anthropic", "claude-sonnet-4-5", Usage(input_fresh=10**15)),
    ],
)
def test_what_is_not_known_costs_an_unknown_amount(provider: str, model: str, usage: Usage) -> None:
    assert cost(usage, provider=provider, model=model, when=NOW) is None


@pytest.mark.parametrize(
    ("usage", "share"),
    [
        (Usage(input_fresh=100_000), 1.0),
        (Usage(cache_read=100_000), 0.1),
        (Usage(cache_write_5m=100_000), 1.25),
        (Usage(cache_write_1h=100_000), 2.0),
    ],
)
def test_caches_are_priced_as_the_list_says(usage: Usage, share: float) -> None:
    def dollars(of: Usage) -> float:
        found = cost(of, provider="anthropic", model="claude-opus-4-5", when=NOW)
        assert found is not None
        return found.usd

    assert dollars(usage) == pytest.approx(share * dollars(Usage(input_fresh=100_000)))


def test_the_address_tells_the_price_where_the_provider_does_not() -> None:
    url = "https://api.deepseek.com/v1/chat/completions"
    found = cost(Usage(input_fresh=100), provider="openai_compatible", model="deepseek-chat", url=url, when=NOW)
    assert found is not None
    assert found.basis.startswith("deepseek/")


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert cost(Usage(input_fresh=1), provider="anthropic", model="claude-sonnet-4-5") is not None
    assert cost(Usage(input_fresh=1), provider="anthropic", model="unheard-of-today") is None
