"""Objects that live in one account (design.md, decision 13): which of them a request names, which an answer made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from addons.gateway.exchange import Attempt, Exchange
from addons.providers.api import Operation
from translators import jsonio

Json = dict[str, Any]

#: Members of a body that name such an object, by its id, its address, or an object with its `id`.
NAMING = frozenset(
    [
        "previous_response_id",
        "conversation",
        "file_id",
        "input_file_id",
        "batch_id",
        "container",
        "fileUri",
        "file_uri",
        "cachedContent",
        "cached_content",
    ]
)
#: One expression instead of a search for each: a fifth of the time that all take in the long history of an agent.
_NAMED = re.compile(b'"(?:%b)"' % "|".join(sorted(NAMING)).encode())
#: Protocols whose answers are kept by the service, and the member with which a client says no to that.
_KEPT_ANSWERS = {"openai_responses": "store"}
_LARGEST = 1 << 20  # bytes of a body that is searched for what it made


def named(exchange: Exchange) -> list[str]:
    """The ids of objects that the request needs, the path's first. Bodies that name none cost a search of bytes."""
    found: list[str] = []
    if exchange.recognised is not None and exchange.recognised.object_id is not None:
        found.append(exchange.recognised.object_id)
    body = exchange.body
    if _NAMED.search(body) is not None:
        found += _in_body(exchange.json if exchange.json is not None else _parsed(body))
    return found


def _in_body(value: object) -> Iterator[str]:
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, list):
            pending.extend(current)
        elif isinstance(current, dict):
            for name, child in current.items():
                identifier = child.get("id") if name in NAMING and isinstance(child, dict) else child
                if name in NAMING and isinstance(identifier, str) and identifier:
                    yield short(identifier)
                else:
                    pending.append(child)


def made(exchange: Exchange, attempt: Attempt) -> str | None:
    """The id of what a successful answer made, None where it made nothing that lasts."""
    if exchange.operation is Operation.GENERATE:
        refuses = _KEPT_ANSWERS.get(exchange.protocol)
        passed = attempt.protocol == exchange.protocol == exchange.output
        if refuses is None or not passed or exchange.json is None or exchange.json.get(refuses) is False:
            return None
        return (attempt.answer.id or None) if attempt.answer is not None else None
    if exchange.operation is not Operation.PASS or exchange.method != "POST":
        return None
    body = attempt.response.body if attempt.response is not None else b"".join(attempt.received)
    parsed = _parsed(body) if len(body) <= _LARGEST else None
    if not isinstance(parsed, dict):
        return None
    inner = parsed.get("file")  # Gemini wraps what was uploaded
    for holder in (parsed, inner if isinstance(inner, dict) else {}):
        for name in ("id", "name"):
            if isinstance(holder.get(name), str) and holder[name]:
                return short(holder[name])
    return None


def short(identifier: str) -> str:
    """Gemini names objects by path or address (`files/abc`, `https://…/v1beta/files/abc`): the last step is the id."""
    return identifier.rstrip("/").rpartition("/")[2]


def _parsed(body: bytes) -> object:
    if body[:1] not in (b"{", b"["):
        return None
    try:
        parsed: object = jsonio.loads(body)
    except ValueError:
        return None
    return parsed
