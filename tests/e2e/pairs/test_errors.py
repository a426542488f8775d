"""What a backend refuses reaches every client in the client's own words and with the right status."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.stage import PROTOCOLS, Stage
from tests.standin import Scenario, Turn, error_after, status

from .speaking import Json, Wish, sse
from .talking import SPEAKERS, post

pytestmark = pytest.mark.e2e

both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
every_backend = pytest.mark.parametrize("backend", PROTOCOLS)
every_client = pytest.mark.parametrize("client", PROTOCOLS)

# Upstream status → by client protocol: status and word (mapping.md section 3, Errors).
ERRORS: dict[int, dict[str, tuple[int, str]]] = {
    400: {
        "anthropic": (400, "invalid_request_error"),
        "openai_chat": (400, "invalid_request_error"),
        "openai_responses": (400, "invalid_request_error"),
        "gemini": (400, "INVALID_ARGUMENT"),
    },
    401: {
        "anthropic": (401, "authentication_error"),
        "openai_chat": (401, "invalid_api_key"),
        "openai_responses": (401, "invalid_api_key"),
        "gemini": (401, "UNAUTHENTICATED"),
    },
    404: {
        "anthropic": (404, "not_found_error"),
        "openai_chat": (404, "model_not_found"),
        "openai_responses": (404, "model_not_found"),
        "gemini": (404, "NOT_FOUND"),
    },
    429: {
        "anthropic": (429, "rate_limit_error"),
        "openai_chat": (429, "rate_limit_exceeded"),
        "openai_responses": (429, "rate_limit_exceeded"),
        "gemini": (429, "RESOURCE_EXHAUSTED"),
    },
    500: {
        "anthropic": (500, "api_error"),
        "openai_chat": (500, "server_error"),
        "openai_responses": (500, "server_error"),
        "gemini": (500, "INTERNAL"),
    },
}
# What each backend answers when it has too much to do, and what each client calls that.
BUSY = {"anthropic": 529, "openai_chat": 503, "openai_responses": 503, "gemini": 503}
BUSY_WORDS = {
    "anthropic": (529, "overloaded_error"),
    "openai_chat": (503, "server_overloaded"),
    "openai_responses": (503, "server_error"),
    "gemini": (503, "UNAVAILABLE"),
}
TOO_LONG: dict[str, Json] = {
    "anthropic": {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "prompt is too long: 210000 tokens > 200000 maximum",
        },
    },
    "openai_chat": {
        "error": {
            "message": "This model's maximum context length is 128000 tokens. However, your messages resulted in "
            "210000 tokens.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    },
    "openai_responses": {
        "error": {
            "message": "Your input exceeds the context window of this model.",
            "type": "invalid_request_error",
            "param": "input",
            "code": "context_length_exceeded",
        }
    },
    "gemini": {
        "error": {
            "code": 400,
            "message": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            "status": "INVALID_ARGUMENT",
        }
    },
}


@both_ways
@pytest.mark.parametrize("code", ERRORS)
@every_backend
@every_client
def test_an_error_keeps_its_meaning(on: Stage, client: str, backend: str, code: int, stream: bool) -> None:
    speaker = SPEAKERS[client]
    on.backend.fail_next(1, status(code, {"retry-after": "7"} if code == 429 else {}))

    response = post(on, speaker, backend, Wish(history=[speaker.user("?")], stream=stream))

    expected, word = ERRORS[code][client]
    assert response.status_code == expected
    assert response.headers["content-type"].startswith("application/json")
    failed = speaker.failed(response.json())
    if client != backend:
        assert failed.kind == word
    assert failed.message
    assert response.headers.get("retry-after") == ("7" if code == 429 else None)
    assert len(on.backend.requests) == 1, "one credential is asked once"


@every_backend
@every_client
def test_an_overloaded_backend_is_told(on: Stage, client: str, backend: str) -> None:
    speaker = SPEAKERS[client]
    on.backend.fail_next(1, status(BUSY[backend]))

    response = post(on, speaker, backend, Wish(history=[speaker.user("?")]))

    failed = speaker.failed(response.json())
    if client == backend:
        assert response.status_code == BUSY[backend]
    else:
        assert (response.status_code, failed.kind) == BUSY_WORDS[client]


@both_ways
@every_backend
@every_client
def test_a_prompt_that_is_too_long_is_told_so_that_clients_compact(
    on: Stage, client: str, backend: str, stream: bool
) -> None:
    speaker = SPEAKERS[client]
    on.backend.fail_next(1, status(400, body=TOO_LONG[backend]))

    response = post(on, speaker, backend, Wish(history=[speaker.user("?")], stream=stream))

    assert response.status_code == 400
    failed = speaker.failed(response.json())
    if client == "anthropic":
        assert failed.message.startswith("prompt is too long")
        assert failed.kind == "invalid_request_error"
    elif client == "gemini":
        assert failed.kind == "INVALID_ARGUMENT"
    else:
        assert failed.kind == "context_length_exceeded"
    if client == backend:
        assert response.json() == TOO_LONG[backend], "an upstream's own words are passed on"


# How each client's stream says that it failed: the type of the last event and where the message is.
def error_of(client: str, data: bytes) -> Any:
    last = list(sse(data))[-1].json
    if client == "openai_responses" and last["type"] == "response.failed":
        return last["response"]["error"]["message"]
    if client == "openai_responses":
        return last["message"]
    return last["error"]["message"]


@every_backend
@every_client
def test_an_error_behind_content_is_told_in_the_stream(on: Stage, client: str, backend: str) -> None:
    speaker = SPEAKERS[client]
    on.backend.scenario = Scenario(final=Turn(text="Ein langer Text, der nicht zu Ende geht. " * 3))
    on.backend.fail_next(1, error_after(9, "The engine is overloaded"))

    response = post(on, speaker, backend, Wish(history=[speaker.user("?")], stream=True))

    assert response.status_code == 200
    assert "Ein" in response.text
    assert "[DONE]" not in response.text
    assert "overloaded" in error_of(client, response.content)


@every_backend
@every_client
def test_a_request_that_is_none_is_refused_in_the_clients_words(on: Stage, client: str, backend: str) -> None:
    speaker = SPEAKERS[client]
    path = speaker.path(Wish())
    headers = {**speaker.headers(on.keys[backend]), "content-type": "application/json"}

    response = on.client.post(path, content=b'{"model": ', headers=headers)

    assert response.status_code == 400
    assert "JSON" in speaker.failed(response.json()).message
    assert on.backend.requests == []


@every_client
def test_an_unknown_client_key_is_refused_in_the_clients_words(on: Stage, client: str) -> None:
    speaker = SPEAKERS[client]
    wish = Wish(history=[speaker.user("?")])

    response = on.client.post(speaker.path(wish), content=json.dumps(speaker.body(wish)), headers=speaker.headers("no"))

    expected, word = ERRORS[401][client]
    assert (response.status_code, speaker.failed(response.json()).kind) == (expected, word)
    assert on.backend.requests == []
