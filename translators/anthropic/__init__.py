"""The Anthropic Messages protocol. Facts: `reference/protocols/anthropic.md`; importing the package registers it."""

from translators import registry
from translators.anthropic.protocol import AnthropicProtocol

PROTOCOL = AnthropicProtocol()
registry.register(PROTOCOL)
