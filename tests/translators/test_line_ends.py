"""Some clients cut a stream into lines by Unicode's rules: no frame may hold what they take for a line's end."""

import pytest

from translators import registry
from translators.canonical.blocks import Text, ToolCall
from translators.canonical.events import BlockDelta, BlockStart, BlockStop, Finish, Start, StopReason, StreamEvent
from translators.canonical.names import NameMap
from translators.canonical.response import folded
from translators.protocol import Reply

TEXT = "a\u2028b\u2029c\u0085d\x1ce\x0bf\r\ng"
ARGUMENTS = '{"command":"a\u2028b\u0085c"}'


def answer() -> list[StreamEvent]:
    return [
        Start("msg_1", "m\u2028"),
        BlockStart(0, "thinking"),
        BlockDelta(0, "thinking", TEXT),
        BlockStop(0),
        BlockStart(1, "text"),
        BlockDelta(1, "text", TEXT),
        BlockStop(1),
        BlockStart(2, "tool_call", "call_1", "run"),
        BlockDelta(2, "arguments", ARGUMENTS),
        BlockStop(2),
        Finish(StopReason.TOOL_USE),
    ]


@pytest.mark.parametrize("client", registry.client_ids())
def test_a_stream_has_the_same_lines_for_every_reader_and_says_the_same(client: str) -> None:
    protocol = registry.get(client)
    encoder = protocol.stream_encoder(Reply("seed", 0, "m\u2028"))
    data = b"".join(map(encoder.encode, answer()))
    assert data.decode().splitlines() == data.decode().removesuffix("\n").split("\n")
    decoder = protocol.stream_decoder(NameMap())
    blocks = folded([*decoder.feed(data), *decoder.end()]).blocks
    assert [block.text for block in blocks if isinstance(block, Text)] == [TEXT]
    assert [block.arguments for block in blocks if isinstance(block, ToolCall)] == [ARGUMENTS]
