"""Plugins for tests: a folder with a fixture program in it, and what runs them."""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from addons.plugins.bridge.hosting import Hosting
from addons.plugins.bridge.limits import Limits
from addons.plugins.bridge.session import Session
from addons.plugins.folder import Plugin, read

PROGRAMS = Path(__file__).parent / "programs"
#: Of a test: nothing here is decided by how fast the machine is, only by what can never happen.
LIMITS = Limits(
    line=1 << 20,
    waiting=64,
    waiting_bytes=4 << 20,
    stall=0.5,
    messages=2000.0,
    burst=50,
    overrun=0.05,
    backoff=(0.05, 0.1, 0.2),
    goodbye=0.5,
)


def make(home: Path, *command: str, name: str = "fixture", config: dict[str, Any] | None = None, **keys: Any) -> Plugin:
    """A plugin in `home`/plugins whose program is one of `programs/` with arguments."""
    folder = home / "plugins" / name
    if not folder.exists():
        shutil.copytree(PROGRAMS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        run = folder / "run"  # the very interpreter that runs the tests
        run.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
        run.chmod(0o755)
    provider = {"id": name, "target_protocol": "anthropic", "base_url": "https://service.example"}
    wanted = ["database:read", "database:write", "http:request", "crypto:encrypt"]
    told = {"name": name, "command": ["run", *command], "permissions": wanted, "provider": provider, **keys}
    (folder / "plugin.json").write_text(json.dumps(told))
    (folder / "config.json").write_text(json.dumps({"timeout_ms": 5000, **(config or {})}))
    plugin = read(folder)
    assert not plugin.problem
    return plugin


def hosting(home: Path, limits: Limits = LIMITS) -> Hosting:
    return replace(Hosting.alone(home), limits=limits)


@asynccontextmanager
async def session(plugin: Plugin, host: Hosting | None = None) -> AsyncIterator[Session]:
    made = Session(plugin, host or hosting(plugin.folder.parent.parent), lambda _: None)
    try:
        yield made
    finally:
        await made.close()


async def until(look: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait for what must happen; how long it takes says nothing."""
    async with asyncio.timeout(seconds):
        while not look():
            await asyncio.sleep(0.01)


def state(pid: int) -> str:
    """One letter, as ps has it: R, S, Z …; "" for no such process."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip()[:1]


def alive(pid: int) -> bool:
    """Whether it does anything: one that has ended and was not collected does not."""
    return state(pid) not in ("", "Z")


def working_in(folder: Path) -> set[int]:
    """The processes whose working directory that is."""
    if not Path("/proc/self/cwd").exists():
        command = ["lsof", "-a", "-d", "cwd", "-Fpn"]
        lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
        pids = (line[1:] for line in lines if line.startswith("p"))
        names = (line[1:] for line in lines if line.startswith("n"))
        return {int(pid) for pid, name in zip(pids, names, strict=False) if name == str(folder.resolve())}
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == folder:
                found.add(int(process.name))
    return found
