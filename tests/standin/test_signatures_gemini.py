"""Thought signatures come back on the very parts that they were issued with."""

from __future__ import annotations

import base64

import pytest

from .ask import Json, Policy
from .cases import KEY, Case, answer, check, verdict
from .script import Call, Turn
from .test_rules_gemini import LEAST, USER, declare, function, model, result, said, user

# A turn with two parallel calls, as the stand-in gives it.
ASKED: Json = {**LEAST, **declare(function(), function(name="walk"))}
CALLING = Turn("Erst", calls=[Call("run", {"a": "日本"}), Call("walk")])


def history(parts: list[Json], *more: Json) -> Json:
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    results = user(*(result(item["name"]) for item in calls))
    return {**ASKED, "contents": [USER, model(*parts), results, *more]}


def answered(turn: Turn = CALLING, name: str = "standin-1") -> list[Json]:
    parts: list[Json] = answer("gemini", ASKED, turn, model=name)["candidates"][0]["content"]["parts"]
    return parts


def test_an_answer_sent_back_as_it_came_is_accepted() -> None:
    assert check("gemini", history(answered())) is None


def test_clients_may_rewrite_call_ids_and_the_base64_alphabet() -> None:
    first, second = answered()
    inner = {**first["functionCall"], "id": "run__" + first["functionCall"]["id"]}
    url_safe = base64.urlsafe_b64encode(base64.b64decode(first["thoughtSignature"])).decode()

    assert check("gemini", history([{"functionCall": inner, "thoughtSignature": url_safe}, second])) is None


def test_text_keeps_its_signature() -> None:
    parts = answered(Turn(text="Hello"))

    assert check("gemini", said(model(*parts), USER)) is None
    assert check("gemini", said(model({"text": "Hello"}, {**parts[0], "text": ""}), USER)) is None


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda parts: [{"functionCall": parts[0]["functionCall"]}, parts[1]], "missing a thought_signature"),
        (lambda parts: [parts[1], parts[0]], "missing a thought_signature"),
        (lambda parts: [{**parts[1], "thoughtSignature": parts[0]["thoughtSignature"]}], "Corrupted"),
        (lambda parts: [{**parts[0], "functionCall": {"name": "run", "args": {}}}], "Corrupted"),
        (lambda parts: [{"text": "a", "thoughtSignature": parts[0]["thoughtSignature"]}, parts[0]], "Corrupted"),
    ],
    ids=["gone", "order", "other call", "other arguments", "on text"],
)
def test_a_signature_stays_on_its_call(spoil, says: str) -> None:
    refusal = check("gemini", history(spoil(answered())))

    assert refusal is not None
    assert says in refusal.message


def test_calls_of_earlier_turns_need_no_signature() -> None:
    body = history([{"functionCall": part["functionCall"]} for part in answered()], model({"text": "a"}), USER)

    assert check("gemini", body) is None


def test_a_signature_of_another_account_is_foreign() -> None:
    assert check("gemini", history(answered()), Policy(KEY, account="other")) is not None


def test_models_before_gemini_3_neither_give_nor_want_signatures_and_ids() -> None:
    parts = answered(name="gemini-2.5-pro")

    assert [sorted(part) for part in parts] == [["functionCall"], ["functionCall"]]
    assert [sorted(part["functionCall"]) for part in parts] == [["args", "name"], ["args", "name"]]
    case = Case("signature_present", "", {}, history(parts), model="gemini-2.5-pro")
    assert verdict("gemini", case, LEAST, refused=False) is None
