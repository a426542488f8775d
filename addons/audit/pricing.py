"""What an answer cost, from the price list that the `genai-prices` package carries; nothing is fetched.

An unknown model has an unknown cost (None), never 0.
"""

from __future__ import annotations

import datetime
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import genai_prices
from genai_prices.types import PriceCalculation

from translators.canonical.events import Usage

#: Provider ids of ours that the price list knows under another name.
_PRICED_AS = {
    "anthropic": "anthropic",
    "claude_oauth": "anthropic",
    "openai": "openai",
    "codex": "openai",
    "gemini": "google",
    "gemini_oauth": "google",
    "vertex": "google",
    "azure_openai": "azure",
    "bedrock": "aws",
}

#: Answers that nobody charges for by the token: their cost is not known from a list.
_UNPRICED = frozenset({"demo", "ollama"})

#: A count beyond this is a provider's mistake (or a hostile one), not a use.
_MOST_TOKENS = 1_000_000_000

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars; `basis` says whose price it is, as provider/model of the price list."""

    usd: float
    basis: str


def cost(usage: Usage, *, provider: str, model: str, url: str = "", when: float | None = None) -> Cost | None:
    """What `usage` cost at `model`, or None where that is not known.

    The price is looked for under the provider, then under the address it was called at, then under the maker that the
    model's name tells. `when` (seconds since 1970) picks the price of that day.
    """
    if not model or provider in _UNPRICED or (usage.input_total == 0 and not usage.output):
        return None
    if max(usage.input_total, usage.output or 0) > _MOST_TOKENS:
        return None
    day = int((when if when else time.time()) // _DAY)
    counts = (usage.input_total, usage.cache_read or 0, usage.cache_write_5m or 0, usage.cache_write_1h or 0)
    return _cost(provider, model, url, day, (*counts, usage.output or 0))


@lru_cache(maxsize=4_096)  # also of what has no price: that is the longest search
def _cost(provider: str, model: str, url: str, day: int, tokens: tuple[int, ...]) -> Cost | None:
    at = datetime.datetime.fromtimestamp(day * _DAY, datetime.UTC)
    at_provider = _PRICED_AS.get(provider, provider)
    for name in _names(model):
        for counts in _counts(*tokens):
            try:
                price = _price(genai_prices.Usage(**counts), name, at_provider, url, at)
            except ValueError:  # no price for one of the counts
                continue
            if price is not None:
                return Cost(float(price.total_price), f"{price.provider.id}/{price.model.id}")
    return None


def _price(
    counts: genai_prices.Usage, name: str, provider: str, url: str, at: datetime.datetime
) -> PriceCalculation | None:
    if provider:
        with suppress(LookupError):
            return genai_prices.calc_price(counts, name, provider_id=provider, genai_request_timestamp=at)
    if url:
        with suppress(LookupError):
            return genai_prices.calc_price(counts, name, provider_api_url=url, genai_request_timestamp=at)
    with suppress(LookupError):
        return genai_prices.calc_price(counts, name, genai_request_timestamp=at)
    return None


def _names(model: str) -> list[str]:
    """The model's name, and the spellings that others have for it (a path before it, dots for dashes in Claude's)."""
    names = [model]
    if "/" in model:
        names.append(model.rsplit("/", 1)[1])
    if model.startswith("claude-") and "." in model:
        names.append(model.replace(".", "-"))
    return names


def _counts(total: int, read: int, written_5m: int, written_1h: int, output: int) -> list[dict[str, int]]:
    """What the price list wants to know; without the lifetimes of cache writes where a model has no price for them."""
    counts = {
        "input_tokens": total,
        "cache_read_tokens": read,
        "cache_write_tokens": written_5m + written_1h,
        "output_tokens": output,
    }
    if written_1h:
        return [counts | {"cache_write_5m_tokens": written_5m, "cache_write_1h_tokens": written_1h}, counts]
    return [counts]
