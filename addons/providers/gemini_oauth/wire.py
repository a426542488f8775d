"""The request of Gemini Code Assist: Gemini's own, in an envelope (gemini_code_assist.md §3)."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from addons.providers.code_assist.wire import GEMINI, EnvelopeProtocol, as_user, without_search_beside_functions
from translators import jsonio, registry
from translators.canonical.errors import TranslationError
from translators.canonical.request import Request
from translators.canonical.target import Target
from translators.framing.json_spans import members
from translators.gemini.wire import camel, get
from translators.protocol import Encoded

Json = dict[str, Any]

#: What stands in the inner request, beside `session_id`; a client's other fields are not known there.
INNER = (
    "contents",
    "systemInstruction",
    "cachedContent",
    "tools",
    "toolConfig",
    "labels",
    "safetySettings",
    "generationConfig",
)
#: What the official client writes behind a text that was a thought.
THOUGHT_NOTE = "[Thought: true]"
_IDS = uuid.UUID("6f0c9c1e-7c0b-5c7e-9a63-0f4d5f0e2b11")


class CodeAssist(EnvelopeProtocol):
    """Bodies are inner requests; a Gemini client's own is one as it is (`wraps`)."""

    id = "code_assist"
    wraps = GEMINI

    def encode_request(self, request: Request, target: Target) -> Encoded:
        encoded = registry.get(GEMINI).encode_request(request, replace(target, protocol=GEMINI))
        body = encoded.body
        if "systemInstruction" in body:
            body["systemInstruction"] = as_user(body["systemInstruction"])
        if "tools" in body:
            body["tools"] = without_search_beside_functions(body["tools"], encoded.notes)
        return encoded

    def encode_count_request(self, request: Request, target: Target) -> Json | None:
        return counted(self.encode_request(request, target).body, target.model)


def counted(inner: Json, model: str) -> Json:
    """The body of `countTokens`, which takes contents alone: system text and tools are counted as texts before them."""
    told = [part for part in (inner.get("systemInstruction") or {}).get("parts", []) if isinstance(part, dict)]
    if inner.get("tools"):
        told.append({"text": jsonio.dumps_str(inner["tools"])})
    before = [{"role": "user", "parts": told}] if told else []
    return {"request": {"model": f"models/{model}", "contents": [*before, *_unthought(inner["contents"])]}}


def enveloped(body: bytes, model: str, project: str, conversation: str, *, credits_too: bool) -> bytes:
    """The whole body of a call. `body` is an inner request, whose members keep their bytes; `conversation` is the key
    of the conversation, "" where none is known. Raises TranslationError."""
    parsed = jsonio.loads(body)
    config = get(parsed, "generationConfig")
    if isinstance(config, dict) and (get(config, "candidateCount") or 1) != 1:
        raise TranslationError("More than one answer (candidateCount) cannot be had here.", param="candidateCount")
    kept: dict[str, bytes] = {}
    for key, start, end in members(body):
        name = camel(key.decode("utf-8", "replace"))
        if name in INNER:
            kept[name] = body[start:end]
    contents, system = parsed.get("contents"), parsed.get("systemInstruction") or parsed.get("system_instruction")
    if isinstance(contents, list) and (unthought := _unthought(contents)) is not contents:
        kept["contents"] = jsonio.dumps(unthought)
    if isinstance(system, str):
        kept["systemInstruction"] = jsonio.dumps({"role": "user", "parts": [{"text": system}]})
    elif isinstance(system, dict) and system.get("role") != "user":
        kept["systemInstruction"] = jsonio.dumps({**system, "role": "user"})
    tools = parsed.get("tools")
    if isinstance(tools, list) and (fitted := without_search_beside_functions(tools, [])) is not tools:
        kept["tools"] = jsonio.dumps(fitted)
    kept["session_id"] = jsonio.dumps(_id(conversation, "session"))
    head: Json = {
        "model": model.removeprefix("models/"),
        "project": project,
        "user_prompt_id": _id(conversation, "prompt", _prompts(contents)),
    }
    if credits_too:
        head["enabled_credit_types"] = ["GOOGLE_ONE_AI"]
    inner = b",".join(b'"%s":%s' % (name.encode(), value) for name, value in kept.items())
    return jsonio.dumps(head)[:-1] + b',"request":{' + inner + b"}}"


def _id(conversation: str, *parts: object) -> str:
    """The same for the same conversation; one of its own for a request without."""
    if not conversation:
        return str(uuid.uuid4())
    return str(uuid.uuid5(_IDS, "\x1f".join([conversation, *map(str, parts)])))


def _prompts(contents: Any) -> int:
    """How many times the user spoke: a prompt's id goes with all requests that its tools make."""
    count = 0
    for content in contents if isinstance(contents, list) else ():
        parts = content.get("parts") if isinstance(content, dict) and content.get("role") != "model" else None
        spoken = (isinstance(part, dict) and "text" in part for part in parts) if isinstance(parts, list) else ()
        count += any(spoken)
    return count


def _unthought(contents: list[Any]) -> list[Any]:
    """Without flags of thoughts, which are texts here (§3); the same list when nothing changes."""
    if not any(
        isinstance(part, dict) and "thought" in part
        for content in contents
        if isinstance(content, dict) and isinstance(content.get("parts"), list)
        for part in content["parts"]
    ):
        return contents
    return [_unthought_content(content) for content in contents]


def _unthought_content(content: Any) -> Any:
    parts = content.get("parts") if isinstance(content, dict) else None
    return {**content, "parts": [_unthought_part(part) for part in parts]} if isinstance(parts, list) else content


def _unthought_part(part: Any) -> Any:
    if not isinstance(part, dict) or "thought" not in part:
        return part
    rest = {name: value for name, value in part.items() if name != "thought"}
    if part["thought"] is True and isinstance(rest.get("text"), str):
        rest["text"] = f"{rest['text']}\n{THOUGHT_NOTE}" if rest["text"] else THOUGHT_NOTE
    return rest
