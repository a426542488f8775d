"""Readers of output items: each turns one item, streamed or whole, into blocks (openai_responses.md §6).

A reader counts what it has delivered, so that the whole item at the end only adds what the deltas did not bring.
"""

from __future__ import annotations

from typing import Literal

from translators import jsonio
from translators.canonical import ids
from translators.canonical.arguments import StringFieldDecoder
from translators.canonical.blocks import Block, Image, Opaque, Unknown
from translators.canonical.blockwriter import BlockWriter
from translators.canonical.events import BlockDelta, BlockStart, StreamEvent
from translators.canonical.names import NameMap, client_call
from translators.openai_responses import client_tools
from translators.openai_responses.input_decode import PART_BREAK, reasoning_text
from translators.openai_responses.wire import ID, Json

Events = list[StreamEvent]


class ItemReader:
    """One item of type `type`. `refused` tells whether it held a refusal."""

    def __init__(self, item: Json, index: object, names: NameMap, seed: str) -> None:
        self.type = str(item.get("type"))
        self.refused = False
        self._item = item
        self._index = index if isinstance(index, int) else None
        self._id = item.get("id") if isinstance(item.get("id"), str) else None
        self._names = names
        self._seed = seed

    def owns(self, event: Json) -> bool:
        """Whether `event` belongs to this item: by position, or by id where a backend counts no positions."""
        index = event.get("output_index")
        if isinstance(index, int) and self._index is not None:
            return index == self._index
        identity = event.get("item_id")
        return not isinstance(identity, str) or self._id is None or identity == self._id

    def precedes(self, event: Json, item: Json) -> bool:
        """Whether a new item under this one's position shows that this one is over (backends that always say 0)."""
        return self.owns({**event, "item_id": item.get("id")}) or not isinstance(event.get("output_index"), int)

    def begin(self, writer: BlockWriter, out: Events) -> None:
        """The item was announced."""

    def event(self, kind: str, event: Json, writer: BlockWriter, out: Events) -> None:
        """A delta, or what else comes between `added` and `done`."""

    def finish(self, item: Json | None, writer: BlockWriter, out: Events) -> None:
        """The item is over; `item` is the whole of it, None if the backend never sent it."""


class MessageReader(ItemReader):
    """Each content part is a block of its own."""

    def __init__(self, item: Json, index: object, names: NameMap, seed: str) -> None:
        super().__init__(item, index, names, seed)
        self._part: int | None = None  # content_index of the open part
        self._sent: dict[int | None, int] = {}  # content_index → characters delivered
        self._cited: dict[int | None, int] = {}

    def event(self, kind: str, event: Json, writer: BlockWriter, out: Events) -> None:
        index = event.get("content_index")
        index = index if isinstance(index, int) else None
        match kind:
            case "response.output_text.delta":
                self._deliver(index, "text", event.get("delta"), writer, out)
            case "response.refusal.delta":
                self._deliver(index, "refusal", event.get("delta"), writer, out)
            case "response.output_text.annotation.added":
                self._open(index, "text", writer, out)
                self._cite(index, event.get("annotation"), writer, out)
            case "response.content_part.done":
                self._complete(index, event.get("part"), writer, out)
            case _:
                pass  # `content_part.added` is empty, `output_text.done` repeats what `content_part.done` says

    def finish(self, item: Json | None, writer: BlockWriter, out: Events) -> None:
        content = (item or {}).get("content")
        if isinstance(content, str):
            content = [{"type": "output_text", "text": content}]
        for index, part in enumerate(content if isinstance(content, list) else ()):
            # Some backends give no content_index: theirs is the only part.
            self._complete(None if index == 0 and None in self._sent else index, part, writer, out, item)

    def _complete(
        self, index: int | None, part: object, writer: BlockWriter, out: Events, item: Json | None = None
    ) -> None:
        if not isinstance(part, dict):
            return
        kind: Literal["text", "refusal"] = "refusal" if part.get("type") == "refusal" else "text"
        text = part.get("refusal" if kind == "refusal" else "text")
        if not isinstance(text, str):
            return
        rest = text[self._sent.get(index, 0) :]
        if rest:
            if item is not None:
                self._item = {**self._item, **item}
            self._deliver(index, kind, rest, writer, out)
        notes = part.get("annotations")
        if isinstance(notes, list) and index in self._sent and index == self._part:
            for note in notes[self._cited.get(index, 0) :]:
                self._cite(index, note, writer, out)

    def _deliver(
        self, index: int | None, kind: Literal["text", "refusal"], text: object, writer: BlockWriter, out: Events
    ) -> None:
        if not isinstance(text, str) or not text or not self._open(index, kind, writer, out):
            return
        self._sent[index] += len(text)
        writer.delta(out, kind, text)

    def _open(self, index: int | None, kind: Literal["text", "refusal"], writer: BlockWriter, out: Events) -> bool:
        """Have the part's block open; False if it is over already (a block never reopens)."""
        if index in self._sent:
            return index == self._part
        self._part = index
        self._sent[index] = 0
        self.refused = self.refused or kind == "refusal"
        phase = self._item.get("phase")
        writer.start(out, BlockStart(0, kind, phase=phase if isinstance(phase, str) and kind == "text" else None))
        return True

    def _cite(self, index: int | None, note: object, writer: BlockWriter, out: Events) -> None:
        if isinstance(note, dict) and index == self._part and writer.open is not None:
            self._cited[index] = self._cited.get(index, 0) + 1
            out.append(BlockDelta(writer.index, "citation", data=note))


class ReasoningReader(ItemReader):
    """One thinking block; the parts of a summary are joined. The block opens with its first text or at the end."""

    def __init__(self, item: Json, index: object, names: NameMap, seed: str) -> None:
        super().__init__(item, index, names, seed)
        self._kind: Literal["raw", "summary"] | None = None
        self._part: object = None
        self._sent = 0

    def event(self, kind: str, event: Json, writer: BlockWriter, out: Events) -> None:
        if kind == "response.reasoning_summary_text.delta":
            self._deliver("summary", event.get("summary_index"), event.get("delta"), writer, out)
        elif kind == "response.reasoning_text.delta":
            self._deliver("raw", event.get("content_index"), event.get("delta"), writer, out)

    def finish(self, item: Json | None, writer: BlockWriter, out: Events) -> None:
        if item is None:
            return
        text, kind = reasoning_text(item)
        if self._kind is None:
            self._deliver(kind, None, text, writer, out)
        elif kind == self._kind and len(text) > self._sent:
            writer.delta(out, "thinking", text[self._sent :])
        encrypted = item.get("encrypted_content")
        if isinstance(encrypted, str) and encrypted:
            self._open("summary", writer, out)
            out.append(BlockDelta(writer.index, "signature", encrypted))

    def _deliver(
        self, kind: Literal["raw", "summary"], part: object, text: object, writer: BlockWriter, out: Events
    ) -> None:
        if not isinstance(text, str) or not text or self._kind not in (None, kind):
            return
        if self._kind is not None and part != self._part:
            writer.delta(out, "thinking", PART_BREAK)
            self._sent += len(PART_BREAK)
        self._open(kind, writer, out)
        self._part = part
        self._sent += len(text)
        writer.delta(out, "thinking", text)

    def _open(self, kind: Literal["raw", "summary"], writer: BlockWriter, out: Events) -> None:
        if self._kind is None:
            self._kind = kind
            writer.start(out, BlockStart(0, "thinking", origin=ID, thinking_kind=kind, item_id=self._id))


class CallReader(ItemReader):
    """A function call or a custom tool's: opens when its name is known."""

    def __init__(self, item: Json, index: object, names: NameMap, seed: str) -> None:
        super().__init__(item, index, names, seed)
        self._is_custom = self.type == "custom_tool_call"
        self._member = "input" if self._is_custom else "arguments"
        self._unwrap: StringFieldDecoder | None = None
        self._opened = False
        self._held: list[str] = []  # deltas before the name
        self._sent = 0

    def begin(self, writer: BlockWriter, out: Events) -> None:
        self._open(self._item, writer, out)  # its arguments are not read: some backends put a placeholder there

    def event(self, kind: str, event: Json, writer: BlockWriter, out: Events) -> None:
        if kind.endswith(".delta"):
            self._deliver(event.get("delta"), writer, out)
        elif kind.endswith(".done"):
            self._rest(event.get(self._member), writer, out)

    def finish(self, item: Json | None, writer: BlockWriter, out: Events) -> None:
        if item is not None:
            self._open({**self._item, **item}, writer, out)
        if item is not None or not self._sent:
            self._rest((item or self._item).get(self._member), writer, out)
        if self._unwrap is not None and self._opened:
            writer.delta(out, "arguments", self._unwrap.end())

    def _open(self, item: Json, writer: BlockWriter, out: Events) -> None:
        name = item.get("name")
        if self._opened or not isinstance(name, str) or not name:
            return
        self._opened = True
        call_id = item.get("call_id") or item.get("id")
        name, namespace, wrapped = client_call(self._names, name)
        own_namespace = item.get("namespace")
        if isinstance(own_namespace, str) and own_namespace:
            namespace = own_namespace
        if wrapped and not self._is_custom:
            self._unwrap = StringFieldDecoder()
        start = BlockStart(
            0,
            "tool_call",
            id=call_id if isinstance(call_id, str) else ids.derive(self._seed, prefix="call_"),
            name=name,
            tool_kind="custom" if self._is_custom or wrapped else "function",
            namespace=namespace,
        )
        writer.start(out, start)
        held, self._held = self._held, []
        for text in held:
            self._write(text, writer, out)

    def _rest(self, whole: object, writer: BlockWriter, out: Events) -> None:
        if isinstance(whole, dict):  # a compatible that does not know that arguments are text
            whole = jsonio.dumps_str(whole)
        if isinstance(whole, str):
            self._deliver(whole[self._sent :], writer, out)

    def _deliver(self, text: object, writer: BlockWriter, out: Events) -> None:
        if not isinstance(text, str) or not text:
            return
        self._sent += len(text)
        if self._opened:
            self._write(text, writer, out)
        else:
            self._held.append(text)

    def _write(self, text: str, writer: BlockWriter, out: Events) -> None:
        writer.delta(out, "arguments", text if self._unwrap is None else self._unwrap.feed(text))


class ClientToolReader(ItemReader):
    """A built-in tool that the client executes: a function call, whole at the end."""

    def finish(self, item: Json | None, writer: BlockWriter, out: Events) -> None:
        if item is None or not client_tools.is_client_executed(item):
            WholeReader.finish(WholeReader(self._item, self._index, self._names, self._seed), item, writer, out)
            return
        known = client_tools.BY_CALL[self.type]
        call_id = item.get("call_id") or item.get("id")
        identity = call_id if isinstance(call_id, str) else ids.derive(self._seed, prefix="call_")
        writer.start(out, BlockStart(0, "tool_call", id=identity, name=known.name))
        writer.delta(out, "arguments", known.arguments(item))


class WholeReader(ItemReader):
    """Everything else: nothing until it is done, then one whole block."""

    def finish(self, item: Json | None, writer: BlockWriter, out: Events) -> None:
        if item is not None:
            writer.start(out, BlockStart(0, "whole", block=_whole(item)))


def _whole(item: Json) -> Block:
    if item.get("type") in ("compaction", "compaction_summary") and isinstance(item.get("encrypted_content"), str):
        return Opaque(item["encrypted_content"], ID, "compaction")
    if item.get("type") == "image_generation_call" and isinstance(item.get("result"), str) and item["result"]:
        form = item.get("output_format")
        return Image(f"image/{form if isinstance(form, str) and form else 'png'}", item["result"])
    return Unknown(ID, item)


_READERS: dict[str, type[ItemReader]] = {
    "message": MessageReader,
    "reasoning": ReasoningReader,
    "function_call": CallReader,
    "custom_tool_call": CallReader,
    **dict.fromkeys(client_tools.BY_CALL, ClientToolReader),
}


def reader_for(item: Json, index: object, names: NameMap, seed: str) -> ItemReader:
    """`seed` makes up the id of a call that has none."""
    return _READERS.get(str(item.get("type")), WholeReader)(item, index, names, seed)
