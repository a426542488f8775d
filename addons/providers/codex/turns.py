"""The routing token that the service's answers carry: it goes back with the next requests of the same turn (codex.md
§5, `x-codex-turn-state`)."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any

Json = dict[str, Any]

HEADER = "x-codex-turn-state"
#: Turns that are remembered, and characters of a token that is believed.
MOST, LONGEST = 2000, 8192
#: Characters of what the user said that tell a turn from another.
_TELLING = 2000


def turn_of(body: Json) -> str:
    """Which turn of its conversation a request is of: how often the user has spoken, and what they said last, so that
    agents that share a conversation have turns of their own. Results of tools are no speech."""
    items = body.get("input")
    spoken = [item for item in items if _is_speech(item)] if isinstance(items, list) else []
    said = _text(spoken[-1].get("content")) if spoken else ""
    digest = hashlib.sha256(said[:_TELLING].encode("utf-8", "surrogatepass")).hexdigest()
    return f"{len(spoken)} {digest}"


def _is_speech(item: Any) -> bool:
    return isinstance(item, dict) and item.get("role") == "user" and item.get("type", "message") == "message"


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") for part in parts if isinstance(part, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


class Turns:
    """Tokens by credential, thread and turn: another account has other routes."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, str], str] = OrderedDict()

    def note(self, credential: str, thread: str, turn: str, token: str) -> None:
        """An answer of that turn came."""
        if not (token.isascii() and token.isprintable() and 0 < len(token) <= LONGEST):
            return
        self._known[credential, thread, turn] = token
        self._known.move_to_end((credential, thread, turn))
        if len(self._known) > MOST:
            self._known.popitem(last=False)

    def token(self, credential: str, thread: str, turn: str) -> str:
        """ "" where this turn has none yet."""
        return self._known.get((credential, thread, turn), "")
