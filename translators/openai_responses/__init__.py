"""OpenAI's Responses API: what Codex and the newer SDKs speak, and the backend of OpenAI's newest models."""

from translators import registry
from translators.openai_responses.models import models_for_codex
from translators.openai_responses.protocol import OpenAIResponses

PROTOCOL = OpenAIResponses()
registry.register(PROTOCOL)

__all__ = ["PROTOCOL", "OpenAIResponses", "models_for_codex"]
