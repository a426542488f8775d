"""A whole Converse answer, and a token count, to canonical (apikey_backends.md §6, Answer)."""

from __future__ import annotations

from typing import Any

from translators.bedrock import answer_blocks, errors, stops, usage
from translators.canonical.blocks import ToolCall
from translators.canonical.counts import count
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.names import NameMap
from translators.canonical.response import Response
from translators.canonical.stops import settle

Json = dict[str, Any]

EMPTY = "The backend's answer was empty and gave no reason to stop"


def decode_response(body: Json, names: NameMap) -> Response:
    """A 2xx body. One without `output` is an error, whatever its status says."""
    output = body.get("output")
    message = output.get("message") if isinstance(output, dict) else None
    if not isinstance(message, dict):
        return Response(error=_not_an_answer(body))
    blocks = answer_blocks.decode(message.get("content"), names)
    response = Response(blocks=blocks)
    counted = usage.decode(body.get("usage"))
    if counted is not None:
        response.usage = counted
    told = body.get("stopReason")
    reason = settle(
        stops.FROM_WIRE.get(told) if isinstance(told, str) else None,
        any(isinstance(block, ToolCall) for block in blocks),
        bool(blocks) or isinstance(told, str),
    )
    if reason is None:
        response.error = ErrorInfo(ErrorKind.SERVER, EMPTY)
    response.stop = reason
    response.stop_sequence = stops.sequence(body.get("additionalModelResponseFields"))
    response.stop_detail = stops.detail(told) if isinstance(told, str) else None
    return response


def _not_an_answer(body: Json) -> ErrorInfo:
    """An exception that came with a 200, or something else altogether."""
    told = body.get("message") or body.get("Message")
    type_ = body.get("__type")
    if isinstance(told, str) or isinstance(type_, str):
        return errors.exception(type_ if isinstance(type_, str) else "", told if isinstance(told, str) else "")
    return ErrorInfo(ErrorKind.SERVER, "The backend answered with something that is no answer of Converse")


def decode_token_count(body: Json) -> int | None:
    return count(body.get("inputTokens"))
