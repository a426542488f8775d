"""Which `anthropic-beta` a body needs: a beta field without its header is a 400 (anthropic.md §2).

Values are those of the SDK's `types/anthropic_beta_param.py` (2.11.0): Anthropic refuses unknown ones, none is made up.
"""

from __future__ import annotations

from collections.abc import Iterator

from translators.anthropic.wire import Json

_FIELDS: dict[str, str] = {
    "context_management": "context-management-2025-06-27",
    "compaction": "compact-2026-09-04",
    "mcp_servers": "mcp-client-2025-11-20",
    "fallbacks": "server-side-fallback-2026-07-01",
    "fallback_credit_token": "fallback-credit-2026-07-01",
    "thread": "message-threads-2026-08-12",
}

_TOOL_TYPES: dict[str, str] = {
    "computer_20241022": "computer-use-2024-10-22",
    "computer_20250124": "computer-use-2025-01-24",
    "computer_20251124": "computer-use-2025-11-24",
    "advisor_20260301": "advisor-tool-2026-03-01",
    "mcp_toolset": "mcp-client-2025-11-20",
    "code_execution_20250522": "code-execution-2025-05-22",
}


def needed(body: Json) -> list[str]:
    """The values that the fields of `body` call for, each once, in a stable order."""
    return list(dict.fromkeys(_needed(body)))


def _needed(body: Json) -> Iterator[str]:
    for field, beta in _FIELDS.items():
        if body.get(field) is not None:
            yield beta
    management = body.get("context_management")
    for edit in management.get("edits") or () if isinstance(management, dict) else ():
        if isinstance(edit, dict) and edit.get("type") == "compact_20260112":
            yield "compact-2026-01-12"
    if body.get("speed") == "fast":
        yield "fast-mode-2026-02-01"
    if "task_budget" in (body.get("output_config") or {}):
        yield "task-budgets-2026-03-13"
    thinking = body.get("thinking") or {}
    if "block_binding" in thinking:
        yield "thinking-binding-controls-2026-08-01"
    if thinking.get("display") == "updates":
        yield "thinking-display-updates-2026-08-18"
    for tool in body.get("tools") or ():
        if tool.get("type") in _TOOL_TYPES:
            yield _TOOL_TYPES[tool["type"]]
