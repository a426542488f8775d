"""The gateway's end of the audit: hands records to the writer process and never makes an exchange wait or fail.

`submit` puts a record into a bounded queue; a thread pickles what has gathered there and writes it into the pipe;
another one reads the writer's replies. Python has one interpreter lock: redaction, hashing, compression and SQL
therefore run in a process of their own (writer.py), and what is left here is a memory copy, of many records at a time:
every system call of a thread hands the lock to and fro, and exchanges wait for it.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from addons.audit import frames
from addons.audit.record import ExchangeRecord, Side
from addons.audit.settings import AuditSettings, Mode

log = logging.getLogger(__name__)

#: After the first record the thread waits so long for more: one wake-up then serves many records.
_GATHER_SECONDS = 0.05

#: So many that wait are enough to begin with.
_PLENTY = 64

#: What has gathered goes into the pipe at this size, in bytes of the queue.
_FULL = 1 << 20

#: Back-off between restarts of a writer that died, in seconds; one that lived for the last of them starts afresh.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 30.0

#: What a record costs in the queue beside its bodies, in bytes.
_OVERHEAD = 4_096

_Frame = tuple[bytes, Any, int]  # tag, what to pickle (or bytes, or one record), size in the queue


class AuditClient:
    """`start`, then `submit` from any thread. No method raises; only `flush` and `close` block, for their time-outs."""

    def __init__(self) -> None:
        self._settings = AuditSettings(mode=Mode.OFF)
        self._path = Path()
        self._secrets: list[str] = []
        self._queue: queue.SimpleQueue[_Frame | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._queued = self._queued_bytes = 0
        self._submitted = self._dropped = self._lost = self._written = self._errors = self._restarts = 0
        self._in_flight = 0  # records sent to the living writer and not yet answered
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._replies: threading.Thread | None = None
        self._flushes: dict[str, threading.Event] = {}
        self._started = 0.0
        self._pause = _FIRST_PAUSE
        self._retry_at = 0.0
        self._closing = False

    def start(self, path: Path, settings: AuditSettings | None = None) -> None:
        """Record into the database at `path` (made, with its folder, if there is none). Once, before `submit`."""
        self._path = path
        self._settings = settings or AuditSettings()
        self._thread = threading.Thread(target=self._pump, name="audit", daemon=True)
        self._thread.start()
        if self._settings.mode is not Mode.OFF:
            self._put(frames.SETTINGS, None)  # starts the writer, so that the first record finds it ready

    def configure(self, settings: AuditSettings) -> None:
        """Other settings from the next record on (a configuration that was edited)."""
        self._settings = settings
        if self._thread is not None:
            self._put(frames.SETTINGS, settings)

    def set_secrets(self, values: Iterable[str]) -> None:
        """All values that must never be stored: credentials, tokens. They go to the writer's memory alone."""
        self._secrets = list(values)
        if self._thread is not None:
            self._put(frames.SECRETS, self._secrets)

    def submit(self, record: ExchangeRecord) -> None:
        """Take over `record`, not to be changed afterwards. Beyond the queue's limits it is dropped and counted."""
        settings = self._settings
        if settings.mode is Mode.OFF:
            return
        bodies = {id(side.body): len(side.body) for side in _sides(record)}  # passed through, it is the same object
        size = _OVERHEAD + sum(bodies.values())
        with self._lock:
            self._submitted += 1
            over = self._queued >= settings.queue_records or self._queued_bytes + size > settings.queue_bytes
            if over or self._thread is None or self._closing:
                self._dropped += 1
                return
            self._queued += 1
            self._queued_bytes += size
        self._queue.put((frames.RECORDS, record, size))

    def stats(self) -> dict[str, int]:
        """Counts of records since the start: submitted = written + dropped (queue full) + errors (the database refused)
        + lost (the writer died over them) + queue (still on their way). `restarts` counts writers that died."""
        with self._lock:
            return {
                "submitted": self._submitted,
                "written": self._written,
                "dropped": self._dropped,
                "errors": self._errors,
                "lost": self._lost,
                "queue": self._queued + self._in_flight,
                "restarts": self._restarts,
            }

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until everything submitted before is in the database or given up; False when that takes too long."""
        if self._thread is None or not self._thread.is_alive():
            return True
        if self._settings.mode is Mode.OFF and self._process is None:
            return True
        done = threading.Event()
        token = f"{id(done):x}"
        with self._lock:
            self._flushes[token] = done
        self._put(frames.FLUSH, token.encode())
        flushed = done.wait(timeout)
        with self._lock:
            self._flushes.pop(token, None)
        return flushed

    def close(self, timeout: float = 10.0) -> None:
        """Write what is queued and end the writer; what is not written within `timeout` seconds is lost."""
        if self._thread is None or self._closing:
            return
        deadline = time.monotonic() + timeout
        with self._lock:
            self._closing = True
        self._queue.put(None)
        self._thread.join(max(0.0, deadline - time.monotonic()))
        process = self._process
        if process is not None:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._thread.join(1.0)
        if self._replies is not None:
            self._replies.join(1.0)
        with self._lock:
            self._lost += self._queued + self._in_flight
            self._queued = self._in_flight = 0

    # -- the thread that writes

    def _put(self, tag: bytes, value: Any) -> None:
        self._queue.put((tag, value, 0))

    def _pump(self) -> None:
        frame = self._queue.get()
        while frame is not None:
            following = None
            try:
                if frame[0] == frames.RECORDS:
                    records, size, following = self._gathered(frame)
                    self._send_records(records, size)
                else:
                    self._send(frame[0], frame[1])
            except Exception as error:  # the thread must live as long as the gateway
                log.warning("audit: %s: %s", type(error).__name__, error)
            frame = self._queue.get() if following is None else following[0]
        process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()

    def _gathered(self, first: _Frame) -> tuple[list[ExchangeRecord], int, tuple[_Frame | None] | None]:
        """→ the records up to the next frame of another kind, their size, and that frame if it is there."""
        if self._queue.qsize() < _PLENTY:
            time.sleep(_GATHER_SECONDS)
        records, size = [first[1]], first[2]
        while size < _FULL:
            try:
                frame = self._queue.get_nowait()
            except queue.Empty:
                break
            if frame is None or frame[0] != frames.RECORDS:
                return records, size, (frame,)
            records.append(frame[1])
            size += frame[2]
        return records, size, None

    def _send_records(self, records: list[ExchangeRecord], size: int) -> None:
        process = self._alive()
        payload = b"" if process is None else self._packed(records)
        with self._lock:
            self._queued -= len(records)
            self._queued_bytes -= size
            if process is None:
                self._lost += len(records)
            else:
                self._in_flight += frames.count_of(payload)
                self._lost += len(records) - frames.count_of(payload)
        if process is not None:
            self._write(process, frames.RECORDS, payload)

    def _packed(self, records: list[ExchangeRecord]) -> bytes:
        for record in records:
            _cap(record, self._settings.body_cap)
        try:
            return frames.pack_records(records)
        except Exception as error:  # one of them cannot be pickled; the others are not lost for it
            log.warning("audit: %s: %s", type(error).__name__, error)
            if len(records) == 1:
                return frames.pack_records([])
            return frames.pack_records([record for record in records if frames.count_of(self._packed([record]))])

    def _send(self, tag: bytes, value: Any) -> None:
        process = self._alive()
        if process is None or (tag == frames.SETTINGS and value is None):
            return  # a new writer is told the settings and secrets anyway
        self._write(process, tag, value if isinstance(value, bytes) else pickle.dumps(value, protocol=5))

    def _write(self, process: subprocess.Popen[bytes], tag: bytes, payload: bytes) -> None:
        assert process.stdin is not None
        try:
            for part in frames.pack(tag, payload):
                rest = memoryview(part)
                while rest:  # an unbuffered pipe may take less than it is given
                    rest = rest[process.stdin.write(rest) :]
        except OSError:
            self._buried(process)

    def _alive(self) -> subprocess.Popen[bytes] | None:
        """The living writer, started anew when its back-off has passed; while it is down records wait in the queue."""
        while True:
            process = self._process
            if process is not None:
                if process.poll() is None:
                    return process
                self._buried(process)
            if self._closing and self._restarts:
                return None
            pause = self._retry_at - time.monotonic()
            if pause > 0:
                time.sleep(min(pause, 0.1))
                continue
            if not self._spawn() and self._closing:
                return None

    def _spawn(self) -> bool:
        root = str(Path(__file__).resolve().parents[2])
        search = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
        self._retry_at = time.monotonic() + self._pause
        try:
            process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "addons.audit.writer", "--db", str(self._path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": search},
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            log.warning("audit: the writer cannot be started: %s", error)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            return False
        self._process, self._started = process, time.monotonic()
        self._replies = threading.Thread(target=self._listen, args=(process,), name="audit-replies", daemon=True)
        self._replies.start()
        self._write(process, frames.SETTINGS, pickle.dumps(self._settings))
        self._write(process, frames.SECRETS, pickle.dumps(self._secrets))
        return True

    def _buried(self, process: subprocess.Popen[bytes]) -> None:
        """The writer died: what it had not confirmed counts as lost, and it is started again after a pause."""
        if self._process is not process:
            return
        process.kill()
        code = process.wait()
        if self._replies is not None:
            self._replies.join(2.0)  # its last replies are still in the pipe
        lived = time.monotonic() - self._started
        with self._lock:
            lost, self._in_flight = self._in_flight, 0
            self._lost += lost
            self._restarts += 1
            self._process = None
        self._pause = _FIRST_PAUSE if lived > _LONGEST_PAUSE else min(self._pause * 2, _LONGEST_PAUSE)
        self._retry_at = time.monotonic() + self._pause
        log.warning("audit: the writer ended (%d); %d records lost, next try in %.1f s", code, lost, self._pause)

    # -- the thread that reads

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                reply = json.loads(line)
                self._reply(reply)
            except (ValueError, KeyError, TypeError):
                continue  # not a line of the writer's

    def _reply(self, reply: dict[str, Any]) -> None:
        if "log" in reply:
            log.warning("audit: %s", reply["log"])
            return
        with self._lock:
            self._written += reply["written"]
            self._errors += reply["errors"]
            self._in_flight = max(0, self._in_flight - reply["written"] - reply["errors"])
            events = [self._flushes.get(token) for token in reply["flushed"]]
        for event in events:
            if event is not None:
                event.set()


def _cap(record: ExchangeRecord, cap: int) -> None:
    """Cut bodies before they are copied; the recorder has mostly done so."""
    for side in _sides(record):
        if 0 < cap < len(side.body):
            side.body, side.truncated = side.body[:cap], True


def _sides(record: ExchangeRecord) -> Iterator[Side]:
    yield record.client_request
    yield record.delivered
    for attempt in record.attempts:
        yield attempt.request
        if attempt.response is not None:
            yield attempt.response
