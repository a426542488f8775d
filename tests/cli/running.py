"""One `proxycast run` as a real process, for tests: what it printed, where it listens, how it ended."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.gateway import SCRIPTS, free_port

START_SECONDS = 40
STOP_SECONDS = 15
NO_KEYRING = "keyring.backends.null.Keyring"


def await_true(condition: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Run:
    """One `proxycast run` on free ports, in a home of its own; `text` is all that it has printed."""

    def __init__(
        self, home: Path, *options: str, command: tuple[str, ...] = (str(SCRIPTS / "proxycast"), "run")
    ) -> None:
        self._command = command
        self.home = home / "proxycast"
        self.port, self.proxy_port, self.datasette_port = free_port(), free_port(), free_port()
        self._log = home / "run.log"
        self._options = options
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Run:
        kept = {name: text for name, text in os.environ.items() if name in ("PATH", "TMPDIR") or name[:4] == "PIP_"}
        ports = {"port": self.port, "proxy-port": self.proxy_port, "datasette-port": self.datasette_port}
        options = [part for name, port in ports.items() for part in (f"--{name}", str(port))]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*self._command, *options, *self._options],
                cwd=self._log.parent,
                env={
                    **kept,
                    "HOME": str(self._log.parent),
                    "PROXYCAST_HOME": str(self.home),
                    "LANG": "C.UTF-8",
                    "PYTHON_KEYRING_BACKEND": NO_KEYRING,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    def up(self, seconds: float = START_SECONDS) -> Run:
        self.start()
        assert await_true(lambda: "Ctrl-C" in self.text or self.ended is not None, seconds), self.text
        assert self.ended is None, self.text
        return self

    @property
    def text(self) -> str:
        return self._log.read_text("utf-8", errors="replace")

    @property
    def ended(self) -> int | None:
        assert self.process is not None
        return self.process.poll()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        return str(re.findall(r"pxc_[\w-]{43}", self.text)[0])

    @property
    def login(self) -> str:
        return str(re.findall(r"http://127\.0\.0\.1:\d+/-/\S+token=\S+", self.text)[0])

    @property
    def ports_open(self) -> list[int]:
        return [port for port in (self.port, self.proxy_port, self.datasette_port) if listening(port)]

    def stop(self, number: int = signal.SIGINT) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)
