"""Changes `config.toml` in place: comments and order stay, the result is checked before it replaces the file,
atomically."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import tomlkit
from tomlkit import TOMLDocument

from addons.config.settings import Settings
from addons.config.store import SETTLE_SECONDS, parse, read


def edit(path: Path, change: Callable[[TOMLDocument], None]) -> Settings:
    """Apply `change` and return the new settings; raises ConfigError (before or after the change) and writes nothing
    then. Edits of several processes wait for each other."""
    with _alone(path):
        text = read(path)
        parse(text, path)  # a broken file is for its owner to mend
        document = tomlkit.parse(text)
        change(document)
        changed = tomlkit.dumps(document)
        settings = parse(changed, path)
        if changed != text:
            write_private(path, changed)
        return settings


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step, readable for its owner alone; a link to a file elsewhere stays a link.

    It is whole at once, and its time says so: after two edits in a row its inode may be the first one's again, which
    would look like a file that is still being written in place (store.py).
    """
    path = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        settled = time.time_ns() - int(SETTLE_SECONDS * 1e9)
        os.utime(name, ns=(settled, settled))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def table(document: TOMLDocument, *names: str) -> tomlkit.items.Table:
    """The (nested) table of that name, made if it is not there."""
    current: tomlkit.items.Table = document  # type: ignore[assignment]
    for name in names:
        if name not in current:
            current[name] = tomlkit.table(is_super_table=name != names[-1])
        current = current[name]
    return current
