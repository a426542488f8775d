"""A Messages event stream to canonical events (anthropic.md §8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from translators import jsonio
from translators.anthropic import stops, usage
from translators.anthropic.blocks_decode import ID, decode_answer_block
from translators.anthropic.errors import error_of_object
from translators.anthropic.wire import Json
from translators.canonical import names as tool_names
from translators.canonical.arguments import StringFieldDecoder
from translators.canonical.blocks import Block, Unknown
from translators.canonical.blockwriter import BlockWriter
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import (
    BlockDelta,
    BlockStart,
    Error,
    Finish,
    Ping,
    Start,
    StopReason,
    StreamEvent,
    UsageUpdate,
)
from translators.canonical.names import NameMap
from translators.canonical.stops import settle
from translators.framing.sse import SseParser

CUT = "The backend's stream ended before its answer was complete"


class AnthropicStreamDecoder:
    """States: before `message_start`; inside; reason known (held until `message_stop`, for usage may follow); done.

    Blocks are numbered anew, so a backend that skips or repeats an index does no harm; a delta that does not fit the
    open block opens one that it fits (field.md cases 1 to 3).
    """

    def __init__(self, names: NameMap) -> None:
        self._names = names
        self._parser = SseParser()
        self._writer = BlockWriter()
        self._started = False
        self._done = False
        self._reason: StopReason | None = None
        self._saw_reason = False
        self._sequence: str | None = None
        self._detail: Json | None = None
        self._pending: Json | None = None  # a block without a word of its own, until it is whole
        self._pending_json: list[str] = []
        self._early_input: str = ""  # arguments that came with content_block_start
        self._custom: StringFieldDecoder | None = None

    def feed(self, data: bytes) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        for event in self._parser.feed(data):
            self._event(event.data, out)
        if self._parser.overflowed and not self._done:
            self._fail(ErrorInfo(ErrorKind.SERVER, "An event of the backend's stream is too long"), out)
        return out

    def end(self) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        for event in self._parser.end():
            self._event(event.data, out)
        if self._done:
            return out
        if self._saw_reason:
            self._finish(out)
        else:
            self._fail(ErrorInfo(ErrorKind.SERVER, CUT), out)
        return out

    def _event(self, data: bytes, out: list[StreamEvent]) -> None:
        if self._done:
            return
        payload = jsonio.object_in(data)
        if payload is None:
            return  # `[DONE]` of compatibles, or noise
        handler = _HANDLERS.get(_text(payload.get("type")))
        if handler is not None:
            handler(self, payload, out)
        elif isinstance(payload.get("error"), dict):
            self._error(payload, out)

    # -- the events

    def _message_start(self, payload: Json, out: list[StreamEvent]) -> None:
        if self._started:
            return
        message = payload.get("message")
        message = message if isinstance(message, dict) else {}
        self._start(
            Start(_text(message.get("id")), _text(message.get("model")), usage=usage.decode(message.get("usage"))), out
        )

    def _start(self, start: Start, out: list[StreamEvent]) -> None:
        self._started = True
        out.append(start)

    def _ensure_started(self, out: list[StreamEvent]) -> None:
        if not self._started:
            self._start(Start(), out)

    def _block_start(self, payload: Json, out: list[StreamEvent]) -> None:
        self._ensure_started(out)
        self._close(out)
        raw = payload.get("content_block")
        if not isinstance(raw, dict):
            return
        opener = _OPENERS.get(_text(raw.get("type")))
        if opener is not None:
            opener(self, raw, out)
        else:
            self._pending = dict(raw)

    def _open_text(self, raw: Json, out: list[StreamEvent]) -> None:
        self._writer.start(out, BlockStart(0, "text"))
        self._writer.delta(out, "text", _text(raw.get("text")))
        citations = raw.get("citations")
        for citation in citations if isinstance(citations, list) else ():
            self._cite(citation, out)

    def _open_thinking(self, raw: Json, out: list[StreamEvent]) -> None:
        self._writer.start(out, BlockStart(0, "thinking", origin=ID))
        self._writer.delta(out, "thinking", _text(raw.get("thinking")))
        self._sign(_text(raw.get("signature")), out)

    def _open_call(self, raw: Json, out: list[StreamEvent]) -> None:
        name, namespace, custom = tool_names.client_call(self._names, _text(raw.get("name")))
        self._custom = StringFieldDecoder() if custom else None
        self._early_input = jsonio.dumps_str(raw["input"]) if raw.get("input") else ""
        self._writer.start(
            out,
            BlockStart(
                0,
                "tool_call",
                id=_text(raw.get("id")),
                name=name,
                tool_kind="custom" if custom else "function",
                namespace=namespace,
            ),
        )

    def _block_delta(self, payload: Json, out: list[StreamEvent]) -> None:
        delta = payload.get("delta")
        if not isinstance(delta, dict):
            return
        if self._pending is not None:
            self._grow(self._pending, delta)
            return
        kind = delta.get("type")
        if kind == "text_delta":
            self._write("text", _text(delta.get("text")), out)
        elif kind == "input_json_delta":
            self._write_arguments(_text(delta.get("partial_json")), out)
        elif kind == "thinking_delta":
            self._write("thinking", _text(delta.get("thinking")), out)
        elif kind == "signature_delta":
            self._sign(_text(delta.get("signature")), out)
        elif kind == "citations_delta":
            self._cite(delta.get("citation"), out)

    def _write(self, kind: Any, text: str, out: list[StreamEvent]) -> None:
        if not text:
            return
        writer = self._writer
        if writer.open is not None and writer.open.kind == kind:
            writer.saw_content = True
            out.append(BlockDelta(writer.index, kind, text))
            return
        self._ensure_started(out)
        self._close(out)
        writer.start(out, BlockStart(0, kind, origin=ID if kind == "thinking" else None))
        writer.delta(out, kind, text)

    def _write_arguments(self, fragment: str, out: list[StreamEvent]) -> None:
        writer = self._writer
        if not fragment or writer.open is None or writer.open.kind != "tool_call":
            return
        self._early_input = ""
        writer.delta(out, "arguments", self._custom.feed(fragment) if self._custom is not None else fragment)

    def _sign(self, signature: str, out: list[StreamEvent]) -> None:
        if signature and self._writer.open is not None and self._writer.open.kind == "thinking":
            self._writer.delta(out, "signature", signature)

    def _cite(self, citation: object, out: list[StreamEvent]) -> None:
        if isinstance(citation, dict) and self._writer.open is not None and self._writer.open.kind == "text":
            out.append(BlockDelta(self._writer.index, "citation", data=citation))

    def _grow(self, block: Json, delta: Json) -> None:
        """Deltas of a block passed on whole: JSON pieces are its input, all else replaces or extends a field."""
        if delta.get("type") == "input_json_delta":
            self._pending_json.append(_text(delta.get("partial_json")))
            return
        for key, value in delta.items():
            if key == "type":
                continue
            held = block.get(key)
            extends = isinstance(held, str) and isinstance(value, str) and key in ("text", "thinking")
            block[key] = held + value if extends else value

    def _block_stop(self, payload: Json, out: list[StreamEvent]) -> None:
        self._close(out)

    def _close(self, out: list[StreamEvent]) -> None:
        """Whatever is open is finished: the rest of its arguments, or the whole of it."""
        if self._pending is not None:
            raw, self._pending = self._pending, None
            text = "".join(self._pending_json)
            self._pending_json = []
            if text:
                raw["input"] = _input(text)
            self._writer.start(out, BlockStart(0, "whole", block=_whole(raw)))
        elif self._writer.open is not None and self._writer.open.kind == "tool_call":
            rest = self._early_input
            if self._custom is not None:
                rest = self._custom.feed(rest) + self._custom.end()
            self._writer.delta(out, "arguments", rest)
            self._early_input = ""
            self._custom = None
        self._writer.stop(out)

    def _message_delta(self, payload: Json, out: list[StreamEvent]) -> None:
        self._ensure_started(out)
        delta = payload.get("delta")
        if isinstance(delta, dict) and isinstance(delta.get("stop_reason"), str):
            self._saw_reason = True
            self._reason = stops.FROM_WIRE.get(delta["stop_reason"])
            sequence, detail = delta.get("stop_sequence"), delta.get("stop_details")
            self._sequence = sequence if isinstance(sequence, str) else None
            self._detail = detail if isinstance(detail, dict) else None
        counted = usage.decode(payload.get("usage"))
        if counted is not None:
            self._close(out)
            out.append(UsageUpdate(counted))

    def _message_stop(self, payload: Json, out: list[StreamEvent]) -> None:
        self._ensure_started(out)
        self._finish(out)

    def _ping(self, payload: Json, out: list[StreamEvent]) -> None:
        out.append(Ping())

    def _error(self, payload: Json, out: list[StreamEvent]) -> None:
        self._fail(error_of_object(payload.get("error")), out)

    # -- the end

    def _finish(self, out: list[StreamEvent]) -> None:
        self._close(out)
        writer = self._writer
        reason = settle(self._reason, writer.saw_tool_call, writer.saw_content or self._saw_reason)
        if reason is None:
            self._fail(ErrorInfo(ErrorKind.SERVER, "The backend's answer was empty and gave no reason to stop"), out)
            return
        self._done = True
        out.append(Finish(reason, self._sequence, self._detail))

    def _fail(self, error: ErrorInfo, out: list[StreamEvent]) -> None:
        if self._started:
            self._close(out)
        self._done = True
        out.append(Error(error))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _input(text: str) -> Any:
    try:
        return jsonio.loads(text)
    except ValueError:
        return {}


def _whole(raw: Json) -> Block:
    blocks = decode_answer_block(raw)
    return blocks[0] if len(blocks) == 1 else Unknown(ID, raw)


_Handler = Callable[[AnthropicStreamDecoder, Json, list[StreamEvent]], None]

_HANDLERS: dict[str, _Handler] = {
    "message_start": AnthropicStreamDecoder._message_start,
    "content_block_start": AnthropicStreamDecoder._block_start,
    "content_block_delta": AnthropicStreamDecoder._block_delta,
    "content_block_stop": AnthropicStreamDecoder._block_stop,
    "message_delta": AnthropicStreamDecoder._message_delta,
    "message_stop": AnthropicStreamDecoder._message_stop,
    "ping": AnthropicStreamDecoder._ping,
    "error": AnthropicStreamDecoder._error,
}

_OPENERS: dict[str, _Handler] = {
    "text": AnthropicStreamDecoder._open_text,
    "thinking": AnthropicStreamDecoder._open_thinking,
    "tool_use": AnthropicStreamDecoder._open_call,
}
