"""A Responses body that arrived on the chat path, rewritten as the chat body it means (clients.md §6, Cursor).

The client still waits for a chat answer, so this is a matter of spelling here and not a request of the other protocol.
"""

from __future__ import annotations

from translators import openai_wire as wire
from translators.openai_chat.wire import Json

#: Responses' name → chat's name of the same setting.
_RENAMED = {"max_output_tokens": "max_completion_tokens"}

#: Fields of Responses that chat has not: server-side state and what only shapes the other answer.
_DROPPED = frozenset({"input", "instructions", "text", "include", "truncation", "background", "previous_response_id"})


def is_responses_style(body: Json) -> bool:
    return "input" in body and not body.get("messages")


def as_chat(body: Json) -> Json:
    """→ a chat body with the same meaning. Raises TranslationError for an `input` that is neither string nor list."""
    chat = {_RENAMED.get(key, key): value for key, value in body.items() if key not in _DROPPED}
    chat["messages"] = _messages(body)
    text = body.get("text")
    if isinstance(text, dict):
        if text.get("verbosity") is not None:
            chat["verbosity"] = text["verbosity"]
        form = text.get("format")
        if isinstance(form, dict):
            chat["response_format"] = _format(form)
    return chat


def _format(form: Json) -> Json:
    if form.get("type") != "json_schema" or "json_schema" in form:
        return form
    return {"type": "json_schema", "json_schema": {key: value for key, value in form.items() if key != "type"}}


def _messages(body: Json) -> list[Json]:
    messages: list[Json] = []
    if isinstance(body.get("instructions"), str):
        messages.append({"role": "system", "content": body["instructions"]})
    asked = body["input"]
    if isinstance(asked, str):
        return [*messages, {"role": "user", "content": asked}]
    for index, item in enumerate(wire.items(asked, "input")):
        _add(messages, wire.mapping(item, f"input[{index}]"))
    return messages


def _add(messages: list[Json], item: Json) -> None:
    kind = item.get("type", "message")
    if kind == "message":
        messages.append({"role": item.get("role", "user"), "content": item.get("content")})
    elif kind in ("function_call", "custom_tool_call"):
        _assistant(messages).setdefault("tool_calls", []).append(_call(item))
    elif kind in ("function_call_output", "custom_tool_call_output"):
        messages.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": item.get("output")})
    elif "role" in item:
        messages.append(item)
    # What is left (reasoning items, references, calls of built-in tools) says nothing to a chat backend.


def _assistant(messages: list[Json]) -> Json:
    """The assistant message that a call belongs to: the one before it, else a new one."""
    if not messages or messages[-1].get("role") != "assistant":
        messages.append({"role": "assistant", "content": None})
    return messages[-1]


def _call(item: Json) -> Json:
    call_id = item.get("call_id", item.get("id"))
    if item.get("type") == "custom_tool_call":
        return {"id": call_id, "type": "custom", "custom": {"name": item.get("name"), "input": item.get("input")}}
    function = {"name": item.get("name"), "arguments": item.get("arguments")}
    return {"id": call_id, "type": "function", "function": function}
