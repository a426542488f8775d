"""Stop sequences enforced by cutting the stream (mapping.md §2, Stop)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.canonical.blocks import Text, Thinking, ToolCall
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Error,
    Finish,
    Start,
    StopReason,
    StreamEvent,
    Usage,
    UsageUpdate,
)
from translators.canonical.response import Fold, Response
from translators.canonical.stop_cutter import StopCutter, cut_response


def text(*pieces: str) -> list[StreamEvent]:
    """An answer of one text block."""
    return [
        Start("m"),
        BlockStart(0, "text"),
        *(BlockDelta(0, "text", piece) for piece in pieces),
        BlockStop(0),
        Finish(StopReason.END),
    ]


def run(events: list[StreamEvent], *sequences: str) -> Response:
    cutter, fold = StopCutter(list(sequences)), Fold()
    for event in events:
        for out in cutter.pass_through([event]):
            fold.add(out)
    return fold.response()


@pytest.mark.parametrize(
    ("pieces", "sequences", "left", "matched"),
    [
        pytest.param(["one END two"], ["END"], "one ", "END", id="in one piece"),
        pytest.param(["one E", "ND two"], ["END"], "one ", "END", id="over two pieces"),
        pytest.param(list("one END two"), ["END"], "one ", "END", id="over all pieces"),
        pytest.param(["EN", "EN", "END"], ["END"], "ENEN", "END", id="after false starts"),
        pytest.param(["aab"], ["ab"], "a", "ab", id="a start within a start"),
        pytest.param(["x STOP y END"], ["END", "STOP"], "x ", "STOP", id="the first one in the text"),
        pytest.param(["abcd"], ["abcd", "bc"], "a", "bc", id="the first one to be complete"),
        pytest.param(["xab"], ["b", "ab"], "x", "ab", id="of two that end together the longest"),
        pytest.param(["END"], ["END"], "", "END", id="at once"),
        pytest.param(["one"], ["END"], "one", None, id="never"),
        pytest.param(["one EN"], ["END"], "one EN", None, id="only begun: nothing is lost"),
        pytest.param(["漢字。終"], ["。終"], "漢字", "。終", id="any script"),
    ],
)
def test_text_is_cut_where_a_sequence_begins(
    pieces: list[str], sequences: list[str], left: str, matched: str | None
) -> None:
    answer = run(text(*pieces), *sequences)
    assert "".join(b.text for b in answer.blocks if isinstance(b, Text)) == left
    assert answer.stop is (StopReason.STOP_SEQUENCE if matched else StopReason.END)
    assert answer.stop_sequence == matched


def test_nothing_follows_a_match() -> None:
    cutter = StopCutter(["END"])
    assert cutter.pass_through([BlockStart(0, "text"), BlockDelta(0, "text", "a END")])[1:] == [
        BlockDelta(0, "text", "a "),
        BlockStop(0),
        Finish(StopReason.STOP_SEQUENCE, "END"),
    ]
    assert cutter.done
    assert cutter.pass_through([BlockDelta(0, "text", "b"), UsageUpdate(Usage(output=9))]) == []


def test_text_that_cannot_begin_a_sequence_is_not_held_back() -> None:
    cutter = StopCutter(["END"])
    cutter.pass_through([BlockStart(0, "text")])
    assert cutter.pass_through([BlockDelta(0, "text", "one E")]) == [BlockDelta(0, "text", "one ")]
    assert cutter.pass_through([BlockDelta(0, "text", "x")]) == [BlockDelta(0, "text", "Ex")]


@pytest.mark.parametrize(
    "last", [BlockStop(3), Error(ErrorInfo(ErrorKind.SERVER, "x")), Finish(StopReason.LENGTH)], ids=type
)
def test_held_text_comes_out_before_the_block_or_answer_ends(last: StreamEvent) -> None:
    cutter = StopCutter(["END"])
    cutter.pass_through([BlockStart(3, "text"), BlockDelta(3, "text", "E")])
    assert cutter.pass_through([last]) == [BlockDelta(3, "text", "E"), last]


def test_only_visible_text_counts() -> None:
    answer = Response(
        blocks=[Thinking("END", "sig", "anthropic"), ToolCall("c", "f", '"END"'), Text("EN"), Text("D")],
        stop=StopReason.END,
    )
    assert cut_response(answer, ["END"]) is answer


def test_a_whole_answer_is_cut_alike_and_keeps_its_usage() -> None:
    answer = Response(
        id="m", model="x", created=7, blocks=[Text("a END b"), Text("c")], stop=StopReason.END, usage=Usage(output=9)
    )
    assert cut_response(answer, ["END"]) == Response(
        id="m",
        model="x",
        created=7,
        blocks=[Text("a ")],
        stop=StopReason.STOP_SEQUENCE,
        stop_sequence="END",
        usage=Usage(output=9),
    )


@given(
    st.lists(st.text(alphabet="ab", max_size=6), max_size=6),
    st.lists(st.text(alphabet="ab", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_where_the_pieces_are_cut_never_matters(pieces: list[str], sequences: list[str]) -> None:
    def visible(answer: Response) -> tuple[str, str | None]:
        return "".join(b.text for b in answer.blocks if isinstance(b, Text)), answer.stop_sequence

    whole = "".join(pieces)
    got = visible(run(text(*pieces), *sequences))
    assert got == visible(run(text(whole), *sequences))
    assert whole.startswith(got[0] + (got[1] or ""))
    assert not any(sequence in got[0] for sequence in sequences)
