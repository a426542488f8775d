"""Anthropic's messages as InvokeModel takes them: only fields that it knows, for it refuses all others
(apikey_backends.md §6, InvokeModel)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from translators.anthropic.request_encode import STRICT_VERSION
from translators.canonical.target import Target

Json = dict[str, Any]

#: The version for every model; the newer one is asked for by the setting `target`, as it is not known who takes it.
VERSION = "bedrock-2023-05-31"

#: AWS, "Anthropic Claude Messages API", request.
_FIELDS = frozenset(
    {
        "max_tokens",
        "messages",
        "system",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "metadata",
        "context_management",
    }
)

#: The same page's list of beta features; an unknown one is a 400.
_BETAS = frozenset(
    {
        "computer-use-2024-10-22",
        "computer-use-2025-01-24",
        "computer-use-2025-11-24",
        "token-efficient-tools-2025-02-19",
        "interleaved-thinking-2025-05-14",
        "output-128k-2025-02-19",
        "dev-full-thinking-2025-05-14",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "effort-2025-11-24",
        "tool-search-tool-2025-10-19",
        "tool-examples-2025-10-29",
    }
)
_TOOL_FIELDS = frozenset({"name", "description", "input_schema", "cache_control", "strict"})


def fitted(body: Json, betas: list[str], target: Target, notes: list[str]) -> Json:
    """The body for InvokeModel; model and streaming stand in the URL. `body` is written to."""
    lost = [name for name in body if name not in _FIELDS and name not in ("model", "stream")]
    if lost:
        notes.append(f"Fields that Bedrock does not know were dropped: {', '.join(lost)}.")
    strict = target.anthropic_version >= STRICT_VERSION
    result: Json = {"anthropic_version": target.anthropic_version if strict else VERSION}
    taken = [beta for beta in betas if beta in _BETAS]
    if taken:
        result["anthropic_beta"] = taken
    if len(taken) < len(betas):
        notes.append("Beta features that Bedrock does not know were dropped.")
    result |= {name: value for name, value in body.items() if name in _FIELDS}
    if "tools" in result:
        result["tools"] = [_tool(tool) for tool in result["tools"]]
    for block in _blocks(result):
        if "cache_control" in block:
            _mark(block, target)
    return result


def _tool(tool: Json) -> Json:
    """A function without what only Anthropic's own API knows; a typed tool as it is."""
    if tool.get("type") not in (None, "custom"):
        return tool
    return {name: value for name, value in tool.items() if name in _TOOL_FIELDS}


def _mark(block: Json, target: Target) -> None:
    """The marker with what the model takes of it: its lifetime, never its scope."""
    marker = block["cache_control"]
    if not target.cache_markers.startswith("cache_point"):
        del block["cache_control"]
    else:
        hour = target.cache_markers == "cache_point_1h" and marker.get("ttl") == "1h"
        block["cache_control"] = {"type": "ephemeral", **({"ttl": "1h"} if hour else {})}


def _blocks(body: Json) -> Iterator[Json]:
    """Everything that may be marked."""
    yield from body.get("tools") or ()
    system = body.get("system")
    yield from system if isinstance(system, list) else ()
    for message in body["messages"]:
        for block in message["content"]:
            yield block
            inner = block.get("content") if block.get("type") == "tool_result" else None
            yield from (part for part in inner if isinstance(part, dict)) if isinstance(inner, list) else ()
