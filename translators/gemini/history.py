"""A Gemini client's own contents without signatures that another backend made, for pass-through (gemini.md §3)."""

from __future__ import annotations

from typing import Any

from translators.gemini.signatures import DUMMY, is_foreign, read
from translators.gemini.wire import get

Json = dict[str, Any]
_KEYS = ("thoughtSignature", "thought_signature")


def own_history(body: Json, *, bare: bool) -> Json:
    """`body` with foreign signatures (`bare`: all) replaced on calls by the documented dummy, and dropped elsewhere."""
    contents = body.get("contents")
    if not isinstance(contents, list):
        return body
    kept = [_content(content, bare) for content in contents]
    if all(new is old for new, old in zip(kept, contents, strict=True)):
        return body
    return {**body, "contents": kept}


def _content(content: Any, bare: bool) -> Any:
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list):
        return content
    changed = [_part(part, bare) for part in parts]
    if all(new is old for new, old in zip(changed, parts, strict=True)):
        return content
    return {**content, "parts": changed}


def _part(part: Any, bare: bool) -> Any:
    found = read(part) if isinstance(part, dict) else []
    if not found or not (bare or any(map(is_foreign, found))):
        return part
    rest = {name: value for name, value in part.items() if name not in _KEYS}
    return {**rest, "thoughtSignature": DUMMY} if get(part, "functionCall") is not None else rest
