"""Session and conversation of a request, and the client's name."""

import json

import pytest

from addons.gateway.route import client_of, conversation_of, session_of

SESSION = "0b7c9a5e-0000-4000-8000-1234567890ab"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"x-claude-code-session-id": SESSION}, {"metadata": {"user_id": "other"}}),
        ({}, {"metadata": {"user_id": json.dumps({"device_id": "d", "session_id": SESSION})}}),
        ({}, {"metadata": {"user_id": f"user_{'a' * 64}_account__session_{SESSION}"}}),
        ({"session_id": SESSION}, {}),
        ({}, {"prompt_cache_key": SESSION}),
    ],
)
def test_the_session_is_found_wherever_a_client_puts_it(headers: dict[str, str], body: dict[str, object]) -> None:
    assert session_of(headers, body) == SESSION


@pytest.mark.parametrize("user", ["", "{broken", "[]", "null", "plain", {"not": "text"}])
def test_a_strange_user_id_is_no_session(user: object) -> None:
    assert session_of({}, {"metadata": {"user_id": user}}) == ""


def test_without_a_session_the_beginning_of_the_conversation_is_its_key() -> None:
    first = {"system": "s", "messages": [{"role": "user", "content": "one"}]}
    later = {"system": "s", "messages": [*first["messages"], {"role": "assistant", "content": "x"}]}
    other = {"system": "s", "messages": [{"role": "user", "content": "two"}]}
    assert conversation_of("", first) == conversation_of("", later) != conversation_of("", other)
    assert conversation_of("named", first) == "named"


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("claude-cli/2.1.329 (external, cli)", "claude-code"),
        ("codex_exec/0.169.0", "codex"),
        ("GeminiCLI/0.61.0/gemini-3.5-pro (linux; x64)", "gemini-cli"),
        ("QwenCode/0.24.4 (linux; x64)", "qwen-code"),
        ("Anthropic/Python 2.11.0", "anthropic-sdk"),
        ("curl/8", "curl"),
        ("Mozilla/5.0", ""),
    ],
)
def test_clients_are_known_by_their_user_agent(agent: str, name: str) -> None:
    assert client_of(agent) == name
