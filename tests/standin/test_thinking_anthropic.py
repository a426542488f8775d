"""Thinking comes back signed, unchanged, complete and in its place, or (where that is allowed) not at all."""

from __future__ import annotations

import pytest

from .ask import Json, Policy
from .cases import KEY, answer, check
from .script import Call, Turn
from .test_rules_anthropic import LEAST, MARK, TOOL, USER, assistant, result, text, tool, user

# A turn with two thoughts and a call, as the stand-in gives it, and the request that came before.
ASKED: Json = {**LEAST, **tool(), "thinking": {"type": "enabled", "budget_tokens": 1024}}
THINKING_TURN = Turn(("Erst 日本", "dann"), "So.", [Call("run")], redacted=True)


def history(blocks: list[Json], *more: Json, **changes: object) -> Json:
    call = next(block for block in blocks if block["type"] == "tool_use")
    messages = [*ASKED["messages"], assistant(*blocks), user(result(call["id"])), *more]
    return {**ASKED, "messages": messages, **changes}


def given(**asked: object) -> list[Json]:
    blocks: list[Json] = answer("anthropic", {**ASKED, **asked}, THINKING_TURN)["content"]
    return blocks


def test_an_answer_sent_back_as_it_came_is_accepted() -> None:
    assert check("anthropic", history(given())) is None


def test_thinking_with_omitted_text_is_accepted_back() -> None:
    blocks = given(thinking={"type": "adaptive", "display": "omitted"})

    assert [block.get("thinking") for block in blocks][:2] == ["", ""]
    assert check("anthropic", history(blocks)) is None


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda blocks: [{**blocks[0], "thinking": "Erst"}, *blocks[1:]], "cannot be modified"),
        (lambda blocks: [{**blocks[0], "thinking": ""}, *blocks[1:]], "cannot be modified"),
        (lambda blocks: [{**blocks[0], "signature": blocks[0]["signature"][:-8]}, *blocks[1:]], "Invalid `signature`"),
        (lambda blocks: [{**blocks[0], "signature": ""}, *blocks[1:]], "Invalid `signature`"),
        (lambda blocks: blocks[1:], "cannot be modified"),
        (lambda blocks: [blocks[0], *blocks[2:]], "cannot be modified"),
        (lambda blocks: [*blocks[:2], *blocks[3:]], "cannot be modified"),
        (lambda blocks: [blocks[1], blocks[0], *blocks[2:]], "cannot be modified"),
        (lambda blocks: [*blocks[3:4], *blocks[:3], *blocks[4:]], "cannot be modified"),
        (lambda blocks: blocks[3:], "Expected `thinking` or `redacted_thinking`, but found `text`"),
    ],
    ids=[
        "text",
        "emptied",
        "cut",
        "unsigned",
        "first gone",
        "second gone",
        "redacted gone",
        "order",
        "late",
        "all gone",
    ],
)
def test_thinking_of_the_running_turn_must_come_back_unchanged(spoil, says: str) -> None:
    refusal = check("anthropic", history(spoil(given())))

    assert refusal is not None
    assert says in refusal.message


def test_thinking_of_an_earlier_turn_may_be_left_out_altogether() -> None:
    assert check("anthropic", history(given()[3:], assistant(text("Done.")), USER)) is None


def test_without_a_budget_all_thinking_may_be_left_out() -> None:
    assert check("anthropic", history(given()[3:], thinking={"type": "adaptive"})) is None


def test_a_call_made_without_thinking_needs_none_with_a_budget() -> None:
    blocks = answer("anthropic", {**ASKED, "thinking": {"type": "adaptive"}}, Turn(calls=[Call("run")]))["content"]

    assert check("anthropic", history(blocks)) is None


def test_a_signature_of_another_account_is_foreign() -> None:
    refusal = check("anthropic", history(given()), Policy(KEY, account="other"))

    assert refusal is not None
    assert "Invalid `signature`" in refusal.message


@pytest.mark.parametrize(
    "changes",
    [{"system": "new"}, {"tools": [{**TOOL, "description": "Walks."}]}, {"messages": None}],
    ids=["system", "tools", "messages"],
)
def test_bound_thinking_holds_only_behind_the_same_prefix(changes: Json) -> None:
    body = history(given())
    other = {**body, **changes}
    if changes.get("messages", 0) is None:
        other["messages"] = [{"role": "user", "content": "Hello"}, *body["messages"][1:]]

    bound = Policy(KEY, bind_prefix=True)

    assert check("anthropic", body, bound) is None
    assert check("anthropic", other) is None
    refusal = check("anthropic", other, bound)
    assert refusal is not None
    assert "bound to a different conversation" in refusal.message


def test_a_bound_prefix_does_not_depend_on_cache_markers_or_spelling() -> None:
    body = history(given())
    other = {**body, "messages": [user(text("Hi", **MARK)), *body["messages"][1:]]}

    assert check("anthropic", other, Policy(KEY, bind_prefix=True)) is None
