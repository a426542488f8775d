"""What a backend streams, as events: every deviation of openai_chat.md §5 is one fixture, told in its `why`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.translators.openai_chat.support import CHAT, FIXTURES, fold, plain, read, write
from translators.canonical.blocks import Block, Text, Thinking, ToolCall
from translators.canonical.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Error,
    Finish,
    Ping,
    Start,
    StopReason,
    UsageUpdate,
)
from translators.canonical.names import NameMap
from translators.canonical.response import Response, unfold

STREAMS = sorted((FIXTURES / "streams").glob("*.sse"))


def expected(stream: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((stream.parent / f"{stream.stem}.expected.json").read_text())
    return found


@pytest.mark.parametrize("stream", STREAMS, ids=lambda path: path.stem)
def test_stream_folds_up_to_what_the_fixture_expects(stream: Path) -> None:
    answer = fold(read(stream.read_bytes()))
    wanted = expected(stream)
    assert [plain(block) for block in answer.blocks] == wanted["blocks"]
    assert answer.stop == wanted["stop"]
    assert {"input": answer.usage.input_fresh, "output": answer.usage.output} == wanted["usage"]
    if wanted["error"] is None:
        assert answer.error is None
    else:
        assert answer.error is not None
        assert answer.error.kind == wanted["error"]["kind"]
        assert wanted["error"]["message"] in answer.error.message


@pytest.mark.parametrize("stream", STREAMS, ids=lambda path: path.stem)
def test_stream_may_be_cut_anywhere(stream: Path) -> None:
    data = stream.read_bytes()
    whole = read(data)
    assert read(data, step=1) == whole
    for step in (2, 3, 7, 64):
        assert read(data, step=step) == whole
    for at in range(0, len(data), max(1, len(data) // 200)):
        decoder = CHAT.stream_decoder(NameMap())
        events = decoder.feed(data[:at]) + decoder.feed(data[at:]) + decoder.end()
        assert [event for event in events if not isinstance(event, Ping)] == whole


@pytest.mark.parametrize("stream", STREAMS, ids=lambda path: path.stem)
def test_stream_keeps_the_grammar(stream: Path) -> None:
    """events.py: one Start first, dense indices, one block open at a time, usage behind the blocks, one end."""
    events = read(stream.read_bytes())
    assert isinstance(events[-1], Finish | Error)
    assert sum(isinstance(event, Finish | Error) for event in events) == 1
    if len(events) > 1:
        assert isinstance(events[0], Start)
    assert sum(isinstance(event, Start) for event in events) <= 1
    opened, index, counted = False, -1, False
    for event in events:
        match event:
            case BlockStart():
                assert not opened and not counted
                assert event.index == index + 1
                opened, index = True, event.index
            case BlockDelta() | BlockStop():
                assert opened
                assert event.index == index
                opened = not isinstance(event, BlockStop)
            case UsageUpdate():
                counted = True
            case Finish():
                assert not opened


def frames(*deltas: dict[str, Any]) -> bytes:
    chunks = [{"id": "x", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)


def call_fragment(name: str, arguments: str, index: int = 0) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "id": f"c{index}", "function": {"name": name, "arguments": arguments}}]}


def test_text_is_delivered_as_it_comes() -> None:
    decoder = CHAT.stream_decoder(NameMap())
    assert decoder.feed(frames({"content": "a"}))[-1] == BlockDelta(0, "text", "a")
    assert decoder.feed(frames({"content": "b"})) == [BlockDelta(0, "text", "b")]


def test_arguments_of_the_second_call_stream_once_the_first_is_complete() -> None:
    decoder = CHAT.stream_decoder(NameMap())
    decoder.feed(frames(call_fragment("f", '{"x":1}')))
    decoder.feed(frames(call_fragment("g", '{"y":', 1)))
    assert decoder.feed(frames({"tool_calls": [{"index": 1, "function": {"arguments": "2"}}]})) == [
        BlockDelta(1, "arguments", "2")
    ]


def test_a_cut_call_is_not_closed() -> None:
    """Its BlockStop would make it look whole to encoders that emit calls whole."""
    events = read(frames(call_fragment("f", '{"x":')))
    assert not any(isinstance(event, BlockStop) for event in events)
    assert isinstance(events[-1], Error)


def test_comments_become_pings() -> None:
    decoder = CHAT.stream_decoder(NameMap())
    assert decoder.feed(b": OPENROUTER PROCESSING\n\n") == [Ping()]
    assert decoder.feed(b": OPENROUTER PROCESSING\n\n") == [Ping()]


def test_nothing_follows_the_end() -> None:
    decoder = CHAT.stream_decoder(NameMap())
    decoder.feed(frames({"content": "a"}) + b"data: [DONE]\n\n")
    assert decoder.feed(frames({"content": "b"}) + b": comment\n\n") == []
    assert decoder.end() == []


def test_names_go_back_to_the_client() -> None:
    names = NameMap(to_client={"short": "mcp__a__very_long_name"})
    answer = fold(read(frames(call_fragment("short", "{}")) + b"data: [DONE]\n\n", names))
    assert answer.blocks == [ToolCall("c0", "mcp__a__very_long_name", "{}")]


def test_namespaces_are_taken_apart_again() -> None:
    names = NameMap(namespaces={"shell__run": ("shell", "run")})
    answer = fold(read(frames(call_fragment("shell__run", "{}")) + b"data: [DONE]\n\n", names))
    assert answer.blocks == [ToolCall("c0", "run", "{}", namespace="shell")]


@pytest.mark.parametrize("step", [1, 5, None])
def test_wrapped_custom_tools_are_unwrapped_while_they_stream(step: int | None) -> None:
    names = NameMap(custom={"apply_patch"})
    pieces = ['{"inp', 'ut": "*** Beg', "in \\u00e", '9\\n"', "}"]
    deltas = [call_fragment("apply_patch", "")]
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
    answer = fold(read(frames(*deltas) + b"data: [DONE]\n\n", names, step))
    assert answer.blocks == [ToolCall("c0", "apply_patch", "*** Begin é\n", "custom")]


def test_made_up_ids_differ_between_answers() -> None:
    def made_up(answer_id: str) -> str:
        delta = {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]}
        stream = json.dumps({"id": answer_id, "choices": [{"index": 0, "delta": delta}]}).encode()
        block = fold(read(b"data: " + stream + b"\n\ndata: [DONE]\n\n")).blocks[0]
        assert isinstance(block, ToolCall)
        return block.id

    assert made_up("one") == made_up("one")
    assert len({made_up("one"), made_up("two"), made_up("")}) == 3
    seed = "one\x1fNone\x1f0"
    assert made_up("one") == "call_" + hashlib.sha256(seed.encode()).hexdigest()[:24]


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: null\n\n",
        b"data: 7\n\n",
        b"data: []\n\n",
        b'data: {"choices":7}\n\n',
        b'data: {"choices":[7,null,{}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":7,"tool_calls":[null,{"function":7}],"images":[1]}}]}\n\n',
        b'data: {"id":7,"model":[],"created":"x","choices":[],"usage":"none"}\n\n',
        b'data: {"choices":[{"delta":{"reasoning_details":[1,{"type":[]}]}}]}\n\n',
        b"data: {broken\n\n",
        b"\xff\xfe\x00data: x\n\n",
        b"data: " + b"[" * 5000 + b"\n\n",
    ],
)
def test_garbage_is_survived(garbage: bytes) -> None:
    answer = fold(read(frames({"content": "a"}) + garbage + frames({"content": "b"}) + b"data: [DONE]\n\n"))
    assert [plain(block) for block in answer.blocks] == [{"text": "ab"}]
    alone = read(garbage)
    assert isinstance(alone[-1], Error | Finish)


KEYS = """
id model created choices delta message index finish_reason usage error content reasoning reasoning_content refusal
reasoning_details thinking_blocks type text signature data tool_calls function function_call custom name arguments
input extra_content images image_url url prompt_tokens total_tokens completion_tokens code detail loc msg object
"""
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "a", "0", "²", "{}", "reasoning.text"])
)
HOSTILE = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=5),
    max_leaves=25,
)


@given(
    st.lists(
        st.fixed_dictionaries({"delta": HOSTILE}, optional={"index": HOSTILE, "finish_reason": HOSTILE}), max_size=3
    ),
    HOSTILE,
)
def test_no_chunk_raises(choices: list[Any], rest: Any) -> None:
    chunk = {**(rest if isinstance(rest, dict) else {}), "choices": choices}
    for payload in (chunk, rest):
        events = read(
            b"data: " + json.dumps(payload).encode() + b"\n\n" + frames({"content": "a"}) + b"data: [DONE]\n\n"
        )
        assert isinstance(events[-1], Error | Finish)


@pytest.mark.parametrize(
    "blocks",
    [
        [Thinking("Let me see.", "c2ln", "anthropic"), Text("Hello")],
        [Thinking("One.", "c2ln", "anthropic"), Thinking("Two.", "Y2ln", "anthropic"), Text("Hello")],
        [Thinking("Let me see.", "c2ln", "gemini"), ToolCall("c1", "f", "{}")],
    ],
    ids=["a text", "two thoughts", "a call"],
)
def test_thinking_is_said_once_by_a_gateway_behind_a_gateway(blocks: list[Block]) -> None:
    """What closes a block repeats its text beside the signature."""
    answer = fold(read(write(unfold(Response(model="m", blocks=blocks, stop=StopReason.END)))))
    said = "".join(block.text for block in answer.blocks if isinstance(block, Thinking))
    assert said == "".join(block.text for block in blocks if isinstance(block, Thinking))


def test_thinking_that_comes_in_entries_alone_may_repeat_itself() -> None:
    entry = {"type": "reasoning.text", "index": 0}
    twice = frames({"reasoning_details": [{**entry, "text": "ha"}]}, {"reasoning_details": [{**entry, "text": "ha"}]})
    [block] = fold(read(twice + b"data: [DONE]\n\n")).blocks
    assert isinstance(block, Thinking)
    assert block.text == "haha"
