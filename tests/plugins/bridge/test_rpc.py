"""JSON-RPC as lines, and the paces that hold."""

from __future__ import annotations

import contextlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.plugins.bridge import rpc
from addons.plugins.bridge.limits import Pace
from addons.plugins.bridge.rpc import Answered, Asked, Lines, LineTooLongError, RpcError


@given(st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"\n", b""))), st.integers(1, 7))
def test_lines_are_the_same_however_they_are_cut(lines: list[bytes], size: int) -> None:
    data = b"".join(line + b"\n" for line in lines)
    cut = Lines(100)
    assert [line for at in range(0, len(data), size) for line in cut.feed(data[at : at + size])] == lines


def test_an_unfinished_line_is_held_up_to_its_limit_and_no_further() -> None:
    cut = Lines(10)
    assert cut.feed(b"0123456789") == []
    assert cut.held == 10
    with pytest.raises(LineTooLongError):
        cut.feed(b"0")
    with pytest.raises(LineTooLongError):
        Lines(10).feed(b"0123456789a\n")


@pytest.mark.parametrize(
    "message",
    [
        Asked(1, "m", {"a": 1}),
        Asked("x", "m", {}),
        Asked(None, "m", {}),
    ],
)
def test_requests_are_read(message: Asked) -> None:
    line = rpc.notification(message.method, message.params)
    if message.id is not None:
        line = rpc.request(message.id, message.method, message.params)
    assert rpc.read(line) == message


def test_responses_are_read() -> None:
    assert rpc.read(rpc.result(1, {"a": 1})) == Answered(1, {"a": 1})
    assert rpc.read(rpc.result("x", None)) == Answered("x", None)
    read = rpc.read(rpc.failure(2, RpcError(-5, "no", {"kind": "billing"})))
    assert isinstance(read, Answered) and read.error is not None
    assert (read.error.code, read.error.message, read.error.data) == (-5, "no", {"kind": "billing"})


@pytest.mark.parametrize(
    "message",
    [
        [],
        1,
        {},
        {"id": 1},
        {"id": True, "method": "m"},
        {"id": [1], "result": 1},
        {"id": "x" * 200, "result": 1},
        {"result": 1},
        {"id": 1, "result": 1, "error": {}},
        {"id": 1, "error": "text"},
        {"id": 1, "method": "m", "params": [1]},
        {"id": 1, "method": 5},
    ],
)
def test_what_is_no_message_is_none(message: object) -> None:
    with pytest.raises(ValueError):
        rpc.read(orjson.dumps(message))


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_a_message_or_a_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(rpc.read(data), Asked | Answered)


def test_a_pace_lets_a_burst_through_and_then_makes_wait() -> None:
    now = 0.0
    pace = Pace(10.0, 5, lambda: now)
    assert [pace.take() for _ in range(5)] == [0.0] * 5
    assert pace.take() == pytest.approx(0.1)
    assert not pace.spare()
    assert pace.overrun > 0
    now = 100.0
    assert pace.spare() and pace.overrun == 0
