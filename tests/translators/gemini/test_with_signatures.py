"""A Gemini client's own history for Gemini: calls that another backend made get the documented dummy (gemini.md §3)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from translators import registry
from translators.canonical.target import Target

GEMINI = registry.get("gemini")
TARGET = Target("gemini", "gemini-3.5-flash")
DUMMY = "skip_thought_signature_validator"
CALL: Any = {"functionCall": {"name": "f", "args": {}}}
SIGNED: Any = {**CALL, "thoughtSignature": "c2ln"}
FILLED: Any = {**CALL, "thoughtSignature": DUMMY}
RESULT: Any = {"functionResponse": {"name": "f", "response": {"output": "x"}}}
TEXT: Any = {"text": "a"}


def user(*parts: Any) -> Any:
    return {"role": "user", "parts": list(parts)}


def model(*parts: Any) -> Any:
    return {"role": "model", "parts": list(parts)}


def adapted(contents: list[Any], target: Target = TARGET) -> Any:
    body = {"contents": contents}
    before = copy.deepcopy(body)
    result = GEMINI.adapt_own(body, target, lambda _: None)
    assert body == before, "the client's body is shared by attempts"
    return result["contents"] if result is not body else None


@pytest.mark.parametrize(
    "contents",
    [
        [user(TEXT)],
        [user(TEXT), model(TEXT)],
        [user(TEXT), model(SIGNED, CALL), user(RESULT, RESULT)],
        [user(TEXT), model(TEXT, {**CALL, "thought_signature": "c2ln"}), user(RESULT)],
        [user(TEXT), model(SIGNED), model(CALL), user(RESULT, RESULT)],
        [user(TEXT), model(FILLED), user(RESULT)],
        ["a", {"parts": "no list"}, {"role": "model"}],
    ],
)
def test_a_history_that_has_what_it_needs_stays_as_it_is(contents: list[Any]) -> None:
    assert adapted(contents) is None


def test_the_first_call_of_every_step_is_filled() -> None:
    contents = [user(TEXT), model(TEXT, CALL, CALL), user(RESULT, RESULT), model(CALL), user(RESULT)]
    assert adapted(contents) == [
        user(TEXT),
        model(TEXT, FILLED, CALL),
        user(RESULT, RESULT),
        model(FILLED),
        user(RESULT),
    ]


def test_the_pieces_of_one_streamed_answer_are_one_step() -> None:
    contents = [user(TEXT), model(TEXT), model(CALL), model(CALL), user(RESULT, RESULT)]
    assert adapted(contents) == [user(TEXT), model(TEXT), model(FILLED), model(CALL), user(RESULT, RESULT)]


def test_models_without_signatures_get_none() -> None:
    target = Target("gemini", "gemini-2.5-flash", thought_signatures=False)
    assert adapted([user(TEXT), model(CALL), user(RESULT)], target) is None
