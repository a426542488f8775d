"""One small call of each client protocol, and what an error must look like in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
_USER = [{"role": "user", "content": "hi"}]


@dataclass(frozen=True)
class Call:
    path: str
    body: Json
    stream_path: str = ""

    def streaming(self) -> tuple[str, Json]:
        return (self.stream_path, self.body) if self.stream_path else (self.path, {**self.body, "stream": True})


CALLS: dict[str, Call] = {
    "anthropic": Call("/v1/messages", {"model": "claude-sonnet-4-6", "max_tokens": 50, "messages": _USER}),
    "openai_chat": Call("/v1/chat/completions", {"model": "claude-sonnet-4-6", "messages": _USER}),
    "openai_responses": Call("/v1/responses", {"model": "claude-sonnet-4-6", "input": "hi"}),
    "gemini": Call(
        "/v1beta/models/claude-sonnet-4-6:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
        "/v1beta/models/claude-sonnet-4-6:streamGenerateContent?alt=sse",
    ),
}


def error_message(protocol: str, status: int, body: bytes) -> str:
    """The message of an error in the shape of that protocol; anything else fails."""
    error = json.loads(body)["error"]
    message = error["message"]
    assert isinstance(message, str)
    assert message
    match protocol:
        case "anthropic":
            assert json.loads(body)["type"] == "error"
            assert isinstance(error["type"], str)
        case "gemini":
            assert error["code"] == status
            assert isinstance(error["status"], str)
        case _:
            assert {"message", "type", "code", "param"} <= error.keys()
    return message
