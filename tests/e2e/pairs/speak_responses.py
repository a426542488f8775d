"""A raw client of OpenAI's Responses API that keeps no state at the service, as Codex does."""

from __future__ import annotations

import json
from typing import Any

from .speaking import TOOL_SCHEMA, TOOLS, Answer, Called, Failed, Json, Outcome, Stop, Used, Wish, data_url, sse

INCOMPLETE: dict[str, Stop] = {"max_output_tokens": "length", "content_filter": "refusal"}
TERMINAL = ("response.completed", "response.incomplete")
# Streamed pieces of an item, the event that repeats them whole, and under which name.
PIECES = {
    "response.output_text.delta": ("response.output_text.done", "text"),
    "response.reasoning_summary_text.delta": ("response.reasoning_summary_text.done", "text"),
    "response.reasoning_text.delta": ("response.reasoning_text.done", "text"),
    "response.function_call_arguments.delta": ("response.function_call_arguments.done", "arguments"),
    "response.refusal.delta": ("response.refusal.done", "refusal"),
}
WHOLES = dict(PIECES.values())


class ResponsesSpeaker:
    id = "openai_responses"

    def path(self, wish: Wish) -> str:
        return "/v1/responses"

    def headers(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}

    def body(self, wish: Wish) -> Json:
        body: Json = {
            "model": wish.model,
            "input": wish.history,
            "max_output_tokens": wish.max_tokens,
            "store": False,
        }
        if wish.system:
            body["instructions"] = wish.system
        if wish.tools:
            body["tools"] = [
                {"type": "function", "name": name, "description": text, "parameters": TOOL_SCHEMA, "strict": False}
                for name, text in TOOLS.items()
            ]
        if wish.thinking:
            body["reasoning"] = {"effort": "high", "summary": "auto"}
            body["include"] = ["reasoning.encrypted_content"]
        if wish.schema is not None:
            body["text"] = {"format": {"type": "json_schema", "name": "answer", "schema": wish.schema, "strict": True}}
        if wish.stream:
            body["stream"] = True
        return body

    def user(self, text: str, image: str | None = None) -> Json:
        parts: list[Json] = [{"type": "input_text", "text": text}]
        return {"role": "user", "content": [*parts, *([picture(image)] if image else [])]}

    def results(self, given: list[tuple[Called, Outcome]]) -> list[Json]:
        items: list[Json] = []
        for call, outcome in given:
            output: Any = f"Error: {outcome.text}" if outcome.error else outcome.text
            if outcome.image:
                output = [{"type": "input_text", "text": output}, picture(outcome.image)]
            items.append({"type": "function_call_output", "call_id": call.id, "output": output})
        return items

    def whole(self, body: Json) -> Answer:
        assert body["object"] == "response"
        output = body["output"]
        calls = tuple(
            Called(item["call_id"], item["name"], json.loads(item["arguments"]))
            for item in output
            if item["type"] == "function_call"
        )
        parts = [part for item in output if item["type"] == "message" for part in item["content"]]
        thoughts = [
            part
            for item in output
            if item["type"] == "reasoning"
            for part in [*item["summary"], *(item.get("content") or ())]
        ]
        if body["status"] == "incomplete":
            stop = INCOMPLETE[body["incomplete_details"]["reason"]]
        else:
            assert body["status"] == "completed"
            stop = "tools" if calls else "end"
        return Answer(
            text="".join(part["text"] for part in parts if part["type"] == "output_text"),
            thinking="".join(part["text"] for part in thoughts),
            calls=calls,
            stop=stop,
            used=used(body["usage"]),
            model=body["model"],
            items=output,
        )

    def streamed(self, data: bytes) -> Answer:
        last: Json = {}
        done: list[Json] = []
        written: dict[tuple[str, int], str] = {}
        open_item: str | None = None
        for number, event in enumerate(sse(data)):
            body = event.json
            kind = body["type"]
            assert event.name in (kind, None)
            assert body["sequence_number"] == number
            assert not last, f"{kind} after the end"
            if number < 2:
                assert kind == ("response.created", "response.in_progress")[number]
            if kind == "response.output_item.added":
                assert open_item is None, "an item inside an item"
                assert body["output_index"] == len(done)
                open_item = body["item"]["id"]
            elif kind == "response.output_item.done":
                assert body["item"]["id"] == open_item
                done.append(body["item"])
                open_item = None
            elif kind in PIECES:
                assert body["item_id"] == open_item
                place = (PIECES[kind][0], part_of(body))
                written[place] = written.get(place, "") + body["delta"]
            elif kind in WHOLES:
                place = (kind, part_of(body))
                assert body[WHOLES[kind]] == written.pop(place, "")
            elif kind in TERMINAL:
                assert open_item is None
                last = body["response"]
        assert last, "no terminal event"
        assert last["output"] == done
        return self.whole(last)

    def failed(self, body: Json) -> Failed:
        error = body["error"]
        assert {"message", "type", "param", "code"} <= error.keys()
        return Failed(error["code"] or error["type"], error["message"])


def part_of(body: Json) -> int:
    """Which part of its item an event is about."""
    index: int = body["content_index"] if "content_index" in body else body.get("summary_index", 0)
    return index


def picture(image: str) -> Json:
    return {"type": "input_image", "image_url": data_url(image), "detail": "auto"}


def used(usage: Json) -> Used:
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    read = usage["input_tokens_details"]["cached_tokens"]
    return Used(usage["input_tokens"], usage["output_tokens"], read, usage["output_tokens_details"]["reasoning_tokens"])
