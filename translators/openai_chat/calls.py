"""Puts tool calls together from the fragments that chat backends send, one call after the other.

In the book, `index` is the key, and id and name come with the first fragment. In the field (openai_chat.md §5,
mapping.md §6) the index is 0 for all, missing or text; ids are new on every fragment, late, or never come; names are
repeated or empty; arguments are objects; fragments of parallel calls interleave. One call is written at a time: what
arrives for others is held until the open one is complete.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from translators import jsonio
from translators.canonical import ids
from translators.canonical.arguments import StringFieldDecoder, is_complete
from translators.canonical.blockwriter import BlockWriter
from translators.canonical.events import BlockStart, StreamEvent
from translators.canonical.names import NameMap, client_call
from translators.openai_chat import details
from translators.openai_chat.wire import ID, Json

#: The name of a call that came with arguments but never with a name: the client will answer that there is no such tool.
NAMELESS = "unknown_tool"

_NUMBER = re.compile(r"[0-9]{1,6}")


@dataclass(slots=True, eq=False)
class _Call:
    number: int
    id: str = ""
    name: str = ""
    custom: bool = False
    pieces: list[str] = field(default_factory=list)  # all arguments so far
    delivered: int = 0  # of `pieces`
    state: Literal["waiting", "open", "closed"] = "waiting"
    extra: Json | None = None
    unwrap: StringFieldDecoder | None = None

    @property
    def ready(self) -> bool:
        """Named, and identified as well as it will be: once arguments flow without an id, none is to be expected."""
        return bool(self.name) and bool(self.id or self.pieces)

    @property
    def complete(self) -> bool:
        """Nothing is missing from its arguments. Free text never tells; OpenAI sends such calls one after the other."""
        if self.custom:
            return bool(self.pieces)
        text = "".join(self.pieces).rstrip()
        return text.endswith("}") and is_complete(text)


class CallAssembler:
    """`seed()` is unique to the answer; ids that the backend does not send are derived from it."""

    def __init__(self, names: NameMap, writer: BlockWriter, seed: Callable[[], str]) -> None:
        self._names = names
        self._writer = writer
        self._seed = seed
        self._calls: list[_Call] = []
        self._by_index: dict[Any, _Call] = {}
        self._open: _Call | None = None

    @property
    def is_open(self) -> bool:
        return self._open is not None

    def add(self, fragments: list[Any], out: list[StreamEvent]) -> None:
        """Take the `tool_calls` of one delta."""
        seen: set[int] = set()  # calls that this very delta spoke of
        for fragment in fragments:
            if isinstance(fragment, dict):
                call = self._take(fragment, seen)
                if call is not None:
                    seen.add(call.number)
                    self._deliver(out)

    def make_way(self, out: list[StreamEvent]) -> bool:
        """Another kind of content wants to be written: True if no call is in its way (any more)."""
        call = self._open
        if call is None:
            return True
        if not call.complete or any(other.state == "waiting" for other in self._calls):
            return False
        self._close(call, out)
        return True

    def finish(self, out: list[StreamEvent]) -> None:
        """The answer is over: whatever waited is written, nameless calls only if they have arguments."""
        if self._open is not None:
            self._close(self._open, out)
        for call in self._calls:
            if call.state != "waiting" or not (call.name or "".join(call.pieces).strip()):
                continue
            call.name = call.name or NAMELESS
            self._start(call, out)
            self._close(call, out)

    # -- whose fragment is it?

    def _take(self, fragment: Json, seen: set[int]) -> _Call | None:
        custom = "custom" in fragment and "function" not in fragment
        inner = fragment.get("custom" if custom else "function")
        inner = inner if isinstance(inner, dict) else fragment  # some put name and arguments beside the id
        name, call_id = _text(inner.get("name")), _text(fragment.get("id"))
        arguments = inner.get("input" if custom else "arguments")
        if isinstance(arguments, dict | list):
            arguments = jsonio.dumps_str(arguments)
        arguments = _text(arguments)

        call = self._of(_index(fragment.get("index")), call_id, name, arguments, seen)
        if call.state == "closed":
            return None
        call.custom = call.custom or custom
        call.id = call.id or call_id
        call.name = call.name or name
        if arguments:
            call.pieces.append(arguments)
        if isinstance(fragment.get("extra_content"), dict):
            call.extra = fragment["extra_content"]
        return call

    def _of(self, index: int | None, call_id: str, name: str, arguments: str, seen: set[int]) -> _Call:
        known = self._with_index(index, call_id) if index is not None else self._without_index(call_id)
        if known is None or self._is_another(known, call_id, name, arguments, index is None, seen):
            known = _Call(len(self._calls))
            self._calls.append(known)
        if index is not None:
            self._by_index[index] = known
        return known

    def _with_index(self, index: int, call_id: str) -> _Call | None:
        """Under one index for all calls (Ollama) a known id tells them apart."""
        known = self._by_index.get(index)
        if known is None or not call_id or known.id == call_id:
            return known
        return next((call for call in self._calls if call.id == call_id), known)

    def _without_index(self, call_id: str) -> _Call | None:
        """By id where it is a known one, else the latest call."""
        known = next((call for call in self._calls if call_id and call.id == call_id), None)
        return known or (self._calls[-1] if self._calls else None)

    def _is_another(
        self, known: _Call, call_id: str, name: str, arguments: str, no_index: bool, seen: set[int]
    ) -> bool:
        """Whether a fragment that its index (or its lack of one) gives to `known` begins a new call.

        A new id with a name does (Ollama), a new id without one is noise (OCI). Without ids a name begins a new call
        where the known one is complete, has another name with its arguments, or stands in the same list.
        """
        if not name or not known.name:
            return False
        if no_index and known.number in seen:
            return True
        if call_id and known.id:
            if call_id == known.id:
                return False
            # Name and id repeated, the id new each time: still the same call while its arguments are unfinished.
            unfinished = bool(known.pieces) and not known.complete
            return not (unfinished and name == known.name and known.number not in seen)
        if not known.pieces:
            return False
        return name != known.name or (arguments.lstrip().startswith("{") and known.complete)

    # -- one at a time

    def _deliver(self, out: list[StreamEvent]) -> None:
        while True:
            call = self._open
            if call is None:
                call = next((waiting for waiting in self._calls if waiting.state == "waiting" and waiting.ready), None)
                if call is None:
                    return
                self._start(call, out)
            self._write(call, out)
            others = any(other.state == "waiting" and other.ready for other in self._calls)
            if not others or not call.complete:
                return
            self._close(call, out)

    def _start(self, call: _Call, out: list[StreamEvent]) -> None:
        name, namespace, wrapped = client_call(self._names, call.name)
        if wrapped:
            call.unwrap = StringFieldDecoder()
        if call.extra is not None:
            # What is bound to a call is held in a Thinking block of its own right before it (blocks.Thinking).
            self._writer.start(out, BlockStart(0, "thinking", origin=ID, thinking_kind="raw"))
            self._writer.delta(out, "signature", details.pack_extra(call.extra))
        if not call.id or any(other.id == call.id for other in self._calls[: call.number]):
            call.id = ids.derive(self._seed(), call.number, prefix="call_")
        kind: Literal["function", "custom"] = "custom" if wrapped or call.custom else "function"
        self._writer.start(out, BlockStart(0, "tool_call", call.id, name, kind, namespace))
        call.state = "open"
        self._open = call

    def _write(self, call: _Call, out: list[StreamEvent]) -> None:
        for piece in call.pieces[call.delivered :]:
            self._writer.delta(out, "arguments", piece if call.unwrap is None else call.unwrap.feed(piece))
        call.delivered = len(call.pieces)

    def _close(self, call: _Call, out: list[StreamEvent]) -> None:
        self._write(call, out)
        if call.unwrap is not None:
            self._writer.delta(out, "arguments", call.unwrap.end())
        self._writer.stop(out)
        call.state = "closed"
        self._open = None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _index(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None
