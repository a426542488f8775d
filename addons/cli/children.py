"""Starts and stops the child processes of `proxycast run`, so that none outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress


class Child:
    """One child in a process group of its own: Ctrl-C in the terminal reaches it once, through us.

    `on_line` gets what it prints, line by line and from a thread; without it the child prints where we do.
    """

    def __init__(self, *command: str, on_line: Callable[[str], None] | None = None) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own programs
            [sys.executable, "-m", "addons.cli.child", *command],
            stdin=subprocess.PIPE,  # kept open as long as we live: see child.py
            stdout=None if on_line is None else subprocess.PIPE,
            stderr=None if on_line is None else subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            # SAFEPATH: the folder we were started in may hold anything, modules of our names too
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"},
        )
        self._reader: threading.Thread | None = None
        if on_line is not None:
            self._reader = threading.Thread(target=self._read, args=(on_line,), daemon=True)
            self._reader.start()

    def wait(self, seconds: float) -> int | None:
        """Its exit status, or None if it is still running after so long."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def stop(self, seconds: float) -> None:
        """End it politely, and after so many seconds without mercy."""
        self.signal(signal.SIGTERM)
        if self.wait(seconds) is None:
            self._process.kill()
            self._process.wait()
        if self._reader is not None:
            self._reader.join(1)

    def _read(self, on_line: Callable[[str], None]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            on_line(line.rstrip("\n"))
