"""What Kiro's generation call demands of a body: its members, and the rules of its shape (kiro.md §6)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Any

from .ask import Json
from .kiro_headers import CURRENT, LEGACY, UUID
from .seal import digest, unseal

#: Object → its members: (name, type, needed). What is not there is refused.
Members = dict[str, tuple[type | tuple[type, ...], bool]]
SHAPES: dict[str, Members] = {
    "request": {
        "profileArn": (str, False),
        "agentMode": (str, False),
        "additionalModelRequestFields": (dict, False),
        "inferenceConfig": (dict, False),
        "conversationState": (dict, True),
    },
    "conversationState": {
        "conversationId": (str, True),
        "rootConversationId": (str, False),
        "agentContinuationId": (str, False),
        "agentTaskType": (str, True),
        "chatTriggerType": (str, True),
        "currentMessage": (dict, True),
        "history": (list, False),
    },
    "userInputMessage": {
        "content": (str, True),
        "modelId": (str, True),
        "origin": (str, True),
        "images": (list, False),
        "documents": (list, False),
        "userInputMessageContext": (dict, False),
    },
    "userInputMessageContext": {"tools": (list, False), "toolResults": (list, False)},
    "assistantResponseMessage": {"content": (str, True), "toolUses": (list, False), "reasoningContent": (dict, False)},
    "toolUse": {"toolUseId": (str, True), "name": (str, True), "input": (dict, True)},
    "toolResult": {"toolUseId": (str, True), "status": (str, True), "content": (list, True)},
    "toolSpecification": {"name": (str, True), "description": (str, True), "inputSchema": (dict, True)},
    "image": {"format": (str, True), "source": (dict, True)},
    "document": {"name": (str, True), "format": (str, True), "source": (dict, True)},
    "inferenceConfig": {"maxTokens": (int, False), "temperature": ((int, float), False), "topP": ((int, float), False)},
}
IMAGE_FORMATS = ("png", "jpeg", "gif", "webp")
EFFORTS = ("low", "medium", "high", "xhigh", "max")
#: Models with thinking of their own, and the one whose thinking cannot be switched off (§6.3).
NATIVE = re.compile(r"claude-(opus|sonnet)-(4\.[678]|5(\.5)?)|claude-fable-5")
ALWAYS_THINKS = ("claude-opus-5.5", "claude-sonnet-5.5")
MODELS = re.compile(
    r"claude-(haiku-4\.5|sonnet-4|sonnet-4\.[56]|opus-4\.[5678]|opus-5|sonnet-5|fable-5|opus-5\.5|sonnet-5\.5)|auto|"
    r"CLAUDE_3_7_SONNET_20250219_V1_0|deepseek-3\.2|glm-5|minimax-m2\.[15]|qwen3-coder-next|gpt-5\.6-(sol|terra|luna)|"
    r"simple-task"
)
ACCOUNT = "kiro"  # whose signatures are accepted

Fault = tuple[str, str]  # reason, what is wrong


def shape_faults(kind: str, value: Any, where: str) -> Iterator[Fault]:
    members = SHAPES[kind]
    if not isinstance(value, dict):
        yield "REQUEST_BODY_INVALID", f"{where}: no object"
        return
    for name, (wanted, needed) in members.items():
        if name not in value and needed:
            yield "REQUEST_BODY_INVALID", f"{where}.{name}: missing"
        elif name in value and (not isinstance(value[name], wanted) or isinstance(value[name], bool)):
            yield "REQUEST_BODY_INVALID", f"{where}.{name}: {value[name]!r}"
    for name in value.keys() - members.keys():
        yield "REQUEST_BODY_INVALID", f"{where}.{name}: unknown member"


def body_faults(body: Json, generation: str) -> Iterator[Fault]:
    """Everything that is wrong with a request; each later check may rely on the earlier ones."""
    for rule in RULES:
        found = False
        for fault in rule(body, generation):
            found = True
            yield fault
        if found:
            return


def entries(body: Json) -> list[Json]:
    state = body["conversationState"]
    return [*state.get("history", ()), state["currentMessage"]]


def user(entry: Json) -> Json | None:
    found = entry.get("userInputMessage")
    return found if isinstance(found, dict) else None


def assistant(entry: Json) -> Json | None:
    found = entry.get("assistantResponseMessage")
    return found if isinstance(found, dict) else None


def _envelope(body: Json, generation: str) -> Iterator[Fault]:
    yield from shape_faults("request", body, "request")
    if "conversationState" not in body:
        return
    state = body["conversationState"]
    yield from shape_faults("conversationState", state, "conversationState")
    known, root = str(state.get("conversationId")), state.get("rootConversationId")
    session = generation == CURRENT and known.startswith("sess_")  # the CLI's agent server
    if not re.fullmatch(UUID, known.removeprefix("sess_") if session else known):
        yield "INVALID_CONVERSATION_ID", f"conversationId {known!r}"
    if (root is not None) is not session or (session and not re.fullmatch(f"sess_{UUID}", str(root))):
        yield "INVALID_CONVERSATION_ID", f"rootConversationId {root!r} beside {known!r}"
    if "agentContinuationId" in state and not re.fullmatch(UUID, str(state["agentContinuationId"])):
        yield "REQUEST_BODY_INVALID", "agentContinuationId"
    if state.get("chatTriggerType") not in ("MANUAL", "DIAGNOSTIC", "INLINE_CHAT"):
        yield "REQUEST_BODY_INVALID", f"chatTriggerType {state.get('chatTriggerType')!r}"
    if state.get("agentTaskType") not in ("vibe", "spectask"):
        yield "REQUEST_BODY_INVALID", f"agentTaskType {state.get('agentTaskType')!r}"
    if "history" in state and not state["history"]:
        yield "REQUEST_BODY_INVALID", "an empty history is to be left out"
    if generation == CURRENT and "agentMode" not in body:
        yield "REQUEST_BODY_INVALID", "agentMode: missing (§5.2)"
    if generation == LEGACY and "agentMode" in body:
        yield "REQUEST_BODY_INVALID", "agentMode: a header in this generation (§5.2)"
    if any(value is None for value in nulls(body)):
        yield "REQUEST_BODY_INVALID", "null members are to be left out"


def nulls(value: Any) -> Iterator[None]:
    """Each null outside of what belongs to the client: arguments and schemas."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in ("input", "json"):
                yield from nulls(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nulls(inner)
    elif value is None:
        yield None


def _messages(body: Json, generation: str) -> Iterator[Fault]:
    found = entries(body)
    for index, entry in enumerate(found):
        wanted = "userInputMessage" if index % 2 == 0 else "assistantResponseMessage"
        if list(entry) != [wanted] or (index == len(found) - 1 and wanted != "userInputMessage"):
            text = f"history.{index}: {sorted(entry)}, but roles alternate, the user first and last"
            yield "REQUEST_BODY_INVALID", text
            return
        yield from shape_faults(wanted, entry[wanted], wanted)


def _contents(body: Json, generation: str) -> Iterator[Fault]:
    found = entries(body)
    models = {str(u["modelId"]) for entry in found if (u := user(entry)) is not None}
    if len(models) != 1 or not all(MODELS.fullmatch(model) for model in models):
        yield "INVALID_MODEL_ID", f"modelId {sorted(models)}"
    for index, entry in enumerate(found):
        said = user(entry)
        if said is None:
            continue
        if said["origin"] != "AI_EDITOR":
            yield "REQUEST_BODY_INVALID", f"origin {said['origin']!r}"
        context = said.get("userInputMessageContext")
        if context is not None:
            yield from shape_faults("userInputMessageContext", context, "userInputMessageContext")
            if not context or any(not value for value in context.values()):
                yield "REQUEST_BODY_INVALID", "an empty context is to be left out"
            if "tools" in context and index < len(found) - 1:
                yield "REQUEST_BODY_INVALID", "tools belong into the current message"
        if not said["content"] and (generation == LEGACY or not (context or {}).get("toolResults")):
            yield "REQUEST_BODY_INVALID", f"history.{index}: no content"
        yield from _media(said)
    for entry in found:
        told = assistant(entry)
        if told is not None and not told["content"] and (generation == LEGACY or not told.get("toolUses")):
            yield "REQUEST_BODY_INVALID", "an assistant turn that says nothing"


def _media(said: Json) -> Iterator[Fault]:
    images = said.get("images", [])
    if len(images) > 10:
        yield "IMAGE_COUNT_EXCEEDED", f"{len(images)} images"
    for image in images:
        yield from shape_faults("image", image, "image")
        if image.get("format") not in IMAGE_FORMATS:
            yield "IMAGE_FORMAT_UNSUPPORTED", f"format {image.get('format')!r}"
        yield from _bytes(image)
    names = [document.get("name") for document in said.get("documents", [])]
    if len(set(names)) < len(names):
        yield "INVALID_DOCUMENT_NAME", f"names {names}"
    for document in said.get("documents", []):
        yield from shape_faults("document", document, "document")
        if not re.fullmatch(r"[A-Za-z0-9 ()\[\]-]{1,200}", str(document.get("name"))):
            yield "INVALID_DOCUMENT_NAME", f"name {document.get('name')!r}"
        yield from _bytes(document)


def _bytes(media: Json) -> Iterator[Fault]:
    source = media.get("source") or {}
    try:
        if list(source) != ["bytes"] or not base64.b64decode(source["bytes"], validate=True):
            yield "REQUEST_BODY_INVALID", "source"
    except (binascii.Error, ValueError, TypeError):
        yield "REQUEST_BODY_INVALID", "source.bytes is no base64"


def _tools(body: Json, generation: str) -> Iterator[Fault]:
    found = entries(body)
    current = user(found[-1]) or {}
    context = current.get("userInputMessageContext") or {}
    names: set[str] = set()
    for tool in context.get("tools", []):
        if list(tool) != ["toolSpecification"]:
            yield "REQUEST_BODY_INVALID", f"a tool of {sorted(tool)}"
            continue
        spec = tool["toolSpecification"]
        yield from shape_faults("toolSpecification", spec, "toolSpecification")
        name = str(spec.get("name"))
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            yield "REQUEST_BODY_INVALID", f"tool name {name!r}"
        if name.lower() in names:
            yield "TOOL_DUPLICATE", name
        names.add(name.lower())
        long = len(str(spec.get("description")).encode()) > 10_000
        if not spec.get("description") or (long and generation == LEGACY):
            yield "REQUEST_BODY_INVALID", f"description of {name}"
        schema = (spec.get("inputSchema") or {}).get("json")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            yield "TOOL_SCHEMA_INVALID", name
        else:
            yield from _schema(schema, generation, name)
    used = {str(use["name"]).lower() for entry in found for use in (assistant(entry) or {}).get("toolUses", [])}
    if used - names:
        yield "TOOL_CONFIG_MISSING", f"{sorted(used - names)} of the history are not among the tools"
    if any((u.get("userInputMessageContext") or {}).get("toolResults") for e in found if (u := user(e))) and not names:
        yield "TOOL_CONFIG_MISSING", "results without tools"


def _schema(schema: Any, generation: str, name: str) -> Iterator[Fault]:
    if isinstance(schema, list):
        for item in schema:
            yield from _schema(item, generation, name)
    if not isinstance(schema, dict):
        return
    for word in ("required", "properties"):
        if word in schema and schema[word] is None:
            yield "TOOL_SCHEMA_INVALID", f"{name}: {word} is null"
    if generation == LEGACY and (schema.get("required") == [] or "additionalProperties" in schema):
        yield "TOOL_SCHEMA_INVALID", f"{name}: additionalProperties or an empty required"
    for word, inner in schema.items():
        if word not in ("enum", "const", "default", "examples", "required"):
            yield from _schema(list(inner.values()) if word == "properties" and inner else inner, generation, name)


def _pairs(body: Json, generation: str) -> Iterator[Fault]:
    waiting: list[str] = []
    seen: set[str] = set()
    for index, entry in enumerate(entries(body)):
        said, told = user(entry), assistant(entry)
        if said is not None:
            results = (said.get("userInputMessageContext") or {}).get("toolResults", [])
            for result in results:
                yield from shape_faults("toolResult", result, "toolResult")
                if result.get("status") not in ("success", "error"):
                    yield "REQUEST_BODY_INVALID", f"status {result.get('status')!r}"
                parts = result.get("content") or [{}]
                if any(len(part) != 1 or next(iter(part)) not in ("text", "json") for part in parts):
                    yield "REQUEST_BODY_INVALID", "content of a result is text or json"
            given = [str(result.get("toolUseId")) for result in results]
            if sorted(given) != sorted(waiting):
                yield "TOOL_USE_RESULT_MISMATCH", f"history.{index}: results {given} for uses {waiting}"
            waiting = []
        elif told is not None:
            for use in told.get("toolUses", []):
                yield from shape_faults("toolUse", use, "toolUse")
            waiting = [str(use.get("toolUseId")) for use in told.get("toolUses", [])]
            if len(set(waiting)) < len(waiting) or seen & set(waiting):
                yield "TOOL_DUPLICATE", f"ids {waiting}"
            seen |= set(waiting)


def _thinking(body: Json, generation: str) -> Iterator[Fault]:
    model = str((user(entries(body)[-1]) or {})["modelId"])
    fields = body.get("additionalModelRequestFields")
    if fields is not None:
        yield from _fields(fields, model)
    if "inferenceConfig" in body:
        yield from shape_faults("inferenceConfig", body["inferenceConfig"], "inferenceConfig")
    for entry in entries(body):
        told = (assistant(entry) or {}).get("reasoningContent")
        if told is None or "redactedContent" in told:
            continue
        text = (told.get("reasoningText") or {}).get("text")
        claims = unseal(ACCOUNT, "kiro.reasoning", str((told.get("reasoningText") or {}).get("signature")))
        if claims is None or claims["text"] != digest(text):
            yield "THINKING_SIGNATURE_INVALID", "Invalid signature in thinking block"


def _fields(fields: Json, model: str) -> Iterator[Fault]:
    """§6.3: unknown members give 400."""
    if model.startswith("gpt-"):
        if set(fields) != {"reasoning"} or set(fields["reasoning"]) != {"effort"}:
            yield "REQUEST_BODY_INVALID", f"additionalModelRequestFields {fields}"
        return
    if not NATIVE.fullmatch(model) or not fields or fields.keys() - {"thinking", "output_config", "max_tokens"}:
        yield "REQUEST_BODY_INVALID", f"additionalModelRequestFields {sorted(fields)} for {model}"
        return
    thinking = fields.get("thinking", {"type": "adaptive"})
    if thinking.get("type") not in ("adaptive", "disabled") or thinking.keys() - {"type", "display"}:
        yield "REQUEST_BODY_INVALID", f"thinking {thinking}"
    if thinking.get("display", "summarized") not in ("summarized", "omitted"):
        yield "REQUEST_BODY_INVALID", f"thinking {thinking}"
    if thinking.get("type") == "disabled" and model in ALWAYS_THINKS:
        yield "REQUEST_BODY_INVALID", f"{model} cannot be disabled"
    config = fields.get("output_config", {"effort": "high"})
    if set(config) != {"effort"} or config["effort"] not in EFFORTS:
        yield "REQUEST_BODY_INVALID", f"output_config {config}"
    if not isinstance(fields.get("max_tokens", 1), int):
        yield "REQUEST_BODY_INVALID", f"max_tokens {fields['max_tokens']!r}"


Rule = Callable[[Json, str], Iterator[Fault]]
RULES: tuple[Rule, ...] = (_envelope, _messages, _contents, _tools, _pairs, _thinking)
