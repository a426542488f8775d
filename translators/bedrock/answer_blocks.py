"""The content blocks of a whole Converse answer to canonical blocks (apikey_backends.md §6, Content)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from translators import jsonio
from translators.bedrock import citations
from translators.bedrock.origin import ID, REDACTED
from translators.canonical import names as tool_names
from translators.canonical.arguments import unwrap_custom
from translators.canonical.blocks import Block, Image, Opaque, Text, Thinking, ToolCall
from translators.canonical.names import NameMap

Json = dict[str, Any]


def decode(content: object, names: NameMap) -> list[Block]:
    """Blocks in their order; those that Bedrock's own tools left (results, searches) are the backend's business."""
    found: list[Block] = []
    for raw in content if isinstance(content, list) else ():
        for key, value in raw.items() if isinstance(raw, dict) else ():
            read = _READERS.get(key)
            block = read(value, names) if read is not None else None
            if block is not None:
                found.append(block)
    return found


def _text(value: Any, names: NameMap) -> Block | None:
    return Text(value) if isinstance(value, str) and value else None


def _cited(value: Any, names: NameMap) -> Block | None:
    if not isinstance(value, dict):
        return None
    parts = value.get("content")
    texts = [part.get("text") for part in (parts if isinstance(parts, list) else ()) if isinstance(part, dict)]
    text = "".join(text for text in texts if isinstance(text, str))
    raw = value.get("citations")
    cited = [found for found in map(citations.decode, raw if isinstance(raw, list) else ()) if found is not None]
    return Text(text, citations=cited or None) if text or cited else None


def _call(value: Any, names: NameMap) -> Block | None:
    if not isinstance(value, dict) or value.get("type") == "server_tool_use":
        return None
    name, namespace, custom = tool_names.client_call(names, string(value.get("name")))
    arguments = jsonio.dumps_str(value.get("input") if value.get("input") is not None else {})
    if custom:
        return ToolCall(string(value.get("toolUseId")), name, unwrap_custom(arguments), "custom", namespace)
    return ToolCall(string(value.get("toolUseId")), name, arguments, namespace=namespace)


def _reasoning(value: Any, names: NameMap) -> Block | None:
    if not isinstance(value, dict):
        return None
    redacted = string(value.get("redactedContent"))
    if redacted:
        return Opaque(redacted, ID, REDACTED)
    raw = value.get("reasoningText")
    told = raw if isinstance(raw, dict) else {}
    text, signature = string(told.get("text")), string(told.get("signature"))
    return Thinking(text, signature or None, ID) if text or signature else None


def _image(value: Any, names: NameMap) -> Block | None:
    source = value.get("source") if isinstance(value, dict) else None
    data = source.get("bytes") if isinstance(source, dict) else None
    return Image(f"image/{value.get('format')}", data) if isinstance(data, str) and data else None


def string(value: object) -> str:
    return value if isinstance(value, str) else ""


_READERS: dict[str, Callable[[Any, NameMap], Block | None]] = {
    "text": _text,
    "citationsContent": _cited,
    "toolUse": _call,
    "reasoningContent": _reasoning,
    "image": _image,
}
