"""Sends what a speaker says through the gateway and hands back what it heard."""

from __future__ import annotations

from typing import Any

import httpx

from tests.e2e.stage import Stage

from .speak_anthropic import AnthropicSpeaker
from .speak_chat import ChatSpeaker
from .speak_gemini import GeminiSpeaker
from .speak_responses import ResponsesSpeaker
from .speaking import Answer, Json, Speaker, Wish

SPEAKERS: dict[str, Speaker] = {
    "anthropic": AnthropicSpeaker(),
    "openai_chat": ChatSpeaker(),
    "openai_responses": ResponsesSpeaker(),
    "gemini": GeminiSpeaker(),
}


def post(stage: Stage, speaker: Speaker, backend: str, wish: Wish, **headers: str) -> httpx.Response:
    """One request of `speaker` to the backend of that protocol."""
    sent = {**speaker.headers(stage.keys[backend]), **headers}
    return stage.client.post(speaker.path(wish), json=speaker.body(wish), headers=sent)


def ask(stage: Stage, speaker: Speaker, backend: str, wish: Wish) -> Answer:
    """The answer to one request that must succeed."""
    return read(stage, speaker, wish, post(stage, speaker, backend, wish))


def read(stage: Stage, speaker: Speaker, wish: Wish, response: httpx.Response) -> Answer:
    refused = [str(request.refusal) for request in stage.backend.refusals]
    assert refused == [], f"{refused}: {stage.backend.refusals[0].raw.decode()}"
    assert response.status_code == 200, response.text
    kind = response.headers["content-type"].partition(";")[0]
    if not wish.stream:
        assert kind == "application/json"
        return speaker.whole(response.json())
    assert kind == ("application/json" if getattr(speaker, "array", False) else "text/event-stream")
    return speaker.streamed(response.content)


def last_sent(stage: Stage) -> Json:
    """The body of the latest request with one that the backend got: the gateway asks for quotas on its own."""
    body: Json = next(request.json for request in reversed(stage.backend.requests) if request.json is not None)
    return body


def strings(value: Any) -> list[str]:
    """Every string in a JSON value, however deep."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for child in value.values() for text in strings(child)]
    return [text for child in value for text in strings(child)] if isinstance(value, list) else []
