"""Whole answers, both ways (openai_chat.md §4)."""

from __future__ import annotations

from itertools import pairwise

from translators import jsonio
from translators.canonical import ids
from translators.canonical.blocks import Block, Image, Opaque, Refusal, Text, Thinking, ToolCall
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import StopReason, StreamEvent
from translators.canonical.names import NameMap
from translators.canonical.response import Response, folded
from translators.openai_chat import citations, details, errors, finish
from translators.openai_chat.chunks import ChunkReader
from translators.openai_chat.parts_encode import data_url
from translators.openai_chat.usage import encode_usage
from translators.openai_chat.wire import Json
from translators.protocol import Reply


def decode_response(body: Json, names: NameMap) -> Response:
    """A whole 2xx body: read as a stream of one chunk. Without choices it is an error whatever it says."""
    reader = ChunkReader(names)
    events: list[StreamEvent] = []
    reader.chunk(body, b"" if body.get("id") else jsonio.dumps(body), events)
    if not body.get("choices"):
        reader.fail(ErrorInfo(ErrorKind.SERVER, "The backend's answer has no choices."), events)
    reader.finish(events, terminated=True)
    return folded(events)


def answer_id(reply: Reply) -> str:
    """Unique to the exchange: cost tools count an answer by its id (field.md case 77)."""
    return ids.derive(reply.seed, "answer", prefix="chatcmpl-")


def is_legacy(reply: Reply) -> bool:
    """Whether the client called with `functions` and so reads `function_call` only."""
    return reply.request is not None and reply.request.legacy_functions


def reasoning_field(reply: Reply) -> str | None:
    """Where the client looks for visible reasoning; None where it asked for none."""
    hidden = reply.request is not None and reply.request.reasoning.show == "none"
    return None if hidden or reply.reasoning_field == "none" else reply.reasoning_field


def encode_response(response: Response, reply: Reply) -> Json:
    """→ a `chat.completion`; an answer that ended in an error becomes the error's body."""
    if response.error is not None:
        return errors.encode_error(response.error)[1]
    message = _message(response.blocks, reply)
    legacy = is_legacy(reply)
    saw_calls = "tool_calls" in message or "function_call" in message
    reason = finish.encode_reason(response.stop or StopReason.END, saw_calls, legacy)
    return {
        "id": answer_id(reply),
        "object": "chat.completion",
        "created": reply.created,
        "model": reply.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
        "usage": encode_usage(response.usage),
    }


def _message(blocks: list[Block], reply: Reply) -> Json:
    message: Json = {"role": "assistant", "content": None, "refusal": None}
    calls = [block for block in blocks if isinstance(block, ToolCall) and block.kind != "server"]
    texts = [block for block in blocks if isinstance(block, Text)]
    refusals = [block.text for block in blocks if isinstance(block, Refusal)]
    thoughts = [block.text for block in blocks if isinstance(block, Thinking)]
    if texts or not (calls or refusals):
        message["content"] = "".join(text.text for text in texts)
    cited = citations.of_texts(texts)
    if cited:
        message["annotations"] = cited
    if refusals:
        message["refusal"] = "".join(refusals)
    field = reasoning_field(reply)
    if field is not None and any(thoughts):
        message[field] = "".join(thoughts)
    if field is not None:
        message.update(details.spread(_entries(blocks)))
    images = [image_entry(block) for block in blocks if isinstance(block, Image)]
    if images:
        message["images"] = images
    if calls and is_legacy(reply):
        message["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments or "{}"}
    elif calls:
        extras = _extras(blocks)
        message["tool_calls"] = [_call(call, extras.get(call.id)) for call in calls]
    return message


def image_entry(image: Image) -> Json:
    """A generated image as OpenRouter gives it: chat has no place for one of its own."""
    url = image.url if image.url is not None else data_url(image)
    return {"type": "image_url", "image_url": {"url": url}}


def _entries(blocks: list[Block]) -> list[Json]:
    """The opaque reasoning of an answer with its places (details.py)."""
    entries: list[Json] = []
    behind_text = False
    for position, block in enumerate(blocks):
        behind_text = behind_text or isinstance(block, Text)
        if not isinstance(block, Thinking | Opaque):
            continue
        following = next((other for other in blocks[position + 1 :] if not isinstance(other, Thinking | Opaque)), None)
        place = following.id if isinstance(following, ToolCall) else details.AFTER_TEXT if behind_text else None
        entries += details.for_client(block, place, len(entries))
    return entries


def _extras(blocks: list[Block]) -> dict[str, Json]:
    """What a chat backend hung on its calls, by call id."""
    found: dict[str, Json] = {}
    for block, following in pairwise(blocks):
        if isinstance(block, Thinking) and block.signature and isinstance(following, ToolCall):
            extra = details.own_extra(block)
            if extra is not None:
                found[following.id] = extra
    return found


def _call(call: ToolCall, extra: Json | None) -> Json:
    if call.kind == "custom":
        spelled: Json = {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    else:
        function = {"name": call.name, "arguments": call.arguments or "{}"}
        spelled = {"id": call.id, "type": "function", "function": function}
    return spelled if extra is None else {**spelled, "extra_content": extra}
