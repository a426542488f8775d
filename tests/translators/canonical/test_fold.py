"""An answer is the fold of its stream, and unfolds into one (mapping.md §0.5)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from translators.canonical.blocks import Block, Image, Opaque, Refusal, Text, Thinking, ToolCall, Unknown
from translators.canonical.blockwriter import BlockWriter
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Error,
    Finish,
    Ping,
    Start,
    StopReason,
    StreamEvent,
    Usage,
    UsageUpdate,
    is_content,
)
from translators.canonical.response import Fold, Response, unfold

words = st.text(max_size=8)
names = st.text(min_size=1, max_size=8)
some_blocks: st.SearchStrategy[Block] = st.one_of(
    st.builds(Text, words, st.none() | st.lists(st.just({"type": "x"}), min_size=1, max_size=2)),
    st.builds(Thinking, words, st.none() | words, st.none() | names, st.sampled_from(["raw", "summary"])),
    st.builds(ToolCall, names, names, words, st.sampled_from(["function", "custom", "server"]), st.none() | names),
    st.builds(Refusal, words),
    st.builds(Opaque, words, names),
    st.builds(Image, st.just("image/png"), words),
    st.builds(Unknown, names, st.just({"type": "x"})),
)
counts = st.none() | st.integers(0, 99)
answers = st.builds(
    Response,
    id=words,
    model=words,
    created=counts,
    blocks=st.lists(some_blocks, max_size=5),
    stop=st.sampled_from(list(StopReason)),
    stop_sequence=st.none() | words,
    usage=st.builds(Usage, counts, counts, counts, counts, counts, counts),
)


@given(answers)
def test_folding_what_was_unfolded_gives_the_answer(answer: Response) -> None:
    fold = Fold()
    for event in unfold(answer):
        fold.add(event)
    assert fold.response() == answer


def test_an_answer_that_failed_unfolds_into_an_error() -> None:
    answer = Response(blocks=[Text("a")], error=ErrorInfo(ErrorKind.OVERLOADED, "busy"))
    events = list(unfold(answer))
    assert events[-1] == Error(ErrorInfo(ErrorKind.OVERLOADED, "busy"))
    assert not any(isinstance(event, Finish) for event in events)


def test_a_cut_stream_folds_up_to_what_came() -> None:
    fold = Fold()
    cut: list[StreamEvent] = [Start("m"), BlockStart(0, "text"), BlockDelta(0, "text", "half")]
    for event in cut:
        fold.add(event)
    assert fold.response() == Response(id="m", blocks=[Text("half")])


def test_usage_is_cumulative_and_the_last_figure_wins() -> None:
    fold = Fold()
    fold.add(Start(usage=Usage(input_fresh=10, output=1)))
    fold.add(UsageUpdate(Usage(output=7, cache_read=3)))
    usage = fold.response().usage
    assert (usage.input_fresh, usage.output, usage.cache_read, usage.total) == (10, 7, 3, 20)


def test_content_is_what_the_point_of_no_return_waits_for() -> None:
    events: list[tuple[StreamEvent, bool]] = [
        (Start(), False),
        (Ping(), False),
        (UsageUpdate(Usage()), False),
        (BlockStart(0, "text"), False),
        (BlockStart(0, "thinking"), False),
        (BlockDelta(0, "text", ""), False),
        (BlockDelta(0, "signature", "x"), False),
        (BlockStop(0), False),
        (Error(ErrorInfo(ErrorKind.SERVER, "x")), False),
        (BlockDelta(0, "text", "x"), True),
        (BlockDelta(0, "thinking", "x"), True),
        (BlockDelta(0, "arguments", "{"), True),
        (BlockStart(0, "tool_call"), True),
        (BlockStart(0, "whole", block=Opaque("x", "anthropic")), True),
        (Finish(StopReason.END), True),
    ]
    assert [is_content(event) for event, _ in events] == [expected for _, expected in events]


def test_a_change_of_kind_closes_opens_and_delivers_what_caused_it() -> None:
    writer, out = BlockWriter(), list[StreamEvent]()
    writer.text(out, "thinking", "hm", origin="gemini")
    writer.text(out, "text", "a")
    writer.text(out, "text", "b")
    writer.start(out, BlockStart(0, "tool_call", id="c", name="f"))
    writer.delta(out, "arguments", "{}")
    writer.stop(out)
    writer.stop(out)
    assert out == [
        BlockStart(0, "thinking", origin="gemini"),
        BlockDelta(0, "thinking", "hm"),
        BlockStop(0),
        BlockStart(1, "text"),
        BlockDelta(1, "text", "a"),
        BlockDelta(1, "text", "b"),
        BlockStop(1),
        BlockStart(2, "tool_call", id="c", name="f"),
        BlockDelta(2, "arguments", "{}"),
        BlockStop(2),
    ]
    assert writer.saw_tool_call
    assert writer.saw_content
