"""Whole answers, both ways: the stream folded up, so that there is one code path (mapping.md §0.5)."""

from __future__ import annotations

from translators.canonical.events import StreamEvent
from translators.canonical.names import NameMap
from translators.canonical.response import Response, folded, unfold
from translators.openai_responses.stream_decode import ResponsesDecoder
from translators.openai_responses.stream_encode import ResponsesEncoder
from translators.openai_responses.wire import Json
from translators.protocol import Reply


def decode_response(body: Json, names: NameMap) -> Response:
    """A response object is read as the terminal event of its stream; `{"error": …}` in a 200 sets `Response.error`."""
    decoder = ResponsesDecoder(names)
    out: list[StreamEvent] = []
    if body.get("error") and not body.get("output"):
        decoder.handle({"type": "response.failed", "response": body}, out)
    elif body.get("status") in (None, "completed", "incomplete"):
        decoder.handle({"type": "response.completed", "response": body}, out)
    else:  # failed, cancelled; queued or in progress: the answer is not there
        decoder.handle({"type": "response.failed", "response": body}, out)
    return folded(out)


def encode_response(response: Response, reply: Reply) -> Json:
    encoder = ResponsesEncoder(reply, framed=False)
    for event in unfold(response):
        encoder.encode(event)
    return encoder.response
