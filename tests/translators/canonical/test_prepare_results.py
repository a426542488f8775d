"""Calls and their results: rows of mapping.md §4 and §6 about ids, orphans, gaps and order."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.translators.canonical.build import (
    PROTOCOLS,
    assistant,
    call,
    notes_for,
    request,
    result,
    system,
    target,
    turns_for,
    user,
)
from translators.canonical import ids
from translators.canonical.blocks import Image, Text, ToolCall, ToolResult
from translators.canonical.request import Role, Turn

ANY = target()
INTERRUPTED = ToolResult("c1", [Text("(no result: interrupted)")], is_error=True)
ONE, TWO = call("c1", arguments='{"n":1}'), call("c2", arguments='{"n":2}')
FIT = ids.fit("a b")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            [assistant(ONE, TWO), user(result("c2"), result("c1"))],
            [assistant(ONE, TWO), user(result("c1"), result("c2"))],
            id="results stand in the order of the calls",
        ),
        pytest.param(
            [assistant(ONE), user("wait", result("c1"), "so?")],
            [assistant(ONE), user(result("c1"), "wait", "so?")],
            id="results come first in their turn",
        ),
        pytest.param(
            [assistant(ONE), user("wait"), assistant("?"), user(result("c1"), "so?")],
            [assistant(ONE), user(result("c1"), "wait"), assistant("?"), user("so?")],
            id="results separated from their calls move behind them",
        ),
        pytest.param(
            [assistant(ONE, TWO), user(result("c1")), user(result("c2"), "so?")],
            [assistant(ONE, TWO), user(result("c1"), result("c2"), "so?")],
            id="results of one turn are in one turn",
        ),
        pytest.param(
            [assistant(ONE), system("s"), user(result("c1"))],
            [assistant(ONE), user(result("c1")), system("s")],
            id="a turn emptied by the move is gone",
        ),
        pytest.param(
            [assistant(ONE), user("stop")],
            [assistant(ONE), user(INTERRUPTED, "stop")],
            id="a call without result is answered as interrupted",
        ),
        pytest.param(
            [assistant(ONE, TWO), user(result("c2"))],
            [assistant(ONE, TWO), user(INTERRUPTED, result("c2"))],
            id="one of two without result",
        ),
        pytest.param(
            [assistant(ONE), system("s"), user("b")],
            [assistant(ONE), user(INTERRUPTED), system("s"), user("b")],
            id="interrupted before system text",
        ),
        pytest.param([assistant(ONE)], [assistant(ONE)], id="at the very end the client is still working"),
        pytest.param(
            [user(result("c9", "42"), "b")],
            [user("[result of earlier tool call c9] 42", "b")],
            id="a result without call becomes text",
        ),
        pytest.param(
            [user(ToolResult("c9", [Text("a"), Image(url="https://x/y.png"), Text("b")], is_error=True))],
            [user("[result of earlier tool call c9] Error: a b", Image(url="https://x/y.png"))],
            id="its error and its media stay",
        ),
        pytest.param(
            [user(ONE), assistant("x"), user(result("c1"))],
            [user('[tool call shell] {"n":1}'), assistant("x"), user("[result of earlier tool call c1] ok")],
            id="a call that is not the assistant's is text",
        ),
        pytest.param(
            [user(result("c1")), assistant(ONE), user(result("c1", "true"))],
            [user("[result of earlier tool call c1] ok"), assistant(ONE), user(result("c1", "true"))],
            id="a result before its call has none",
        ),
        pytest.param(
            [assistant(call("a b")), user(result("a b"))],
            [assistant(call(FIT)), user(result(FIT))],
            id="ids that the backend refuses are replaced in both",
        ),
        pytest.param(
            [assistant(ONE), user(result("c1", "a"), result("c1", "b"))],
            [assistant(ONE), user(result("c1", "a"))],
            id="a second result of a call is dropped",
        ),
        pytest.param(
            [assistant(ONE, ONE), user(result("c1", "a"), result("c1", "b"))],
            [assistant(ONE), user(result("c1", "a"))],
            id="a repeated call is dropped",
        ),
        pytest.param(
            [assistant(ONE), user("go on"), assistant(ONE), user(result("c1"))],
            [assistant(ONE), user(result("c1"), "go on")],
            id="a call that was resumed is one call",
        ),
    ],
)
def test_calls_and_results(given: list[Turn], expected: list[Turn]) -> None:
    lead = [] if given[0].role is Role.USER else [user("a")]
    assert turns_for(ANY, *lead, *given) == [*lead, *expected]


def test_a_backend_that_counts_anew_keeps_all_its_calls() -> None:
    second = ids.derive("call_0", 1, prefix="call_")
    third = ids.derive("call_0", 2, prefix="call_")
    given = [
        user("a"),
        assistant(call("call_0", arguments='{"n":1}'), call("call_0", arguments='{"n":2}')),
        user(result("call_0", "one"), result("call_0", "two")),
        assistant(call("call_0", arguments='{"n":1}')),
        user(result("call_0", "three")),
    ]
    assert turns_for(ANY, *given) == [
        user("a"),
        assistant(call("call_0", arguments='{"n":1}'), call(second, arguments='{"n":2}')),
        user(result("call_0", "one"), result(second, "two")),
        assistant(call(third, arguments='{"n":1}')),
        user(result(third, "three")),
    ]


@pytest.mark.parametrize(("limit", "fits"), [(64, True), (40, False)])
def test_the_limit_of_ids_is_the_backends(limit: int, fits: bool) -> None:
    long = "c" * 50
    given = [user("a"), assistant(call(long)), user(result(long))]
    first = turns_for(target(tool_id_limit=limit), *given)[1].blocks[0]
    assert isinstance(first, ToolCall)
    assert (first.id == long) is fits


@pytest.mark.parametrize(("protocol", "name"), [("gemini", "shell"), ("anthropic", None), ("openai_responses", None)])
def test_results_get_the_name_of_their_call_where_the_protocol_repeats_it(protocol: str, name: str | None) -> None:
    given = [user("a"), assistant(call()), user(result()), assistant(call("c2")), user("b")]
    got = turns_for(target(protocol), *given)
    assert [block.name for turn in got for block in turn.blocks if isinstance(block, ToolResult)] == [name, name]


def test_a_result_is_of_the_kind_of_its_call() -> None:
    custom = call(arguments="free", kind="custom")
    got = turns_for(target("openai_responses"), user("a"), assistant(custom), user(result()))
    assert got[2] == user(result(kind="custom"))


def test_calls_of_server_tools_need_no_result() -> None:
    given = [user("a"), assistant(call("srvtoolu_1", "web_search", kind="server"), "found"), user("b")]
    assert turns_for(target("anthropic"), *given) == given


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([assistant(ONE), user("b")], "interrupted"),
        ([user(result("c9"))], "without its call"),
        ([assistant(ONE), user(result("c1"), result("c1"))], "second result"),
        ([assistant(ONE, ONE), user(result("c1"))], "repeated tool call"),
    ],
)
def test_what_was_repaired_is_noted(given: list[Turn], words: str) -> None:
    assert words in notes_for(ANY, request(user("a"), *given))


# -- whatever the history, the result is one that the strictest backend takes

identifiers = st.sampled_from(["c1", "c2", "call_0", "a b", ""])
texts = st.sampled_from(["text", "", " "]).map(Text)
results = st.builds(result, identifiers, st.sampled_from(["ok", ""]))
calls = st.builds(call, identifiers, st.sampled_from(["shell", "do.it"]), st.sampled_from(["{}", '{"a":1}']))
turns = st.builds(Turn, st.sampled_from(list(Role)), st.lists(texts | calls | results, max_size=5))
histories = st.lists(turns, max_size=8)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(histories)
def test_any_history_becomes_a_legal_one(protocol: str, history: list[Turn]) -> None:
    got = turns_for(target(protocol, mid_system=protocol != "anthropic"), *history)
    assert got
    assert all(turn.blocks for turn in got)
    assert all(one.role is not other.role for one, other in pairwise(got))
    seen: set[str] = set()
    waiting: list[str] = []
    for turn in got:
        called = [block.id for block in turn.blocks if isinstance(block, ToolCall)]
        answered = [block.id for block in turn.blocks if isinstance(block, ToolResult)]
        assert answered == waiting
        assert all(isinstance(block, ToolResult) for block in turn.blocks[: len(answered)])
        assert not seen & set(called)
        assert len(set(called)) == len(called)
        assert all(ids.fit(identifier) == identifier for identifier in called)
        assert not any(isinstance(block, Text) and not block.text for block in turn.blocks)
        seen |= set(called)
        waiting = called


@given(histories)
def test_a_second_repair_finds_nothing_to_do(history: list[Turn]) -> None:
    once = turns_for(ANY, *history)
    assert turns_for(ANY, *once) == once
