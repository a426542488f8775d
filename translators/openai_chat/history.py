"""A chat client's own messages without `reasoning_details` that another backend made, for pass-through."""

from __future__ import annotations

from typing import Any

from translators.canonical.carrier import PREFIX

Json = dict[str, Any]
_TAG = f"{PREFIX}:"


def own_history(body: Json, *, bare: bool) -> Json:
    """`body` without tagged details (`bare`: without any); the very same object if there is none."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return body
    kept = [_message(message, bare) for message in messages]
    if all(new is old for new, old in zip(kept, messages, strict=True)):
        return body
    return {**body, "messages": kept}


def _message(message: Any, bare: bool) -> Any:
    details = message.get("reasoning_details") if isinstance(message, dict) else None
    if not isinstance(details, list):
        return message
    kept = [] if bare else [detail for detail in details if not _tagged(detail)]
    if len(kept) == len(details):
        return message
    rest = {name: value for name, value in message.items() if name != "reasoning_details"}
    return {**rest, "reasoning_details": kept} if kept else rest


def _tagged(detail: Any) -> bool:
    if not isinstance(detail, dict):
        return False
    return any(isinstance(detail.get(key), str) and detail[key].startswith(_TAG) for key in ("data", "signature"))
