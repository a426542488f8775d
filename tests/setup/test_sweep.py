"""The look for secrets at the end of a run finds what is there, and nothing else."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
import zstandard

from addons.config.home import Home
from addons.vault import keys
from addons.vault.credential import Credential
from addons.vault.store import StateStore
from tests import sweep

SECRET = "planted-" + "secret/of a test"


@pytest.fixture
def home() -> Iterator[Home]:
    """Outside of what the run's own sweep looks at."""
    with tempfile.TemporaryDirectory() as folder:
        made = Home(Path(folder) / "deep" / "proxycast")
        made.ensure()
        with closing(StateStore(made.state, made.vault_key)) as state:
            state.add_credential(Credential("a", "anthropic", SECRET))
        yield made


def base(home: Home) -> Path:
    return home.path.parents[1]


def blob(home: Home, content: bytes) -> None:
    with closing(sqlite3.connect(home.audit)) as db:
        db.execute("CREATE TABLE blobs (id, encoding TEXT, content BLOB, size INTEGER)")
        packed = zstandard.ZstdCompressor().compress(content)
        db.execute("INSERT INTO blobs VALUES (1, 'zstd', ?, ?)", (packed, len(content)))
        db.commit()


PLANTS: dict[str, Callable[[Home], object]] = {
    "a packed body": lambda home: blob(home, b"lorem " * 50 + SECRET.encode() + b" ipsum" * 50),
    "the log beside the home": lambda home: (home.path.parent / "gateway.log").write_text(f"sent {SECRET}\n"),
    "a log within it, percent-encoded": lambda home: (home.path / "x.log").write_text(quote(SECRET, safe="")),
    "the write-ahead log": lambda home: (home.path / "audit.db-wal").write_bytes(b"\0\0" + SECRET.encode()),
    "state.db's own bytes": lambda home: (home.path / "state.db-wal.db").write_bytes(SECRET.encode()),
    "a client key": lambda home: (home.path / "x.log").write_text(f"key {keys.generate()} came"),
}


def test_a_clean_home_is_clean(home: Home) -> None:
    blob(home, b"lorem ipsum " * 50)
    (home.path / "gateway.log").write_text("planted- nothing; pxc_short")
    assert sweep.leaks(base(home)) == []


@pytest.mark.parametrize("place", PLANTS)
def test_what_was_planted_is_found_and_not_repeated(home: Home, place: str) -> None:
    PLANTS[place](home)
    found = sweep.leaks(base(home))
    assert found
    for line in found:
        assert ("a client key" if place == "a client key" else "the secret of a") in line
        assert SECRET not in line


def test_what_run_says_on_a_terminal_may_hold_the_first_key(home: Home) -> None:
    (home.path.parent / sweep.TERMINAL).write_text(f"your key: {keys.generate()}")
    assert sweep.leaks(base(home)) == []
