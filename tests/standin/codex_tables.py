"""What the ChatGPT backend of Codex demands of a request, as tables (codex.md §4, §5, §6, §11)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .ask import Json

BASE = "/backend-api/codex"
USAGE = "/backend-api/wham/usage"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
USER_AGENT = re.compile(r"(?P<originator>[^/]+)/\d+\.\d+[\w.+-]* \((?P<os>[^;()]+ [^;() ]+); (?P<arch>[^;()]+)\)( .+)?")


@dataclass(frozen=True)
class Header:
    """One row of §5: the value must fit `pattern`; `needed`: it must be there ("" = never), on a generation or on all
    calls."""

    name: str
    pattern: str
    needed: str = ""


#: §5, with the minimum that works for a translator as `needed`. Any other header is refused: nothing of another client
#: may reach the service.
HEADERS = (
    Header("authorization", r"Bearer \S+", "all"),
    Header("chatgpt-account-id", r"\S+", "all"),
    Header("originator", r"codex[\w-]*|Codex [\w ]+", "all"),
    Header("user-agent", USER_AGENT.pattern, "all"),
    Header("accept", r"text/event-stream", "generate"),
    Header("content-type", r"application/json", "generate"),
    Header("session-id", UUID.pattern),
    Header("session_id", UUID.pattern),
    Header("thread-id", UUID.pattern),
    Header("conversation_id", UUID.pattern),
    Header("x-client-request-id", UUID.pattern),
    Header("x-codex-window-id", rf"{UUID.pattern}:\d+"),
    Header("cookie", r"__cf_bm=\w+(; _cfuvid=\w+)?"),
    Header("x-codex-turn-metadata", r"\{.*\}"),
    Header("x-codex-turn-state", r".+"),
    Header("x-codex-parent-thread-id", UUID.pattern),
    Header("x-openai-subagent", r"review|compact|memory_consolidation|collab_spawn"),
    Header("x-codex-beta-features", r"[\w,-]+"),
    Header("x-openai-internal-codex-responses-lite", r"true"),
    Header("x-responsesapi-include-timing-metrics", r".+"),
    Header("x-oai-attestation", r".+"),
    Header("x-openai-fedramp", r"true"),
    Header("x-openai-internal-codex-residency", r"us"),
    Header("version", r"\d+\.\d+.*"),
)
#: What HTTP itself needs.
TRANSPORT = frozenset(("host", "content-length", "accept-encoding", "connection", "content-encoding"))


def header_trouble(headers: Json, endpoint: str) -> str:
    """What is wrong with the headers of a call; "" if nothing is. `endpoint`: generate, or anything else."""
    known = {row.name for row in HEADERS} | TRANSPORT
    if unknown := sorted(headers.keys() - known):
        return f"Unexpected header: {unknown[0]}"
    for row in HEADERS:
        value = headers.get(row.name)
        if value is None:
            if row.needed == "all" or (row.needed == "generate" and endpoint == "generate"):
                return f"Missing header: {row.name}"
        elif row.name == "accept" and endpoint != "generate":
            continue
        elif not re.fullmatch(row.pattern, value, re.IGNORECASE):
            return f"Invalid header {row.name}: {value}"
    told = USER_AGENT.fullmatch(headers["user-agent"])
    if told is None or told["originator"] != headers["originator"]:
        return "User-Agent does not begin with the originator"
    if "x-client-request-id" in headers and headers["x-client-request-id"] != headers.get("thread-id"):
        return "x-client-request-id is not the thread's id"
    return ""


# -- bodies

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
#: §6 `reasoning.effort`, §11: by model, the first that fits.
EFFORTS_OF = (("gpt-5.6", ("low", "medium", "high", "xhigh", "max")), ("", EFFORTS))
ITEM_PREFIXES = {"message": "msg_", "reasoning": "rs_", "function_call": "fc_", "custom_tool_call": "ctc_"}
TOOLS = ("function", "custom", "web_search", "image_generation", "local_shell", "namespace", "tool_search")
ROLES = ("user", "assistant", "developer")

Check = Callable[[Any, Json], str]


def must(value: Any, said: str) -> Check:
    return lambda found, _: "" if found is value else said


def one_of(name: str, *values: Any) -> Check:
    return lambda found, _: "" if found in values else f"Invalid value for {name}: {found!r}"


def of_type(name: str, kind: type) -> Check:
    return lambda found, _: "" if isinstance(found, kind) else f"Invalid type for {name}"


def _reasoning(found: Any, body: Json) -> str:
    if found is None:
        return ""
    if not isinstance(found, dict) or found.keys() - {"effort", "summary"}:
        return "Unsupported parameter: reasoning"
    allowed = next(efforts for prefix, efforts in EFFORTS_OF if str(body.get("model")).startswith(prefix))
    if found.get("effort") not in (None, *allowed):
        return f"Unsupported value: 'reasoning.effort' does not support '{found['effort']}' with this model."
    if found.get("summary") not in (None, "auto", "concise", "detailed", "none"):
        return f"Invalid value for reasoning.summary: {found['summary']!r}"
    return ""


def _text(found: Any, _: Json) -> str:
    if not isinstance(found, dict) or found.keys() - {"verbosity", "format"}:
        return "Unsupported parameter: text"
    if found.get("verbosity") not in (None, "low", "medium", "high"):
        return f"Invalid value for text.verbosity: {found['verbosity']!r}"
    form = found.get("format")
    if form is not None and (form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict)):
        return f"Invalid value for text.format: {form!r}"
    return ""


def _tools(found: Any, _: Json) -> str:
    if not isinstance(found, list):
        return "Invalid type for tools"
    for tool in found:
        if tool.get("type") not in TOOLS:
            return f"Unsupported tool type: {tool.get('type')}"
    return ""


def _choice(found: Any, body: Json) -> str:
    if found in ("auto", "none", "required"):
        return ""
    named = isinstance(found, dict) and found.keys() == {"type", "name"} and found["type"] == "function"
    return "" if named else f"Invalid value for tool_choice: {found!r}"


def _parallel(found: Any, body: Json) -> str:
    if not isinstance(found, bool):
        return "Invalid type for parallel_tool_calls"
    has_tools = body.get("tools") or any(item.get("type") == "additional_tools" for item in body.get("input") or [])
    return "" if has_tools else "parallel_tool_calls is only allowed when tools are specified"


def _input(found: Any, _: Json) -> str:
    if not isinstance(found, list):
        return "Input must be a list"
    called: set[str] = set()
    for item in found:
        kind = item.get("type", "message")
        if kind == "message" and item.get("role") not in ROLES:
            return "System messages are not allowed"
        identity = item.get("id")
        prefix = ITEM_PREFIXES.get(kind)
        if identity is not None and (len(identity) > 64 or (prefix and not identity.startswith(prefix))):
            return f"Invalid id: {identity}"
        if len(str(item.get("call_id", ""))) > 64:
            return "call_id is too long"
        if kind in ("function_call", "custom_tool_call"):
            called.add(item["call_id"])
        elif kind in ("function_call_output", "custom_tool_call_output") and item["call_id"] not in called:
            return f"No tool call found for function call output with call_id {item['call_id']}."
        if kind == "item_reference":
            return "Items are not persisted when store is set to false"
    return ""


#: §6's own example: field → what it must be. Any other field is an "Unsupported parameter".
BODY: dict[str, Check] = {
    "stream": must(True, "Stream must be set to true"),
    "store": must(False, "Store must be set to false"),
    "instructions": of_type("instructions", str),
    "model": of_type("model", str),
    "input": _input,
    "tools": _tools,
    "tool_choice": _choice,
    "parallel_tool_calls": _parallel,
    "reasoning": _reasoning,
    "include": one_of("include", ["reasoning.encrypted_content"]),
    "prompt_cache_key": of_type("prompt_cache_key", str),
    "text": _text,
    "service_tier": one_of("service_tier", "priority"),
    "client_metadata": of_type("client_metadata", dict),
}
NEEDED = {
    "stream": "Stream must be set to true",
    "store": "Store must be set to false",
    "instructions": "Instructions are required",
    "model": "Model is required",
    "input": "Input must be a list",
}


def _members(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _members(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _members(inner)


def body_trouble(body: Json) -> str:
    """What is wrong with the body of a generation; "" if nothing is."""
    for name, said in NEEDED.items():
        if body.get(name) is None:
            return said
    for name, value in body.items():
        if name not in BODY:
            return f"Unsupported parameter: {name}"
        if trouble := BODY[name](value, body):
            return trouble
    if "prompt_cache_breakpoint" in _members(body["input"]):
        return "Unsupported parameter: prompt_cache_breakpoint"
    return ""


def catalogue(models: tuple[str, ...]) -> Json:
    """What `GET /models` answers (§11)."""
    return {
        "models": [
            {
                "slug": slug,
                "display_name": slug.upper(),
                "description": "",
                "priority": number,
                "visibility": "list",
                "supported_in_api": True,
                "context_window": 272_000,
                "supported_reasoning_levels": [{"effort": "low", "description": ""}],
                "supports_parallel_tool_calls": True,
            }
            for number, slug in enumerate(models)
        ]
    }
