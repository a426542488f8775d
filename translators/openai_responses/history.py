"""A Responses client's own input without reasoning that another backend made (openai_responses.md §3)."""

from __future__ import annotations

from typing import Any

from translators.canonical.carrier import PREFIX

Json = dict[str, Any]
_TAG = f"{PREFIX}:"
_REASONING = ("reasoning", "compaction")


def own_history(body: Json, *, bare: bool) -> Json:
    """`body` without tagged or, under `store: false`, unreadable reasoning items (`bare`: without any)."""
    items = body.get("input")
    if not isinstance(items, list):
        return body
    stored = body.get("store") is not False
    kept = [item for item in items if not _goes(item, bare=bare, stored=stored)]
    return body if len(kept) == len(items) else {**body, "input": kept}


def _goes(item: Any, *, bare: bool, stored: bool) -> bool:
    if not isinstance(item, dict) or item.get("type") not in _REASONING:
        return False
    payload = item.get("encrypted_content")
    if bare:
        return bool(item["type"] == "reasoning")
    if isinstance(payload, str):
        return payload.startswith(_TAG)
    return bool(not stored and item["type"] == "reasoning")
