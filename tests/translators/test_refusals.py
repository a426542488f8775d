"""What each protocol reads of a refusal beside its JSON: the same everywhere."""

from __future__ import annotations

import pytest

from translators import registry

PROTOCOLS = ("anthropic", "openai_chat", "openai_responses", "gemini", "bedrock")
DATES = {"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        (DATES, 30),
        ({"retry-after": "Wed, 21 Oct 99999999999999999999 07:28:30 GMT", "date": DATES["date"]}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(protocol: str, headers: dict[str, str], seconds: float | None) -> None:
    assert registry.get(protocol).decode_error(429, headers, b"{}").retry_after == seconds


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_words_of_a_page(protocol: str) -> None:
    page = b"<html><head><style>p{}</style></head><body><h1>502 Bad\n Gateway</h1><hr>nginx</body></html>"
    assert registry.get(protocol).decode_error(502, {}, page).message == "502 Bad Gateway nginx"
