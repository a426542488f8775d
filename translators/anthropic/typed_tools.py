"""Anthropic's typed tools: which run at the client, which at the backend, and what the client's look like as functions.

Source: anthropic.md §5. The client executes bash, the text editor and memory itself and gets them as ordinary calls, so
another backend can offer them as functions; their input shapes are the client's contract and stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ClientTool:
    """A typed tool that the client executes, described as a function for backends that do not know the type."""

    description: str
    schema: Json


def _object(required: list[str], **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": required}


_STRING: Json = {"type": "string"}
_RANGE: Json = {"type": "array", "items": {"type": "integer"}, "description": "First and last line, from 1; -1 = end"}

_BASH = ClientTool(
    "Run a command in a bash session that persists between calls.",
    _object(
        [],
        command={"type": "string", "description": "The command to run. Needed unless the session is restarted."},
        restart={"type": "boolean", "description": "Restart the session."},
    ),
)

_EDITOR_FIELDS: dict[str, Json] = {
    "path": {"type": "string", "description": "Path of the file or directory."},
    "view_range": _RANGE,
    "file_text": {"type": "string", "description": "For create: the content of the file."},
    "old_str": {
        "type": "string",
        "description": "For str_replace: the text to replace, which must occur exactly once.",
    },
    "new_str": {"type": "string", "description": "For str_replace and insert: the new text."},
    "insert_line": {"type": "integer", "description": "For insert: the line after which the text goes, 0 for the top."},
    "insert_text": {"type": "string", "description": "For insert: the text to insert."},
}


def _editor(*commands: str) -> ClientTool:
    return ClientTool(
        "View, create and edit text files.",
        _object(["command", "path"], command={"type": "string", "enum": list(commands)}, **_EDITOR_FIELDS),
    )


_MEMORY = ClientTool(
    "Read and write files below /memories, which persist between conversations.",
    _object(
        ["command"],
        command={"type": "string", "enum": ["view", "create", "str_replace", "insert", "delete", "rename"]},
        old_path=_STRING,
        new_path=_STRING,
        **_EDITOR_FIELDS,
    ),
)

_EDIT = ("view", "create", "str_replace", "insert")

#: type → what it is as a function.
CLIENT_TOOLS: dict[str, ClientTool] = {
    "bash_20250124": _BASH,
    "text_editor_20250124": _editor(*_EDIT, "undo_edit"),
    "text_editor_20250429": _editor(*_EDIT),
    "text_editor_20250728": _editor(*_EDIT),
    "memory_20250818": _MEMORY,
}

#: Beginning of the type → the concept that another protocol may offer too.
_CONCEPTS: dict[str, str] = {
    "web_search_": "web_search",
    "web_fetch_": "web_fetch",
    "code_execution_": "code_execution",
    "tool_search_": "tool_search",
    "computer_": "computer_use",
    "browser_": "browser",
    "mcp_toolset": "mcp",
}

#: concept → the tool to send for another protocol's. The oldest general version: the widest set of models takes it.
SERVER_TOOLS: dict[str, Json] = {
    "web_search": {"type": "web_search_20250305", "name": "web_search"},
    "web_fetch": {"type": "web_fetch_20250910", "name": "web_fetch"},
    "code_execution": {"type": "code_execution_20250825", "name": "code_execution"},
}


def concept_of(type_: str) -> str | None:
    """The concept behind a typed tool, None where no other protocol has it."""
    return next((concept for prefix, concept in _CONCEPTS.items() if type_.startswith(prefix)), None)
