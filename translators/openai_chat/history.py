"""A chat client's own messages, made fit for a chat backend: the only changes that pass-through makes to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from translators.canonical.carrier import PREFIX
from translators.canonical.target import Target
from translators.reasoning import Keeps, nothing

Json = dict[str, Any]
_TAG = f"{PREFIX}:"


def own_history(body: Json, *, bare: bool, keeps: Keeps = nothing) -> Json:
    """`body` without tagged details (`bare`: without any but what `keeps` names); the same object if nothing goes."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return body
    kept = [_message(message, bare, keeps) for message in messages]
    if all(new is old for new, old in zip(kept, messages, strict=True)):
        return body
    return {**body, "messages": kept}


def with_required_reasoning(body: Json, target: Target, recall: Callable[[str], str | None]) -> Json:
    """`body` with reasoning on each assistant turn with calls, where `target` demands it back (openai_chat.md §6).

    Most clients drop what they do not know: then it is what `recall` says of one of the calls, else "". The very same
    object if nothing is missing.
    """
    messages = body.get("messages")
    if not target.reasoning_required or not isinstance(messages, list):
        return body
    field = "reasoning" if target.reasoning_field == "reasoning" else "reasoning_content"
    complete = [_with_reasoning(message, field, recall) for message in messages]
    if all(new is old for new, old in zip(complete, messages, strict=True)):
        return body
    return {**body, "messages": complete}


def _with_reasoning(message: Any, field: str, recall: Callable[[str], str | None]) -> Any:
    if not isinstance(message, dict) or message.get("role") != "assistant" or isinstance(message.get(field), str):
        return message
    calls = message.get("tool_calls")
    if not isinstance(calls, list) or not calls:
        return message
    ids = [call["id"] for call in calls if isinstance(call, dict) and isinstance(call.get("id"), str)]
    remembered = next((text for text in map(recall, ids) if text is not None), "")
    return {**message, field: remembered}


def _message(message: Any, bare: bool, keeps: Keeps) -> Any:
    details = message.get("reasoning_details") if isinstance(message, dict) else None
    if not isinstance(details, list):
        return message
    kept = [d for d in details if not _tagged(d) and (not bare or any(map(keeps, _payloads(d))))]
    if len(kept) == len(details):
        return message
    rest = {name: value for name, value in message.items() if name != "reasoning_details"}
    return {**rest, "reasoning_details": kept} if kept else rest


def _tagged(detail: Any) -> bool:
    return any(payload.startswith(_TAG) for payload in _payloads(detail))


def _payloads(detail: Any) -> list[str]:
    values = [detail.get(key) for key in ("data", "signature")] if isinstance(detail, dict) else []
    return [value for value in values if isinstance(value, str)]
