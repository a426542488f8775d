"""What tests of providers share: a home and the command in it, and logins that nobody waits for."""

from __future__ import annotations

import time

import pytest

from addons.login import run
from addons.pool import refresh
from tests.cli.conftest import command, done, home, read, refused

__all__ = ["command", "done", "home", "read", "refused"]


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds between polls of a login that were not waited; a refresh is tried again at once."""
    found: list[float] = []

    async def at_once(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(run.wait_for, "__defaults__", (at_once, time.monotonic))
    monkeypatch.setattr(refresh, "AGAIN", (0.01, 0.01))
    return found
