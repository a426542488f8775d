"""Starts a plugin's program so that nothing of it outlives us: a process group of its own, and a lifeline.

The lifeline is a pipe of which only the gateway holds the writing end. A small shell in the group reads it and kills
the group when it closes, however the gateway ended; the program takes the place of the shell that started it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import Process, SubprocessStreamProtocol
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

#: All that a plugin sees of our environment; our own variables name secrets and places it need not know.
PASSED = ("PATH", "HOME", "LANG", "TMPDIR")
#: Bytes that are read ahead of whoever takes them.
READ_AHEAD = 64 * 1024
_SHELL = """\
( exec <"/dev/fd/$1" >/dev/null 2>&1; trap '' TERM INT HUP; while read -r _; do :; done; kill -KILL "-$$" ) &
shift
exec "$@"
"""


def environment(data: Path, ours: Mapping[str, str] = os.environ) -> dict[str, str]:
    kept = {name: ours[name] for name in PASSED if name in ours}
    return {**kept, "PROXYCAST_PLUGIN_DATA": str(data)}


class Program:
    """A running program. `process` has its streams."""

    def __init__(self, process: Process, transport: asyncio.SubprocessTransport, lifeline: int) -> None:
        self.process = process
        self._transport = transport
        self._lifeline: int | None = lifeline

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def destroy(self) -> None:
        """End the group for good and let go of all that belongs to it; may be called again."""
        if self._lifeline is None:
            return
        # The shell at the lifeline is of the group, which therefore is still ours, whatever else has ended.
        self._signal(signal.SIGKILL)
        os.close(self._lifeline)
        self._lifeline = None
        self._transport.close()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


async def start(argv: Sequence[str], folder: Path, data: Path) -> Program:
    """Raises OSError."""
    _ensure(data)
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    try:
        transport, protocol = await loop.subprocess_exec(
            lambda: SubprocessStreamProtocol(limit=READ_AHEAD, loop=loop),
            *("/bin/sh", "-c", _SHELL, "proxycast-plugin", str(reading), *argv),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env=environment(data),
            start_new_session=True,
            pass_fds=(reading,),
        )
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    return Program(Process(transport, protocol, loop), transport, writing)


def _ensure(data: Path) -> None:
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
