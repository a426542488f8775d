"""Whole answers, both ways: a Message body to the canonical response and back (anthropic.md §7)."""

from __future__ import annotations

from dataclasses import replace

from translators.anthropic import stops, usage
from translators.anthropic.answer_blocks import encode_block, is_carried, message_id, tool_id
from translators.anthropic.blocks_decode import decode_answer_block
from translators.anthropic.errors import error_of_object
from translators.anthropic.wire import Json
from translators.canonical import names as tool_names
from translators.canonical.arguments import unwrap_custom
from translators.canonical.blocks import Block, Text, Thinking, ToolCall
from translators.canonical.counts import count
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import StopReason
from translators.canonical.names import NameMap
from translators.canonical.response import Response
from translators.canonical.stops import settle
from translators.protocol import Reply


def decode_response(body: Json, names: NameMap) -> Response:
    """A 2xx body. What is no Message at all, or an error object, sets `error`."""
    if not isinstance(body, dict) or body.get("type") == "error" or "content" not in body:
        error = body.get("error") if isinstance(body, dict) else None
        return Response(error=error_of_object(error) if error is not None else _NOT_A_MESSAGE)
    blocks = _blocks(body.get("content"), names)
    response = Response(_text(body.get("id")), _text(body.get("model")), blocks=blocks)
    counted = usage.decode(body.get("usage"))
    if counted is not None:
        response.usage = counted
    reason = settle(
        stops.FROM_WIRE.get(_text(body.get("stop_reason"))),
        any(isinstance(block, ToolCall) for block in blocks),
        bool(blocks) or body.get("stop_reason") is not None,
    )
    if reason is None:
        response.error = ErrorInfo(ErrorKind.SERVER, "The backend's answer was empty and gave no reason to stop")
    response.stop = reason
    sequence, detail = body.get("stop_sequence"), body.get("stop_details")
    response.stop_sequence = sequence if isinstance(sequence, str) else None
    response.stop_detail = detail if isinstance(detail, dict) else None
    return response


_NOT_A_MESSAGE = ErrorInfo(ErrorKind.SERVER, "The backend answered with something that is not a Message")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _blocks(content: object, names: NameMap) -> list[Block]:
    blocks: list[Block] = []
    for raw in content if isinstance(content, list) else ():
        found = decode_answer_block(raw) if isinstance(raw, dict) else ()
        blocks.extend(_to_client(block, names) if isinstance(block, ToolCall) else block for block in found)
    return blocks


def _to_client(call: ToolCall, names: NameMap) -> ToolCall:
    """The call under the name, and in the form, that the client knows."""
    name, namespace, custom = tool_names.client_call(names, call.name)
    if custom:
        return replace(call, name=name, namespace=namespace, kind="custom", arguments=unwrap_custom(call.arguments))
    return replace(call, name=name, namespace=namespace)


def encode_response(response: Response, reply: Reply) -> Json:
    """The Message for an Anthropic client, under an id of our own."""
    content: list[Json] = []
    taken: set[str] = set()
    held: list[Json] = []  # foreign signatures without a text: dropped if nothing follows
    called = False
    for index, block in enumerate(response.blocks):
        if isinstance(block, ToolCall) and block.kind != "server":
            block = replace(block, id=tool_id(block.id, reply.seed, index, taken))
        spelled = encode_block(block)
        if spelled is None:
            continue
        if isinstance(block, Thinking) and not block.text and is_carried(block.origin):
            held.append(spelled)
            continue
        called = called or spelled["type"] == "tool_use"
        content += [*held, spelled]
        held.clear()
    reason = settle(response.stop, called, saw_content=True) or StopReason.END
    if reason is StopReason.MALFORMED_CALL:
        text = encode_block(Text(stops.malformed_text(response.stop_detail)))
        assert text is not None
        content.append(text)
    return {
        "id": message_id(reply),
        "type": "message",
        "role": "assistant",
        "model": reply.model or response.model,
        "content": content,
        "stop_reason": stops.TO_WIRE[reason],
        "stop_sequence": response.stop_sequence if reason is StopReason.STOP_SEQUENCE else None,
        "stop_details": stops.details(reason, response.stop_detail),
        "usage": usage.encode(response.usage),
    }


def encode_token_count(tokens: int) -> Json:
    return {"input_tokens": tokens}


def decode_token_count(body: Json) -> int | None:
    return count(body.get("input_tokens"))
