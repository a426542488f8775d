"""Where wire protocols are found by id: built-in ones on first use, a provider's private wire once it registers
itself."""

from __future__ import annotations

import importlib

from translators.protocol import Protocol

#: The four public protocols: id → package. Read only by `get`; nothing else in the project lists protocols.
_BUILT_IN = {
    "anthropic": "translators.anthropic",
    "openai_chat": "translators.openai_chat",
    "openai_responses": "translators.openai_responses",
    "gemini": "translators.gemini",
}

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


def ids() -> list[str]:
    """All known ids, built-in ones first."""
    return [*_BUILT_IN, *(name for name in _protocols if name not in _BUILT_IN)]
