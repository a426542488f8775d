"""Pacing and concurrency of a credential, as its owner set them (design.md, decision 8). Pure: times are passed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

WINDOW = 60.0  # seconds over which `requests_per_minute` counts


class Limits:
    """Requests under way and of the last minute, by credential.

    Settings: `max_concurrent` requests at a time, `requests_per_minute`, `min_interval` seconds between two.
    """

    def __init__(self) -> None:
        self._busy: dict[str, int] = {}
        self._recent: dict[str, deque[float]] = {}

    def wait(self, name: str, settings: Mapping[str, Any], now: float) -> float:
        """Seconds until one more request may go; 0 = now. A full house counts as a tenth of a second: ask again."""
        most = settings.get("max_concurrent")
        if isinstance(most, int) and most > 0 and self._busy.get(name, 0) >= most:
            return 0.1
        recent = self._recent.get(name)
        if not recent:
            return 0.0
        waits = [0.0]
        interval = settings.get("min_interval")
        if isinstance(interval, int | float) and interval > 0:
            waits.append(recent[-1] + interval - now)
        pace = settings.get("requests_per_minute")
        if isinstance(pace, int) and pace > 0:
            while recent and recent[0] <= now - WINDOW:
                recent.popleft()
            if len(recent) >= pace:
                waits.append(recent[len(recent) - pace] + WINDOW - now)
        return max(waits)

    def started(self, name: str, settings: Mapping[str, Any], now: float) -> None:
        self._busy[name] = self._busy.get(name, 0) + 1
        if settings.get("requests_per_minute") or settings.get("min_interval"):
            recent = self._recent.setdefault(name, deque())
            recent.append(now)
            while recent and recent[0] <= now - WINDOW and len(recent) > 1:
                recent.popleft()

    def ended(self, name: str) -> None:
        self._busy[name] = max(0, self._busy.get(name, 0) - 1)

    def busy(self, name: str) -> int:
        return self._busy.get(name, 0)
