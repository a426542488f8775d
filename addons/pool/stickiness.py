"""A conversation stays on its credential, because caches and some reasoning live there (design.md, decision 4)."""

from __future__ import annotations

from collections import OrderedDict

MAX_CONVERSATIONS = 10_000


class Stickiness:
    """Conversation → credential, each forgotten `keep` seconds after its last request. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def held(self, conversation: str, now: float, keep: float) -> str | None:
        """The credential's name that served this conversation last, while that is recent enough."""
        entry = self._held.get(conversation)
        if entry is None:
            return None
        name, last = entry
        if now - last > keep:
            del self._held[conversation]
            return None
        return name

    def hold(self, conversation: str, credential: str, now: float) -> None:
        self._held[conversation] = (credential, now)
        self._held.move_to_end(conversation)
        while len(self._held) > MAX_CONVERSATIONS:
            self._held.popitem(last=False)
