"""One running plugin as seen through its pipes: calls both ways at a time, nothing that it does makes our memory grow.

Its input is written by one task from a bounded queue; its output is read only as fast as it may speak, so that a flood
stays in the pipe and stops its sender.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from addons.plugins.bridge import rpc
from addons.plugins.bridge.errors import BadAnswerError, CallTimeoutError, PluginDownError, TooLongError
from addons.plugins.bridge.launch import READ_AHEAD
from addons.plugins.bridge.limits import Limits, Pace
from addons.plugins.bridge.rpc import Answered, Asked, Json, Lines, LineTooLongError, RpcError

log = logging.getLogger(__name__)
#: Ids of calls that were given up: their answers may still come.
_LATE = 1024
#: Serves a request of the plugin's: method and params → result. Raises RpcError.
Serve = Callable[[str, Json], Awaitable[Any]]


class Connection:
    """`over` is resolved with the reason when nothing more can be asked; whoever owns the process then ends it.
    `on_over` hears of it at once, before anybody who waits for an answer."""

    def __init__(
        self,
        name: str,
        stdin: asyncio.StreamWriter,
        stdout: asyncio.StreamReader,
        serve: Serve,
        limits: Limits,
        on_over: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.name, self._limits, self._serve, self._on_over = name, limits, serve, on_over
        self._stdin, self._stdout = stdin, stdout
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._pending: dict[rpc.Id, asyncio.Future[Any]] = {}
        self._late: OrderedDict[rpc.Id, None] = OrderedDict()
        self._queue: deque[tuple[bytes, asyncio.Future[Any] | None]] = deque()
        self._queued = 0  # bytes
        self._wake, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()
        self._blocked_since: float | None = None
        self._next_id = 0
        self._late_in_a_row = 0
        self._alive_at = 0.0  # the latest answer or request, in the loop's time
        self._garbage = 0
        self._stray = Pace(limits.garbage / 60, limits.garbage)
        self._pace = Pace(limits.messages, limits.burst)
        self._requests = Pace(limits.requests, 2 * limits.requests)
        self._slots = asyncio.Semaphore(limits.serving)
        self._asked, self._asked_bytes = 0, 0
        self._served_one = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        for work in (self._write(), self._read()):
            self._spawn(work)

    # -- asking

    @property
    def waiting(self) -> tuple[int, int]:
        """Messages and bytes that the plugin has not read yet."""
        return len(self._queue), self._queued

    async def call(self, method: str, params: Json, seconds: float) -> Any:
        """The result. Raises PluginDownError, CallTimeoutError, RpcError."""
        if self.over.done():
            raise PluginDownError(self.over.result())
        self._next_id += 1
        id_ = self._next_id
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        began = loop.time()
        self._put(self._encoded(rpc.request, id_, method, params), future)
        self._pending[id_] = future
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            self._give_up(id_)
            self._ran_out(seconds, began)
            raise CallTimeoutError(f"did not answer {method} within {seconds:g} s") from None
        except asyncio.CancelledError:
            self._give_up(id_)
            raise
        finally:
            self._pending.pop(id_, None)

    def notify(self, method: str, params: Json) -> bool:
        """Tell it something; left out (False) when too much waits already."""
        if self.over.done():
            return False
        try:
            self._put(self._encoded(rpc.notification, method, params), None)
        except (PluginDownError, BadAnswerError):
            return False
        return True

    def fail(self, reason: str) -> None:
        """Nothing more is asked or awaited."""
        if not self.over.done():
            self.over.set_result(reason)
            self._on_over(reason)
        for future in self._pending.values():
            if not future.done():
                future.set_exception(PluginDownError(reason))
        self._queue.clear()
        self._queued = 0

    async def close(self) -> None:
        """Let go of the tasks; the process is its owner's, who knows of it."""
        self._on_over = lambda _: None
        self.fail("was stopped")
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- within

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("proxycast: the connection to the plugin %s broke", self.name, exc_info=error)
            self.fail(f"could not be followed ({type(error).__name__})")

    def _encoded(self, encode: Callable[..., bytes], *parts: Any) -> bytes:
        try:
            line = encode(*parts)
        except (TypeError, ValueError, orjson.JSONEncodeError) as error:
            raise BadAnswerError(f"cannot be told that in JSON: {error}") from error
        if len(line) > self._limits.line:
            raise TooLongError(f"takes no message of more than {self._limits.line} bytes")
        return line

    def _put(self, line: bytes, future: asyncio.Future[Any] | None) -> None:
        full = len(self._queue) >= self._limits.waiting or self._queued + len(line) > self._limits.waiting_bytes
        if full and self._queue:
            raise PluginDownError("has more to read than it reads")
        self._queue.append((line, future))
        self._queued += len(line)
        self._wake.set()

    async def _reply(self, line: bytes) -> None:
        """As `_put`, but waits for room: whoever asked is slowed instead of refused."""
        while not self.over.done():
            try:
                self._put(line, None)
                return
            except PluginDownError:
                self._room.clear()
                await self._room.wait()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while not self.over.done():
                while not self._queue:
                    self._wake.clear()
                    await self._wake.wait()
                line, future = self._queue.popleft()
                self._queued -= len(line)
                self._room.set()
                if future is not None and future.done():
                    continue  # nobody waits for the answer any more
                self._blocked_since = loop.time()
                self._stdin.write(line)
                await self._stdin.drain()
                self._blocked_since = None
        except (ConnectionError, RuntimeError):
            self.fail("has closed its input")

    async def _read(self) -> None:
        lines = Lines(self._limits.line)
        try:
            while data := await self._stdout.read(READ_AHEAD):
                for line in lines.feed(data):
                    await self._take(line)
                    if self.over.done():
                        return
                await asyncio.sleep(0)  # what is there already must not keep others waiting
        except LineTooLongError as error:
            self.fail(f"wrote {error}")
        else:
            self.fail("has ended")

    async def _take(self, line: bytes) -> None:
        try:
            message = rpc.read(line)
        except (ValueError, RecursionError):
            await self._garbled(line)
            return
        if isinstance(message, Answered) or message.id is not None:
            self._alive_at = asyncio.get_running_loop().time()
        if isinstance(message, Asked):
            await self._slow_down(len(line), waits=message.id is not None)
            while self._asked and (
                self._asked >= self._limits.waiting or self._asked_bytes + len(line) > self._limits.waiting_bytes
            ):
                self._served_one.clear()
                await self._served_one.wait()
            self._asked += 1
            self._asked_bytes += len(line)
            self._spawn(self._served(message, len(line)))
        elif (future := self._pending.get(message.id)) is not None:
            if not future.done():
                self._settle(future, message)
        elif self._late.pop(message.id, self) is self:
            await self._garbled(line)

    @staticmethod
    def _settle(future: asyncio.Future[Any], message: Answered) -> None:
        if message.error is not None:
            future.set_exception(message.error)
        else:
            future.set_result(message.result)

    async def _served(self, asked: Asked, size: int) -> None:
        try:
            async with self._slots:
                answer = await self._result(asked)
                if asked.id is not None:
                    await self._reply(answer)
        finally:
            self._asked -= 1
            self._asked_bytes -= size
            self._served_one.set()

    async def _result(self, asked: Asked) -> bytes:
        id_ = asked.id or 0
        try:
            answer = rpc.result(id_, await self._serve(asked.method, asked.params))
            if len(answer) > self._limits.line:
                raise RpcError(rpc.LIMIT_REACHED, "the result is too long")
            return answer
        except RpcError as error:
            return rpc.failure(id_, error)
        except Exception as error:
            log.exception("proxycast: %s for the plugin %s failed", asked.method, self.name)
            return rpc.failure(id_, RpcError(rpc.INTERNAL_ERROR, f"internal error ({type(error).__name__})"))

    async def _slow_down(self, size: int, *, waits: bool = False) -> None:
        """`waits`: it wants an answer and has only so many requests under way, so that it may go on for longer."""
        pace = self._requests if waits else self._pace
        wait = pace.take(1 + size / self._limits.heavy)
        if pace.overrun > self._limits.overrun * (10 if waits else 1):
            self.fail("talks more than it may")
        elif wait:
            await asyncio.sleep(wait)

    async def _garbled(self, line: bytes) -> None:
        """A stray print is borne; who does little else is not understood."""
        borne = True
        if line.strip():
            self._garbage += 1
            borne = self._stray.spare()
            if self._garbage <= 3:
                log.warning(
                    "proxycast: the plugin %s wrote to its output what is no JSON-RPC (%d bytes)", self.name, len(line)
                )
        if not borne:
            self.fail("writes what is no JSON-RPC")
            return
        await self._slow_down(len(line))

    def _give_up(self, id_: rpc.Id) -> None:
        self._late[id_] = None
        if len(self._late) > _LATE:
            self._late.popitem(last=False)
        self.notify("cancel", {"id": id_})

    def _ran_out(self, seconds: float, began: float) -> None:
        """One that has said something meanwhile is slow, or waits for others; one that has not may hang."""
        self._late_in_a_row = 0 if self._alive_at > began else self._late_in_a_row + 1
        blocked = self._blocked_since
        now = asyncio.get_running_loop().time()
        if blocked is not None and now - blocked >= min(seconds, self._limits.stall) * 0.9:
            self.fail("does not read its input")
        elif self._late_in_a_row >= self._limits.hung:
            self.fail(f"has left {self._late_in_a_row} calls in a row unanswered")
