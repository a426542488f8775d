"""Writers of output items: each turns one canonical block into the events of one item, and the item itself.

The sequences are those of openai_responses.md §6. `item` is complete once the writer was closed; `id` is the same in
every event.
"""

from __future__ import annotations

from collections.abc import Callable

from translators import jsonio
from translators.canonical.arguments import as_object, is_complete
from translators.canonical.blocks import Image, Opaque, Unknown
from translators.canonical.events import BlockDelta, BlockStart
from translators.openai_responses import citations
from translators.openai_responses.client_tools import ClientTool
from translators.openai_responses.input_decode import carry
from translators.openai_responses.wire import ID, Json

#: Writes one event: type and members; the stream adds the sequence number.
Emit = Callable[[str, Json], None]

#: Writes the commonest event with a prepared head: type, the JSON text of the other members, the delta.
EmitDelta = Callable[[bytes, str], None]


class ItemWriter:
    """One item at `index` of the output.

    `cut` tells `close` that the answer ended in this block and may have broken it off. A call that did is never said to
    be done: Codex executes what `output_item.done` brings (openai_responses.md §6, CLIProxyAPI 78f0c4079).
    """

    prefix = "item_"
    is_call = False

    def __init__(self, start: BlockStart, identity: str, index: int, emit: Emit, emit_delta: EmitDelta) -> None:
        self.item: Json = {"id": identity}
        self._start = start
        self._at: Json = {"item_id": identity, "output_index": index}
        self._index = index
        self._emit = emit
        self._emit_delta = emit_delta
        self._pieces: list[str] = []

    def open(self) -> None:
        """Announce the item."""

    def delta(self, delta: BlockDelta) -> None:
        """Deliver a piece of the block."""

    def close(self, cut: bool) -> None:
        """Complete `item` and say so."""

    def _added(self) -> None:
        self._emit("response.output_item.added", {"output_index": self._index, "item": self.item})

    def _done(self) -> None:
        self._emit("response.output_item.done", {"output_index": self._index, "item": self.item})

    def _head(self, kind: str, **members: object) -> bytes:
        """The frame of a delta event up to the delta's value."""
        body = jsonio.dumps({"type": kind, **self._at, **members})
        return b"event: " + kind.encode() + b"\ndata: " + body[:-1] + b',"delta":'


class TextWriter(ItemWriter):
    """A message with one part: text, or a refusal."""

    prefix = "msg_"

    def open(self) -> None:
        start = self._start
        self._refusal = start.kind == "refusal"
        self._citations: list[Json] = []
        self._length = 0
        self.item |= {"type": "message", "status": "in_progress", "role": "assistant", "content": []}
        if start.phase is not None:
            self.item["phase"] = start.phase
        self._added()
        self._emit("response.content_part.added", {**self._at, "content_index": 0, "part": self._part("")})
        if self._refusal:
            self._delta_head = self._head("response.refusal.delta", content_index=0)
        else:
            self._delta_head = self._head("response.output_text.delta", content_index=0, logprobs=[])

    def delta(self, delta: BlockDelta) -> None:
        if delta.kind == "citation":
            self._cite(delta.data or {})
        elif delta.text:
            self._pieces.append(delta.text)
            self._length += len(delta.text)
            self._emit_delta(self._delta_head, delta.text)

    def close(self, cut: bool) -> None:
        text = "".join(self._pieces)
        part = self._part(text)
        at = {**self._at, "content_index": 0}
        if self._refusal:
            self._emit("response.refusal.done", {**at, "refusal": text})
        else:
            self._emit("response.output_text.done", {**at, "text": text, "logprobs": []})
        self._emit("response.content_part.done", {**at, "part": part})
        self.item = {**self.item, "status": "incomplete" if cut else "completed", "content": [part]}
        self._done()

    def _part(self, text: str) -> Json:
        if self._refusal:
            return {"type": "refusal", "refusal": text}
        return {"type": "output_text", "text": text, "annotations": list(self._citations), "logprobs": []}

    def _cite(self, citation: Json) -> None:
        annotation = citations.encode(citation, self._length)
        if annotation is None or self._refusal:
            return
        position = {**self._at, "content_index": 0, "annotation_index": len(self._citations)}
        self._citations.append(annotation)
        self._emit("response.output_text.annotation.added", {**position, "annotation": annotation})


class ReasoningWriter(ItemWriter):
    """Thinking. Only this protocol's own raw reasoning is `content`; all else is a summary: Codex shows summaries and
    sends them back, raw reasoning it hides and drops."""

    prefix = "rs_"

    def open(self) -> None:
        self._raw = self._start.thinking_kind == "raw" and self._start.origin == ID
        self._signature: str | None = None
        self._delta_head = b""
        self.item |= {"type": "reasoning", "status": "in_progress", "summary": []}
        self._added()

    def delta(self, delta: BlockDelta) -> None:
        if delta.kind == "signature":
            self._signature = delta.text
        elif delta.text:
            if not self._delta_head:
                self._begin_part()
            self._pieces.append(delta.text)
            self._emit_delta(self._delta_head, delta.text)

    def _begin_part(self) -> None:
        if self._raw:
            part = {"type": "reasoning_text", "text": ""}
            self._emit("response.content_part.added", {**self._at, "content_index": 0, "part": part})
            self._delta_head = self._head("response.reasoning_text.delta", content_index=0)
        else:
            part = {"type": "summary_text", "text": ""}
            self._emit("response.reasoning_summary_part.added", {**self._at, "summary_index": 0, "part": part})
            self._delta_head = self._head("response.reasoning_summary_text.delta", summary_index=0)

    def close(self, cut: bool) -> None:
        text = "".join(self._pieces)
        if text and self._raw:
            part = {"type": "reasoning_text", "text": text}
            self._emit("response.reasoning_text.done", {**self._at, "content_index": 0, "text": text})
            self._emit("response.content_part.done", {**self._at, "content_index": 0, "part": part})
            self.item = {**self.item, "content": [part]}
        elif text:
            part = {"type": "summary_text", "text": text}
            self._emit("response.reasoning_summary_text.done", {**self._at, "summary_index": 0, "text": text})
            self._emit("response.reasoning_summary_part.done", {**self._at, "summary_index": 0, "part": part})
            self.item = {**self.item, "summary": [part]}
        encrypted = None if self._signature is None else carry(self._signature, self._start.origin)
        self.item = {**self.item, "status": "incomplete" if cut else "completed", "encrypted_content": encrypted}
        self._done()


class CallWriter(ItemWriter):
    """A call of a function or of a custom tool."""

    prefix = "fc_"
    is_call = True
    type = "function_call"
    member = "arguments"
    events = "response.function_call_arguments"

    def open(self) -> None:
        start = self._start
        self.item |= {"type": self.type, "status": "in_progress", "call_id": start.id, "name": start.name}
        if start.namespace is not None:
            self.item["namespace"] = start.namespace
        self.item[self.member] = ""
        self._added()
        self._delta_head = self._head(f"{self.events}.delta")

    def delta(self, delta: BlockDelta) -> None:
        if delta.text:
            self._pieces.append(delta.text)
            self._emit_delta(self._delta_head, delta.text)

    def close(self, cut: bool) -> None:
        text = "".join(self._pieces)
        if cut and self._is_broken(text):
            self.item = {**self.item, self.member: text, "status": "incomplete"}
            return
        text = self._whole(text)
        self._emit(f"{self.events}.done", {**self._at, self.member: text})
        self.item = {**self.item, self.member: text, "status": "completed"}
        self._done()

    def _is_broken(self, text: str) -> bool:
        return not text or not is_complete(text)

    def _whole(self, text: str) -> str:
        """Codex parses arguments as JSON: a call without any has an empty object."""
        return text or "{}"


class CustomCallWriter(CallWriter):
    """Free text has no end of its own: one that the answer ended in counts as broken off."""

    prefix = "ctc_"
    type = "custom_tool_call"
    member = "input"
    events = "response.custom_tool_call_input"

    def _is_broken(self, text: str) -> bool:
        return True

    def _whole(self, text: str) -> str:
        return text


class ClientToolWriter(ItemWriter):
    """A call of a built-in that the client executes: one whole item, because its action is an object."""

    is_call = True

    def __init__(
        self, tool: ClientTool, start: BlockStart, identity: str, index: int, emit: Emit, emit_delta: EmitDelta
    ) -> None:
        super().__init__(start, identity, index, emit, emit_delta)
        self._tool = tool

    def delta(self, delta: BlockDelta) -> None:
        self._pieces.append(delta.text)

    def close(self, cut: bool) -> None:
        text = "".join(self._pieces)
        self.item |= self._tool.call_item(self._start.id, text)
        if cut and (not text or not is_complete(text)):
            self.item["status"] = "incomplete"
            return
        self._added()
        self._done()


class WebSearchWriter(ItemWriter):
    """A search that another protocol's backend ran by itself, for the client to show."""

    prefix = "ws_"

    def delta(self, delta: BlockDelta) -> None:
        self._pieces.append(delta.text)

    def close(self, cut: bool) -> None:
        query = as_object("".join(self._pieces)).get("query")
        action = {"type": "search", "query": query if isinstance(query, str) else ""}
        self.item |= {"type": "web_search_call", "status": "in_progress", "action": action}
        self._added()
        for state in ("in_progress", "searching", "completed"):
            self._emit(f"response.web_search_call.{state}", self._at)
        self.item = {**self.item, "status": "completed"}
        self._done()


class WholeWriter(ItemWriter):
    """A block that has no deltas: this protocol's own item again, a picture, or opaque state for the client to keep."""

    def __init__(self, whole: Json, start: BlockStart, index: int, emit: Emit, emit_delta: EmitDelta) -> None:
        super().__init__(start, whole["id"], index, emit, emit_delta)
        self.item = whole

    def close(self, cut: bool) -> None:
        self._added()
        self._done()


def whole_item(start: BlockStart, identity: Callable[[str], str]) -> Json | None:
    """The item of a whole block, None where a client of this protocol could do nothing with it.

    `identity` makes an id of a prefix.
    """
    match start.block:
        case Unknown(origin=origin, raw=raw) if origin == ID:
            return {"id": identity("item_"), **raw}
        case Image(data=str(data)) as image:
            form = (image.media_type or "image/png").partition("/")[2]
            item: Json = {"id": identity("ig_"), "type": "image_generation_call", "status": "completed"}
            return item | {"result": data, "output_format": form}
        case Opaque(origin=origin, kind="compaction", data=data) if origin == ID:
            return {"id": identity("cmp_"), "type": "compaction", "encrypted_content": data}
        case Opaque(origin=origin, data=data):
            carried = carry(data, origin, opaque=True)
            item = {"id": identity("rs_"), "type": "reasoning", "status": "completed", "summary": []}
            return item | {"encrypted_content": carried}
    return None
