"""The shape of a conversation: rows of mapping.md §2 and §6 about turns, empty text, system text and prefill."""

from __future__ import annotations

import copy

import pytest

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
from translators.canonical.blocks import Document, Image, Text, ToolResult
from translators.canonical.prepare import prepare
from translators.canonical.request import Turn

GO_ON = user("Continue exactly where you stopped.")

ANY = target()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param([user("a"), user("b")], [user("a", "b")], id="same-role neighbours merge"),
        pytest.param(
            [user("a"), assistant("x"), assistant(call()), user(result())],
            [user("a"), assistant("x", call()), user(result())],
            id="calls of several items are one turn",
        ),
        pytest.param([], [user("(empty)")], id="no turns: a minimal user turn"),
        pytest.param([user("", "a", "")], [user("a")], id="empty text beside other content goes"),
        pytest.param([user("")], [user("(empty)")], id="an empty user turn gets a placeholder"),
        pytest.param([user()], [user("(empty)")], id="a user turn without blocks too"),
        pytest.param([user("a"), assistant(""), user("b")], [user("a", "b")], id="an empty assistant turn is dropped"),
        pytest.param(
            [user("a"), assistant("", call()), user(result())],
            [user("a"), assistant(call()), user(result())],
            id="an assistant turn with calls only needs no text",
        ),
        pytest.param([user("a"), system(""), user("b")], [user("a", "b")], id="an empty system turn is dropped"),
        pytest.param(
            [user("a"), assistant(call()), user(ToolResult("c1", [Text("")]))],
            [user("a"), assistant(call()), user(ToolResult("c1", []))],
            id="empty text in a result goes, the result stays",
        ),
        pytest.param([user(" ")], [user(" ")], id="white space is text"),
    ],
)
def test_shape(given: list[Turn], expected: list[Turn]) -> None:
    assert turns_for(ANY, *given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param([user(" \n")], [user("(empty)")], id="user"),
        pytest.param([user("a"), assistant("\n"), user("b")], [user("a", "b")], id="assistant"),
        pytest.param([user("a", " ")], [user("a", " ")], id="beside other content it may stay"),
        pytest.param(
            [user("a"), assistant(" ", call()), user(result())],
            [user("a"), assistant(" ", call()), user(result())],
            id="beside a call it may stay",
        ),
    ],
)
def test_for_anthropic_a_turn_of_white_space_is_empty(given: list[Turn], expected: list[Turn]) -> None:
    assert turns_for(target("anthropic"), *given) == expected


@pytest.mark.parametrize(("protocol", "expected"), [("anthropic", ["b"]), ("openai_chat", [" ", "b"])])
def test_empty_system_text_goes(protocol: str, expected: list[str]) -> None:
    wanted = request(user("a"), system=[Text(""), Text(" "), Text("b")])
    assert [text.text for text in prepare(wanted, target(protocol))[0].system] == expected


# -- system text in mid-conversation

FOLDED = "<system-reminder>\nbe brief\n</system-reminder>"


@pytest.mark.parametrize("wire", [target("gemini"), target("anthropic", mid_system=False)], ids=["gemini", "old A"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            [user("a"), assistant("x"), system("be brief"), user("b")],
            [user("a"), assistant("x"), user(FOLDED, "b")],
            id="into the next user turn",
        ),
        pytest.param(
            [user("a"), assistant(call()), system("be brief"), user(result(), "b")],
            [user("a"), assistant(call()), user(result(), FOLDED, "b")],
            id="behind the tool results",
        ),
        pytest.param(
            [user("a"), assistant(call()), user(result()), system("be brief")],
            [user("a"), assistant(call()), user(result(), FOLDED)],
            id="at the end, behind the tool results",
        ),
        pytest.param(
            [user("a"), system("be brief"), assistant("x"), user("b")],
            [user("a", FOLDED), assistant("x"), user("b")],
            id="never away from its place",
        ),
        pytest.param([system("be brief")], [user(FOLDED)], id="alone"),
    ],
)
def test_system_text_is_folded_where_the_backend_has_no_such_role(
    wire: object, given: list[Turn], expected: list[Turn]
) -> None:
    got = turns_for(wire, *given)  # type: ignore[arg-type]
    for turn in got:  # gemini's results repeat the name of the call
        for block in turn.blocks:
            if isinstance(block, ToolResult):
                block.name = None
    assert got == expected


@pytest.mark.parametrize("protocol", ["anthropic", "openai_chat", "openai_responses"])
def test_elsewhere_system_text_stays_in_its_place(protocol: str) -> None:
    given = [user("a"), system("be brief"), user("b")]
    assert turns_for(target(protocol), *given) == given


def test_system_text_comes_behind_the_results_that_it_interrupted() -> None:
    given = [user("a"), assistant(call()), system("be brief"), user(result(), "b")]
    expected = [user("a"), assistant(call()), user(result()), system("be brief"), user("b")]
    assert turns_for(target("anthropic"), *given) == expected


# -- prefill


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_prefill_that_the_backend_cannot_continue_is_followed_by_a_request_to(protocol: str) -> None:
    given = [user("a"), assistant("The answer is ")]
    assert turns_for(target(protocol), *given) == [*given, GO_ON]
    assert "prefilled" in notes_for(target(protocol), request(*given))


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (assistant("The answer is \n"), [assistant("The answer is")]),
        (assistant("A", " "), [assistant("A")]),
        (assistant(" "), []),
    ],
    ids=["white space at its end goes", "a block of nothing else too", "a turn of nothing else too"],
)
def test_a_prefill_that_the_backend_continues_is_kept(last: Turn, expected: list[Turn]) -> None:
    assert turns_for(target("openai_chat", prefill=True), user("a"), last) == [user("a"), *expected]


def test_a_lone_blank_prefill_leaves_a_user_turn() -> None:
    assert turns_for(target("openai_chat", prefill=True), assistant(" ")) == [user("(empty)")]


@pytest.mark.parametrize("prefill", [True, False])
def test_calls_at_the_very_end_are_no_prefill(prefill: bool) -> None:
    given = [user("a"), assistant("I look.", call())]
    assert turns_for(target(prefill=prefill), *given) == given


# -- media

PICTURE, PDF = Image("image/png", data="AAAA"), Document("application/pdf", data="AAAA", name="a.pdf")


def test_media_that_the_model_cannot_take_leave_a_note_in_their_place() -> None:
    given = [user("a"), assistant(call()), user(ToolResult("c1", [PICTURE]), PICTURE, PDF, "b")]
    assert turns_for(target(images=False, documents=False), *given)[2] == user(
        ToolResult("c1", [Text("[image left out: the model takes no images]")]),
        "[image left out: the model takes no images]",
        '[document "a.pdf" left out: the model takes no documents]',
        "b",
    )


def test_a_text_document_becomes_text_with_a_title() -> None:
    document = Document("text/plain", text="x = 1", name="a.py")
    assert turns_for(target(documents=False), user(document)) == [user("a.py\nx = 1")]


def test_media_that_the_model_takes_stay() -> None:
    assert turns_for(ANY, user(PICTURE, PDF)) == [user(PICTURE, PDF)]


# -- for all of it


def test_the_clients_request_is_not_changed() -> None:
    given = request(
        user("", "a"),
        system("x-anthropic-billing-header: x\nbe brief"),
        assistant("", call("a b", "do.it")),
        assistant(call("c2", arguments="free", kind="custom")),
        user("b", result("c2", ""), result("a b"), result("zz"), PICTURE),
        assistant("pre "),
        system=[Text("x-anthropic-billing-header: x"), Text("")],
    )
    before = copy.deepcopy(given)
    for protocol in PROTOCOLS:
        prepare(given, target(protocol, images=False, mid_system=False, prefill=True))
    assert given == before


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_longer_history_begins_with_the_same_turns(protocol: str) -> None:
    """Prefix caches and bound thinking live on it (mapping.md §0.2)."""
    history = [
        user("a"),
        assistant(call("a b", "do.it"), call("call_0")),
        user(result("call_0"), "hm", result("a b")),
        system("be brief"),
        assistant(call("call_0", arguments='{"n":2}')),
        user(result("call_0", "again")),
    ]
    longer = [*history, assistant("done"), user("next")]
    shorter_out = turns_for(target(protocol), *history)
    assert turns_for(target(protocol), *longer)[: len(shorter_out)] == shorter_out
