"""A raw client of OpenAI's Chat Completions that shows reasoning as compatibles do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from .speaking import TOOL_SCHEMA, TOOLS, Answer, Called, Failed, Json, Outcome, Stop, Used, Wish, data_url, sse

STOPS: dict[str, Stop] = {"stop": "end", "tool_calls": "tools", "length": "length", "content_filter": "refusal"}
KEPT = ("role", "content", "tool_calls", "reasoning_content")


@dataclass
class ChatSpeaker:
    """`limit` is the field that says the largest answer: older clients and most compatibles know the first one."""

    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    id: str = "openai_chat"

    def path(self, wish: Wish) -> str:
        return "/v1/chat/completions"

    def headers(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}

    def body(self, wish: Wish) -> Json:
        system = [{"role": "system", "content": wish.system}] if wish.system else []
        body: Json = {"model": wish.model, "messages": [*system, *wish.history], self.limit: wish.max_tokens}
        if wish.tools:
            body["tools"] = [
                {"type": "function", "function": {"name": name, "description": text, "parameters": TOOL_SCHEMA}}
                for name, text in TOOLS.items()
            ]
        if wish.thinking:
            body["reasoning_effort"] = "high"
        if wish.schema is not None:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": wish.schema, "strict": True},
            }
        if wish.stop:
            body["stop"] = wish.stop
        if wish.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    def user(self, text: str, image: str | None = None) -> Json:
        if image is None:
            return {"role": "user", "content": text}
        parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": data_url(image)}}]
        return {"role": "user", "content": parts}

    def results(self, given: list[tuple[Called, Outcome]]) -> list[Json]:
        """Images cannot stand in a tool message: they follow as the user's."""
        items: list[Json] = []
        for call, outcome in given:
            text = f"Error: {outcome.text}" if outcome.error else outcome.text
            items.append({"role": "tool", "tool_call_id": call.id, "content": text})
        images = [outcome.image for _, outcome in given if outcome.image]
        return [*items, *(self.user("What the tool showed:", image) for image in images)]

    def whole(self, body: Json) -> Answer:
        assert body["object"] == "chat.completion"
        [choice] = body["choices"]
        message = choice["message"]
        assert message["role"] == "assistant"
        calls = tuple(
            Called(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
            for call in message.get("tool_calls") or ()
        )
        return Answer(
            text=message.get("content") or "",
            thinking=message.get("reasoning_content") or "",
            calls=calls,
            stop=STOPS[choice["finish_reason"]],
            used=used(body["usage"]) if body.get("usage") else None,
            model=body["model"],
            items=[{name: message[name] for name in KEPT if message.get(name) is not None}],
        )

    def streamed(self, data: bytes) -> Answer:
        events = list(sse(data))
        assert events[-1].data == "[DONE]"
        chunks = [event.json for event in events[:-1]]
        assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
        assert len({(chunk["id"], chunk["model"], chunk["created"]) for chunk in chunks}) == 1
        message: Json = {}
        calls: list[Json] = []
        reasons: list[str] = []
        usages: list[Json] = []
        for chunk in chunks:
            if not chunk["choices"]:
                usages.append(chunk["usage"])
                continue
            assert not usages, "content after the usage"
            [choice] = chunk["choices"]
            delta = choice["delta"]
            assert not reasons or not any(delta.get(name) for name in KEPT[1:]), "content after the finish reason"
            for name in ("role", "content", "reasoning_content"):
                if delta.get(name) is not None:
                    message[name] = message.get(name, "") + delta[name]
            for fragment in delta.get("tool_calls") or ():
                add_fragment(calls, fragment)
            if choice["finish_reason"] is not None:
                reasons.append(choice["finish_reason"])
        assert len(reasons) == 1
        assert len(usages) == 1
        if calls:
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "finish_reason": reasons[0]}
        return self.whole({**chunks[0], "object": "chat.completion", "choices": [choice], "usage": usages[0]})

    def failed(self, body: Json) -> Failed:
        error = body["error"]
        assert {"message", "type", "param", "code"} <= error.keys()
        return Failed(error["code"] or error["type"], error["message"])


def add_fragment(calls: list[Json], fragment: Json) -> None:
    """Id, type and name come with the first fragment of an index; then only arguments."""
    index, function = fragment["index"], fragment["function"]
    if index == len(calls):
        assert fragment["type"] == "function"
        assert fragment["id"]
        assert function["name"]
        calls.append({"id": fragment["id"], "type": "function", "function": {**function}})
        calls[-1]["function"].setdefault("arguments", "")
        return
    assert not fragment.get("id")
    assert not function.get("name")
    calls[index]["function"]["arguments"] += function["arguments"]


def used(usage: Json) -> Used:
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    read = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
    return Used(usage["prompt_tokens"], usage["completion_tokens"], read, reasoning)
