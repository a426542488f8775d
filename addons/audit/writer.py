"""The writer process, `python -m addons.audit.writer --db PATH`: reads records from its standard input, writes batches.

It lives as long as its standard input: when the gateway dies, by whatever signal, what is in the pipe is still written.
It never gives up: what cannot be written is counted and told to the gateway (one line of JSON per batch on standard
output), and the next batch is tried afresh. A record is committed at most `batch_seconds` after it arrived, plus the
time that its batch takes.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import pickle
import signal
import sqlite3
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from addons.audit import frames
from addons.audit.record import ExchangeRecord
from addons.audit.retention import Retention
from addons.audit.settings import AuditSettings
from addons.audit.store import Store

#: Bytes read ahead of the database; beyond them the pipe fills, and the gateway's queue behind it.
_READ_AHEAD = 64 << 20

#: Bytes of records that make a batch full.
_BATCH_BYTES = 32 << 20

#: Seconds between two lines about the same trouble.
_LOG_SECONDS = 30.0

#: Seconds between two attempts to open a database that could not be opened, and between looks at its file.
_REOPEN_SECONDS = 1.0

#: Seconds of silence after which a writer that was asked to end does so though its gateway still lives.
_IDLE_END = 2.0

_UNREADABLE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Inbox:
    """Frames between the thread that reads them and the one that writes: bounded by bytes, in order."""

    def __init__(self) -> None:
        self._frames: collections.deque[tuple[bytes, bytes]] = collections.deque()
        self._size = 0
        self._changed = threading.Condition()
        self.ended = False

    def fill(self) -> None:
        """Read standard input until it ends."""
        for tag, payload in frames.unpack(sys.stdin.buffer):
            with self._changed:
                while self._size > _READ_AHEAD:
                    self._changed.wait()
                self._frames.append((tag, payload))
                self._size += len(payload)
                self._changed.notify_all()
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def take(self, timeout: float) -> tuple[bytes, bytes] | None:
        """The next frame; None when there was none for `timeout` seconds or no more will come."""
        with self._changed:
            if not self._frames and not self.ended:
                self._changed.wait(timeout)
            if not self._frames:
                return None
            tag, payload = self._frames.popleft()
            self._size -= len(payload)
            self._changed.notify_all()
            return tag, payload


@dataclass(slots=True)
class Counts:
    """Since the last report."""

    written: int = 0
    errors: int = 0
    flushed: list[str] = field(default_factory=list)


class Writer:
    def __init__(self, path: Path, inbox: Inbox) -> None:
        self._path = path
        self._settings = AuditSettings()  # until the first frame, which brings the gateway's
        self._inbox = inbox
        self._store: Store | None = None
        self._retention: Retention | None = None
        self._secrets: list[str] = []
        self._pending: list[ExchangeRecord] = []
        self._pending_bytes = 0
        self._counts = Counts()
        self._logged: dict[str, float] = {}
        self._next_open = 0.0
        self._next_look = 0.0
        self._next_retention = 0.0
        self.ending = False

    def run(self) -> None:
        """Until standard input has ended and everything read from it is written or given up."""
        due = 0.0
        idle_since = time.monotonic()
        while True:
            wait = max(0.0, due - time.monotonic()) if self._pending else min(0.5, self._settings.batch_seconds)
            frame = self._inbox.take(wait)
            now = time.monotonic()
            if frame is not None:
                idle_since = now
                if frame[0] == frames.RECORDS and not self._pending:
                    due = now + self._settings.batch_seconds
                self._frame(*frame)
            full = len(self._pending) >= self._settings.batch_records or self._pending_bytes >= _BATCH_BYTES
            if full or (self._pending and (now >= due or frame is None)):
                self._write()
            if frame is None and (self._inbox.ended or (self.ending and now - idle_since > _IDLE_END)):
                break
            if not self._pending:
                self._maintain()
            self._report()
        self._report()
        if self._store is not None:
            self._store.close()

    def _frame(self, tag: bytes, payload: bytes) -> None:
        if tag == frames.FLUSH:
            self._write()
            self._counts.flushed.append(payload.decode("ascii", "replace"))
            return
        try:
            # Only the parent holds the other end of the pipe.
            value: Any = frames.unpack_records(payload) if tag == frames.RECORDS else pickle.loads(payload)  # noqa: S301
        except Exception as error:
            self._counts.errors += frames.count_of(payload) if tag == frames.RECORDS else 0
            self._log("frame", f"what the gateway sent could not be read: {type(error).__name__}")
            return
        match tag:
            case frames.RECORDS:
                self._pending += value
                self._pending_bytes += len(payload)
            case frames.SECRETS:
                # What came before is redacted with the new secrets too: a secret may have been used before it was told.
                self._secrets = value
                if self._store is not None:
                    self._store.set_secrets(value)
            case frames.SETTINGS:
                self._write()
                self._settings = value
                self._close()
                self._next_open = 0.0
                self._ready()

    def _write(self) -> None:
        """Write what is pending, or give it up."""
        self._pending_bytes = 0
        mended = False
        while self._pending:
            try:
                store = self._ready()
                if store is None:
                    raise sqlite3.OperationalError("the database could not be opened")
                result = store.write(self._pending[: self._settings.batch_records], self._settings.batch_seconds)
            except (sqlite3.Error, OSError) as error:
                if _unreadable(error) and not mended:
                    mended = True
                    self._put_aside()
                    continue
                lost = min(len(self._pending), self._settings.batch_records)
                del self._pending[:lost]
                self._counts.errors += lost
                self._log("write", f"{lost} audit records lost: {error}")
                continue
            for fault in result.faults:
                self._log("record", f"an audit record could not be stored whole: {fault}")
            self._counts.written += result.written
            self._counts.errors += result.taken - result.written
            del self._pending[: result.taken]
            self._report()

    def _ready(self) -> Store | None:
        """The open store; None (logged) when it cannot be opened now."""
        now = time.monotonic()
        if self._store is not None and now >= self._next_look:
            self._next_look = now + _REOPEN_SECONDS
            if self._store.replaced():
                self._close()
        if self._store is None and now >= self._next_open:
            self._next_open = now + _REOPEN_SECONDS
            try:
                store = Store(self._path, self._settings)
            except (sqlite3.Error, OSError) as error:
                if _unreadable(error):
                    self._put_aside()
                else:
                    self._log("open", f"the audit database cannot be opened: {error}")
                return self._store
            store.set_secrets(self._secrets)
            self._store = store
            self._retention = Retention(store.connection, self._settings)
        return self._store

    def _put_aside(self) -> None:
        """A file that is no readable database any more is kept under another name; a new one takes its place."""
        self._close()
        self._next_open = 0.0
        if not self._path.exists() or _sound(self._path):
            return  # another writer has done it, or only our connection was at fault
        name = f"{self._path.name}.corrupt-{time.strftime('%Y%m%d-%H%M%S')}"
        with suppress(OSError):
            self._path.rename(self._path.with_name(name))
            for suffix in ("-wal", "-shm"):
                # They belong to the old file; left there SQLite would take them for the new one's.
                with suppress(FileNotFoundError):
                    self._path.with_name(self._path.name + suffix).rename(self._path.with_name(name + suffix))
            self._log("corrupt", f"the audit database was damaged; it is kept as {name}, and a new one begun")
            self._ready()

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store = self._retention = None

    def _maintain(self) -> None:
        """One step of retention when one is due."""
        if time.monotonic() < self._next_retention:
            return
        more = False
        if self._ready() is not None and self._retention is not None and self._store is not None:
            try:
                step = self._retention.step(time.time())
                more = step.more
                if step.deleted:
                    self._store.forget()
            except (sqlite3.Error, OSError) as error:
                self._log("retention", f"audit retention: {error}")
        self._next_retention = time.monotonic() + (0.05 if more else self._settings.retention_seconds)

    def _report(self) -> None:
        counts, self._counts = self._counts, Counts()
        if counts.written or counts.errors or counts.flushed:
            _tell({"written": counts.written, "errors": counts.errors, "flushed": counts.flushed})

    def _log(self, kind: str, message: str) -> None:
        now = time.monotonic()
        if now - self._logged.get(kind, -_LOG_SECONDS) >= _LOG_SECONDS:
            self._logged[kind] = now
            _tell({"log": message})


def _tell(message: dict[str, Any]) -> None:
    with suppress(OSError, ValueError):  # the gateway is gone: there is nobody to tell
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def _unreadable(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNREADABLE


def _sound(path: Path) -> bool:
    try:
        connection = sqlite3.connect(path, timeout=5)
        try:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
        finally:
            connection.close()
    except sqlite3.OperationalError:
        return True  # locked or unreachable says nothing about its content
    except sqlite3.DatabaseError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m addons.audit.writer", description=__doc__)
    parser.add_argument("--db", type=Path, required=True, help="the audit database; made if there is none")
    options = parser.parse_args()
    # A Ctrl-C at the terminal is the gateway's to act on; its end is ours.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(5)  # the gateway comes first
    inbox = Inbox()
    writer = Writer(options.db, inbox)
    signal.signal(signal.SIGTERM, lambda *_: setattr(writer, "ending", True))
    threading.Thread(target=inbox.fill, name="audit-inbox", daemon=True).start()
    writer.run()


if __name__ == "__main__":
    main()
