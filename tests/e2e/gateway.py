"""Runs the gateway as its users do: `mitmdump -s proxycast.py` and the `proxycast` command, in a home of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sys.executable).parent
START_SECONDS = 30
COMMAND_SECONDS = 60
STOP_SECONDS = 10


@dataclass(frozen=True)
class Backend:
    """How a backend of one protocol is set up: provider, what its base URL ends in, settings, and a model it serves."""

    provider: str
    model: str
    path: str = ""
    settings: dict[str, str] = field(default_factory=dict)


BACKENDS: dict[str, Backend] = {
    "anthropic": Backend("anthropic", "claude-sonnet-4-6"),
    "openai_chat": Backend("openai_compatible", "qwen3-coder-plus", "/v1", {"api": "chat"}),
    "openai_responses": Backend("openai", "gpt-5.5", "/v1", {"api": "responses"}),
    "gemini": Backend("gemini", "gemini-3.5-flash"),
}


class GatewayError(Exception):
    """The gateway or its command did not do what was asked; the text carries what it printed."""


class Gateway:
    """One gateway on a free port of 127.0.0.1, keeping everything under `home`.

    The commands work before `start` as well as after it: configuration is read live.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = 0
        self._log_path = home / "gateway.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._names = 0
        home.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """The gateway's root, without a version."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """All that the gateway has printed."""
        if not self._log_path.exists():
            return ""
        return self._log_path.read_text(encoding="utf-8", errors="replace")

    def start(self, *options: str) -> None:
        """Start, and wait until `/health` says 200; GatewayError with the log if that takes too long."""
        self.port = free_port()
        command = [
            *(str(SCRIPTS / "mitmdump"), "-s", str(ROOT / "proxycast.py")),
            *("--mode", f"reverse:http://127.0.0.1:9@127.0.0.1:{self.port}"),
            *("--set", f"confdir={self.home / 'mitmproxy'}"),
            *("--set", "flow_detail=0", "--set", "termlog_verbosity=warn"),
            *options,
        ]
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._env(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self._await_health()
        except GatewayError:
            self.stop()
            raise

    def stop(self) -> None:
        """End the gateway as Ctrl-C does; kill it if it does not end."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def command(self, *arguments: str, secret: str = "") -> str:
        """Run `proxycast ARGUMENTS` with `secret` on its standard input; what it printed, stripped."""
        result = subprocess.run(
            [str(SCRIPTS / "proxycast"), *arguments],
            cwd=ROOT,
            env=self._env(),
            input=secret,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if result.returncode != 0:
            raise GatewayError(f"proxycast {' '.join(arguments)}: exit {result.returncode}\n{result.stderr}")
        return result.stdout.strip()

    def configure(self, text: str) -> None:
        """Begin with these settings (TOML); what the commands add comes to them."""
        home = self.home / "proxycast"
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "config.toml").write_text(text, encoding="utf-8")

    def key(self, name: str = "test") -> str:
        """A new client key."""
        return self.command("keys", "create", name)

    def credential(self, protocol: str, root: str, secret: str) -> str:
        """Add a credential for the backend of `protocol` at `root` (without a version); its name."""
        backend = BACKENDS[protocol]
        self._names += 1
        name = f"{protocol.replace('_', '-')}-{self._names}"
        settings = {"base_url": root + backend.path, **backend.settings}
        options = [part for item in settings.items() for part in ("--set", "=".join(item))]
        self.command("credentials", "add", backend.provider, "--name", name, *options, secret=secret)
        return name

    def route(self, *credentials: str, model: str) -> None:
        """Send everything to these credentials, in this order, asking them for `model`."""
        name = f"to-{credentials[0]}"
        self.command("profiles", "add", name, "--use", ",".join(credentials), "--model", model)
        self.command("profiles", "use", name)

    def use(self, protocol: str, root: str, secret: str) -> None:
        """Send everything to one backend of `protocol` at `root`."""
        self.route(self.credential(protocol, root, secret), model=BACKENDS[protocol].model)

    def __enter__(self) -> Gateway:
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def _env(self) -> dict[str, str]:
        """Nothing of this machine's user is found: no keys in the environment, no home with other tools' logins, no
        keyring."""
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "PYTHON_KEYRING_BACKEND") if name in os.environ}
        return {
            **kept,
            "PYTHONUNBUFFERED": "1",
            "HOME": str(self.home),
            "PROXYCAST_HOME": str(self.home / "proxycast"),
            "LANG": "C.UTF-8",
        }

    def _tail(self) -> str:
        return "\n".join(self.log.splitlines()[-40:])

    def _await_health(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        with httpx.Client(base_url=self.url, timeout=2, trust_env=False) as client:
            while time.monotonic() < deadline:
                if self._process.poll() is not None:
                    raise GatewayError(f"the gateway ended with exit {self._process.returncode}\n{self._tail()}")
                try:
                    if client.get("/health").status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass
                time.sleep(0.2)
        raise GatewayError(f"no 200 from /health within {START_SECONDS} s\n{self._tail()}")


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
