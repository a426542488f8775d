"""What pass-through changes in a chat client's own messages, and that it changes nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from translators import registry
from translators.canonical.target import Target

Json = dict[str, Any]
CHAT = registry.get("openai_chat")
DEEPSEEK = Target("openai_chat", "deepseek-chat", reasoning_required=True)
REMEMBERED = {"c1": "first this", "c2": ""}


def called(*ids: object, **more: Any) -> Json:
    function = {"name": "shell", "arguments": "{}"}
    calls = [{"id": identity, "type": "function", "function": function} for identity in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls, **more}


def adapted(*messages: Any, target: Target = DEEPSEEK) -> Any:
    return CHAT.adapt_own({"model": "m", "messages": list(messages)}, target, REMEMBERED.get)["messages"]


@pytest.mark.parametrize(
    ("ids", "reasoning"),
    [
        (["c1"], "first this"),
        (["other", "c1"], "first this"),
        (["c2"], ""),
        (["other"], ""),
        ([None, 3], ""),
    ],
)
def test_a_turn_with_calls_gets_the_reasoning_that_it_lacks(ids: list[object], reasoning: str) -> None:
    assert adapted(called(*ids)) == [called(*ids, reasoning_content=reasoning)]
    assert adapted(called(*ids, reasoning_content=None)) == [called(*ids, reasoning_content=reasoning)]


def test_the_field_is_the_targets() -> None:
    target = Target("openai_chat", "m", reasoning_required=True, reasoning_field="reasoning")
    assert adapted(called("c1"), target=target) == [called("c1", reasoning="first this")]


@pytest.mark.parametrize(
    "message",
    [
        called("c1", reasoning_content="its own"),
        called("c1", reasoning_content=""),
        {"role": "assistant", "content": "Hello"},
        {"role": "assistant", "content": "Hello", "tool_calls": []},
        {"role": "assistant", "content": "Hello", "tool_calls": "c1"},
        {"role": "user", "content": "Hello"},
        {"role": "tool", "tool_call_id": "c1", "content": "ok"},
        "Hello",
        None,
    ],
    ids=str,
)
def test_all_else_stays_the_very_same(message: Any) -> None:
    body = {"model": "m", "messages": [message]}
    assert CHAT.adapt_own(body, DEEPSEEK, REMEMBERED.get) is body


@pytest.mark.parametrize("body", [{"messages": [called("c1")]}, {"messages": "x"}, {}], ids=str)
def test_a_backend_that_demands_nothing_gets_the_body_itself(body: Json) -> None:
    assert CHAT.adapt_own(body, Target("openai_chat", "m"), REMEMBERED.get) is body
    if body != {"messages": [called("c1")]}:
        assert CHAT.adapt_own(body, DEEPSEEK, REMEMBERED.get) is body


@pytest.mark.parametrize("protocol", ["anthropic", "openai_responses", "gemini"])
def test_other_protocols_demand_nothing(protocol: str) -> None:
    body = {"messages": [called("c1")], "input": [], "contents": []}
    assert registry.get(protocol).adapt_own(body, DEEPSEEK, REMEMBERED.get) is body
