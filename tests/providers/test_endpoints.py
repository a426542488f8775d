"""Base URLs as each SDK takes them, also pasted the other way (design.md, Promises)."""

import pytest

from addons.providers.endpoints import ENDPOINTS, join


@pytest.mark.parametrize(
    ("protocol", "base", "path", "expected"),
    [
        ("anthropic", "https://a.example", "/v1/messages", "https://a.example/v1/messages"),
        ("anthropic", "https://a.example/", "/v1/messages", "https://a.example/v1/messages"),
        ("anthropic", "https://a.example/v1", "/v1/messages", "https://a.example/v1/messages"),
        ("anthropic", "https://a.example/anthropic", "/v1/messages", "https://a.example/anthropic/v1/messages"),
        ("openai_chat", "https://o.example/v1", "/v1/chat/completions", "https://o.example/v1/chat/completions"),
        ("openai_chat", "https://o.example", "/v1/chat/completions", "https://o.example/v1/chat/completions"),
        (
            "openai_chat",
            "https://o.example/api/paas/v4",
            "/v1/chat/completions",
            "https://o.example/api/paas/v4/chat/completions",
        ),
        ("openai_responses", "http://127.0.0.1:5/v1/", "/v1/responses", "http://127.0.0.1:5/v1/responses"),
        (
            "gemini",
            "https://g.example",
            "/v1beta/models/x:generateContent",
            "https://g.example/v1beta/models/x:generateContent",
        ),
        ("gemini", "https://g.example/v1beta", "/v1beta/models", "https://g.example/v1beta/models"),
    ],
)
def test_base_and_path_have_the_root_once(protocol: str, base: str, path: str, expected: str) -> None:
    assert join(protocol, base, path) == expected


def test_lists_of_models_that_come_in_pages_are_asked_for_whole() -> None:
    """apikey_backends.md §2 and §3: `limit`, `pageSize`; OpenAI's has no pages."""
    asked = {protocol: "".join(endpoints.path("models", False)) for protocol, endpoints in ENDPOINTS.items()}
    assert asked == {
        "anthropic": "/v1/models?limit=1000",
        "openai_chat": "/v1/models",
        "openai_responses": "/v1/models",
        "gemini": "/v1beta/models?pageSize=1000",
    }
