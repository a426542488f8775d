"""Whole answers, both ways: the fold of the stream that says the same."""

from __future__ import annotations

from typing import Any

from translators.canonical.events import Finish, StreamEvent
from translators.canonical.names import NameMap
from translators.canonical.response import Response, folded, unfold
from translators.gemini import errors, usage
from translators.gemini.chunks import ChunkReader
from translators.gemini.part_writer import PartWriter
from translators.gemini.stream_encode import about
from translators.protocol import Reply

Json = dict[str, Any]


def decode_response(body: Any, names: NameMap) -> Response:
    """Also a list of chunks, as a stream without `alt=sse` is one."""
    events: list[StreamEvent] = []
    reader = ChunkReader(names)
    reader.read(body, events)
    reader.end(events, whole=True)
    return folded(events)


def encode_response(response: Response, reply: Reply) -> Json:
    """An error inside the answer becomes the error body."""
    if response.error is not None:
        return errors.encode(response.error)[1]
    writer = PartWriter(reply)
    parts: list[Json] = []
    end: Json = {}
    for event in unfold(response):
        if isinstance(event, Finish):
            last, end = writer.last(event)
            parts += last
        else:
            parts += writer.parts(event)
    out: Json = {}
    feedback = (response.stop_detail or {}).get("promptFeedback")
    if isinstance(feedback, dict) and not parts:
        out["promptFeedback"] = feedback
    else:
        content = {"parts": parts or [{"text": ""}], "role": "model"}
        out["candidates"] = [{"content": content, **end, "index": 0}]
    if counts := usage.encode(writer.usage):
        out["usageMetadata"] = counts
    return {**out, **about(reply)}
