"""A backend's stream into canonical events (openai_responses.md §6).

`output_item.done` has the last word: whatever its item holds beyond the deltas is delivered there, and a stream that
only has whole items (or only the final response) is read as well as one of deltas. Items are delivered one after the
other; events of an item that is not its turn yet wait.
"""

from __future__ import annotations

from collections.abc import Callable

from translators import jsonio
from translators.canonical.blockwriter import BlockWriter
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import Error, Finish, Ping, Start, StopReason, StreamEvent, UsageUpdate
from translators.canonical.names import NameMap
from translators.canonical.stops import settle
from translators.framing.sse import SseParser
from translators.openai_responses.errors import error_of_object
from translators.openai_responses.item_decode import ItemReader, reader_for
from translators.openai_responses.usage import decode_usage
from translators.openai_responses.wire import Json

Events = list[StreamEvent]

_INCOMPLETE = {
    "max_output_tokens": StopReason.LENGTH,
    "content_filter": StopReason.REFUSAL,
    "max_messages": StopReason.PAUSED,
    "steered": StopReason.PAUSED,
}

#: Item types that deltas belong to, where a backend sends no `output_item.added`.
_TYPE_OF_DELTA = (
    ("response.output_text.", "message"),
    ("response.refusal.", "message"),
    ("response.content_part.", "message"),
    ("response.reasoning_", "reasoning"),
)


class ResponsesDecoder:
    """One stream. `names` leads calls back to the client's names."""

    def __init__(self, names: NameMap) -> None:
        self._names = names
        self._parser = SseParser()
        self._writer = BlockWriter()
        self._comments = 0
        self._started = False
        self._ended = False
        self._response_id = ""
        self._current: ItemReader | None = None
        self._waiting: list[Json] = []  # events of items whose turn has not come
        self._items = 0  # items that are done
        self._refused = False
        self._terminal: dict[str, Callable[[Json, Events], None]] = {
            "response.completed": self._complete,
            "response.done": self._complete,
            "response.incomplete": self._complete,
            "response.failed": self._fail,
            "response.cancelled": self._fail,
            "error": self._fail,
        }

    # -- bytes

    def feed(self, data: bytes) -> Events:
        out: Events = []
        if self._ended:
            return out
        for event in self._parser.feed(data):
            self._read(event.data, out)
        if self._parser.comments != self._comments and not self._ended:
            self._comments = self._parser.comments
            out.append(Ping())
        return out

    def end(self) -> Events:
        """A stream without its terminal event was cut, whatever it had brought."""
        out: Events = []
        if self._ended:
            return out
        for event in self._parser.end():
            self._read(event.data, out)
        if not self._ended and not self._started and self._parser.stray.lstrip().startswith(b"{"):
            self._read(self._parser.stray, out)  # a JSON body where a stream was asked for
        if not self._ended:
            too_long = " in an event of more than its limit" if self._parser.overflowed else ""
            message = f"The upstream's stream ended{too_long} before response.completed."
            self._error(ErrorInfo(ErrorKind.SERVER, message), out)
        return out

    def _read(self, data: bytes, out: Events) -> None:
        if self._ended or data.startswith(b"[DONE]"):
            return
        event = jsonio.object_in(data)
        if event is not None:
            self.handle(event, out)

    # -- events

    def handle(self, event: Json, out: Events) -> None:
        """Read one event (also: a whole response under the type of its terminal event)."""
        kind = event.get("type")
        if not isinstance(kind, str):
            kind = self._type_of_bare(event)
        terminal = self._terminal.get(kind)
        if terminal is not None:
            terminal(event, out)
        elif kind.startswith("response."):
            self._start(event.get("response"), out)
            self._item_event(kind, event, out)
        elif kind == "keepalive":
            out.append(Ping())

    def _type_of_bare(self, event: Json) -> str:
        """An object without a type: an error as Chat puts it, or a whole response."""
        if event.get("error") and "output" not in event:
            return "error"
        if event.get("object") == "response" or "output" in event:
            event["response"] = dict(event)
            return "response.failed" if event.get("status") == "failed" else "response.completed"
        return ""

    def _start(self, response: object, out: Events) -> None:
        if self._started:
            return
        self._started = True
        found: Json = response if isinstance(response, dict) else {}
        created = found.get("created_at")
        self._response_id = _text(found.get("id"))
        out.append(
            Start(
                self._response_id,
                _text(found.get("model")),
                int(created) if isinstance(created, int | float) and 0 <= created < 1e12 else None,
            )
        )

    def _item_event(self, kind: str, event: Json, out: Events) -> None:
        if kind == "response.output_item.added":
            self._added(event, out)
        elif kind == "response.output_item.done":
            self._done(event, out)
        elif "output_index" in event or "item_id" in event:
            current = self._current
            if current is None:
                current = self._begin_unannounced(kind, event)
            if current is None:
                return
            if current.owns(event):
                current.event(kind, event, self._writer, out)
            else:
                self._waiting.append(event)

    def _begin_unannounced(self, kind: str, event: Json) -> ItemReader | None:
        wanted = next((item for prefix, item in _TYPE_OF_DELTA if kind.startswith(prefix)), None)
        if wanted is not None:
            item = {"type": wanted, "id": event.get("item_id")}
            self._current = self._reader(item, event)
        return self._current

    def _added(self, event: Json, out: Events) -> None:
        item = event.get("item")
        if not isinstance(item, dict):
            return
        if self._current is not None:
            if not self._current.precedes(event, item):
                self._waiting.append(event)
                return
            self._finish_item(None, out)  # its `done` never came
            if self._current is not None:  # an item that waited is next
                self._waiting.append(event)
                return
        self._current = self._reader(item, event)
        self._current.begin(self._writer, out)

    def _done(self, event: Json, out: Events) -> None:
        item = event.get("item")
        if not isinstance(item, dict):
            return
        current = self._current
        if current is not None and not current.owns({**event, "item_id": item.get("id")}):
            self._waiting.append({"type": "response.output_item.done", **event})
            return
        if current is not None and current.type != item.get("type"):
            self._finish_item(None, out)
            current = self._current
        if current is None:
            self._current = self._reader(item, event)
        self._finish_item(item, out)

    def _reader(self, item: Json, event: Json) -> ItemReader:
        return reader_for(item, event.get("output_index"), self._names, f"{self._response_id}.{self._items}")

    def _finish_item(self, item: Json | None, out: Events) -> None:
        """Deliver what the current item still owes, then what waited behind it."""
        current, self._current = self._current, None
        assert current is not None
        current.finish(item, self._writer, out)
        self._writer.stop(out)
        self._refused = self._refused or current.refused
        self._items += 1
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._item_event(event["type"], event, out)

    # -- the end

    def _complete(self, event: Json, out: Events) -> None:
        response = event.get("response")
        response = response if isinstance(response, dict) else {}
        if response.get("status") in ("failed", "cancelled") or (response.get("error") and not response.get("output")):
            self._fail(event, out)
            return
        self._start(response, out)
        self._settle_items(response.get("output"), out)
        usage = decode_usage(response.get("usage"))
        if usage is not None:
            out.append(UsageUpdate(usage))
        details = response.get("incomplete_details")
        details = details if isinstance(details, dict) else None
        reason: StopReason | None = StopReason.END
        if response.get("status") == "incomplete" or event.get("type") == "response.incomplete" or details:
            reason = _INCOMPLETE.get(_text((details or {}).get("reason")), StopReason.LENGTH)
        elif self._refused:
            reason = StopReason.REFUSAL
        reason = settle(reason, self._writer.saw_tool_call, self._writer.saw_content)
        self._ended = True
        out.append(Finish(reason or StopReason.END, detail=details))

    def _settle_items(self, output: object, out: Events) -> None:
        """Close what is open and deliver items that only the final response has (some backends send no others)."""
        items = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
        while self._current is not None:
            known = items[self._items] if self._items < len(items) else None
            self._finish_item(known if known and self._current.type == known.get("type") else None, out)
        for item in items[self._items :]:
            self._done({"item": item}, out)

    def _fail(self, event: Json, out: Events) -> None:
        response = event.get("response")
        response = response if isinstance(response, dict) else {}
        raw = response.get("error") or event.get("error")
        if not raw and response:
            raw = {"message": f"The upstream's response is {response.get('status') or 'failed'}."}
        if not raw:
            raw = {key: event[key] for key in ("code", "message", "param") if event.get(key) is not None}
        self._start(response, out)
        usage = decode_usage(response.get("usage"))
        status = event.get("status", event.get("status_code"))
        error = error_of_object(raw, status if isinstance(status, int) and 400 <= status < 600 else None)
        self._error(error, out, UsageUpdate(usage) if usage is not None else None)

    def _error(self, error: ErrorInfo, out: Events, usage: UsageUpdate | None = None) -> None:
        self._start(None, out)
        self._writer.stop(out)
        if usage is not None:
            out.append(usage)
        self._ended = True
        out.append(Error(error))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
