"""System text and turns as the `messages` of a chat backend (openai_chat.md §3; mapping.md §2, §6)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from translators import jsonio
from translators.canonical.arguments import as_object
from translators.canonical.blocks import Block, Opaque, Refusal, Text, Thinking, ToolCall, ToolResult, Unknown
from translators.canonical.request import Request, Role
from translators.openai_chat import details
from translators.openai_chat.parts_encode import Context, encode_part, has_marker
from translators.openai_chat.wire import ID, Json

_ERROR = "Error: "

#: Stands in a tool message for media, which only a user message may hold.
MOVED = "[{} in the next message]"


def encode_messages(request: Request, context: Context) -> list[Json]:
    """`request` is a prepared one: results stand at the head of their turn, in the order of the calls."""
    messages: list[Json] = []
    role = context.target.system_role
    if request.system:
        messages.append({"role": role, "content": _system(request.system, context)})
    for turn in request.turns:
        match turn.role:
            case Role.SYSTEM:
                texts = [block for block in turn.blocks if isinstance(block, Text)]
                if texts:
                    messages.append({"role": role, "content": _system(texts, context)})
            case Role.USER:
                _user(turn.blocks, messages, context)
            case Role.ASSISTANT:
                _assistant(turn.blocks, messages, context)
    return messages


def _system(texts: list[Text], context: Context) -> str | list[Json]:
    """One string, which every backend takes; parts only where a cache marker must hang on one."""
    if any(has_marker(text, context) for text in texts):
        return [part for text in texts if (part := encode_part(text, context)) is not None]
    return "\n\n".join(text.text for text in texts)


def _user(blocks: list[Block], messages: list[Json], context: Context) -> None:
    """Tool messages first, then at most one user message: media of the results, then what the user said."""
    moved: list[Json] = []
    said: list[Block] = []
    for block in blocks:
        if isinstance(block, ToolResult):
            messages.append(_tool(block, moved, context))
        else:
            said.append(block)
    if not moved and len(said) == 1 and isinstance(said[0], Text) and not has_marker(said[0], context):
        messages.append({"role": "user", "content": said[0].text})
        return
    parts = moved + _parts(said, context)
    if parts:
        messages.append({"role": "user", "content": parts})


def _parts(blocks: Iterable[Block], context: Context) -> list[Json]:
    return [part for block in blocks if (part := encode_part(block, context)) is not None]


def _tool(result: ToolResult, moved: list[Json], context: Context) -> Json:
    texts: list[str] = []
    media: list[Json] = []
    for part in _parts(result.blocks, context):
        if part.get("type") == "text":
            texts.append(part["text"])
            continue
        media.append(part)
        texts.append(MOVED.format("image" if part.get("type") == "image_url" else "file"))
    if media:
        moved.append({"type": "text", "text": f"[from the result of tool call {result.id}]"})
        moved.extend(media)
        context.notes.append("Media of tool results were moved to a user message: tool messages hold text only.")
    text = "\n".join(texts)
    if result.is_error and not text.lower().startswith("error"):
        text = _ERROR + text
    return {"role": "tool", "tool_call_id": result.id, "content": text}


def _assistant(blocks: list[Block], messages: list[Json], context: Context) -> None:
    texts: list[Text] = []
    refusals: list[str] = []
    thinking: list[Thinking] = []
    calls: list[Json] = []
    message: Json = {"role": "assistant", "content": None}
    extra: Json | None = None  # of the call that follows
    entries: list[Json] = []
    for block in blocks:
        match block:
            case Text():
                texts.append(block)
            case Refusal():
                refusals.append(block.text)
            case Thinking():
                own, extra = _opaque(block, context)
                entries += own
                thinking.append(block)
            case ToolCall() if block.kind != "server":
                calls.append(_call(block, extra))
                extra = None
            case Unknown() if block.origin == ID and block.raw.get("type") == "audio":
                message["audio"] = block.raw.get("audio")
            case Opaque():
                context.notes.append("Opaque reasoning was dropped: the backend has no field for it.")
            case _:
                context.notes.append(f"A {type(block).__name__.lower()} in the assistant's turn was dropped.")
    if texts:
        message["content"] = _joined(texts, context)
    if refusals:
        message["refusal"] = "\n".join(refusals)
    _add_reasoning(message, thinking, bool(calls), context)
    message.update(details.spread(entries))
    if calls:
        message["tool_calls"] = calls
    elif message["content"] is None and not refusals:
        message["content"] = ""  # null is only legal beside calls and refusals
    messages.append(message)


def _opaque(block: Thinking, context: Context) -> tuple[list[Json], Json | None]:
    """What a chat backend signed, for its kind: entries, and what belongs on the next call."""
    if block.origin != ID or not block.signature:
        return [], None
    entries, extra = details.unpack(block.signature, block.text)
    if context.target.reasoning_field == "none":
        entries = []
    return entries, extra if context.target.thought_signatures else None


def _add_reasoning(message: Json, thinking: list[Thinking], has_calls: bool, context: Context) -> None:
    """The visible reasoning in the field that the backend reads back; DeepSeek wants it beside calls even if empty."""
    target = context.target
    field = target.reasoning_field
    text = "\n\n".join(block.text for block in thinking if block.text)
    if field != "none" and text:
        message[field] = text
    elif target.reasoning_required and has_calls:
        message["reasoning_content" if field == "none" else field] = ""


def _joined(texts: list[Text], context: Context) -> str | list[Json]:
    """One string: many compatibles take no parts from the assistant. Cited passages go on without a break."""
    if any(has_marker(text, context) for text in texts):
        return _parts(texts, context)
    out = texts[0].text
    for previous, text in pairwise(texts):
        flows = previous.citations is not None or text.citations is not None
        out += text.text if flows else "\n\n" + text.text
    return out


def _call(call: ToolCall, extra: Json | None) -> Json:
    spelled: Json
    if call.kind == "custom":
        spelled = {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    else:
        function = {"name": call.name, "arguments": _arguments(call.arguments)}
        spelled = {"id": call.id, "type": "function", "function": function}
    if extra is not None:
        spelled["extra_content"] = extra
    return spelled


def _arguments(text: str) -> str:
    """JSON of an object, the client's own bytes where they are that: templates of local backends parse it and fail."""
    return text if jsonio.object_in(text) is not None else jsonio.dumps_str(as_object(text))
