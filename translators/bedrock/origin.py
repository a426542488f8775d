"""Whose a signature is: Claude's on Bedrock, whichever of Bedrock's wires it came by."""

from __future__ import annotations

ID = "bedrock"

#: The kind of `Opaque` that encrypted reasoning is, as in Anthropic's own protocol.
REDACTED = "redacted_thinking"
