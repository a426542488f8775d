"""A conversation that changes accounts: each takes its own reasoning only, and is asked in vain at most once."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx
import pytest

from tests.flow import upstream as up
from tests.flow.conftest import Setup
from tests.flow.upstream import Connection, Received, Upstream

pytestmark = pytest.mark.flow
NUMBERS = itertools.count(1)
Json = dict[str, Any]


class Sealing(Upstream):
    """Signs thinking with the account's name and refuses whatever another account has signed (anthropic.md §6)."""

    def __init__(self) -> None:
        self.limited: set[str] = set()
        super().__init__(self._behave)

    def _behave(self, connection: Connection, request: Received) -> None:
        if request.secret in self.limited:
            body = up.error_body("rate_limit_error", "too many requests")
            up.answer(429, body, retry_after="60")(connection, request)
            return
        signed = [
            block["signature"]
            for message in json.loads(request.body)["messages"]
            if isinstance(message["content"], list)
            for block in message["content"]
            if block["type"] == "thinking"
        ]
        if any(not signature.startswith(request.secret) for signature in signed):
            text = "messages.1.content.0: Invalid `signature` in `thinking` block"
            up.answer(400, up.error_body("invalid_request_error", text))(connection, request)
            return
        answer = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": f"{request.secret}-{len(self.requests)}"},
                {"type": "text", "text": "yes"},
            ],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        up.answer(200, json.dumps(answer).encode())(connection, request)


@pytest.fixture(scope="module")
def sealing() -> Sealing:
    return Sealing()


class Conversation:
    def __init__(self, client: httpx.Client, protocol: str) -> None:
        self._client, self._protocol = client, protocol
        self.history: list[Json] = []

    def turn(self, text: str) -> None:
        self.history.append({"role": "user", "content": text})
        if self._protocol == "anthropic":
            body: Json = {"model": "claude-sonnet-4-5", "max_tokens": 99, "messages": self.history}
            answer = self._client.post("/v1/messages", json=body)
            assert answer.status_code == 200, answer.text
            self.history.append({"role": "assistant", "content": answer.json()["content"]})
            return
        body = {"model": "claude-sonnet-4-5", "store": False, "include": ["reasoning.encrypted_content"]}
        answer = self._client.post("/v1/responses", json={**body, "input": self.history})
        assert answer.status_code == 200, answer.text
        self.history += answer.json()["output"]


@pytest.mark.parametrize("protocol", ["anthropic", "openai_responses"])
def test_only_the_reasoning_of_the_other_account_goes_and_one_refusal_teaches_it(
    client: httpx.Client, setup: Setup, sealing: Sealing, protocol: str
) -> None:
    number = next(NUMBERS)
    first, second = f"first-{number}", f"second-{number}"
    setup.route(*(setup.credential("anthropic", sealing.url, secret) for secret in (first, second)))
    conversation = Conversation(client, protocol)
    conversation.turn(f"one {number}")
    conversation.turn("two")
    assert len(sealing.of(first)) == 2
    sealing.limited.add(first)
    conversation.turn("three")
    refused = [400, 200]
    assert len(sealing.of(second)) == len(refused)  # the other's thinking is refused once
    for text in ("four", "five", "six"):
        conversation.turn(text)
    assert len(sealing.of(second)) == len(refused) + 3  # and never sent again
    sent = json.loads(sealing.of(second)[-1].body)["messages"]
    kept = [
        block["signature"]
        for m in sent
        if isinstance(m["content"], list)
        for block in m["content"]
        if "signature" in block
    ]
    assert len(kept) == 3  # its own of the turns three, four and five
    assert all(signature.startswith(second) for signature in kept)
