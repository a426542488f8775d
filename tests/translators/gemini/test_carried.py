"""Reasoning of other protocols, carried through clients that keep nothing of an answer but its signatures."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.gemini.support import GEMINI, decode, frames, reply, said, write_stream
from translators.canonical.blocks import Block, Image, Opaque, Text, Thinking, ToolCall
from translators.canonical.events import StopReason
from translators.canonical.response import Response, unfold

CALL = ToolCall("c1", "f", "{}")
ONE = Thinking("hm", "EqoB+/==", "anthropic")
OTHER = Thinking("so", "EqoBy", "anthropic")
REDACTED = Opaque("ABC", "anthropic", "redacted_thinking")
SUMMARY = Thinking("**Plan**\n\nread", "gAAA", "openai_responses")
UNSIGNED = Thinking("first this", None, "openai_chat")


def parts(*blocks: Block) -> list[dict[str, Any]]:
    """All parts of the streamed answer; the whole one says the same."""
    answer = Response(blocks=list(blocks), stop=StopReason.END)
    chunks = frames(write_stream(list(unfold(answer))))
    return [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]


def returned(parts: list[dict[str, Any]], *, thoughts: bool) -> list[Block]:
    """The answer as it comes back in the history, with or without its thought parts."""
    kept = [part for part in parts if thoughts or not part.get("thought")]
    turns: list[Any] = decode(said(("user", {"text": "a"}), ("model", *kept))).turns
    return list(turns[1].blocks) if len(turns) > 1 else []


def carried(part: dict[str, Any]) -> bytes:
    return base64.b64decode(part["thoughtSignature"])


@pytest.mark.parametrize("follower", [CALL, Text("Hello"), Image("image/png", data="AAAA")], ids=str)
def test_a_thought_is_carried_whole_on_what_follows(follower: Block) -> None:
    thought, carrying = parts(ONE, follower)[:2]
    assert thought == {"text": "hm", "thought": True}
    assert carried(carrying) == b"gw1:anthropic:EqoB+/==\0hm"


def test_several_travel_together() -> None:
    carrying = parts(ONE, REDACTED, OTHER, CALL)[2]
    assert carrying["functionCall"]["id"] == "c1"
    assert carried(carrying).startswith(b"gw1:+:[")


def test_each_call_carries_its_own() -> None:
    second = ToolCall("c2", "f", "{}")
    signed = [carried(part) for part in parts(ONE, CALL, OTHER, second) if "functionCall" in part]
    assert signed == [b"gw1:anthropic:EqoB+/==\0hm", b"gw1:anthropic:EqoBy\0so"]


HISTORIES: list[list[Block]] = [
    [ONE, CALL],
    [ONE, Text("I begin"), CALL, ToolCall("c2", "f", "{}")],
    [ONE, OTHER, CALL],
    [ONE, REDACTED, OTHER, Text("Hello")],
    [REDACTED, CALL],
    [ONE, CALL, OTHER, ToolCall("c2", "f", "{}")],
    [SUMMARY, CALL],
    [Thinking("", "gAAA", "openai_responses"), CALL],
    [Opaque("gAAA", "openai_responses", "compaction"), Text("Hello")],
    [UNSIGNED, CALL],
    [Text("Hello"), ONE],
]


@pytest.mark.parametrize("thoughts", [True, False], ids=["kept", "dropped"])
@pytest.mark.parametrize("blocks", HISTORIES, ids=str)
def test_what_was_carried_comes_back_once_and_in_its_place(blocks: list[Block], thoughts: bool) -> None:
    assert returned(parts(*blocks), thoughts=thoughts) == blocks


def test_geminis_own_is_not_carried() -> None:
    found = parts(Thinking("hm", "c2ln", "gemini"), CALL)
    assert found[1]["thoughtSignature"] == "c2ln"
    assert returned(found, thoughts=False) == [Thinking("", "c2ln", "gemini"), CALL]


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("blocks", [[ONE], [REDACTED], [ONE, REDACTED], [UNSIGNED]], ids=str)
def test_it_never_reaches_a_backend_of_geminis_own(blocks: list[Block], bare: bool) -> None:
    own = GEMINI.own_history({"contents": [{"role": "model", "parts": parts(*blocks, CALL)}]}, bare=bare)
    signed = [part["thoughtSignature"] for part in own["contents"][0]["parts"] if "thoughtSignature" in part]
    assert signed == ["skip_thought_signature_validator"]


@pytest.mark.parametrize("payload", [b"gw1:+:", b"gw1:+:{", b"gw1:+:{}", b"gw1:+:[1, null]"])
def test_a_broken_list_carries_nothing(payload: bytes) -> None:
    part = {"text": "Hello", "thoughtSignature": base64.b64encode(payload).decode()}
    assert returned([part], thoughts=True) == [Text("Hello")]


_text = st.text(st.characters(codec="utf-8"), max_size=6)
_thought = st.builds(Thinking, _text.filter(bool), st.none() | st.just("EqoB"), st.sampled_from(["anthropic", "kiro"]))
_opaque = st.builds(Opaque, st.just("ABC"), st.just("anthropic"))
# blank text alone is followed by a sentence of ours (finish.py, SILENCE)
_follower = st.builds(Text, _text.filter(str.strip)) | st.just(CALL)


@settings(max_examples=100, deadline=None)
@given(st.lists(_thought | _opaque, min_size=1, max_size=4), _follower)
def test_any_reasoning_comes_back_from_a_client_that_drops_thoughts(
    reasoning: list[Thinking | Opaque], follower: Block
) -> None:
    assert returned(parts(*reasoning, follower), thoughts=False) == [*reasoning, follower]


def test_the_whole_answer_carries_the_same() -> None:
    whole = GEMINI.encode_response(Response(blocks=[ONE, REDACTED, CALL], stop=StopReason.TOOL_USE), reply())
    assert whole["candidates"][0]["content"]["parts"] == [
        part for part in parts(ONE, REDACTED, CALL) if part != {"text": ""}
    ]
