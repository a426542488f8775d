"""The routing token that the service's answers carry: it goes back with the next requests of the same turn (codex.md
§5, `x-codex-turn-state`)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

Json = dict[str, Any]

HEADER = "x-codex-turn-state"
#: Conversations that are remembered, and characters of a token that is believed.
MOST, LONGEST = 2000, 8192


def turn_of(body: Json) -> int:
    """Which turn of its conversation a request is of: how often the user has spoken. Results of tools are no speech."""
    items = body.get("input")
    return sum(
        isinstance(item, dict) and item.get("role") == "user" and item.get("type", "message") == "message"
        for item in (items if isinstance(items, list) else ())
    )


class Turns:
    """By credential and thread the turn that was last heard of, and its token: another account has other routes."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], tuple[int, str]] = OrderedDict()

    def note(self, credential: str, thread: str, turn: int, token: str) -> None:
        """An answer of that turn came. An answer of an earlier turn that ends late says nothing."""
        known = self._known.get((credential, thread))
        sendable = token.isascii() and token.isprintable() and 0 < len(token) <= LONGEST
        if not sendable or (known is not None and known[0] > turn):
            return
        self._known[credential, thread] = turn, token
        self._known.move_to_end((credential, thread))
        if len(self._known) > MOST:
            self._known.popitem(last=False)

    def token(self, credential: str, thread: str, turn: int) -> str:
        """ "" where this turn has none yet."""
        known = self._known.get((credential, thread))
        return known[1] if known is not None and known[0] == turn else ""
