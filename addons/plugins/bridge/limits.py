"""What an executable plugin may take: sizes, numbers and paces, all in one place, and how a pace is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds, paces in pieces a second.

    `line`: one message, either way. `waiting`, `waiting_bytes`: messages that wait until the plugin reads. `stall`: how
    long it may leave its input unread while somebody waits for an answer. `hung`: calls in a row that ran out of time.
    `messages`, `burst`: what it says and wants no answer to; `requests`: what it asks for, twice that at once. So many
    `heavy` bytes of either count as another. `overrun`: how long, all in all, it may have to be slowed for what it
    says; ten times that for what it asks.
    `garbage`: lines a minute that are no message. `serving`: its own requests at a time. `steady`: how long it has to
    live until an end counts as the first one. `ready`: until `initialize` is answered. `goodbye`: for `shutdown`, and
    then again after SIGTERM.
    """

    line: int = 32 * MIB
    waiting: int = 1024
    waiting_bytes: int = 64 * MIB
    stall: float = 10.0
    hung: int = 3
    messages: float = 200.0
    burst: int = 400
    requests: float = 500.0
    heavy: int = 16 * 1024
    overrun: float = 20.0
    garbage: int = 32
    serving: int = 8
    log_lines: float = 5.0
    log_burst: int = 40
    log_bytes: float = 256 * 1024.0
    backoff: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
    steady: float = 60.0
    ready: float = 20.0
    goodbye: float = 2.0


class Pace:
    """A token bucket. `take` tells how long to wait, and never refuses; `overrun` sums up the waiting since the bucket
    was last full."""

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._now = rate, burst, now
        self._level, self._at = burst, now()
        self.overrun = 0.0

    def take(self, amount: float = 1.0) -> float:
        """Seconds until this much is due."""
        now = self._now()
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
        if self._level >= self._burst:
            self.overrun = 0.0
        self._level -= amount
        wait = max(0.0, -self._level / self._rate)
        self.overrun += min(wait, amount / self._rate)
        return wait

    def spare(self, amount: float = 1.0) -> bool:
        """Take it if it is there now."""
        if self.take(amount) > 0:
            self._level += amount
            return False
        return True
