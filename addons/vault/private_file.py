"""Files that others must not read: makes our own for their owner alone, and replaces the text of another program's file
so that the program never notices: whole or not at all, same owner, same permissions, same place behind a link."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


def keep_private(path: Path) -> None:
    """Make the file, empty, unless it is there; one that others can read is closed to them. Raises OSError where it
    cannot be made."""
    if not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    elif path.stat().st_mode & 0o077:
        with suppress(PermissionError):  # somebody else's: whether it can be used is seen when it is opened
            path.chmod(0o600)


def replace_text(path: Path, text: str) -> None:
    """Raises OSError, and changes nothing then: also when the file would not belong to its owner any more."""
    path = path.resolve(strict=True)
    before = path.stat()
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if (before.st_uid, before.st_gid) != (os.getuid(), os.getgid()):
                os.fchown(descriptor, before.st_uid, before.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
