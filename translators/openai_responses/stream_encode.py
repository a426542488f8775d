"""Canonical events into the stream that a Responses client reads (openai_responses.md §6; mapping.md §7).

Every block is an item of its own. The end of an item is held back until the next event tells whether the answer was cut
in it; the terminal event carries all items and the usage.
"""

from __future__ import annotations

from dataclasses import replace

from translators import jsonio
from translators.canonical import ids
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Error,
    Finish,
    Ping,
    Start,
    StopReason,
    StreamEvent,
    Usage,
    UsageUpdate,
)
from translators.framing import sse
from translators.openai_responses import client_tools, item_encode
from translators.openai_responses.echo import envelope
from translators.openai_responses.errors import encode_failure
from translators.openai_responses.usage import encode_usage
from translators.openai_responses.wire import ID, Json
from translators.protocol import Reply

_INCOMPLETE = {
    StopReason.LENGTH: "max_output_tokens",
    StopReason.CONTEXT_FULL: "max_output_tokens",
    StopReason.REFUSAL: "content_filter",
    StopReason.PAUSED: "max_messages",
}

#: Reasons that may have broken off the last item.
_CUTTING = frozenset({StopReason.LENGTH, StopReason.CONTEXT_FULL})

_KEEPALIVE = sse.comment("keep-alive")


class ResponsesEncoder:
    """One stream. `response` is the response object: complete once a Finish or Error was encoded.

    `framed=False` writes no events, for whom the response object is all that is wanted.
    """

    def __init__(self, reply: Reply, *, framed: bool = True) -> None:
        self._framed = framed
        self.response: Json = {}
        self._reply = reply
        self._client_tools = client_tools.by_name(reply.request.tools) if reply.request is not None else {}
        self._sequence = 0
        self._out: list[bytes] = []
        self._started = False
        self._ended = False
        self._item: item_encode.ItemWriter | None = None
        self._silent: BlockStart | None = None  # the open block: foreign thinking that has said nothing so far
        self._held: list[tuple[BlockStart, BlockDelta]] = []  # … and its signature, until something follows
        self._output: list[item_encode.ItemWriter] = []
        self._refused = False
        self._usage: Usage | None = None

    def encode(self, event: StreamEvent) -> bytes:
        if self._ended:
            return b""
        match event:
            case BlockDelta():
                if self._item is not None:
                    self._item.delta(event)
                elif self._silent is not None:
                    self._silent_delta(self._silent, event)
            case BlockStart():
                self._begin(event)
            case BlockStop():
                pass
            case Start():
                self._start()
                if event.usage is not None:
                    self._count(event.usage)
            case UsageUpdate():
                self._count(event.usage)
            case Finish():
                self._finish(event)
            case Error():
                self._fail(event.error)
            case Ping():
                return _KEEPALIVE
        return self._take()

    def keepalive(self) -> bytes:
        return _KEEPALIVE

    def _take(self) -> bytes:
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)

    # -- frames

    def _emit(self, kind: str, members: Json) -> None:
        if not self._framed:
            return
        data = jsonio.dumps_line({"type": kind, "sequence_number": self._sequence, **members})
        self._out.append(sse.frame(data, kind))
        self._sequence += 1

    def _emit_delta(self, head: bytes, text: str) -> None:
        if not self._framed:
            return
        self._out.append(b'%s%s,"sequence_number":%d}\n\n' % (head, jsonio.dumps_line(text), self._sequence))
        self._sequence += 1

    # -- the stream's parts

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        self.response = envelope(self._reply)
        self._emit("response.created", {"response": self.response})
        self._emit("response.in_progress", {"response": self.response})

    def _begin(self, start: BlockStart) -> None:
        self._start()
        self._close_item(cut=False)
        self._refused = self._refused or start.kind == "refusal"
        self._silent = start if start.kind == "thinking" and start.origin not in (None, ID) else None
        if self._silent is None:
            self._open(start)

    def _silent_delta(self, start: BlockStart, event: BlockDelta) -> None:
        """A signature without a text is nothing to end an answer with, for clients read the last item: it waits."""
        if event.kind == "signature":
            if self._held and self._held[-1][0] is start:
                self._held.pop()
            self._held.append((start, event))
        elif event.text:
            early = self._held.pop()[1] if self._held and self._held[-1][0] is start else None
            self._silent = None
            self._open(start)
            for delta in (early, event):
                if delta is not None and self._item is not None:
                    self._item.delta(delta)

    def _open(self, start: BlockStart) -> None:
        """What waited comes first, now that something follows it."""
        held, self._held = self._held, []
        for waiting, signature in held:
            self._open_item(waiting)
            if self._item is not None:
                self._item.delta(signature)
            self._close_item(cut=False)
        self._open_item(start)

    def _open_item(self, start: BlockStart) -> None:
        writer = self._writer(start)
        if writer is None:
            return
        self._item = writer
        self._output.append(writer)
        writer.open()

    def _close_item(self, *, cut: bool) -> None:
        item, self._item = self._item, None
        if item is not None:
            item.close(cut)

    def _writer(self, start: BlockStart) -> item_encode.ItemWriter | None:
        """None for what must not reach the client: calls that the backend made and answered by itself."""
        index = len(self._output)
        rest = (index, self._emit, self._emit_delta)
        match start.kind:
            case "text" | "refusal":
                kind: type[item_encode.ItemWriter] = item_encode.TextWriter
            case "thinking":
                kind = item_encode.ReasoningWriter
            case "whole":
                whole = item_encode.whole_item(start, self._identity)
                return None if whole is None else item_encode.WholeWriter(whole, start, *rest)
            case "tool_call" if start.tool_kind == "server":
                if start.name != "web_search":
                    return None
                kind = item_encode.WebSearchWriter
            case "tool_call":
                if not start.id:
                    start = replace(start, id=ids.derive(self._reply.seed, index, prefix="call_"))
                known = self._client_tools.get(start.name) if start.tool_kind == "function" else None
                if known is not None:
                    return item_encode.ClientToolWriter(known, start, self._identity(known.prefix), *rest)
                is_custom = start.tool_kind == "custom"
                kind = item_encode.CustomCallWriter if is_custom else item_encode.CallWriter
        return kind(start, self._identity(kind.prefix), *rest)

    def _identity(self, prefix: str) -> str:
        return ids.derive(self._reply.seed, "item", len(self._output), prefix=prefix, length=48)

    def _count(self, usage: Usage) -> None:
        if self._usage is None:
            self._usage = Usage()
        self._usage.merge(usage)

    # -- the end

    def _finish(self, finish: Finish) -> None:
        if finish.reason is StopReason.MALFORMED_CALL:
            self._fail(ErrorInfo(ErrorKind.SERVER, "The model wrote a tool call that cannot be read."))
            return
        self._start()
        self._close_item(cut=finish.reason in _CUTTING)
        reason = _INCOMPLETE.get(finish.reason)
        if reason is None or (finish.reason is StopReason.REFUSAL and self._refused):
            self._end("completed", {})
        else:
            self._end("incomplete", {"incomplete_details": {"reason": reason}})

    def _fail(self, error: ErrorInfo) -> None:
        self._start()
        self._close_item(cut=True)
        self._end("failed", {"error": encode_failure(error)})

    def _end(self, status: str, members: Json) -> None:
        self._ended = True
        known = self._usage if self._usage is not None or status == "failed" else Usage()
        usage = None if known is None else encode_usage(known)
        output = [writer.item for writer in self._output]
        self.response = {**self.response, "status": status, "output": output, "usage": usage, **members}
        self._emit(f"response.{status}", {"response": self.response})
