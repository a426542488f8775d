"""Gemini's generateContent, as clients speak it and as backends do (gemini.md)."""

from translators import registry
from translators.gemini.protocol import GeminiProtocol

PROTOCOL = GeminiProtocol()
registry.register(PROTOCOL)
