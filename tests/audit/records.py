"""Exchanges for the audit's tests: short to write, whole enough to be stored, and conversations of any length."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from typing import Any

from addons.audit.record import AttemptRecord, ExchangeRecord, Origin, Side
from translators.canonical.events import Usage

#: When the exchanges of these tests took place: not so long ago that the writer deletes them for their age.
NOW = float(int(time.time()))

_WORDS = """
    the file function returns value when list empty and test fails because name not defined module import path
    error change read write line class method call argument result check add remove update config server request
    response token stream user agent model reply please look into why build breaks run again then fix open close
    data number
""".split()  # noqa: SIM905 - reads better than a list


def record(id_: str = "one", **changes: Any) -> ExchangeRecord:
    """A generate exchange of the Anthropic protocol, passed through and answered."""
    request = changes.pop("request", b'{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"hello"}]}')
    answer = changes.pop("answer", message("good day"))
    headers = changes.pop("headers", [("content-type", "application/json")])
    attempts = [
        AttemptRecord(
            number=1,
            provider="anthropic",
            credential="main",
            why="first in the profile",
            protocol="anthropic",
            model="claude-sonnet-4-5",
            url=changes.pop("url", "https://api.anthropic.com/v1/messages"),
            started=NOW,
            first_byte=NOW + 0.4,
            ended=NOW + 1,
            status=200,
            outcome="ok",
            error=changes.pop("attempt_error", None),
            request=Side(list(headers), request),
            response=Side(list(headers), answer),
        )
    ]
    values: dict[str, Any] = {
        "origin": Origin.GATEWAY,
        "started": NOW,
        "ended": NOW + 1,
        "operation": "generate",
        "client_protocol": "anthropic",
        "output_protocol": "anthropic",
        "backend_protocol": "anthropic",
        "path": "/v1/messages",
        "client": "claude-code",
        "conversation": "conv",
        "provider": "anthropic",
        "credential": "main",
        "requested_model": "claude-sonnet-4-5",
        "served_model": "claude-sonnet-4-5",
        "status": 200,
        "usage": Usage(input_fresh=10, output=5, raw={"input_tokens": 10, "output_tokens": 5}),
        "client_request": Side(list(headers), request),
        "delivered": Side(list(headers), answer),
        "attempts": attempts,
    }
    return ExchangeRecord(id=id_, **{**values, **changes})


def message(text: str) -> bytes:
    """A whole answer of the Anthropic protocol."""
    return json.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": 5},
        }
    ).encode()


def stream(*texts: str) -> bytes:
    """A streamed answer of the Anthropic protocol, one delta for each of `texts`."""
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": t}} for t in texts),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()


def prose(size: int, seed: int) -> str:
    """About `size` characters of words, the same for the same seed."""
    source = random.Random(seed)
    words: list[str] = []
    length = 0
    while length < size:
        # A made-up word in eight, so that it compresses like text and not like a list of words.
        word = source.choice(_WORDS) if source.random() < 0.88 else f"{source.randrange(36**4):x}"
        words.append(word)
        length += len(word) + 1
    return " ".join(words)


@dataclass(frozen=True)
class Turn:
    request: bytes
    answer: bytes
    new: int  # bytes that this turn brought: its message and its answer


def conversation(turns: int, size: int) -> list[Turn]:
    """Each turn sends all messages before it again, as agents do: tools and system in front, a moving cache marker."""
    tools = [{"name": f"tool{n}", "description": prose(300, n), "input_schema": {"type": "object"}} for n in range(8)]
    messages: list[dict[str, Any]] = []
    result: list[Turn] = []
    for number in range(turns):
        question, reply = prose(size, 2 * number + 1000), prose(size, 2 * number + 1001)
        block: dict[str, Any] = {"type": "text", "text": question}
        messages.append({"role": "user", "content": [{**block, "cache_control": {"type": "ephemeral"}}]})
        body = {
            "model": "claude-sonnet-4-5",
            "max_tokens": 32_000,
            "system": [{"type": "text", "text": prose(3_000, 7)}],
            "tools": tools,
            "messages": messages,
            "stream": True,
            "metadata": {"user_id": "u"},
        }
        answer = stream(*(reply[at : at + 24] for at in range(0, len(reply), 24)))
        new = len(json.dumps(messages[-1])) + len(answer) + (len(json.dumps(tools)) + 3_000 if number == 0 else 0)
        result.append(Turn(json.dumps(body).encode(), answer, new))
        messages[-1] = {"role": "user", "content": [block]}
        messages.append({"role": "assistant", "content": [{"type": "text", "text": reply}]})
    return result
