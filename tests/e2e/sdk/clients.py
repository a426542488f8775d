"""The official SDKs, pointed at the gateway as their users do: by base URL and key."""

from __future__ import annotations

import anthropic
import openai
from google import genai
from google.genai import types

from tests.e2e.stage import Stage
from tests.standin.conversations import anthropic_client, gemini_client, openai_client

MODEL = "some-model"


def claude(on: Stage, backend: str) -> anthropic.Anthropic:
    """Asks the backend of that protocol."""
    return anthropic_client(on.gateway.url, on.keys[backend])


def gpt(on: Stage, backend: str) -> openai.OpenAI:
    """Asks the backend of that protocol, in either dialect."""
    return openai_client(on.gateway.url, on.keys[backend])


def gemini(on: Stage, backend: str) -> genai.Client:
    """Asks the backend of that protocol."""
    return gemini_client(on.gateway.url, on.keys[backend])


def text_of(response: types.GenerateContentResponse) -> str:
    """The visible text of a Gemini answer; "" for none."""
    return response.text or ""
