"""Locks between processes: one at a time refreshes a token family, whoever shares the home."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

#: Seconds between two looks at a lock that another holds. Waiting in a thread would outlive a cancelled request.
INTERVAL = 0.02


class LockTimeoutError(Exception):
    """Another process holds the lock for too long."""


def family(refresh_token: str) -> str:
    """What all copies of one login have in common, fit for a file's name and for a log: 16 hex digits."""
    return hashlib.sha256(refresh_token.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@asynccontextmanager
async def held(folder: Path, name: str, patience: float) -> AsyncIterator[None]:
    """Hold the lock `name` of this folder; waits up to `patience` seconds, then raises LockTimeoutError.

    The system gives it up when its process dies. Its file is removed by whoever held it last, so that the folder does
    not fill: who waited for a file that is gone begins again with the new one.
    """
    path = folder / f".{name}.lock"
    deadline = time.monotonic() + patience
    while (descriptor := _try(path)) is None:
        if time.monotonic() >= deadline:
            raise LockTimeoutError(f"another process has held {path.name} for {patience:g} s")
        await asyncio.sleep(INTERVAL)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _try(path: Path) -> int | None:
    """The descriptor of the locked file, None while another has it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    os.close(descriptor)
    return None
