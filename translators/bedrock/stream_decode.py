"""A ConverseStream answer to canonical events (apikey_backends.md §6, Stream events)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from translators.bedrock import citations, stops, usage
from translators.bedrock.answer_blocks import string
from translators.bedrock.events import CUT, EventReader
from translators.bedrock.origin import ID, REDACTED
from translators.bedrock.response import EMPTY
from translators.canonical import names as tool_names
from translators.canonical.arguments import StringFieldDecoder
from translators.canonical.blocks import Image, Opaque
from translators.canonical.blockwriter import BlockWriter
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import BlockDelta, BlockStart, Error, Finish, Start, StreamEvent, UsageUpdate
from translators.canonical.names import NameMap
from translators.canonical.stops import settle

Json = dict[str, Any]


class BedrockStreamDecoder:
    """States: before `messageStart`; inside; reason known (held until `metadata`, which brings the usage); done.

    Text and reasoning have no start of their own: a delta whose number or kind is not the open block's opens one.
    """

    def __init__(self, names: NameMap) -> None:
        self._names = names
        self._reader = EventReader()
        self._writer = BlockWriter()
        self._started = False
        self._done = False
        self._number: object = None  # the backend's number of the open block
        self._signature = ""
        self._custom: StringFieldDecoder | None = None
        self._image: str | None = None  # format of an image whose bytes are awaited
        self._ignoring: object = None  # number of a block that is the backend's own business
        self._reason: str | None = None
        self._sequence: str | None = None

    def feed(self, data: bytes) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        if self._done:
            return out
        for event in self._reader.feed(data):
            if isinstance(event, ErrorInfo):
                self._fail(event, out)
            else:
                handler = _HANDLERS.get(event.kind)
                if handler is not None:
                    handler(self, event.payload, out)
            if self._done:
                break
        return out

    def end(self) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        if self._done:
            return out
        if self._reason is not None:
            self._finish(out)
        else:
            self._fail(ErrorInfo(ErrorKind.SERVER, CUT), out)
        return out

    # -- the events

    def _message_start(self, payload: Json, out: list[StreamEvent]) -> None:
        if not self._started:
            self._started = True
            out.append(Start())

    def _block_start(self, payload: Json, out: list[StreamEvent]) -> None:
        self._message_start(payload, out)
        self._close(out)
        self._number = payload.get("contentBlockIndex")
        start = payload.get("start")
        if not isinstance(start, dict):
            return
        call, image = start.get("toolUse"), start.get("image")
        if isinstance(call, dict) and call.get("type") != "server_tool_use":
            self._open_call(call, out)
        elif isinstance(image, dict):
            self._image = string(image.get("format"))
        elif "toolUse" in start or "toolResult" in start:
            self._ignoring = self._number

    def _open_call(self, raw: Json, out: list[StreamEvent]) -> None:
        name, namespace, custom = tool_names.client_call(self._names, string(raw.get("name")))
        self._custom = StringFieldDecoder() if custom else None
        kind: Literal["custom", "function"] = "custom" if custom else "function"
        start = BlockStart(
            0, "tool_call", id=string(raw.get("toolUseId")), name=name, tool_kind=kind, namespace=namespace
        )
        self._writer.start(out, start)

    def _block_delta(self, payload: Json, out: list[StreamEvent]) -> None:
        delta, number = payload.get("delta"), payload.get("contentBlockIndex")
        if not isinstance(delta, dict) or (self._ignoring is not None and number == self._ignoring):
            return
        for kind, value in delta.items():
            if kind == "text":
                self._write("text", string(value), number, out)
            elif kind == "toolUse" and isinstance(value, dict):
                self._arguments(string(value.get("input")), number, out)
            elif kind == "reasoningContent" and isinstance(value, dict):
                self._reasoning(value, number, out)
            elif kind == "citation":
                self._cite(value, number, out)
            elif kind == "image":
                self._picture(value, out)

    def _write(self, kind: Literal["text", "thinking"], text: str, number: object, out: list[StreamEvent]) -> None:
        if not text:
            return
        writer = self._writer
        if writer.open is not None and writer.open.kind == kind and number == self._number:
            writer.saw_content = True
            out.append(BlockDelta(writer.index, kind, text))
            return
        self._open(kind, number, out)
        writer.delta(out, kind, text)

    def _open(self, kind: Literal["text", "thinking"], number: object, out: list[StreamEvent]) -> None:
        self._message_start({}, out)
        self._close(out)
        self._number = number
        self._writer.start(out, BlockStart(0, kind, origin=ID if kind == "thinking" else None))

    def _arguments(self, fragment: str, number: object, out: list[StreamEvent]) -> None:
        if not fragment:
            return
        writer = self._writer
        if writer.open is None or writer.open.kind != "tool_call" or number != self._number:
            # Whose they are cannot be told: a call with pieces missing must not look whole.
            self._fail(ErrorInfo(ErrorKind.SERVER, "The backend sent arguments of a call that is not open"), out)
            return
        writer.delta(out, "arguments", self._custom.feed(fragment) if self._custom is not None else fragment)

    def _reasoning(self, value: Json, number: object, out: list[StreamEvent]) -> None:
        redacted = string(value.get("redactedContent"))
        if redacted:
            self._message_start({}, out)
            self._close(out)
            self._writer.start(out, BlockStart(0, "whole", block=Opaque(redacted, ID, REDACTED)))
            self._writer.stop(out)
            return
        self._write("thinking", string(value.get("text")), number, out)
        signature = string(value.get("signature"))
        if signature:
            if self._writer.open is None or self._writer.open.kind != "thinking" or number != self._number:
                self._open("thinking", number, out)
            self._signature += signature  # consumers of AWS join the pieces; ours replaces
            self._writer.delta(out, "signature", self._signature)

    def _cite(self, value: object, number: object, out: list[StreamEvent]) -> None:
        cited = citations.decode(value)
        if cited is None:
            return
        if self._writer.open is None or self._writer.open.kind != "text" or number != self._number:
            self._open("text", number, out)
        out.append(BlockDelta(self._writer.index, "citation", data=cited))

    def _picture(self, value: object, out: list[StreamEvent]) -> None:
        source = value.get("source") if isinstance(value, dict) else None
        data = string(source.get("bytes")) if isinstance(source, dict) else ""
        if data and self._image is not None:
            self._writer.start(out, BlockStart(0, "whole", block=Image(f"image/{self._image}", data)))
            self._writer.stop(out)

    def _block_stop(self, payload: Json, out: list[StreamEvent]) -> None:
        self._close(out)

    def _close(self, out: list[StreamEvent]) -> None:
        if self._custom is not None:
            self._writer.delta(out, "arguments", self._custom.end())
            self._custom = None
        self._writer.stop(out)
        self._signature = ""
        self._image = self._ignoring = self._number = None

    def _message_stop(self, payload: Json, out: list[StreamEvent]) -> None:
        self._message_start(payload, out)
        self._close(out)
        self._reason = string(payload.get("stopReason"))
        self._sequence = stops.sequence(payload.get("additionalModelResponseFields"))

    def _metadata(self, payload: Json, out: list[StreamEvent]) -> None:
        self._message_start(payload, out)
        counted = usage.decode(payload.get("usage"))
        if counted is not None:
            self._close(out)
            out.append(UsageUpdate(counted))
        if self._reason is not None:
            self._finish(out)

    # -- the end

    def _finish(self, out: list[StreamEvent]) -> None:
        told = self._reason or ""
        writer = self._writer
        reason = settle(stops.FROM_WIRE.get(told), writer.saw_tool_call, writer.saw_content or bool(told))
        if reason is None:
            self._fail(ErrorInfo(ErrorKind.SERVER, EMPTY), out)
            return
        self._done = True
        out.append(Finish(reason, self._sequence, stops.detail(told)))

    def _fail(self, error: ErrorInfo, out: list[StreamEvent]) -> None:
        self._close(out)
        self._done = True
        out.append(Error(error))


_Handler = Callable[[BedrockStreamDecoder, Json, list[StreamEvent]], None]

_HANDLERS: dict[str, _Handler] = {
    "messageStart": BedrockStreamDecoder._message_start,
    "contentBlockStart": BedrockStreamDecoder._block_start,
    "contentBlockDelta": BedrockStreamDecoder._block_delta,
    "contentBlockStop": BedrockStreamDecoder._block_stop,
    "messageStop": BedrockStreamDecoder._message_stop,
    "metadata": BedrockStreamDecoder._metadata,
}
