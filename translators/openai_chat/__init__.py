"""OpenAI Chat Completions, and the many dialects of compatible backends (reference/protocols/openai_chat.md)."""

from translators import registry
from translators.openai_chat.protocol import OpenAIChat

PROTOCOL = OpenAIChat()
registry.register(PROTOCOL)
