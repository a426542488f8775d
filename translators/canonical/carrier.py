"""Opaque reasoning of one protocol, carried through clients of another (mapping.md §5, Carrier).

A client that speaks Anthropic keeps `thinking.signature`, a Responses client `encrypted_content`, a Gemini client
`thoughtSignature`; each returns it untouched. So a foreign payload travels there as `gw1:ORIGIN:PAYLOAD` and is
recognised, restored for its own backend, or dropped for any other.
"""

from __future__ import annotations

PREFIX = "gw1"


def wrap(signature: str, origin: str | None, client_protocol: str) -> str:
    """What clients of `client_protocol` get for a signature made by `origin`: itself at home, else the tagged form."""
    if origin is None or origin == client_protocol:
        return signature
    return f"{PREFIX}:{origin}:{signature}"


def unwrap(signature: str, client_protocol: str) -> tuple[str, str]:
    """→ (signature, origin). Untagged ones are taken for the client protocol's own."""
    head, _, rest = signature.partition(":")
    if head == PREFIX:
        origin, separator, payload = rest.partition(":")
        if separator and origin:
            return payload, origin
    return signature, client_protocol
