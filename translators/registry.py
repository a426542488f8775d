"""Where wire protocols are found by id: built-in ones on first use, a provider's private wire once it registers
itself."""

from __future__ import annotations

import importlib

from translators.protocol import Protocol

#: The public protocols that clients speak: id → package. Nothing else in the project lists protocols.
_CLIENTS = {
    "anthropic": "translators.anthropic",
    "openai_chat": "translators.openai_chat",
    "openai_responses": "translators.openai_responses",
    "gemini": "translators.gemini",
}

#: Those and the public ones that only backends speak. Private wires come with their providers.
_BUILT_IN = {**_CLIENTS, "bedrock": "translators.bedrock"}

_protocols: dict[str, Protocol] = {}


class UnknownProtocolError(LookupError):
    """No protocol of that id is registered."""


def register(protocol: Protocol) -> None:
    """Make `protocol` available under its id; the latest registration of an id wins (hot reload of a plugin)."""
    _protocols[protocol.id] = protocol


def unregister(protocol_id: str) -> None:
    _protocols.pop(protocol_id, None)


def get(protocol_id: str) -> Protocol:
    """The protocol of that id; raises UnknownProtocolError."""
    found = _protocols.get(protocol_id)
    if found is not None:
        return found
    package = _BUILT_IN.get(protocol_id)
    if package is None:
        raise UnknownProtocolError(protocol_id)
    importlib.import_module(package)  # registers itself
    return _protocols[protocol_id]


def client_ids() -> list[str]:
    """The protocols that a client can be answered in."""
    return list(_CLIENTS)
