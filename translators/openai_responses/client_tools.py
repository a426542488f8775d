"""Built-in tools that the client itself executes: `local_shell`, `shell`, `apply_patch`, `tool_search`.

To every other protocol such a tool is a function (name, description and schema stand below), its calls are function
calls and its outputs results. On this protocol's wire they have items of their own (openai_responses.md §3, §4); the
tool list of the request decides which spelling a call gets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from translators import jsonio
from translators.canonical.arguments import as_object
from translators.canonical.blocks import Block, Text
from translators.canonical.request import Tool, ToolKind
from translators.openai_responses.wire import ID, Json

Output = tuple[list[Block], bool]  # what the tool said, and whether it failed


@dataclass(frozen=True, slots=True)
class ClientTool:
    """`payload` is the member of the call item that holds the arguments; `defaults` are members that it must have."""

    type: str
    call: str
    output: str
    payload: str
    prefix: str  # of the call item's id
    description: str
    schema: Json
    defaults: Json
    decode_output: Callable[[Json], Output]
    encode_output: Callable[[str, bool], Json]
    extra: Json = field(default_factory=dict)  # of the call item

    @property
    def name(self) -> str:
        """What the function is called elsewhere."""
        return self.type

    def arguments(self, item: Json) -> str:
        """The arguments of the call in `item`, as JSON text."""
        payload = item.get(self.payload)
        return payload if isinstance(payload, str) else jsonio.dumps_str({} if payload is None else payload)

    def call_item(self, call_id: str, arguments: str) -> Json:
        payload = {**self.defaults, **as_object(arguments)}
        return {"type": self.call, "call_id": call_id, **self.extra, self.payload: payload, "status": "completed"}


def _plain(item: Json) -> Output:
    output = item.get("output")
    text = output if isinstance(output, str) else jsonio.dumps_str(output)
    return ([Text(text)] if output else []), False


def _patch(item: Json) -> Output:
    output = item.get("output")
    text = output if isinstance(output, str) and output else str(item.get("status", ""))
    return [Text(text)], item.get("status") == "failed"


def _found(item: Json) -> Output:
    return [Text(jsonio.dumps_str(item.get("tools") or []))], False


def _list_in(text: str) -> list[Any] | None:
    try:
        value = jsonio.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, list) and all(isinstance(entry, dict) for entry in value) else None


def _shell_output(text: str, is_error: bool) -> Json:
    chunks = _list_in(text)
    if chunks is None:
        chunks = [{"stdout": text, "stderr": "", "outcome": {"type": "exit", "exit_code": int(is_error)}}]
    return {"output": chunks}


_STRING = {"type": "string"}
_WHOLE = {"type": "integer"}

_TABLE = (
    ClientTool(
        type="local_shell",
        call="local_shell_call",
        output="local_shell_call_output",
        payload="action",
        prefix="lsh_",
        description="Runs one command on the user's machine, without a shell around it, and returns what it printed.",
        schema={
            "type": "object",
            "properties": {
                "command": {"type": "array", "items": _STRING, "description": "The program and its arguments."},
                "working_directory": _STRING,
                "timeout_ms": _WHOLE,
            },
            "required": ["command"],
        },
        defaults={"type": "exec", "env": {}},
        decode_output=_plain,
        encode_output=lambda text, _: {"output": text},
    ),
    ClientTool(
        type="shell",
        call="shell_call",
        output="shell_call_output",
        payload="action",
        prefix="sh_",
        description="Runs shell commands on the user's machine, one after the other, and returns what they printed.",
        schema={
            "type": "object",
            "properties": {
                "commands": {"type": "array", "items": _STRING},
                "timeout_ms": _WHOLE,
                "max_output_length": _WHOLE,
            },
            "required": ["commands"],
        },
        defaults={"commands": []},
        decode_output=_plain,
        encode_output=_shell_output,
    ),
    ClientTool(
        type="apply_patch",
        call="apply_patch_call",
        output="apply_patch_call_output",
        payload="operation",
        prefix="apc_",
        description="Creates, updates or deletes one file. `diff` is the change: of a new file every line begins with "
        "`+`; of an existing one `@@` lines head the hunks and lines begin with `+`, `-` or a space.",
        schema={
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
                "path": _STRING,
                "diff": _STRING,
            },
            "required": ["type", "path"],
        },
        defaults={},
        decode_output=_patch,
        encode_output=lambda text, failed: {"status": "failed" if failed else "completed", "output": text},
    ),
    ClientTool(
        type="tool_search",
        call="tool_search_call",
        output="tool_search_output",
        payload="arguments",
        prefix="tsc_",
        description="Searches for tools that are not listed yet and makes them available.",
        schema={"type": "object", "properties": {"query": _STRING, "limit": _WHOLE}, "required": ["query"]},
        defaults={},
        decode_output=_found,
        encode_output=lambda text, _: {"execution": "client", "tools": _list_in(text) or []},
        extra={"execution": "client"},
    ),
)

BY_TYPE = {tool.type: tool for tool in _TABLE}
BY_CALL = {tool.call: tool for tool in _TABLE}
BY_OUTPUT = {tool.output: tool for tool in _TABLE}


def is_client_executed(raw: Json) -> bool:
    """Whether the tool or item `raw` is the client's to execute: a search may also be the server's."""
    return not str(raw.get("type", "")).startswith("tool_search") or raw.get("execution") == "client"


def of_tool(tool: Tool) -> ClientTool | None:
    """The built-in that a canonical tool was decoded from, if any."""
    if tool.kind is not ToolKind.FUNCTION or tool.origin != ID or tool.raw is None:
        return None
    return BY_TYPE.get(str(tool.raw.get("type")))


def by_name(tools: list[Tool]) -> dict[str, ClientTool]:
    """The built-ins in a request's tool list, by the name of their function."""
    return {tool.name: known for tool in tools if (known := of_tool(tool)) is not None}


def decode_tool(raw: Json) -> Tool | None:
    """A definition of such a tool; None if `raw` is none."""
    known = BY_TYPE.get(str(raw.get("type")))
    if known is None or not is_client_executed(raw):
        return None
    description, schema = raw.get("description"), raw.get("parameters")
    return Tool(
        known.name,
        description if isinstance(description, str) and description else known.description,
        schema if isinstance(schema, dict) else known.schema,
        origin=ID,
        raw=raw,
    )
