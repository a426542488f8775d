"""A Gemini client's own contents for pass-through: without signatures that another backend made, with those that
Gemini demands (gemini.md §3)."""

from __future__ import annotations

from typing import Any

from translators.gemini.signatures import DUMMY, is_foreign, read
from translators.gemini.wire import get
from translators.reasoning import Keeps, nothing, stays

Json = dict[str, Any]
_KEYS = ("thoughtSignature", "thought_signature")


def own_history(body: Json, *, bare: bool, keeps: Keeps = nothing) -> Json:
    """`body` with foreign signatures (`bare`: all but what `keeps` names) replaced on calls by the documented dummy,
    and dropped elsewhere."""
    contents = body.get("contents")
    if not isinstance(contents, list):
        return body
    kept = [_content(content, bare, keeps) for content in contents]
    if all(new is old for new, old in zip(kept, contents, strict=True)):
        return body
    return {**body, "contents": kept}


def _content(content: Any, bare: bool, keeps: Keeps) -> Any:
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list):
        return content
    changed = [_part(part, bare, keeps) for part in parts]
    if all(new is old for new, old in zip(changed, parts, strict=True)):
        return content
    return {**content, "parts": changed}


def _part(part: Any, bare: bool, keeps: Keeps) -> Any:
    found = read(part) if isinstance(part, dict) else []
    if not found or not (any(map(is_foreign, found)) or (bare and not all(stays(b, keeps) for b in found))):
        return part
    rest = {name: value for name, value in part.items() if name not in _KEYS}
    return {**rest, "thoughtSignature": DUMMY} if get(part, "functionCall") is not None else rest


def with_signatures(body: Json) -> Json:
    """`body` with the documented dummy on the first call of every step that has no signature: another backend made
    that call. Every step, not only those that are checked, so that a history keeps its bytes from turn to turn."""
    contents = body.get("contents")
    if not isinstance(contents, list):
        return body
    kept: list[Any] = []
    in_step = called = False
    for content in contents:
        model = isinstance(content, dict) and content.get("role") == "model"
        called = called and in_step and model
        in_step = model
        parts = content.get("parts") if model else None
        first = _first_call(parts) if isinstance(parts, list) and not called else None
        if first is None or parts is None:
            kept.append(content)
            continue
        called = True
        signed = any(parts[first].get(key) for key in _KEYS)
        marked = {**parts[first], "thoughtSignature": DUMMY}
        kept.append(content if signed else {**content, "parts": [*parts[:first], marked, *parts[first + 1 :]]})
    if all(new is old for new, old in zip(kept, contents, strict=True)):
        return body
    return {**body, "contents": kept}


def _first_call(parts: list[Any]) -> int | None:
    calls = (n for n, part in enumerate(parts) if isinstance(part, dict) and get(part, "functionCall") is not None)
    return next(calls, None)
