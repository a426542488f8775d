"""A Responses client's own input without reasoning that another backend made (openai_responses.md §3)."""

from __future__ import annotations

from typing import Any

from translators.canonical.carrier import PREFIX
from translators.reasoning import Keeps, nothing

Json = dict[str, Any]
_TAG = f"{PREFIX}:"
_REASONING = ("reasoning", "compaction")
#: Items beside messages that a model writes, and whose id may be left out.
_WRITTEN = ("function_call", "custom_tool_call")


def own_history(body: Json, *, bare: bool, keeps: Keeps = nothing) -> Json:
    """`body` without tagged or, under `store: false`, unreadable reasoning items (`bare`: without any but
    what `keeps` names).

    An item whose id the service gave it is refused without the reasoning that led to it: without that its id goes too.
    """
    items = body.get("input")
    if not isinstance(items, list):
        return body
    stored = body.get("store") is not False
    kept = [item for item in items if not _goes(item, bare=bare, stored=stored, keeps=keeps)]
    if len(kept) == len(items):
        return body
    return {**body, "input": [_nameless(item) for item in kept] if bare else kept}


def _nameless(item: Any) -> Any:
    written = isinstance(item, dict) and (item.get("role") == "assistant" or item.get("type") in _WRITTEN)
    return {name: value for name, value in item.items() if name != "id"} if written else item


def _goes(item: Any, *, bare: bool, stored: bool, keeps: Keeps) -> bool:
    if not isinstance(item, dict) or item.get("type") not in _REASONING:
        return False
    payload = item.get("encrypted_content")
    if bare:
        stays = isinstance(payload, str) and not payload.startswith(_TAG) and keeps(payload)
        return bool(item["type"] == "reasoning") and not stays
    if isinstance(payload, str):
        return payload.startswith(_TAG)
    return bool(not stored and item["type"] == "reasoning")
