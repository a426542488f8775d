"""What pass-through takes out of a Responses client's own input: reasoning that the backend would refuse."""

from __future__ import annotations

from typing import Any

import pytest

from tests.translators.openai_responses.support import RESPONSES

Json = dict[str, Any]
OWN: Json = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
TAGGED: Json = {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gw1:anthropic:EqoB"}
UNREADABLE: Json = {"type": "reasoning", "id": "rs_3", "summary": []}
SAID: Json = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
CALL: Json = {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}
CUSTOM: Json = {"type": "custom_tool_call", "call_id": "c", "name": "n", "input": "x"}
OUTPUT: Json = {"type": "function_call_output", "id": "fc_9", "call_id": "c", "output": "ok"}
ASKED: Json = {"type": "message", "id": "msg_9", "role": "user", "content": "Hi"}


def left(*items: Json, bare: bool = False, **body: Any) -> list[Json]:
    found: list[Json] = RESPONSES.own_history({"input": list(items), **body}, bare=bare)["input"]
    return found


def test_what_another_protocol_signed_goes() -> None:
    assert left(ASKED, OWN, TAGGED, CALL) == [ASKED, OWN, CALL]


@pytest.mark.parametrize(("store", "kept"), [(False, [CALL]), (True, [UNREADABLE, CALL])])
def test_what_the_service_does_not_keep_goes(store: bool, kept: list[Json]) -> None:
    assert left(UNREADABLE, CALL, store=store) == kept


@pytest.mark.parametrize("written", [SAID, CALL, CUSTOM], ids=lambda item: item["type"])
def test_without_any_reasoning_no_item_refers_to_it(written: Json) -> None:
    """The service refuses an item by whose id it knows that reasoning led to it."""
    assert left(ASKED, OWN, {**written, "id": "msg_1"}, OUTPUT, bare=True) == [ASKED, written, OUTPUT]


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("body", [{"input": "Hi"}, {"input": [ASKED, {**SAID, "id": "msg_1"}]}, {"input": ["x"]}, {}])
def test_without_reasoning_the_body_stays_the_very_same(body: Json, bare: bool) -> None:
    assert RESPONSES.own_history(body, bare=bare) is body
