"""Whatever a plugin writes, its connection goes on or ends with a reason; nothing of ours breaks."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addons.plugins.bridge.connection import Connection
from addons.plugins.bridge.errors import BadAnswerError, PluginDownError
from tests.plugins.bridge.making import LIMITS

VALUES = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0"),
        "id": VALUES,
        "method": st.sampled_from(["good", "bad", "worse"]) | VALUES,
        "params": st.dictionaries(st.text(max_size=3), VALUES, max_size=2) | VALUES,
        "result": VALUES,
        "error": VALUES | st.fixed_dictionaries({"code": VALUES, "message": VALUES, "data": VALUES}),
    },
).map(lambda message: json.dumps(message).encode())
WRITTEN = st.lists(MESSAGES | st.binary(max_size=30), max_size=20).map(b"\n".join)


async def serve(method: str, params: dict[str, Any]) -> Any:
    if method == "worse":
        return object()  # cannot be told in JSON
    return params


class Pipes:
    """A connection, and the other end of it."""

    async def open(self) -> Connection:
        ours, self.theirs = socket.socketpair()
        reader, self._writer = await asyncio.open_connection(sock=ours)
        self.connection = Connection("fixture", self._writer, reader, serve, LIMITS)
        return self.connection

    async def close(self) -> None:
        await self.connection.close()
        self._writer.close()
        self.theirs.close()


@settings(max_examples=60)
@given(WRITTEN)
def test_anything_may_be_written(written: bytes) -> None:
    async def work() -> None:
        pipes = Pipes()
        connection = await pipes.open()
        call = asyncio.create_task(connection.call("test", {}, 20))
        await asyncio.sleep(0)
        pipes.theirs.sendall(written)
        pipes.theirs.shutdown(socket.SHUT_WR)
        reason = await asyncio.wait_for(connection.over, 20)
        assert reason in ("has ended", "writes what is no JSON-RPC", "talks more than it may")
        await asyncio.gather(call, return_exceptions=True)
        await pipes.close()

    records: list[logging.LogRecord] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = records.append  # type: ignore[method-assign]
    logger = logging.getLogger("addons.plugins.bridge.connection")
    logger.addHandler(handler)
    try:
        asyncio.run(work())
    finally:
        logger.removeHandler(handler)
    assert {record.getMessage() for record in records} <= {"proxycast: worse for the plugin fixture failed"}


async def test_answers_find_their_calls_in_any_order() -> None:
    pipes = Pipes()
    connection = await pipes.open()
    calls = [asyncio.create_task(connection.call("test", {"n": n}, 20)) for n in range(3)]
    for _ in range(5):
        await asyncio.sleep(0)
    for id_ in (3, 1, 2):
        pipes.theirs.sendall(json.dumps({"jsonrpc": "2.0", "id": id_, "result": id_}).encode() + b"\n")
    assert await asyncio.gather(*calls) == [1, 2, 3]
    await pipes.close()


async def test_what_cannot_be_told_is_refused_at_once() -> None:
    pipes = Pipes()
    connection = await pipes.open()
    for params in ({"x": object()}, {"x": "x" * LIMITS.line}, {"x": "\ud800"}):
        with pytest.raises(BadAnswerError):
            await connection.call("test", params, 20)
    assert not connection.notify("test", {"x": object()})
    assert connection.waiting == (0, 0)
    await pipes.close()


async def test_after_its_end_nothing_is_asked() -> None:
    pipes = Pipes()
    connection = await pipes.open()
    connection.fail("has ended")
    with pytest.raises(PluginDownError, match="has ended"):
        await connection.call("test", {}, 20)
    assert not connection.notify("test", {})
    await pipes.close()
