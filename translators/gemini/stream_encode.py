"""Canonical events → a Gemini client's stream: `data: {…}` frames or a growing JSON array (gemini.md §5)."""

from __future__ import annotations

from typing import Any

from translators import jsonio
from translators.canonical import ids
from translators.canonical.errors import ErrorInfo
from translators.canonical.events import Error, Finish, Start, StreamEvent
from translators.framing.sse import frame
from translators.gemini import errors, finish, usage
from translators.gemini.part_writer import PartWriter
from translators.protocol import Reply

Json = dict[str, Any]

_BEFORE_PARTS = b'{"candidates":[{"content":{"parts":['
_AFTER_PARTS = b'],"role":"model"},"index":0}],'


class GeminiStreamEncoder:
    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._writer = PartWriter(reply)
        self._about = about(reply)
        self._after_parts = _AFTER_PARTS + jsonio.dumps_line(self._about)[1:]
        self._opened = False  # the array's bracket was written
        self._done = False

    def encode(self, event: StreamEvent) -> bytes:
        if self._done:
            return b""
        if isinstance(event, Finish):
            return self._finish(event)
        if isinstance(event, Error):
            return self._fail(event.error)
        if isinstance(event, Start) and not self._reply.model and event.model:
            self._about["modelVersion"] = event.model
            self._after_parts = _AFTER_PARTS + jsonio.dumps_line(self._about)[1:]
        parts = self._writer.parts(event)
        if not parts:
            return b""
        # A chunk a part: a few bytes more, but each reads alone.
        return b"".join(self._chunk(_BEFORE_PARTS + jsonio.dumps_line(part) + self._after_parts) for part in parts)

    def keepalive(self) -> bytes:
        """Comments and pings crash Google's SDKs; there is nothing that means nothing."""
        return b""

    def _finish(self, event: Finish) -> bytes:
        self._done = True
        writer = self._writer
        counts = usage.encode(writer.usage)
        about = {"usageMetadata": counts, **self._about} if counts else self._about
        feedback = (event.detail or {}).get("promptFeedback")
        if isinstance(feedback, dict) and not writer.said_something and not writer.called:
            return self._chunk(jsonio.dumps_line({"promptFeedback": feedback, **about})) + self._close()
        parts, end = writer.last(event)
        if not writer.said_something and not writer.called and not self._wants_json():
            note = finish.SILENCE[event.reason] if end["finishReason"] != "MALFORMED_FUNCTION_CALL" else None
            if note is not None:
                parts.append({"text": note})
        content = {"parts": parts or [{"text": ""}], "role": "model"}
        return (
            self._chunk(jsonio.dumps_line({"candidates": [{"content": content, **end, "index": 0}], **about}))
            + self._close()
        )

    def _fail(self, error: ErrorInfo) -> bytes:
        self._done = True
        return self._chunk(jsonio.dumps_line(errors.encode(error)[1])) + self._close()

    def _wants_json(self) -> bool:
        request = self._reply.request
        return request is not None and request.output is not None

    def _chunk(self, data: bytes) -> bytes:
        if self._reply.sse:
            return frame(data)
        before = b",\n" if self._opened else b"["
        self._opened = True
        return before + data

    def _close(self) -> bytes:
        return b"" if self._reply.sse else b"]\n"


def about(reply: Reply) -> Json:
    """What every chunk says of the whole answer."""
    return {"modelVersion": reply.model, "responseId": ids.derive(reply.seed, "response")}
