"""A raw client of Anthropic's Messages API."""

from __future__ import annotations

import json
from typing import Any

from .speaking import TOOL_SCHEMA, TOOLS, Answer, Called, Failed, Json, Outcome, Stop, Used, Wish, sse

STOPS: dict[str, Stop] = {
    "end_turn": "end",
    "tool_use": "tools",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
}
# Which delta may fill which block, and where it goes.
DELTAS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("thinking", "signature"),
    "input_json_delta": ("tool_use", "partial_json"),
}


class AnthropicSpeaker:
    id = "anthropic"

    def path(self, wish: Wish) -> str:
        return "/v1/messages"

    def headers(self, key: str) -> dict[str, str]:
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}

    def body(self, wish: Wish) -> Json:
        body: Json = {"model": wish.model, "max_tokens": wish.max_tokens, "messages": wish.history}
        if wish.system:
            body["system"] = wish.system
        if wish.tools:
            body["tools"] = [
                {"name": name, "description": text, "input_schema": TOOL_SCHEMA} for name, text in TOOLS.items()
            ]
        if wish.thinking:
            body["thinking"] = {"type": "adaptive", "display": "summarized"}
            body["output_config"] = {"effort": "high"}
        if wish.schema is not None:
            body["output_config"] = {"format": {"type": "json_schema", "schema": wish.schema}}
        if wish.stop:
            body["stop_sequences"] = wish.stop
        if wish.stream:
            body["stream"] = True
        return body

    def user(self, text: str, image: str | None = None) -> Json:
        content: list[Json] = [{"type": "text", "text": text}]
        return {"role": "user", "content": [*content, *([picture(image)] if image else [])]}

    def results(self, given: list[tuple[Called, Outcome]]) -> list[Json]:
        blocks: list[Json] = []
        for call, outcome in given:
            content: list[Json] = [{"type": "text", "text": outcome.text}]
            if outcome.image:
                content.append(picture(outcome.image))
            block: Json = {"type": "tool_result", "tool_use_id": call.id, "content": content}
            blocks.append({**block, "is_error": True} if outcome.error else block)
        return [{"role": "user", "content": blocks}]

    def whole(self, body: Json) -> Answer:
        assert (body["type"], body["role"]) == ("message", "assistant")
        assert body["id"]
        content = body["content"]
        calls = tuple(Called(b["id"], b["name"], b["input"]) for b in content if b["type"] == "tool_use")
        return Answer(
            text="".join(b["text"] for b in content if b["type"] == "text"),
            thinking="".join(b["thinking"] for b in content if b["type"] == "thinking"),
            calls=calls,
            stop=STOPS[body["stop_reason"]],
            used=used(body["usage"]),
            model=body["model"],
            items=[{"role": "assistant", "content": content}],
        )

    def streamed(self, data: bytes) -> Answer:
        message: Json = {}
        block: Json | None = None
        for event in sse(data):
            body = event.json
            kind = body["type"]
            assert event.name == kind
            if kind == "ping":
                continue
            assert message.get("stopped") is None, f"{kind} after message_stop"
            if kind == "message_start":
                assert not message
                message = body["message"]
                assert message["content"] == []
                assert message["stop_reason"] is None
            elif kind == "content_block_start":
                assert block is None, "a block inside a block"
                assert body["index"] == len(message["content"])
                block = body["content_block"]
                message["content"].append(block)
                if block["type"] == "tool_use":
                    assert block["input"] == {}
                    block["partial_json"] = ""
            elif kind == "content_block_delta":
                assert block is not None
                assert body["index"] == len(message["content"]) - 1
                fill(block, body["delta"])
            elif kind == "content_block_stop":
                assert block is not None
                if block["type"] == "tool_use":
                    block["input"] = json.loads(block.pop("partial_json") or "{}")
                block = None
            elif kind == "message_delta":
                assert block is None
                message |= body["delta"]
                message["usage"] |= {name: value for name, value in body["usage"].items() if value is not None}
            else:
                assert kind == "message_stop", f"unexpected {body}"
                message["stopped"] = True
        assert message.pop("stopped"), "no message_stop"
        return self.whole(message)

    def failed(self, body: Json) -> Failed:
        assert body["type"] == "error"
        return Failed(body["error"]["type"], body["error"]["message"])


def fill(block: Json, delta: Json) -> None:
    kind, name = DELTAS[delta["type"]]
    assert block["type"] == kind, f"{delta['type']} in a block of {block['type']}"
    block[name] = block.get(name, "") + delta[name]


def picture(image: str) -> Json:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image}}


def used(usage: dict[str, Any]) -> Used:
    read = usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or 0
    details = usage.get("output_tokens_details") or {}
    return Used(usage["input_tokens"] + read + written, usage["output_tokens"], read, details.get("thinking_tokens"))
