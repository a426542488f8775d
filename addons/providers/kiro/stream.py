"""An answer's event stream to canonical events (kiro.md §7). Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from addons.providers.kiro import errors, usage
from addons.providers.kiro.answer_names import AnswerNames
from addons.providers.kiro.calls import Calls
from addons.providers.kiro.dialect import ORIGIN, Dialect
from addons.providers.kiro.tags import Piece, TagSplitter
from translators import jsonio
from translators.canonical import names as tool_names
from translators.canonical.arguments import unwrap_custom
from translators.canonical.blocks import Opaque
from translators.canonical.blockwriter import BlockWriter
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import (
    BlockStart,
    Error,
    Finish,
    Start,
    StopReason,
    StreamEvent,
    UsageUpdate,
)
from translators.canonical.names import NameMap
from translators.canonical.stops import settle
from translators.framing.aws_eventstream import EventStreamParser, Message

Json = dict[str, Any]

CUT = "The backend's stream ended before its answer was complete"
EMPTY = "The backend's answer was empty"
CALL_CUT = "The backend cut off a tool call"

#: Words of `metadataEvent`; §7.4: not to be believed beside calls, what is none of them is an end.
_STOPS = {
    "MAX_TOKENS": StopReason.LENGTH,
    "STOP_SEQUENCE": StopReason.STOP_SEQUENCE,
    "CONTENT_FILTERED": StopReason.REFUSAL,
    "GUARDRAIL_INTERVENED": StopReason.REFUSAL,
    "REFUSAL": StopReason.REFUSAL,
    "MODEL_CONTEXT_WINDOW_EXCEEDED": StopReason.CONTEXT_FULL,
    "PAUSE_TURN": StopReason.PAUSED,
}


class KiroStreamDecoder:
    """What ends an answer is the end of the stream: the events of its tail come in no certain order."""

    def __init__(self, names: NameMap, dialect: Dialect) -> None:
        about = names if isinstance(names, AnswerNames) else AnswerNames()
        self._names, self._dialect, self._window = names, dialect, about.window
        self._parser = EventStreamParser()
        self._writer = BlockWriter()
        self._tags = TagSplitter() if about.tags else None
        self._calls = Calls()
        self._signed = False  # the open thinking block has its signature
        self._started = self._done = False
        self._tail = False
        self._reason: StopReason | None = None
        self._detail: Json | None = None
        self._share: float | None = None  # of the context that is used, in per cent
        self._metering: Json | None = None
        self._tokens: Json | None = None
        self._written: list[str] = []

    def feed(self, data: bytes) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        if self._done:
            return out
        for message in self._parser.feed(data):
            self._message(message, out)
            if self._done:
                return out
        if self._parser.error is not None:
            text = f"The backend's event stream is corrupt: {self._parser.error}"
            self._fail(ErrorInfo(ErrorKind.SERVER, text), out)
        return out

    def end(self) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        if self._done:
            return out
        if self._tags is not None:
            self._pieces(self._tags.end(), out)
        self._writer.stop(out)
        if not self._tail and (self._dialect.has_tail or self._parser.open):
            began = self._writer.saw_content or self._calls.cut
            self._fail(ErrorInfo(ErrorKind.SERVER, CUT if began else EMPTY), out)
            return out
        self._finish(out)
        return out

    # -- the events

    def _message(self, message: Message, out: list[StreamEvent]) -> None:
        payload = jsonio.object_in(message.payload)
        match message.text(":message-type"):
            case "event":
                handler = _HANDLERS.get(message.text(":event-type"))
                if handler is not None and payload is not None:
                    handler(self, payload, out)
            case "exception":
                told = (payload or {}).get("message")
                text = told if isinstance(told, str) else message.payload[:500].decode("utf-8", "replace")
                self._fail(errors.exception(message.text(":exception-type"), text, payload), out)
            case "error":
                self._fail(errors.exception(message.text(":error-code"), message.text(":error-message")), out)

    def _start(self, model: object, out: list[StreamEvent]) -> None:
        if not self._started:
            self._started = True
            out.append(Start(model=model if isinstance(model, str) else ""))

    def _text(self, payload: Json, out: list[StreamEvent]) -> None:
        self._start(payload.get("modelId"), out)  # which one `auto` has chosen
        text = payload.get("content")
        if not isinstance(text, str) or not text:
            return
        self._pieces(self._tags.feed(text) if self._tags is not None else [("text", text)], out)

    def _pieces(self, pieces: list[Piece], out: list[StreamEvent]) -> None:
        for kind, text in pieces:
            self._write(kind, text, out)

    def _write(self, kind: Literal["text", "thinking"], text: str, out: list[StreamEvent]) -> None:
        self._written.append(text)
        if kind == "thinking":
            self._writer.text(out, "thinking", text, origin=ORIGIN)
        else:
            self._writer.text(out, "text", text)

    def _reasoning(self, payload: Json, out: list[StreamEvent]) -> None:
        self._start(None, out)
        redacted, text, signature = (payload.get(name) for name in ("redactedContent", "text", "signature"))
        if isinstance(redacted, str) and redacted:
            self._writer.start(out, BlockStart(0, "whole", block=Opaque(redacted, ORIGIN)))
            self._writer.stop(out)
            return
        if isinstance(text, str) and text:
            if self._signed and self._writer.open is not None and self._writer.open.kind == "thinking":
                self._writer.stop(out)  # what was signed is complete
            self._signed = False
            self._write("thinking", text, out)
        if isinstance(signature, str) and signature:
            if self._writer.open is None or self._writer.open.kind != "thinking":
                self._writer.start(out, BlockStart(0, "thinking", origin=ORIGIN))
            self._writer.delta(out, "signature", signature)
            self._signed = True

    def _call(self, payload: Json, out: list[StreamEvent]) -> None:
        """Nothing of a call is told before all of it is there: a client would take half of one for whole."""
        self._start(None, out)
        call = self._calls.add(payload)
        if call is None:
            return
        if self._tags is not None:
            self._pieces(self._tags.end(), out)
        name, namespace, custom = tool_names.client_call(self._names, call.name)
        self._written.append(call.name + call.arguments)
        start = BlockStart(0, "tool_call", id=call.id, name=name, namespace=namespace)
        if custom:
            start.tool_kind = "custom"
        self._writer.start(out, start)
        self._writer.delta(out, "arguments", unwrap_custom(call.arguments) if custom else call.arguments)
        self._writer.stop(out)

    def _metadata(self, payload: Json, out: list[StreamEvent]) -> None:
        self._ended(out)
        told = payload.get("tokenUsage")
        self._tokens = told if isinstance(told, dict) else self._tokens
        reason = payload.get("stopReason")
        if isinstance(reason, str) and reason:
            self._reason = _STOPS.get(reason.upper(), StopReason.END)
        details = payload.get("stopDetails")
        refusal = details.get("refusal") if isinstance(details, dict) else None
        if isinstance(refusal, dict):
            self._reason = StopReason.REFUSAL
            self._detail = {"category": refusal.get("category"), "message": refusal.get("explanation")}

    def _context(self, payload: Json, out: list[StreamEvent]) -> None:
        self._ended(out)
        self._share = usage.number(payload.get("contextUsagePercentage"))

    def _credits(self, payload: Json, out: list[StreamEvent]) -> None:
        self._ended(out)
        self._metering = {"credits": payload.get("usage"), "unit": payload.get("unit")}

    def _ended(self, out: list[StreamEvent]) -> None:
        self._start(None, out)
        self._tail = True

    def _invalid(self, payload: Json, out: list[StreamEvent]) -> None:
        text = f"{payload.get('message') or 'The backend fell into an invalid state'} ({payload.get('reason')})"
        self._fail(ErrorInfo(ErrorKind.SERVER, text), out)

    # -- the end

    def _finish(self, out: list[StreamEvent]) -> None:
        reason = StopReason.CONTEXT_FULL if self._share is not None and self._share >= 100 else self._reason
        if self._calls.cut:
            if not self._writer.saw_content:
                self._fail(ErrorInfo(ErrorKind.SERVER, CALL_CUT), out)
                return
            reason = reason if reason is StopReason.CONTEXT_FULL else StopReason.LENGTH
        if not self._writer.saw_content and reason in (None, StopReason.END):
            self._fail(ErrorInfo(ErrorKind.SERVER, EMPTY), out)
            return
        self._start(None, out)
        self._used(out)
        settled = settle(reason, self._writer.saw_tool_call, self._writer.saw_content)
        self._done = True
        out.append(Finish(settled or StopReason.END, detail=self._detail))

    def _used(self, out: list[StreamEvent]) -> None:
        found = usage.counted(self._tokens)
        if found is None and self._share is not None and self._window:
            found = usage.guessed(self._share, self._window, "".join(self._written))
        if found is None:
            return
        if self._metering is not None:
            found.raw = {**(found.raw or {}), **self._metering}
        out.append(UsageUpdate(found))

    def _fail(self, error: ErrorInfo, out: list[StreamEvent]) -> None:
        self._writer.stop(out)
        self._done = True
        out.append(Error(error))


_Handler = Callable[[KiroStreamDecoder, Json, list[StreamEvent]], None]

#: Others (licences, citations, follow-ups, results of the service's own tools) say nothing that clients wait for.
_HANDLERS: dict[str, _Handler] = {
    "assistantResponseEvent": KiroStreamDecoder._text,
    "codeEvent": KiroStreamDecoder._text,
    "reasoningContentEvent": KiroStreamDecoder._reasoning,
    "toolUseEvent": KiroStreamDecoder._call,
    "metadataEvent": KiroStreamDecoder._metadata,
    "contextUsageEvent": KiroStreamDecoder._context,
    "meteringEvent": KiroStreamDecoder._credits,
    "invalidStateEvent": KiroStreamDecoder._invalid,
}
