"""Makes a Responses body what the ChatGPT backend takes (codex.md §6). Pure; a body that fits is left as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from translators.canonical.errors import TranslationError
from translators.canonical.reasoning import clamp_effort
from translators.canonical.request import Effort
from translators.canonical.target import ALL_EFFORTS

Json = dict[str, Any]

ENCRYPTED = "reasoning.encrypted_content"
#: What the service refuses by name, whoever sends it.
REMOVED = frozenset(
    (
        "max_output_tokens",
        "max_completion_tokens",
        "max_tokens",
        "temperature",
        "top_p",
        "truncation",
        "user",
        "safety_identifier",
        "metadata",
        "stream_options",
        "prompt_cache_retention",
        "prompt_cache_options",
        "context_management",
        "generate",
    )
)
#: What Codex CLI sends: of other clients' fields nothing else goes on.
TAKEN = frozenset(
    (
        "model",
        "instructions",
        "input",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning",
        "store",
        "stream",
        "include",
        "prompt_cache_key",
        "text",
        "service_tier",
        "client_metadata",
    )
)
TOOLS = frozenset(("function", "custom", "web_search", "image_generation", "local_shell", "namespace", "tool_search"))
SUMMARIES = frozenset(("auto", "concise", "detailed", "none"))
VERBOSITIES = frozenset(("low", "medium", "high"))
TIERS = {"priority": "priority", "fast": "priority"}
#: Fields that say nothing when they are gone, because the service does the same or none of it matters.
_SILENT = frozenset(("stream_options", "user", "safety_identifier", "metadata", "truncation", "background"))
#: Items whose ids the service checks and which say all without them.
_NAMELESS = frozenset(("message", "reasoning", "function_call", "custom_tool_call", "function_call_output"))
_STORED = ("previous_response_id", "conversation", "prompt")
_ONLY_JSON = "Answer with a JSON object and nothing else."


def fitted(body: Json, efforts: Sequence[Effort] = ALL_EFFORTS, *, own: bool = False) -> tuple[Json, list[str]]:
    """→ (the body, what was changed that its sender should know). `own`: it is Codex CLI's, which knows best: only what
    the service is sure to refuse is mended, and the very same object comes back where that is nothing. Raises
    TranslationError for what builds on stored responses."""
    notes: list[str] = []
    _refuse_stored(body)
    if body.get("store") is True:
        notes.append("Codex stores no responses: this one cannot be asked for later.")
    kept = {name: value for name, value in body.items() if name not in REMOVED and (own or name in TAKEN)}
    lost = sorted(name for name, value in body.items() if name not in kept and value is not None)
    if told := [name for name in lost if name not in _SILENT]:
        notes.append(f"Dropped, because Codex does not take it: {', '.join(told)}.")
    given = body.get("instructions")
    kept |= {
        "stream": True,
        "store": False,
        "instructions": given if isinstance(given, str) else "",
        "input": _items(body.get("input"), own=own, notes=notes),
    }
    if own:
        return (body if kept == body else kept), notes
    if any(entry != ENCRYPTED for entry in body.get("include") or ()):
        notes.append("Codex includes nothing but encrypted reasoning.")
    kept["include"] = [ENCRYPTED]
    _set(kept, "tools", _tools(body.get("tools"), notes))
    _choose(kept, notes)
    _set(kept, "reasoning", _reasoning(body.get("reasoning"), efforts))
    _set(kept, "text", _text(kept, notes))
    _set(kept, "service_tier", TIERS.get(body.get("service_tier") or ""))
    for name, kind in (("prompt_cache_key", str), ("client_metadata", dict)):
        _set(kept, name, value if isinstance(value := kept.get(name), kind) and value else None)
    if not kept.get("tools") or not isinstance(kept.get("parallel_tool_calls"), bool):
        kept.pop("parallel_tool_calls", None)
    return kept, notes


def _refuse_stored(body: Json) -> None:
    for name in _STORED:
        if body.get(name):
            text = f"Codex stores nothing, so {name} cannot be used: send the whole conversation as input."
            raise TranslationError(text, code="previous_response_not_found", param=name)


def _set(body: Json, name: str, value: object) -> None:
    """A field, or none where there is nothing to say."""
    if value is None or value == {} or value == []:
        body.pop(name, None)
    else:
        body[name] = value


# -- input


def _items(raw: object, *, own: bool, notes: list[str]) -> object:
    """A list of items; the same object where nothing has to change."""
    if isinstance(raw, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": raw}]}]
    if not isinstance(raw, list):
        return [] if raw is None else raw
    found = [_without_marks(_developers(item)) for item in raw]
    if not own:
        found = [_nameless(item) for item in found if not _is_empty_reasoning(item)]
        if any(isinstance(item, dict) and item.get("type") == "item_reference" for item in found):
            text = "Codex stores nothing, so items cannot be referred to: send them whole."
            raise TranslationError(text, param="input")
        if len(found) < len(raw):
            notes.append("Reasoning that cannot be read back was left out: it was not encrypted.")
    return raw if all(new is old for new, old in zip(found, raw, strict=False)) and len(found) == len(raw) else found


def _developers(item: Any) -> Any:
    if isinstance(item, dict) and item.get("role") == "system":
        return {**item, "role": "developer"}
    return item


def _without_marks(item: Any) -> Any:
    """Without cache marks in its parts."""
    if not isinstance(item, dict):
        return item
    changed = {}
    for name in ("content", "output"):
        parts = item.get(name)
        if isinstance(parts, list) and any(isinstance(p, dict) and "prompt_cache_breakpoint" in p for p in parts):
            changed[name] = [_without(part, "prompt_cache_breakpoint") for part in parts]
    return {**item, **changed} if changed else item


def _nameless(item: Any) -> Any:
    known = isinstance(item, dict) and item.get("type", "message") in _NAMELESS and "id" in item
    return _without(item, "id") if known else item


def _without(value: Any, name: str) -> Any:
    return {key: inner for key, inner in value.items() if key != name} if isinstance(value, dict) else value


def _is_empty_reasoning(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "reasoning" and not item.get("encrypted_content")


# -- tools


def _tools(raw: object, notes: list[str]) -> list[Json]:
    tools = [_tool(tool) for tool in raw if isinstance(tool, dict)] if isinstance(raw, list) else []
    lost = sorted({str(tool.get("type")) for tool in tools if tool.get("type") not in TOOLS})
    if lost:
        notes.append(f"Tools that Codex does not have were left out: {', '.join(lost)}.")
    return [tool for tool in tools if tool.get("type") in TOOLS]


def _tool(tool: Json) -> Json:
    kind = tool.get("type")
    if isinstance(kind, str) and kind.startswith("web_search"):
        return {**tool, "type": "web_search"}  # previews have names of their own
    nested = tool.get("function")
    if kind == "function" and isinstance(nested, dict) and "name" not in tool:
        tool = {**nested, "type": "function"}  # as Chat puts it
    schema = tool.get("parameters")
    if kind == "function" and (schema is None or (isinstance(schema, dict) and "properties" not in schema)):
        return {**tool, "parameters": {"type": "object", **(schema or {}), "properties": {}}}
    return tool


def _choose(body: Json, notes: list[str]) -> None:
    """`tool_choice` is a word or a function. Any other choice is told by leaving only the chosen among the tools."""
    choice, tools = body.get("tool_choice"), body.get("tools") or []
    if not tools or choice is None:
        body.pop("tool_choice", None)
        return
    if not isinstance(choice, dict):
        return
    if choice.get("type") == "allowed_tools":
        wanted, mode = choice.get("tools") or [], "required" if choice.get("mode") == "required" else "auto"
    else:
        wanted, mode = [choice], "required"
    keys = [_key(one) for one in wanted if isinstance(one, dict)]
    if mode == "required" and len(keys) == 1 and keys[0][0] == "function" and choice.get("type") == "function":
        body["tool_choice"] = {"type": "function", "name": keys[0][1]}
        return
    left = [tool for tool in tools if _key(tool) in keys]
    body["tools"], body["tool_choice"] = left or tools, mode if left else "auto"
    notes.append("The tool choice was told to Codex by leaving only the chosen tools.")


def _key(tool: Json) -> tuple[str, str]:
    """What a tool and a reference to it have in common."""
    flat = _tool(tool)
    kind = str(flat.get("type"))
    return kind, str(flat.get("name", "")) if kind in ("function", "custom", "namespace") else ""


# -- settings


def _reasoning(raw: object, efforts: Sequence[Effort]) -> Json:
    if not isinstance(raw, dict):
        return {}
    effort, summary = raw.get("effort"), raw.get("summary", raw.get("generate_summary"))
    known = next((word for word in ALL_EFFORTS if word == effort), None)
    found: Json = {"effort": clamp_effort(known, efforts) if known else None}
    found["summary"] = summary if summary in SUMMARIES else None
    return {name: value for name, value in found.items() if value is not None}


def _text(body: Json, notes: list[str]) -> Json:
    raw = body.get("text")
    if not isinstance(raw, dict):
        return {}
    form = raw.get("format")
    form = form if isinstance(form, dict) else {}
    found: Json = {"verbosity": raw["verbosity"]} if raw.get("verbosity") in VERBOSITIES else {}
    if form.get("type") == "json_schema":
        found["format"] = form
    elif form.get("type") == "json_object":
        notes.append("Codex knows JSON by a schema alone: the model was asked for JSON in words.")
        part = {"type": "input_text", "text": _ONLY_JSON}
        body["input"] = [*body["input"], {"type": "message", "role": "developer", "content": [part]}]
    return found


#: For whoever wants to know a client by its headers.
Get = Callable[[str, str], str]


def is_codex(get: Get) -> bool:
    """Whether the headers are those of an official Codex client: an originator of Codex's, with which the User-Agent
    begins (§5). `get` reads a header by its lower-case name, as a mapping's own `get` does."""
    originator = get("originator", "")
    return originator.lower().startswith("codex") and get("user-agent", "").startswith(originator + "/")
