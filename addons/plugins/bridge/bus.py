"""Events between the gateway and its plugins, within this process: who asked for a topic is told."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)
Listener = Callable[[str, dict[str, Any]], None]
#: Topics that one listener may ask for.
MOST = 64


class Bus:
    """Listeners are called at once and must not block; what one raises harms no other."""

    def __init__(self) -> None:
        self._listeners: dict[object, tuple[str, set[str], Listener]] = {}

    def on(self, owner: object, who: str, topic: str, listener: Listener) -> None:
        """`topic` may be a shell pattern. `who` may have several owners at a time: versions. Raises ValueError for too
        many topics."""
        _, topics, _ = self._listeners.setdefault(owner, (who, set(), listener))
        if topic not in topics and len(topics) >= MOST:
            raise ValueError(f"no more than {MOST} topics")
        topics.add(topic)

    def off(self, owner: object) -> None:
        self._listeners.pop(owner, None)

    def emit(self, topic: str, data: dict[str, Any], only: str | None = None) -> int:
        """Tell those who asked for it, or of them only one; → how many."""
        told = 0
        for who, topics, listener in list(self._listeners.values()):
            if (only is None or who == only) and any(fnmatch.fnmatchcase(topic, pattern) for pattern in topics):
                told += 1
                try:
                    listener(topic, data)
                except Exception:
                    log.exception("proxycast: telling %s of %s failed", who, topic)
        return told
