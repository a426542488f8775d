"""Pacing and concurrency of a credential, as its owner set them (design.md, decision 8). Pure: times are passed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

WINDOW = 60.0  # seconds over which `requests_per_minute` counts


def number(settings: Mapping[str, Any], name: str) -> float | None:
    """A positive number among settings, also where it was written as text or in per cent; None for anything else."""
    value = settings.get(name)
    if isinstance(value, str):
        text = value.strip()
        try:
            value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value < float("inf") else None


def reserve(settings: Mapping[str, Any]) -> float:
    """The share of a limit that the owner wants left alone: 0.1 or "10%"; 0 = none."""
    return min(number(settings, "reserve") or 0.0, 1.0)


class Limits:
    """Requests under way and of the last minute, by credential.

    Settings: `max_concurrent` requests at a time, `requests_per_minute`, `min_interval` seconds between two.
    """

    def __init__(self) -> None:
        self._busy: dict[str, int] = {}
        self._recent: dict[str, deque[float]] = {}

    def wait(self, name: str, settings: Mapping[str, Any], now: float) -> float:
        """Seconds until one more request may go; 0 = now. A full house counts as a tenth of a second: ask again."""
        most = number(settings, "max_concurrent")
        if most is not None and self._busy.get(name, 0) >= most:
            return 0.1
        recent = self._recent.get(name)
        if not recent:
            return 0.0
        waits = [0.0]
        interval = number(settings, "min_interval")
        if interval is not None:
            waits.append(recent[-1] + interval - now)
        pace = int(number(settings, "requests_per_minute") or 0)
        if pace > 0:
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
