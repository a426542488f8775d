"""Tool names: shortened reversibly for backends with narrower rules than the client's (mapping.md §4).

The map is built from **one request's** tools and applied to definitions, history and tool choice on the way in and to
calls on the way out. A name that is not in the map passes unchanged.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field


@dataclass(slots=True)
class NameMap:
    """client name ↔ backend name, where they differ; `kinds` remembers tools that were wrapped for the backend.

    `custom` holds the client names of custom (free-text) tools sent as functions with one string property `input`.
    `namespaces` maps a client-side flattened name to (namespace, name).
    """

    to_backend: dict[str, str] = field(default_factory=dict)
    to_client: dict[str, str] = field(default_factory=dict)
    custom: set[str] = field(default_factory=set)
    namespaces: dict[str, tuple[str, str]] = field(default_factory=dict)

    def backend(self, name: str) -> str:
        return self.to_backend.get(name, name)

    def client(self, name: str) -> str:
        return self.to_client.get(name, name)


@dataclass(frozen=True, slots=True)
class NameRule:
    """What a protocol allows: `allowed` is a regex class of one character, `first` the class of the first one."""

    allowed: str
    limit: int
    first: str | None = None


RULES: dict[str, NameRule] = {
    "anthropic": NameRule(r"[A-Za-z0-9_-]", 128),
    "openai_chat": NameRule(r"[A-Za-z0-9_-]", 64),
    "openai_responses": NameRule(r"[A-Za-z0-9_-]", 64),
    "gemini": NameRule(r"[A-Za-z0-9_.:-]", 128, first=r"[A-Za-z_]"),
}


def mangle(name: str, rule: NameRule) -> str:
    """`name` if it fits the rule, else replaced, cut, and closed with `_` and 8 hex digits of its hash."""
    legal = re.fullmatch(f"{rule.allowed}+", name) and len(name) <= rule.limit
    if legal and (rule.first is None or re.match(rule.first, name)):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    base = "".join(c if re.match(rule.allowed, c) else "_" for c in name) or "tool"
    if rule.first is not None and not re.match(rule.first, base):
        base = "_" + base
    return f"{base[: rule.limit - 9]}_{digest}"


def build(names: list[str], rule: NameRule) -> NameMap:
    """The map for one request's tool names (and those that only its history mentions)."""
    result = NameMap()
    for name in names:
        short = mangle(name, rule)
        if short != name:
            result.to_backend[name] = short
            result.to_client[short] = name
    return result


def client_call(names: NameMap, backend_name: str) -> tuple[str, str | None, bool]:
    """A call as the client knows it, from the name that the backend used: (name, namespace, is a custom tool).

    Of a custom tool the arguments are the wrapper's and must be unwrapped (`arguments.StringFieldDecoder`).
    """
    flat = names.client(backend_name)
    custom = flat in names.custom
    place = names.namespaces.get(flat)
    if place is not None:
        return place[1], place[0], custom
    return flat, None, custom
