"""The routing token of an answer goes back within its turn: to the same account, in the same conversation (codex.md
§5)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from addons.providers.api import Call, Operation, Upstream
from addons.providers.codex import Codex
from addons.providers.codex.turns import LONGEST, MOST, Turns
from addons.providers.registry import built_in
from addons.vault.credential import Credential

HEADER = "x-codex-turn-state"
SAID = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
RULES = {**SAID, "role": "developer"}
ANSWERED = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Ho"}]}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c", "output": "1"}


@pytest.fixture
def provider() -> Iterator[Codex]:
    found = built_in().get("codex")
    assert isinstance(found, Codex)
    yield found


def ask(provider: Codex, *items: Any, account: str = "one", conversation: str = "talk", own: bool = False) -> Upstream:
    body = json.dumps({"model": "gpt-5.5", "instructions": "", "input": items, "stream": True, "store": False})
    call = Call(Operation.GENERATE, "codex", "gpt-5.5", True, body.encode(), translated=not own)
    call.conversation = conversation
    if own:
        call.headers = call.received = [
            ("user-agent", "codex_cli_rs/0.146.0 (Ubuntu 24.04; x86_64) tmux/3.4"),
            ("originator", "codex_cli_rs"),
            ("thread-id", "0198a3c1-1111-7222-8333-944455556666"),
        ]
    return provider.build(call, Credential(account, "codex", "token"))


def token(upstream: Upstream) -> str | None:
    return dict(upstream.headers).get(HEADER)


def answered(provider: Codex, upstream: Upstream, state: str, account: str = "one") -> None:
    told = [(HEADER, state), ("content-type", "text/event-stream")]
    provider.heard(Credential(account, "codex", "token"), upstream, told)


def test_the_first_request_of_a_turn_has_none(provider: Codex) -> None:
    assert token(ask(provider, SAID)) is None


@pytest.mark.parametrize(
    ("items", "wanted"),
    [
        ((SAID, CALL, RESULT), "a"),
        ((RULES, SAID, CALL, RESULT, ANSWERED, CALL, RESULT), "a"),
        ((SAID, ANSWERED, SAID), None),
        ((SAID, CALL, RESULT, SAID), None),
    ],
    ids=["results of tools", "more of them", "the user speaks again", "beside a result"],
)
def test_it_goes_back_until_the_user_speaks_again(provider: Codex, items: tuple[Any, ...], wanted: str | None) -> None:
    answered(provider, ask(provider, SAID), "a")
    assert token(ask(provider, *items)) == wanted


def test_the_newest_token_of_the_turn_counts(provider: Codex) -> None:
    answered(provider, ask(provider, SAID), "a")
    answered(provider, ask(provider, SAID, CALL, RESULT), "b")
    assert token(ask(provider, SAID, CALL, RESULT, CALL, RESULT)) == "b"


@pytest.mark.parametrize("elsewhere", [{"account": "two"}, {"conversation": "other"}, {"conversation": ""}])
def test_it_goes_to_no_other_account_and_no_other_conversation(provider: Codex, elsewhere: dict[str, str]) -> None:
    answered(provider, ask(provider, SAID), "a")
    assert token(ask(provider, SAID, CALL, RESULT, **elsewhere)) is None  # type: ignore[arg-type]


def test_an_answer_of_a_turn_before_that_ends_late_changes_nothing(provider: Codex) -> None:
    early = ask(provider, SAID)
    answered(provider, ask(provider, SAID, ANSWERED, SAID), "b")
    answered(provider, early, "a")
    assert token(ask(provider, SAID, ANSWERED, SAID, CALL, RESULT)) == "b"


def test_agents_that_share_a_conversation_have_turns_of_their_own(provider: Codex) -> None:
    other = {**SAID, "content": "Look for it"}
    answered(provider, ask(provider, SAID), "a")
    assert token(ask(provider, other)) is None
    answered(provider, ask(provider, other), "b")
    assert token(ask(provider, SAID, CALL, RESULT)) == "a"
    assert token(ask(provider, other, CALL, RESULT)) == "b"


@pytest.mark.parametrize("state", ["", "a\r\nx: y", "ä", "x" * (LONGEST + 1)])
def test_what_is_no_token_is_not_sent(provider: Codex, state: str) -> None:
    answered(provider, ask(provider, SAID), state)
    assert token(ask(provider, SAID, CALL, RESULT)) is None


def test_codex_own_requests_keep_what_they_have(provider: Codex) -> None:
    answered(provider, ask(provider, SAID, own=True), "a")
    assert token(ask(provider, SAID, CALL, RESULT, own=True)) is None


def test_what_is_remembered_has_an_end() -> None:
    turns = Turns()
    for number in range(MOST + 1):
        turns.note("one", str(number), "1", "a")
    assert (turns.token("one", "0", "1"), turns.token("one", "1", "1")) == ("", "a")
