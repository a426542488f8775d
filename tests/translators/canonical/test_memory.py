"""Signed thinking remembered for clients that cannot carry it (mapping.md §5, Carrier)."""

from __future__ import annotations

import pytest

from tests.translators.canonical.build import assistant, call, request, result, signed, user
from translators.canonical.blocks import Block, Opaque, Text, Thinking
from translators.canonical.memory import ReasoningMemory
from translators.canonical.request import Turn
from translators.canonical.response import Response

ONE, TWO = call("c1", arguments='{"n": 1}'), call("c2", arguments='{"n":2}')
FIRST, SECOND = signed("gemini", "first"), signed("gemini", "")
REDACTED = Opaque("x", "anthropic")


def restored(memory: ReasoningMemory, *blocks: Block | str) -> list[Block]:
    wanted = request(user("a"), assistant(*blocks), user(result("c1"), result("c2")))
    memory.restore(wanted)
    return wanted.turns[1].blocks


@pytest.mark.parametrize(
    ("answer", "returned", "expected"),
    [
        pytest.param([FIRST, ONE], [ONE], [FIRST, ONE], id="in front of its call"),
        pytest.param([FIRST, Text("t"), ONE], [Text("t"), ONE], [FIRST, Text("t"), ONE], id="first of the turn"),
        pytest.param([Text("t"), SECOND, ONE], [Text("t"), ONE], [Text("t"), SECOND, ONE], id="behind the text"),
        pytest.param([FIRST, ONE, SECOND, TWO], [ONE, TWO], [FIRST, ONE, SECOND, TWO], id="each with its call"),
        pytest.param([SECOND, ONE, TWO], [ONE, TWO], [SECOND, ONE, TWO], id="parallel calls: only the first"),
        pytest.param([FIRST, REDACTED, ONE], [ONE], [FIRST, REDACTED, ONE], id="redacted thinking too"),
        pytest.param([FIRST, ONE], [Thinking("first"), ONE], [FIRST, ONE], id="in place of the unsigned"),
        pytest.param([FIRST, ONE], [signed("gemini"), ONE], [signed("gemini"), ONE], id="not where one is signed"),
        pytest.param([FIRST, ONE], [TWO], [TWO], id="not for an unknown call"),
        pytest.param([FIRST, ONE], [call("c1", "other", '{"n":1}')], [call("c1", "other", '{"n":1}')], id="other name"),
        pytest.param([FIRST, ONE], [call("c1", arguments="{}")], [call("c1", arguments="{}")], id="other arguments"),
        pytest.param(
            [FIRST, ONE], [call("c1", arguments='{"n":1}')], [FIRST, call("c1", arguments='{"n":1}')], id="respelled"
        ),
        pytest.param([Thinking("first"), ONE], [ONE], [ONE], id="unsigned thinking is not worth it"),
        pytest.param([FIRST, Text("t")], [Text("t")], [Text("t")], id="an answer without calls has no key"),
        pytest.param([FIRST, call("")], [call("")], [call("")], id="a call without id has none either"),
    ],
)
def test_thinking_comes_back_where_it_was(answer: list[Block], returned: list[Block], expected: list[Block]) -> None:
    memory = ReasoningMemory()
    memory.remember(Response(blocks=answer))
    assert restored(memory, *returned) == expected


def test_tells_how_many_blocks_it_restored() -> None:
    memory = ReasoningMemory()
    memory.remember(Response(blocks=[FIRST, REDACTED, ONE, SECOND, TWO]))
    wanted = request(user("a"), assistant(ONE, TWO), user(result("c1"), result("c2")))
    assert memory.restore(wanted) == 3
    assert memory.restore(wanted) == 0


def test_the_turns_of_the_clients_request_are_not_changed() -> None:
    memory = ReasoningMemory()
    memory.remember(Response(blocks=[FIRST, ONE]))
    turn = assistant(ONE)
    wanted = request(user("a"), turn, user(result("c1")))
    assert memory.restore(wanted) == 1
    assert wanted.turns[1] == assistant(FIRST, ONE)
    assert turn == assistant(ONE)


def test_conversations_do_not_meet() -> None:
    memory = ReasoningMemory()
    memory.remember(Response(blocks=[FIRST, ONE]), "conversation 1")
    memory.remember(Response(blocks=[SECOND, ONE]), "conversation 2")
    turns = {scope: request(Turn(assistant(ONE).role, [ONE])) for scope in ("conversation 1", "conversation 2", "")}
    for scope, wanted in turns.items():
        memory.restore(wanted, scope)
    assert [wanted.turns[0].blocks for wanted in turns.values()] == [[FIRST, ONE], [SECOND, ONE], [ONE]]


def test_the_least_recently_used_goes_first() -> None:
    memory = ReasoningMemory(max_entries=2)
    memory.remember(Response(blocks=[FIRST, ONE]))
    memory.remember(Response(blocks=[FIRST, TWO]))
    restored(memory, ONE)
    memory.remember(Response(blocks=[FIRST, call("c3")]))
    assert len(memory) == 2
    assert restored(memory, ONE) == [FIRST, ONE]
    assert restored(memory, TWO) == [TWO]


def test_it_never_holds_more_bytes_than_it_may() -> None:
    memory = ReasoningMemory(max_bytes=1000)
    for number in range(50):
        memory.remember(Response(blocks=[signed("gemini", "x" * 100), call(f"c{number}")]))
        assert memory.size <= 1000
    assert 0 < len(memory) < 10
    memory.remember(Response(blocks=[signed("gemini", "x" * 2000), call("big")]))
    assert restored(memory, call("big")) == [call("big")]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param([Thinking("so"), ONE], {"c1": "so"}, id="by the id of its call"),
        pytest.param([Thinking("so"), Text("t"), Thinking("and"), ONE], {"c1": "so\n\nand"}, id="all of the answer"),
        pytest.param([Thinking("so"), ONE, TWO], {"c1": "so"}, id="once for calls of one turn"),
        pytest.param([FIRST, ONE], {}, id="not of signed thinking, which is kept as such"),
        pytest.param([Thinking("so"), Text("t")], {}, id="an answer without calls has no key"),
        pytest.param([Thinking("so"), call("")], {}, id="a call without id has none either"),
        pytest.param([Thinking(""), ONE], {}, id="nothing said"),
    ],
)
def test_the_text_of_unsigned_thinking_is_kept_for_who_demands_it(
    answer: list[Block], expected: dict[str, str]
) -> None:
    memory = ReasoningMemory()
    memory.remember(Response(blocks=answer), "conversation")
    told = {name: memory.text_of(name, "conversation") for name in ("c1", "c2", "")}
    assert {name: text for name, text in told.items() if text is not None} == expected
    assert memory.text_of("c1", "other") is None


def test_texts_are_bounded_too() -> None:
    memory = ReasoningMemory(max_entries=2, max_bytes=1000)
    for number in range(4):
        memory.remember(Response(blocks=[Thinking("é" * 300), call(f"c{number}")]))
    assert (memory.text_of("c2"), memory.text_of("c3")) == (None, "é" * 300)
    assert (len(memory), memory.size) == (1, 600)


def test_the_same_call_again_takes_the_place_of_the_earlier() -> None:
    memory = ReasoningMemory()
    memory.remember(Response(blocks=[FIRST, ONE]))
    size = memory.size
    memory.remember(Response(blocks=[FIRST, ONE]))
    assert (len(memory), memory.size) == (1, size)
