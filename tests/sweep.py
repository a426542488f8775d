"""After a whole run: no home that a test left holds a secret where none may be (issue 2, Audit).

What is a secret needs no list: every home knows its own. Its `state.db` and key are read as the gateway reads them, and
what the credentials hold there, like whatever has the form of a client key, must be in no audit, no log and nowhere in
the bytes of `state.db` itself.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from addons.audit.bodies import decompress
from addons.config.home import Home
from addons.vault.keyplace import KeyPlaceError
from addons.vault.store import StateStore

#: The redactor leaves shorter ones alone; they would hit ordinary text.
SHORTEST = 8
#: keys.py: how the keys of clients look.
CLIENT_KEY = re.compile(rb"pxc_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
#: What tests keep of the output of `proxycast run`, which says the first client key once, when it makes it.
TERMINAL = "run.log"


def leaks(base: Path) -> list[str]:
    """What is wrong below a folder, one line for each find; the secret itself is not repeated."""
    return [line for state in sorted(base.rglob("state.db")) for line in _of_home(Home(state.parent))]


def _of_home(home: Home) -> Iterator[str]:
    known = _secrets(home)
    for name, data in _places(home):
        for credential, forms in known.items():
            if any(form in data for form in forms):
                yield f"{name}: the secret of {credential}"
        if CLIENT_KEY.search(data) and Path(name).name != TERMINAL:
            yield f"{name}: a client key"


def _secrets(home: Home) -> dict[str, set[bytes]]:
    """Name of a credential → its secrets, those among its settings included, as they may be written."""
    try:
        with closing(StateStore(home.state, home.vault_key)) as store:
            credentials = list(store.credentials.values())
    except (sqlite3.Error, OSError, KeyPlaceError):
        return {}  # a test broke it on purpose
    return {
        one.name: {form for value in one.secret_values() if len(value) >= SHORTEST for form in _forms(value)}
        for one in credentials
    }


def _forms(secret: str) -> Iterable[bytes]:
    for text in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
        yield text.encode("utf-8", "surrogatepass")


def _places(home: Home) -> Iterator[tuple[str, bytes]]:
    """Name and content of what must hold none; bodies of the audit as they were before they were packed."""
    for path in sorted({*home.path.glob("*.db*"), *home.path.rglob("*.log"), *home.path.parent.glob("*.log")}):
        if path.is_file():
            yield str(path), path.read_bytes()
    if home.audit.is_file():
        yield f"{home.audit} (bodies)", b"\n".join(_bodies(home.audit))


def _bodies(path: Path) -> Iterator[bytes]:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            for encoding, content, size in db.execute("SELECT encoding, content, size FROM blobs"):
                yield decompress(encoding, content, size)
    except (sqlite3.Error, ValueError):
        return  # made so by a test
