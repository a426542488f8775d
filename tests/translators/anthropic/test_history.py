"""Taking thinking out of a body that is passed through."""

import copy
from typing import Any

import pytest

from translators.anthropic.history import without_foreign_thinking, without_thinking

OWN = {"type": "thinking", "thinking": "t", "signature": "c2ln"}
REDACTED = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
CALL = {"type": "tool_use", "id": "t", "name": "n", "input": {}}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}
USER = {"role": "user", "content": "go"}


def chat(*blocks: Any, **fields: Any) -> dict[str, Any]:
    return {"messages": [USER, {"role": "assistant", "content": list(blocks)}, RESULT], **fields}


FOREIGN = [
    {"type": "thinking", "thinking": "t", "signature": "gw1:gemini:x"},
    {"type": "thinking", "thinking": "t", "signature": "gw1:openai_chat:"},
    {"type": "thinking", "thinking": "t", "signature": ""},
    {"type": "thinking", "thinking": "t"},
    {"type": "redacted_thinking", "data": "gw1:openai_responses:compaction:x"},
]


def test_a_body_that_needs_nothing_is_the_same_object():
    body = chat(OWN, REDACTED, CALL)
    assert without_foreign_thinking(body) is body
    plain = {"messages": [USER]}
    assert without_thinking(plain) is plain


@pytest.mark.parametrize("block", FOREIGN)
def test_foreign_thinking_goes_and_own_thinking_stays(block):
    body = chat(OWN, block, CALL, thinking={"type": "enabled", "budget_tokens": 1024})
    before = copy.deepcopy(body)
    assert without_foreign_thinking(body) == chat(OWN, CALL, thinking={"type": "enabled", "budget_tokens": 1024})
    assert body == before


def test_all_thinking_goes_on_demand_and_a_message_of_nothing_else_with_it():
    body = {"messages": [USER, {"role": "assistant", "content": [OWN, REDACTED]}, USER]}
    assert without_thinking(body) == {"messages": [USER, USER]}


MODES = [
    ({"type": "enabled", "budget_tokens": 1024}, {"type": "disabled"}),
    ({"type": "adaptive"}, {"type": "adaptive"}),
]


@pytest.mark.parametrize(("asked", "left"), MODES)
def test_a_running_tool_use_turn_without_its_thinking_thinks_no_more_on_a_budget_model(asked, left):
    assert without_thinking(chat(OWN, CALL, thinking=asked))["thinking"] == left


def test_a_tool_use_turn_of_the_past_does_not_matter():
    body = chat(OWN, CALL, thinking=MODES[0][0])
    body["messages"] += [{"role": "assistant", "content": "done"}, USER]
    assert without_thinking(body)["thinking"] == MODES[0][0]
