"""What DashScope wants of a body beside Chat Completions (qwen.md §4). Pure."""

from __future__ import annotations

from typing import Any

from addons.providers.api import Json

_MARK = {"type": "ephemeral"}


def mended(body: Json, model: str, *, translated: bool) -> Json:
    """A copy as the service wants it. A client of the same protocol decides itself what it asks for: only what the
    service cannot bear is mended there."""
    made = dict(body)
    if made.get("tools") == []:
        del made["tools"]
    if model.lower().startswith("glm-") and not made.get("tools") and isinstance(made.get("messages"), list):
        made["messages"] = [_flat(message) for message in made["messages"]]
    effort = made.get("reasoning_effort")
    if effort is not None and model.lower().startswith("qwen3.8-max"):
        for other in ("enable_thinking", "thinking_budget"):  # never together
            made.pop(other, None)
    elif "reasoning_effort" in made:
        del made["reasoning_effort"]
        if effort is not None:
            made.setdefault("enable_thinking", effort != "none")
    if not translated:
        return made
    if model.lower().startswith(("vision-model", "qwen3-vl")):
        made.setdefault("vl_high_resolution_images", True)
    made.setdefault("preserve_thinking", True)
    return made if _is_marked(made) or model.lower().startswith("glm-") else _marked(made)


def _flat(message: Any) -> Any:
    """Text parts as one text: GLM models of this service ignore parts where there are no tools."""
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list) or not all(isinstance(p, dict) and p.get("type") == "text" for p in content):
        return message
    return {**message, "content": "\n\n".join(str(part.get("text", "")) for part in content)}


def _is_marked(body: Json) -> bool:
    """Whether the client has said itself what is to be cached."""
    parts = [part for m in body.get("messages") or [] if isinstance(m.get("content"), list) for part in m["content"]]
    return any("cache_control" in one for one in [*parts, *(body.get("tools") or [])] if isinstance(one, dict))


def _marked(body: Json) -> Json:
    """With the marks of the official client: on the system text and, when streaming, on the last message and tool."""
    messages = list(body.get("messages") or [])
    places = {index for index, message in enumerate(messages) if message.get("role") == "system"}
    if body.get("stream") and messages:
        places.add(len(messages) - 1)
        if body.get("tools"):
            body["tools"] = [*body["tools"][:-1], {**body["tools"][-1], "cache_control": _MARK}]
    for index in places:
        messages[index] = _with_mark(messages[index])
    body["messages"] = messages
    return body


def _with_mark(message: Json) -> Json:
    content = message.get("content")
    if isinstance(content, str) and content:
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list) or not content:
        return message
    return {**message, "content": [*content[:-1], {**content[-1], "cache_control": _MARK}]}
