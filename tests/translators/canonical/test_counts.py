"""A number of tokens, out of whatever a backend puts in its place."""

from __future__ import annotations

import pytest

from translators import registry
from translators.canonical.counts import LARGEST, count


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        (7, 7),
        (0, 0),
        (7.0, 7),
        (7.9, 7),
        (-3, 0),
        (LARGEST, LARGEST),
        (LARGEST + 1, None),
        (-(10**400), None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        ("7", None),
        (None, None),
        ([7], None),
    ],
)
def test_a_count(value: object, tokens: int | None) -> None:
    assert count(value) == tokens


#: Where each protocol's answer to a question for a count has it.
FIELDS = {
    "anthropic": "input_tokens",
    "openai_chat": "input_tokens",
    "openai_responses": "input_tokens",
    "gemini": "totalTokens",
    "bedrock": "inputTokens",
}


@pytest.mark.parametrize("protocol", FIELDS)
@pytest.mark.parametrize(("value", "tokens"), [(7, 7), (7.0, 7), (-1, 0), (True, None), ("many", None), (None, None)])
def test_the_answer_to_a_question_for_a_count(protocol: str, value: object, tokens: int | None) -> None:
    assert registry.get(protocol).decode_token_count({FIELDS[protocol]: value}) == tokens
