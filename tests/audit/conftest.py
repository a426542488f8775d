"""A database path of its own for each test, a store in this process, and a client with its writer process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from addons.audit.client import AuditClient
from addons.audit.settings import AuditSettings
from addons.audit.store import Store


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "home" / "audit.db"


@pytest.fixture
def store(db: Path) -> Iterator[Callable[..., Store]]:
    """Makes a store with the given settings over `db`."""
    made: list[Store] = []

    def make(**settings: object) -> Store:
        made.append(Store(db, AuditSettings(**settings)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def client(db: Path) -> Iterator[Callable[..., AuditClient]]:
    """Starts a client with the given settings over `db`."""
    made: list[AuditClient] = []

    def make(**settings: object) -> AuditClient:
        one = AuditClient()
        made.append(one)
        one.start(db, AuditSettings(**settings))  # type: ignore[arg-type]
        return one

    yield make
    for one in made:
        one.close(5)
