"""The canonical request as a body of `/api/chat`: chat's messages, respelled (apikey_backends.md §7)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from translators.canonical.arguments import as_object
from translators.canonical.prepare import prepare
from translators.canonical.reasoning import clamp_effort, effort_of_budget
from translators.canonical.request import ChoiceMode, ReasoningMode, Request
from translators.canonical.target import Target
from translators.openai_chat import tools
from translators.openai_chat.messages_encode import encode_messages
from translators.openai_chat.parts_encode import Context
from translators.protocol import Encoded

Json = dict[str, Any]

_DATA = ";base64,"
_LEFT_OUT = "[image left out: it is given by an address, and the model's server fetches none]"


def encode_request(request: Request, target: Target) -> Encoded:
    """→ body, names and notes."""
    target = replace(target, protocol="openai_chat")  # whose repairs and messages serve here
    prepared, names, notes = prepare(request, target)
    context = Context(prepared.origin, target)
    respell = _Respelling(context.notes)
    body: Json = {
        "model": target.model,
        "messages": [respell.message(message) for message in encode_messages(prepared, context)],
        "stream": request.stream,
    }
    if offered := _tools(prepared, target, context):
        body["tools"] = offered
    if (think := _think(prepared, target)) is not None:
        body["think"] = think
    if prepared.output is not None:
        body["format"] = prepared.output.schema if prepared.output.schema is not None else "json"
    if options := _options(prepared):
        body["options"] = options
    return Encoded(body, names, notes=[*notes, *dict.fromkeys(context.notes)])


class _Respelling:
    """Chat's messages in Ollama's words: texts as one string, images beside it, arguments as objects."""

    def __init__(self, notes: list[str]) -> None:
        self._notes = notes
        self._called: dict[str, str] = {}  # id of a call → name of its tool

    def message(self, message: Json) -> Json:
        texts, images = self._content(message.get("content"))
        out: Json = {"role": message["role"], "content": "\n\n".join(texts)}
        if images:
            out["images"] = images
        if message.get("reasoning_content"):
            out["thinking"] = message["reasoning_content"]
        if message.get("tool_calls"):
            out["tool_calls"] = [self._call(call) for call in message["tool_calls"]]
        if message["role"] == "tool":
            out["tool_name"] = self._called.get(message["tool_call_id"], "")
        return out

    def _call(self, call: Json) -> Json:
        function = call["function"]
        self._called[call["id"]] = function["name"]
        return {"function": {"name": function["name"], "arguments": as_object(function["arguments"])}}

    def _content(self, content: str | list[Json] | None) -> tuple[list[str], list[str]]:
        if not isinstance(content, list):
            return [content or ""], []
        texts: list[str] = []
        images: list[str] = []
        for part in content:
            if part["type"] == "text":
                texts.append(part["text"])
            elif part["type"] == "image_url":
                _, found, data = part["image_url"]["url"].partition(_DATA)
                if found:
                    images.append(data)
                else:
                    texts.append(_LEFT_OUT)
                    self._notes.append("An image given by its address was left out: Ollama takes bytes only.")
            else:
                self._notes.append(f"A part of kind {part['type']} was left out: Ollama has none like it.")
        return texts, images


def _tools(request: Request, target: Target, context: Context) -> list[Json]:
    """Ollama has no choice of tools: none are offered where none may be called, one where that one must be."""
    fields = tools.encode_tools(request, target, context.notes)
    offered: list[Json] = fields.get("tools", [])
    choice = request.tool_choice
    if choice is None or not offered or choice.mode is ChoiceMode.AUTO:
        return offered
    if choice.mode is ChoiceMode.NONE:
        return []
    context.notes.append("The model may answer without a call: Ollama cannot force one.")
    if choice.mode is ChoiceMode.NAMED:
        return [tool for tool in offered if tool["function"]["name"] == choice.name] or offered
    return offered


def _think(request: Request, target: Target) -> bool | str | None:
    """Nothing where the client did not say no: models that can think do so by themselves, others refuse `true`."""
    reasoning = request.reasoning
    if target.thinking == "none" or reasoning.mode is ReasoningMode.DEFAULT:
        return None
    if target.thinking == "effort":
        effort = reasoning.effort
        if effort is None and reasoning.budget is not None:
            effort = effort_of_budget(reasoning.budget)
        if reasoning.mode is ReasoningMode.OFF:
            effort = target.efforts[0] if target.efforts else None
        return None if effort is None else clamp_effort(effort, target.efforts)
    return False if reasoning.mode is ReasoningMode.OFF else None


def _options(request: Request) -> Json:
    sampling = request.sampling
    options: Json = {
        "num_predict": request.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "seed": sampling.seed,
        "stop": request.stop or None,
    }
    return {name: value for name, value in options.items() if value is not None}
