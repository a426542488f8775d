"""The processes that are compared: the upstream itself, bare mitmdump, ProxyCast, LiteLLM; each on a free port."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from addons.config.edit import edit, table
from addons.config.home import Home
from addons.vault import keys
from addons.vault.credential import Credential
from addons.vault.store import StateStore
from scripts.benchlib.wire import WIRES

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
#: Letter of the backend's protocol → provider, what its base URL ends in, settings.
_CREDENTIALS: dict[str, tuple[str, str, dict[str, str]]] = {
    "A": ("anthropic", "", {}),
    "C": ("openai", "/v1", {"api": "chat"}),
    "R": ("openai", "/v1", {"api": "responses"}),
    "G": ("gemini", "", {}),
}
#: Letter of the backend's protocol → LiteLLM's name of a model there, base URL's end. It has no chat-only Responses.
_LITELLM: dict[str, tuple[str, str]] = {
    "A": ("anthropic/claude-sonnet-4-6", ""),
    "C": ("openai/gpt-5.5", "/v1"),
    "G": ("gemini/gemini-3.5-flash", "/v1beta"),
}
#: mitmdump alone keeps a stream back until its end; this is the least that lets it pass.
_STREAMING_SCRIPT = """\
def responseheaders(flow):
    if "event-stream" in flow.response.headers.get("content-type", ""):
        flow.response.stream = True
"""
_START_SECONDS = 90


class BenchError(Exception):
    """A process could not be started or did not answer; the text says which and what it printed."""


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Target:
    """A running process to measure. `keys` maps a backend's letter to the key that selects it ("" = any)."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    keys: dict[str, str] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)

    def key(self, backend: str) -> str:
        return self.keys.get(backend, "none")

    def model(self, client: str, backend: str) -> str:
        return self.models.get(backend, WIRES[client].model)

    def pids(self) -> list[int]:
        """The process itself, then its children (ProxyCast's audit writer)."""
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
        pairs = [line.split() for line in listed.stdout.splitlines()]
        return [self.process.pid, *(int(pid) for pid, parent in pairs if int(parent) == self.process.pid)]

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=10) as answer:
            body: dict[str, Any] = json.load(answer)
        return body

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    shown = subprocess.run(["ps", "-o", "time=", "-p", str(pid)], capture_output=True, text=True, check=True)
    seconds = 0.0
    for part in shown.stdout.strip().replace("-", ":").split(":"):
        seconds = seconds * 60 + float(part)
    return seconds


def rss_megabytes(pid: int) -> float:
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(shown.stdout) / 1024


def _environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(home), "LANG": "C.UTF-8", **more}


def _start(name: str, command: list[str], home: Path, port: int, **environment: str) -> Target:
    home.mkdir(parents=True, exist_ok=True)
    log = home / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=_environment(home, **environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    target = Target(name, port, process, log)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return target
        except OSError:
            time.sleep(0.1)
    target.stop()
    raise BenchError(f"{name} did not start:\n" + _tail(log))


def _await_health(target: Target) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and target.process.poll() is None:
        try:
            target.health()
            return
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
    target.stop()
    raise BenchError(f"{target.name} did not get ready:\n" + _tail(target.log))


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def upstream(home: Path, rate: float, seconds: float) -> Target:
    port = free_port()
    command = [sys.executable, "-m", "scripts.benchlib.upstream", "--port", str(port)]
    return _start("upstream", [*command, "--rate", str(rate), "--seconds", str(seconds)], home, port)


def bare(home: Path, upstream_port: int, *, streaming: bool = False) -> Target:
    """mitmdump in reverse mode with nothing but its default addons."""
    port = free_port()
    command = [str(BIN / "mitmdump"), "-q", "--set", f"confdir={home / 'mitmproxy'}"]
    command += ["--mode", f"reverse:http://127.0.0.1:{upstream_port}@127.0.0.1:{port}"]
    if streaming:
        home.mkdir(parents=True, exist_ok=True)
        script = home / "streaming.py"
        script.write_text(_STREAMING_SCRIPT)
        command += ["-s", str(script)]
    return _start("bare+stream" if streaming else "bare", command, home, port)


def proxycast(home: Path, upstream_port: int, config: str = "") -> Target:
    """ProxyCast as `proxycast run` starts it, everything on: a client key for each backend, the audit redacting."""
    kept = Home(home / "proxycast")
    kept.ensure()
    kept.config.write_text(config, encoding="utf-8")
    state = StateStore(kept.state, kept.vault_key)
    client_keys: dict[str, str] = {}
    for letter, (provider, suffix, settings) in _CREDENTIALS.items():
        base_url = f"http://127.0.0.1:{upstream_port}{suffix}"
        name = f"bench-{letter.lower()}"
        state.add_credential(
            Credential(name, provider, f"bench-{secrets.token_hex(16)}", {"base_url": base_url, **settings})
        )
        client_keys[letter] = keys.generate()
        state.add_key(name, client_keys[letter], profile=name)

        def add(document: Any, name: str = name, model: str = WIRES[letter].model) -> None:
            table(document, "profiles")[name] = {"use": [name], "model": model}

        edit(kept.config, add)
    state.close()
    port = free_port()
    command = [str(BIN / "mitmdump"), "-s", str(ROOT / "proxycast.py")]
    command += ["-s", str(ROOT / "addons" / "gateway" / "console.py")]
    command += ["--set", "termlog_verbosity=warn", "--set", "flow_detail=0"]
    command += ["--set", f"confdir={home / 'mitmproxy'}"]
    command += ["--mode", f"reverse:http://127.0.0.1:9@127.0.0.1:{port}"]
    target = _start("proxycast", command, home, port, PROXYCAST_HOME=str(kept.path))
    _await_health(target)  # it may accept connections before it is ready
    target.keys = client_keys
    return target


def litellm(venv: Path, home: Path, upstream_port: int) -> Target:
    """LiteLLM's proxy from a virtual environment of its own."""
    port = free_port()
    home.mkdir(parents=True, exist_ok=True)
    models = []
    for letter, (model, suffix) in _LITELLM.items():
        parameters = {"model": model, "api_key": "none", "api_base": f"http://127.0.0.1:{upstream_port}{suffix}"}
        models.append({"model_name": f"bench-{letter.lower()}", "litellm_params": parameters})
    config = home / "litellm.json"  # YAML is a superset of JSON
    config.write_text(json.dumps({"model_list": models}))
    command = [str(venv / "bin" / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    key = "-".join(("sk", secrets.token_hex(16)))
    environment = {"LITELLM_MASTER_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    target = _start("litellm", command, home, port, **environment)
    target.keys = dict.fromkeys(_LITELLM, key)
    target.models = {letter: f"bench-{letter.lower()}" for letter in _LITELLM}
    return target
