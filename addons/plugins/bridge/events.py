"""The stream form that plugins speak, read into canonical events (requirements.md, "One intermediate stream form").

A plugin may be careless: a missing start, a delta without its block, an end without a stop become what the grammar of
translators/canonical/events.py wants; what makes no sense ends the stream in an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from translators.canonical.blockwriter import BlockWriter
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import (
    BlockStart,
    Error,
    Finish,
    Ping,
    Start,
    StopReason,
    StreamEvent,
    Usage,
    UsageUpdate,
)
from translators.canonical.ids import derive

Json = dict[str, Any]

#: Field of a `usage` event → field of `Usage`.
_COUNTS = {
    "input": "input_fresh",
    "output": "output",
    "cache_read": "cache_read",
    "cache_write": "cache_write_5m",
    "cache_write_1h": "cache_write_1h",
    "reasoning": "reasoning",
}
#: How plugins call the kinds of blocks.
_KINDS = {"text": "text", "thinking": "thinking", "refusal": "refusal"}
_CUT = ErrorInfo(ErrorKind.SERVER, "the plugin ended the answer before it was complete")


class _Nonsense(ValueError):
    """An event does not have the fields of its type."""


class EventReader:
    """One answer. `seed` is unique to it: ids that the plugin leaves out are made of it. `origin` is the protocol that
    signatures belong to. After Finish or Error nothing more is returned."""

    def __init__(self, seed: str, model: str, origin: str) -> None:
        self._seed, self._model, self._origin = seed, model, origin
        self._writer = BlockWriter()
        self._started = self.done = False
        self._usage = Usage()
        self._finish: Finish | None = None
        self._calls = 0

    def feed(self, events: Iterable[Json]) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        for event in events:
            if self.done:
                break
            read = _READERS.get(str(event.get("type", "")))
            if read is None or (self._finish is not None and read not in _AFTER):
                continue  # of a newer protocol; or content after the end
            try:
                read(self, event, out)
            except _Nonsense as error:
                self._fail(ErrorInfo(ErrorKind.SERVER, f"the plugin sent an event without sense: {error}"), out)
        return out

    def end(self) -> list[StreamEvent]:
        """The plugin has no more to say."""
        out: list[StreamEvent] = []
        if self.done:
            return out
        if self._finish is None:
            self._fail(ErrorInfo(_CUT.kind, _CUT.message), out)
            return out
        self._begin(out)
        self._writer.stop(out)
        out += [UsageUpdate(self._usage), self._finish]
        self.done = True
        return out

    # -- one method an event

    def _message_start(self, event: Json, out: list[StreamEvent]) -> None:
        if not self._started:
            self._started = True
            created = event.get("created")
            out.append(
                Start(_text(event, "id", ""), _text(event, "model", ""), created if isinstance(created, int) else None)
            )
        if isinstance(event.get("usage"), dict):
            self._count(event["usage"], out)

    def _block_start(self, event: Json, out: list[StreamEvent]) -> None:
        kind = _text(event, "kind")
        if kind in ("tool_use", "tool_call"):
            self._tool_use_start(event, out)
        elif kind in _KINDS:
            self._begin(out)
            self._open(kind, out)
        else:
            raise _Nonsense(f"block_start of kind {kind[:40]!r}")

    def _text_delta(self, event: Json, out: list[StreamEvent]) -> None:
        self._delta("text", event, out)

    def _refusal_delta(self, event: Json, out: list[StreamEvent]) -> None:
        self._delta("refusal", event, out)

    def _thinking_delta(self, event: Json, out: list[StreamEvent]) -> None:
        self._delta("thinking", event, out)

    def _signature(self, event: Json, out: list[StreamEvent]) -> None:
        signature = _text(event, "signature")
        self._within("thinking", out)
        self._writer.delta(out, "signature", signature)

    def _tool_use_start(self, event: Json, out: list[StreamEvent]) -> None:
        self._begin(out)
        identifier = _text(event, "id", "") or derive(self._seed, self._calls, prefix="call_")
        self._calls += 1
        name = _text(event, "name")
        if not name:
            raise _Nonsense("tool_use_start without a name")
        self._writer.start(out, BlockStart(0, "tool_call", id=identifier, name=name))

    def _tool_input_delta(self, event: Json, out: list[StreamEvent]) -> None:
        piece = _text(event, "partial_json")
        if self._writer.open is None or self._writer.open.kind != "tool_call":
            raise _Nonsense("tool_input_delta outside of a tool use")
        self._writer.delta(out, "arguments", piece)

    def _block_stop(self, _: Json, out: list[StreamEvent]) -> None:
        self._writer.stop(out)

    def _usage_event(self, event: Json, out: list[StreamEvent]) -> None:
        self._count(event, out)

    def _message_stop(self, event: Json, out: list[StreamEvent]) -> None:
        """Held back until the end: usage may follow it."""
        word = _text(event, "reason", "end")
        try:
            reason = StopReason(word)
        except ValueError:
            raise _Nonsense(f"message_stop for the reason {word[:40]!r}") from None
        if reason is StopReason.END and self._writer.saw_tool_call:
            reason = StopReason.TOOL_USE  # field.md, case 5
        sequence = event.get("stop_sequence")
        self._finish = Finish(reason, sequence if isinstance(sequence, str) else None)

    def _error(self, event: Json, out: list[StreamEvent]) -> None:
        try:
            kind = ErrorKind(_text(event, "kind", ErrorKind.SERVER))
        except ValueError:
            kind = ErrorKind.SERVER
        wait = event.get("retry_after")
        number = isinstance(wait, int | float) and not isinstance(wait, bool) and wait >= 0
        message = _text(event, "message", "") or "the upstream failed"
        self._fail(ErrorInfo(kind, message, retry_after=wait if number else None), out)

    def _ping(self, _: Json, out: list[StreamEvent]) -> None:
        out.append(Ping())

    # -- within

    def _begin(self, out: list[StreamEvent]) -> None:
        if not self._started:
            self._started = True
            out.append(Start("", self._model))

    def _open(self, kind: str, out: list[StreamEvent]) -> None:
        origin = self._origin if kind == "thinking" else None
        self._writer.start(out, BlockStart(0, kind, origin=origin))  # type: ignore[arg-type]

    def _within(self, kind: str, out: list[StreamEvent]) -> None:
        self._begin(out)
        if self._writer.open is None or self._writer.open.kind != kind:
            self._open(kind, out)

    def _delta(self, kind: str, event: Json, out: list[StreamEvent]) -> None:
        text = _text(event, "text")
        self._within(kind, out)
        self._writer.delta(out, kind, text)  # type: ignore[arg-type]

    def _count(self, counts: Json, out: list[StreamEvent]) -> None:
        for name, field in _COUNTS.items():
            value = counts.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                setattr(self._usage, field, value)

    def _fail(self, error: ErrorInfo, out: list[StreamEvent]) -> None:
        self._writer.stop(out)
        out.append(Error(error))
        self.done = True


def _text(event: Json, name: str, default: str | None = None) -> str:
    """A field that is text. Raises _Nonsense."""
    value = event.get(name, default)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise _Nonsense(f"{str(event.get('type'))[:40]} without {name!r}")
    return value


_Reader = Callable[[EventReader, Json, list[StreamEvent]], None]
_READERS: dict[str, _Reader] = {
    "message_start": EventReader._message_start,
    "block_start": EventReader._block_start,
    "text_delta": EventReader._text_delta,
    "refusal_delta": EventReader._refusal_delta,
    "thinking_delta": EventReader._thinking_delta,
    "signature": EventReader._signature,
    "tool_use_start": EventReader._tool_use_start,
    "tool_input_delta": EventReader._tool_input_delta,
    "tool_use_stop": EventReader._block_stop,
    "block_stop": EventReader._block_stop,
    "usage": EventReader._usage_event,
    "message_stop": EventReader._message_stop,
    "error": EventReader._error,
    "ping": EventReader._ping,
}
#: What may follow a message_stop.
_AFTER = (EventReader._usage_event, EventReader._block_stop, EventReader._error, EventReader._ping)
#: The types, for the documentation's test.
TYPES = tuple(_READERS)
