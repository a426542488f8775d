"""Token counts of the chat dialects (openai_chat.md §4, mapping.md §3 Usage)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.translators.openai_chat.support import CHAT
from translators.canonical.events import Usage
from translators.canonical.names import NameMap
from translators.canonical.request import Request
from translators.canonical.target import Target

P, C, T = "prompt_tokens", "completion_tokens", "total_tokens"

#: usage → (fresh, cache read, cache write, output, reasoning)
COUNTS: list[tuple[dict[str, Any], tuple[int | None, int | None, int | None, int | None, int | None]]] = [
    ({P: 10, C: 5, T: 15}, (10, None, None, 5, None)),
    ({P: 10, C: 5, T: 15, "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}}, (3, 4, 3, 5, None)),
    ({P: 10, C: 5, T: 15, "completion_tokens_details": {"reasoning_tokens": 2}}, (10, None, None, 5, 2)),
    ({P: 10, C: 5, T: 15, "prompt_tokens_details": None, "completion_tokens_details": None}, (10, None, None, 5, None)),
    ({P: 10, C: 5, T: 15, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 2}, (2, 8, None, 5, None)),
    ({P: 10, C: 5, T: 15, "cached_tokens": 8}, (2, 8, None, 5, None)),
    ({P: 10, C: 5, T: 15, "cache_read_input_tokens": 8, "cache_creation_input_tokens": 1}, (1, 8, 1, 5, None)),
    ({P: 10, C: 5, T: 22, "completion_tokens_details": {"reasoning_tokens": 7}}, (10, None, None, 12, 7)),
    ({P: 10, C: 5, T: 22}, (10, None, None, 12, 7)),
    ({P: 10, C: 5, T: 22, "completion_tokens_details": {"reasoning_tokens": 3}}, (10, None, None, 5, 3)),
    ({P: 10.0, C: 5.0, T: 15.0}, (10, None, None, 5, None)),
    ({P: -1, C: 5}, (0, None, None, 5, None)),
    ({P: 3, C: 5, "prompt_tokens_details": {"cached_tokens": 9}}, (0, 9, None, 5, None)),
    ({C: 5, T: 15}, (10, None, None, 5, None)),
    ({"input_tokens": 10, "output_tokens": 5}, (10, None, None, 5, None)),
    ({P: None, C: True, T: "many"}, (None, None, None, None, None)),
    ({}, (None, None, None, None, None)),
]


@pytest.mark.parametrize(("raw", "wanted"), COUNTS)
def test_counts(raw: dict[str, Any], wanted: tuple[int | None, ...]) -> None:
    body = {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": raw}
    usage = CHAT.decode_response(body, NameMap()).usage
    assert (usage.input_fresh, usage.cache_read, usage.cache_write_5m, usage.output, usage.reasoning) == wanted
    assert usage.raw == raw


def test_no_usage_is_unknown_not_zero() -> None:
    body = {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": None}
    assert CHAT.decode_response(body, NameMap()).usage == Usage()


def test_counting_tokens_ahead_is_not_for_chat() -> None:
    assert CHAT.encode_count_request(Request("anthropic", "m"), Target("openai_chat", "m")) is None
    assert CHAT.decode_token_count(CHAT.encode_token_count(7)) == 7
