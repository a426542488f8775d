"""Keeps one plugin's process: starts it when it is needed, ends it when it misbehaves, waits before the next try."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from addons.plugins.bridge import launch, stderr
from addons.plugins.bridge.connection import Connection, Serve
from addons.plugins.bridge.errors import FAULTS, PluginDownError
from addons.plugins.bridge.launch import Program
from addons.plugins.bridge.limits import Limits
from addons.plugins.bridge.rpc import Json

log = logging.getLogger(__name__)
#: Seconds in which what a process wrote before its end is read: a child of it may hold its pipes open.
LAST_WORDS = 1.0


class Supervisor:
    """`argv` is asked at each start; it may raise. `greet` makes a fresh connection ready (`initialize`); what it
    raises counts as a failed start. `failures` counts ends in a row, `starts` all starts."""

    def __init__(
        self,
        name: str,
        argv: Callable[[], list[str]],
        folder: Path,
        data: Path,
        *,
        greet: Callable[[Connection], Awaitable[None]],
        serve: Serve,
        redact: Callable[[str], str] = lambda text: text,
        limits: Limits | None = None,
    ) -> None:
        self.name, self.limits = name, limits or Limits()
        self._argv, self._folder, self._data = argv, folder, data
        self._greet, self._serve, self._redact = greet, serve, redact
        self._connection: Connection | None = None
        self._starting: asyncio.Task[Connection] | None = None
        self._watching: set[asyncio.Task[None]] = set()
        self._rest_until = 0.0
        self._reason = ""
        self._closed = False
        self.failures = 0
        self.starts = 0
        self.pid: int | None = None

    @property
    def running(self) -> Connection | None:
        """The connection, where there is one that can be used."""
        connection = self._connection
        return connection if connection is not None and not connection.over.done() else None

    @property
    def resting(self) -> float:
        """Seconds until it may be started again."""
        return max(0.0, self._rest_until - time.monotonic())

    async def call(self, method: str, params: Json, seconds: float) -> Any:
        """Start it if need be, and ask it. Raises what FAULTS names."""
        connection = self.running or await self._started()
        return await connection.call(method, params, seconds)

    async def ready(self) -> Connection:
        """Running and greeted. Raises PluginDownError."""
        return self.running or await self._started()

    def notify(self, method: str, params: Json) -> bool:
        """Tell it something, if it runs."""
        connection = self.running
        return connection is not None and connection.notify(method, params)

    async def stop(self) -> None:
        """For good: `shutdown`, its input closed, SIGTERM, SIGKILL, with patience between."""
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._starting
        connection = self.running
        if connection is not None:
            with suppress(*FAULTS):
                await connection.call("shutdown", {}, self.limits.goodbye)
            connection.fail("was stopped")
        try:
            if self._watching:
                await asyncio.wait(self._watching)
        except asyncio.CancelledError:  # nobody has the patience any more
            for task in self._watching:
                task.cancel()
            raise

    # -- within

    async def _started(self) -> Connection:
        if self._closed:
            raise PluginDownError("was stopped")
        if self.resting:
            raise PluginDownError(f"{self._reason}; it is started again in {self.resting:.0f} s")
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(_heard)
        return await asyncio.shield(self._starting)

    async def _start(self) -> Connection:
        self.starts += 1
        try:
            program = await launch.start(self._argv(), self._folder, self._data)
        except Exception as error:  # argv: whatever is wrong with the folder
            self._rest(f"could not be started ({error})")
            raise PluginDownError(self._reason) from error
        process = program.process
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self.pid = process.pid
        began = time.monotonic()
        connection = Connection(
            self.name,
            process.stdin,
            process.stdout,
            self._serve,
            self.limits,
            lambda reason: self._rest(reason, time.monotonic() - began),
        )
        watching = asyncio.create_task(self._watch(program, connection))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)
        try:
            await self._greet(connection)
        except FAULTS as error:
            connection.fail(f"could not be made ready: {error}")
            raise PluginDownError(connection.over.result()) from error
        except BaseException:
            connection.fail("was stopped while it started")
            raise
        if connection.over.done():
            raise PluginDownError(connection.over.result())
        self._connection = connection
        return connection

    async def _watch(self, program: Program, connection: Connection) -> None:
        """As long as the process lives; afterwards nothing of it is left, even when this task is cancelled."""
        process = program.process
        assert process.stdin is not None and process.stderr is not None
        logging_task = asyncio.create_task(stderr.follow(self.name, process.stderr, self._redact, self.limits))
        ended = asyncio.create_task(process.wait())
        try:
            await asyncio.wait((ended, connection.over), return_when=asyncio.FIRST_COMPLETED)
            if not connection.over.done():  # its last words are read first
                await asyncio.wait((connection.over,), timeout=LAST_WORDS)
                connection.fail("has ended")
            await self._end(program, ended)
            if ended.done():  # those that say why
                await asyncio.wait((logging_task,), timeout=LAST_WORDS)
        finally:
            program.destroy()
            for task in (logging_task, ended):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await connection.close()
            if self._connection is connection:
                self._connection = None

    async def _end(self, program: Program, ended: asyncio.Task[int]) -> None:
        """Politely first: one that was asked to stop has its input closed, and ends."""
        process, patience = program.process, self.limits.goodbye
        assert process.stdin is not None
        if self._closed:
            process.stdin.close()
            await asyncio.wait((ended,), timeout=patience)
        if not ended.done():
            program.terminate()
            await asyncio.wait((ended,), timeout=patience)
        if ended.done() and not self._closed:
            log.info("proxycast: the plugin %s: %s", self.name, _how(process.returncode))

    def _rest(self, reason: str, lived: float = 0.0) -> None:
        if self._closed:
            return
        self.failures = 1 if lived >= self.limits.steady else self.failures + 1
        wait = self.limits.backoff[min(self.failures, len(self.limits.backoff)) - 1]
        self._rest_until, self._reason = time.monotonic() + wait, reason
        log.warning("proxycast: the plugin %s %s; it may be started again in %g s", self.name, reason, wait)


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {-code}"
    return f"exit {code}"


def _heard(task: asyncio.Task[Connection]) -> None:
    """Whoever waited may have gone away: its fault was logged."""
    if not task.cancelled():
        task.exception()
