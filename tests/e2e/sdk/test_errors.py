"""Each official SDK raises the exception class that its users catch, whatever backend failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from google.genai import errors as genai_errors

from tests.e2e.stage import PROTOCOLS, Stage
from tests.standin import Scenario, Turn, error_after, status

from .clients import MODEL, claude, gemini, gpt

pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("backend", PROTOCOLS)]

Asking = Callable[[Stage, str], Any]
ASKS: dict[str, Asking] = {
    "anthropic": lambda on, backend: claude(on, backend).messages.create(
        model=MODEL, max_tokens=2000, messages=[{"role": "user", "content": "?"}]
    ),
    "chat": lambda on, backend: gpt(on, backend).chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "?"}]
    ),
    "responses": lambda on, backend: gpt(on, backend).responses.create(model=MODEL, input="?"),
    "gemini": lambda on, backend: gemini(on, backend).models.generate_content(model=MODEL, contents="?"),
}
STREAMS: dict[str, Asking] = {
    "anthropic": lambda on, backend: list(
        claude(on, backend).messages.create(
            model=MODEL, max_tokens=2000, messages=[{"role": "user", "content": "?"}], stream=True
        )
    ),
    "chat": lambda on, backend: list(
        gpt(on, backend).chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "?"}], stream=True)
    ),
    "gemini": lambda on, backend: list(gemini(on, backend).models.generate_content_stream(model=MODEL, contents="?")),
}
RAISED: dict[int, dict[str, type[Exception]]] = {
    400: {
        "anthropic": anthropic.BadRequestError,
        "chat": openai.BadRequestError,
        "responses": openai.BadRequestError,
        "gemini": genai_errors.ClientError,
    },
    401: {
        "anthropic": anthropic.AuthenticationError,
        "chat": openai.AuthenticationError,
        "responses": openai.AuthenticationError,
        "gemini": genai_errors.ClientError,
    },
    404: {
        "anthropic": anthropic.NotFoundError,
        "chat": openai.NotFoundError,
        "responses": openai.NotFoundError,
        "gemini": genai_errors.ClientError,
    },
    429: {
        "anthropic": anthropic.RateLimitError,
        "chat": openai.RateLimitError,
        "responses": openai.RateLimitError,
        "gemini": genai_errors.ClientError,
    },
    500: {
        "anthropic": anthropic.InternalServerError,
        "chat": openai.InternalServerError,
        "responses": openai.InternalServerError,
        "gemini": genai_errors.ServerError,
    },
}


@pytest.mark.parametrize("client", ASKS)
@pytest.mark.parametrize("code", RAISED)
def test_an_upstream_error_is_raised_as_its_class(on: Stage, backend: str, code: int, client: str) -> None:
    on.backend.fail_next(1, status(code))
    with pytest.raises(RAISED[code][client]) as raised:
        ASKS[client](on, backend)
    told = getattr(raised.value, "status_code", None) or getattr(raised.value, "code", None)
    assert told == code


@pytest.mark.parametrize("client", STREAMS)
def test_an_error_in_a_stream_is_raised(on: Stage, backend: str, client: str) -> None:
    on.backend.scenario = Scenario(final=Turn(text="Ein langer Text, der nicht zu Ende geht. " * 3))
    on.backend.fail_next(1, error_after(9, "The engine is overloaded"))
    with pytest.raises((anthropic.APIStatusError, openai.APIError, genai_errors.APIError), match="overloaded"):
        STREAMS[client](on, backend)


def test_responses_streams_tell_their_failure_as_an_event(on: Stage, backend: str) -> None:
    on.backend.scenario = Scenario(final=Turn(text="Ein langer Text, der nicht zu Ende geht. " * 3))
    on.backend.fail_next(1, error_after(9, "The engine is overloaded"))
    events: list[Any] = list(gpt(on, backend).responses.create(model=MODEL, input="?", stream=True))
    last = events[-1]
    if backend == "openai_responses":  # its own way of telling passes as it is
        assert (last.type, last.message) == ("error", "The engine is overloaded")
    else:
        assert last.type == "response.failed"
        assert "overloaded" in last.response.error.message
