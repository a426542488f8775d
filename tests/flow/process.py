"""Any mitmproxy tool with our script in a home of its own, for tests of how it starts, listens and ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tests.e2e.gateway import ROOT, SCRIPTS, free_port

PATIENCE = 30.0  # seconds for anything that a loaded machine may be slow at


def until[T](look: Callable[[], T], *, patience: float = PATIENCE) -> T:
    """The first true value of `look`; fails when there is none in time."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < deadline, f"never happened: {look}"
        time.sleep(0.05)
    return found


class Process:
    """`port` and `proxy_port` are those that config.toml names; `config` is what else it says."""

    def __init__(self, home: Path, *, config: str = "", ports: bool = True) -> None:
        self.home = home
        self.port, self.proxy_port = free_port(), free_port()
        self.config = home / "proxycast" / "config.toml"
        self.config.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        where = f"[gateway]\nport = {self.port}\n[proxy]\nport = {self.proxy_port}\n" if ports else ""
        self.config.write_text(where + config, encoding="utf-8")
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, program: str = "mitmdump", script: Path = ROOT / "proxycast.py") -> Self:
        command = [str(SCRIPTS / program), "-s", str(script), "--set", f"confdir={self.home / 'ca'}"]
        with (self.home / "out").open("wb") as out, (self.home / "err").open("wb") as err:
            self._popen = subprocess.Popen(
                [*command, *options], cwd=ROOT, env=self.env(), stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
        return self

    def env(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        home = {"HOME": str(self.home), "PROXYCAST_HOME": str(self.config.parent), "LANG": "C.UTF-8"}
        return {**kept, **home, "PYTHONUNBUFFERED": "1"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._popen is not None and self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()

    @property
    def popen(self) -> subprocess.Popen[bytes]:
        assert self._popen is not None, "not started"
        return self._popen

    @property
    def out(self) -> str:
        return (self.home / "out").read_text("utf-8", "replace")

    @property
    def err(self) -> str:
        return (self.home / "err").read_text("utf-8", "replace")

    def listens(self, port: int, host: str = "127.0.0.1") -> Self:
        """Wait until it listens there (asking by connecting can reach oneself: a port out of the ephemeral range)."""

        def look() -> bool:
            assert self.popen.poll() is None, f"it ended with {self.popen.returncode}\n{self.out}{self.err}"
            return (host, port) in self.addresses() or ("0.0.0.0", port) in self.addresses()

        until(look)
        return self

    def ends(self) -> int:
        """Wait for its exit status."""
        return self.popen.wait(PATIENCE)

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.popen.send_signal(number)

    def addresses(self) -> set[tuple[str, int]]:
        """All (address, port) that it listens on, as the system sees them."""
        if not Path("/proc/self/net").exists():
            return _lsof(self.popen.pid)
        links = Path(f"/proc/{self.popen.pid}/fd").iterdir()
        owned = {str(link.readlink()) for link in links if link.is_symlink()}
        found = set()
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{self.popen.pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in owned:
                    address, port = fields[1].split(":")
                    found.add((_address(bytes.fromhex(address)), int(port, 16)))
        return found


def _address(raw: bytes) -> str:
    """The kernel prints 32-bit words in the byte order of a little-endian host."""
    swapped = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, swapped)


def _lsof(pid: int) -> set[tuple[str, int]]:
    command = ["lsof", "-nP", "-a", "-p", str(pid), "-iTCP", "-sTCP:LISTEN", "-Fn"]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    pairs = (line[1:].rsplit(":", 1) for line in lines if line.startswith("n"))
    return {(host.strip("[]").replace("*", "0.0.0.0"), int(port)) for host, port in pairs}


def other_addresses() -> list[str]:
    """This machine's own IPv4 addresses that are not loopback, as far as the system names any."""
    found = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: the system only chooses a source address
            found.add(probe.getsockname()[0])
        except OSError:
            pass
    return [address for address in found if not address.startswith("127.")]
