"""An Ollama server: `/api/chat` and `/api/tags`, its rules as a table, NDJSON out (apikey_backends.md §7)."""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections.abc import Iterator
from typing import Any

from .app import App, Reply
from .ask import Json, Refusal
from .failures import Cut, Failure, SlowHead, Stall, Status, StreamError
from .reading import ToolRef, View
from .records import Recorded
from .schemas import faults
from .script import Turn, Usage, choose, usage_of
from .server import StandIn
from .wire import TEXT_PIECE, dumps, pieces

NDJSON = "application/x-ndjson"
FIELDS = {"model", "messages", "tools", "think", "format", "options", "stream", "keep_alive"}
MESSAGE = {"role", "content", "images", "thinking", "tool_calls", "tool_name"}
OPTIONS: dict[str, type | tuple[type, ...]] = {
    "num_ctx": int,
    "num_predict": int,
    "temperature": (int, float),
    "top_p": (int, float),
    "top_k": int,
    "seed": int,
    "stop": list,
    "repeat_penalty": (int, float),
    "presence_penalty": (int, float),
    "frequency_penalty": (int, float),
}
LEVELS = ("low", "medium", "high")
STOPS = {"end": "stop", "length": "length", "stop_sequence": "stop", "refusal": "stop"}
WORDS = {401: "unauthorized", 404: "model 'x' not found, try pulling it first", 503: "server busy, please try again"}


def complaints(body: Json) -> Iterator[str]:
    """Everything that is wrong with a request. Unknown names are refused here, which the real one passes over."""
    yield from (f"unknown field {name!r}" for name in body.keys() - FIELDS)
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield "model is required"
        return
    if not isinstance(body.get("messages"), list):
        yield "messages is required"
        return
    called: set[str] = set()
    for index, message in enumerate(body["messages"]):
        yield from (f"messages[{index}]: {text}" for text in of_message(message, called))
    for index, tool in enumerate(body.get("tools", [])):
        function = tool.get("function", {})
        if tool.get("type") != "function" or not function.get("name"):
            yield f"tools[{index}]: a function with a name is wanted"
        elif list(faults(function.get("parameters"))):
            yield f"tools[{index}]: its parameters are no schema"
    think = body.get("think")
    if think is not None and not isinstance(think, bool) and think not in LEVELS:
        yield f"invalid think value: {think!r}"
    if think is True and "plain" in body["model"]:
        yield f'"{body["model"]}" does not support thinking'
    for name, value in body.get("options", {}).items():
        if name not in OPTIONS or not isinstance(value, OPTIONS[name]) or isinstance(value, bool):
            yield f"option {name!r} must be of type {OPTIONS.get(name)}"
    form = body.get("format")
    if form is not None and form != "json" and (not isinstance(form, dict) or list(faults(form))):
        yield "invalid format"


def of_message(message: Json, called: set[str]) -> Iterator[str]:
    """`called` collects the names of tools that were called so far."""
    yield from (f"unknown field {name!r}" for name in message.keys() - MESSAGE)
    role = message.get("role")
    if role not in ("system", "user", "assistant", "tool"):
        yield f"invalid role: {role!r}"
    if not isinstance(message.get("content"), str):
        yield "json: cannot unmarshal content into Go struct field of type string"
    for image in message.get("images", []):
        try:
            base64.b64decode(image, validate=True)
        except (binascii.Error, TypeError, ValueError):
            yield "illegal base64 data"
    for call in message.get("tool_calls", []):
        function = call.get("function", {})
        if role != "assistant" or not isinstance(function.get("arguments"), dict):
            yield "json: cannot unmarshal arguments into an object"
        called.add(function.get("name"))
    if role == "tool" and message.get("tool_name") not in called:
        yield f"a result of {message.get('tool_name')!r}, which was not called"


def view(body: Json) -> View:
    form = body.get("format")
    return View(
        tools={tool["function"]["name"]: ToolRef() for tool in body.get("tools", [])},
        calls=sum(len(message.get("tool_calls", [])) for message in body["messages"]),
        schema=form if isinstance(form, dict) else None,
        json_mode=form == "json",
        stream=body.get("stream", True),
        model=body["model"],
    )


def objects(turn: Turn, usage: Usage, body: Json) -> Iterator[Json]:
    """The answer as the lines of a stream."""
    stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())}.{secrets.randbelow(10**9):09d}Z"
    head = {"model": body["model"], "created_at": stamp}
    for thought in turn.thoughts if body.get("think") is not False else ():
        for piece in pieces(thought, TEXT_PIECE):
            yield {**head, "message": {"role": "assistant", "content": "", "thinking": piece}, "done": False}
    for piece in pieces(turn.text, TEXT_PIECE):
        yield {**head, "message": {"role": "assistant", "content": piece}, "done": False}
    for call in turn.calls:
        spelled = {"function": {"name": call.name, "arguments": call.arguments}}
        yield {**head, "message": {"role": "assistant", "content": "", "tool_calls": [spelled]}, "done": False}
    yield {
        **head,
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": STOPS[turn.stop or "end"],
        "total_duration": 5_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": usage.input,
        "prompt_eval_duration": 1_000_000,
        "eval_count": usage.output,
        "eval_duration": 2_000_000,
    }


def folded(lines: list[Json]) -> Json:
    """The same as one object."""
    message: Json = {"role": "assistant", "content": ""}
    for line in lines:
        part = line["message"]
        message["content"] += part["content"]
        if "thinking" in part:
            message["thinking"] = message.get("thinking", "") + part["thinking"]
        message.setdefault("tool_calls", []).extend(part.get("tool_calls", []))
    if not message["tool_calls"]:
        del message["tool_calls"]
    return {**lines[-1], "message": message}


class OllamaApp(App):
    def answer(self, request: Recorded) -> Reply:
        key = self.standin.key
        if key is not None and request.headers.get("authorization") != f"Bearer {key}":
            return self.trouble(request, 401, "unauthorized")
        if (request.method, request.path) == ("GET", "/api/tags"):
            return self.json_reply(200, {"models": [{"name": name, "size": 1} for name in self.standin.models]})
        if (request.method, request.path) == ("POST", "/api/chat"):
            return self.chat(request)
        return super().answer(request)

    def trouble(self, request: Recorded, status: int, text: str) -> Reply:
        request.refusal = Refusal(status, {"error": text}, text, "ollama")
        return self.json_reply(status, {"error": text})

    def chat(self, request: Recorded) -> Reply:
        body = request.json = self.body_of(request, "openai_chat")
        request.endpoint = "generate"
        for text in complaints(body):
            return self.trouble(request, 400, text)
        seen = view(body)
        served = choose(self.standin.scenario_for(request), seen)
        failure = request.failure = self.standin.take_failure(served.index)
        if isinstance(failure, Status):
            text = WORDS.get(failure.code, "an error was encountered")
            return Reply(failure.code, {"content-type": "application/json"}, [dumps({"error": text}).encode()])
        request.turn = served.index
        lines = list(objects(served.turn, usage_of(served.turn, len(request.raw)), body))
        if not seen.stream:
            return self.json_reply(200, folded(lines))
        chunks = [dumps(line).encode() + b"\n" for line in lines]
        reply = Reply(200, {"content-type": NDJSON}, chunks, stream=True)
        return self.spoilt(reply, failure)

    def spoilt(self, reply: Reply, failure: Failure | None) -> Reply:
        match failure:
            case StreamError():
                reply.chunks = [
                    *reply.chunks[: failure.after],
                    dumps({"error": "an error was encountered"}).encode() + b"\n",
                ]
            case Cut():
                reply.chunks, reply.broken = reply.chunks[: failure.after], True
            case SlowHead():
                reply.wait_head = failure.seconds
            case Stall():
                reply.pauses[failure.after] = failure.seconds
        return reply


class OllamaStandIn(StandIn):
    """A stand-in that is an Ollama server; its compatible endpoints are the other stand-in's."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._app = OllamaApp(self)
