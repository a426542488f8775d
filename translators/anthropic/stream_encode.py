"""Canonical events to a Messages event stream (anthropic.md §8, mapping.md §7)."""

from __future__ import annotations

from translators import jsonio
from translators.anthropic import stops, usage
from translators.anthropic.answer_blocks import is_carried, message_id, signature, tool_id, whole_block
from translators.anthropic.blocks_encode import CITATIONS
from translators.anthropic.errors import encode_error
from translators.anthropic.wire import Json
from translators.canonical.arguments import wrap_custom
from translators.canonical.blocks import Block
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
from translators.canonical.stops import settle
from translators.framing.sse import frame
from translators.protocol import Reply

PING = frame(b'{"type":"ping"}', "ping")

#: Delta of the canonical stream → (delta type, field), for those that are a piece of text.
_DELTAS: dict[str, tuple[str, str]] = {
    "text": ("text_delta", "text"),
    "refusal": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "arguments": ("input_json_delta", "partial_json"),
}

#: How a block of each kind opens.
_OPEN: dict[str, Json] = {
    "text": {"type": "text", "text": ""},
    "refusal": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}

#: Whole blocks whose input clients expect in deltas, as with a tool call.
_INPUT_IN_DELTAS = frozenset({"server_tool_use", "mcp_tool_use"})


class AnthropicStreamEncoder:
    """States: before `message_start`; between blocks; in a block; done.

    A text or thinking block is opened by what it holds, so none is ever empty: an Anthropic backend would refuse it
    when the client sends it back. Indices count what was opened, so they stay dense. A foreign signature without a
    text is opened by what follows it: at the end it is dropped, for Claude Code prints the last block.
    """

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._usage = Usage()
        self._started = False
        self._done = False
        self._called = False
        self._index = -1  # of the latest block
        self._block: BlockStart | None = None  # the canonical block that is open
        self._is_open = False  # … and that was opened towards the client
        self._prefix: dict[str, bytes] = {}  # canonical delta kind → frame up to its text, for the open block
        self._signature: str | None = None
        self._held: list[str] = []  # foreign signatures without a text, until something follows them
        self._free_text: list[str] = []  # of a custom tool
        self._tool_ids: set[str] = set()

    def encode(self, event: StreamEvent) -> bytes:
        if self._done:
            return b""
        match event:
            case BlockDelta():
                return self._delta(event)
            case BlockStart():
                return self._block_start(event)
            case BlockStop():
                return self._block_stop()
            case Start():
                if event.usage is not None:
                    self._usage.merge(event.usage)
                return self._open_message(event.model)
            case UsageUpdate():
                self._usage.merge(event.usage)
                return b""
            case Ping():
                return PING if self._started else b""
            case Finish():
                return self._finish(event)
            case Error():
                self._done = True
                _, body = encode_error(event.error)
                return frame(jsonio.dumps_line(body), "error")

    def keepalive(self) -> bytes:
        return b"" if self._done else self._open_message("") + PING

    # -- the message

    def _open_message(self, model: str) -> bytes:
        if self._started:
            return b""
        self._started = True
        message: Json = {
            "id": message_id(self._reply),
            "type": "message",
            "role": "assistant",
            "model": self._reply.model or model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": usage.encode(self._usage),
        }
        return _frame({"type": "message_start", "message": message})

    def _finish(self, event: Finish) -> bytes:
        out = self._open_message("") + self._block_stop()
        reason = settle(event.reason, self._called, saw_content=True) or StopReason.END
        if reason is StopReason.MALFORMED_CALL:
            out += self._piece(BlockStart(0, "text"), "text", stops.malformed_text(event.detail))
        self._done = True
        delta: Json = {
            "stop_reason": stops.TO_WIRE[reason],
            "stop_sequence": event.sequence if reason is StopReason.STOP_SEQUENCE else None,
            "stop_details": stops.details(reason, event.detail),
        }
        out += _frame({"type": "message_delta", "delta": delta, "usage": usage.encode(self._usage)})
        return out + _frame({"type": "message_stop"})

    # -- its blocks

    def _block_start(self, event: BlockStart) -> bytes:
        out = self._open_message("") + self._block_stop()
        if event.kind == "whole":
            assert event.block is not None
            return out + self._whole(event.block)
        if event.kind == "tool_call":
            if event.tool_kind == "server":
                return out  # the backend has run it already; the client would run it again
            self._called = True
            call = {
                "type": "tool_use",
                "id": tool_id(event.id, self._reply.seed, event.index, self._tool_ids),
                "name": event.name,
                "input": {},
            }
            out += self._open(call)
        self._block = event
        return out

    def _open(self, content_block: Json) -> bytes:
        if not self._held:
            return self._open_block(content_block)
        held, self._held = self._held, []
        before = b"".join(
            self._open_block(_OPEN["thinking"])
            + self._raw_delta({"type": "signature_delta", "signature": signed})
            + self._close()
            for signed in held
        )
        return before + self._open_block(content_block)

    def _open_block(self, content_block: Json) -> bytes:
        self._index += 1
        self._is_open = True
        for kind, (delta, field) in _DELTAS.items():
            self._prefix[kind] = (
                f'event: content_block_delta\ndata: {{"type":"content_block_delta","index":{self._index},'
                f'"delta":{{"type":"{delta}","{field}":'
            ).encode()
        return _frame({"type": "content_block_start", "index": self._index, "content_block": content_block})

    def _delta(self, event: BlockDelta) -> bytes:
        block, kind = self._block, event.kind
        if block is None:
            return b""
        if kind == "signature":
            self._signature = event.text
            return b""
        if kind == "citation":
            return self._cite(event.data)
        if not event.text:
            return b""
        if block.tool_kind == "custom":
            self._free_text.append(event.text)
            return b""
        text = self._prefix_of(block, kind)
        return text + jsonio.dumps_line(event.text) + b"}}\n\n"

    def _prefix_of(self, block: BlockStart, kind: str) -> bytes:
        if self._is_open:
            return self._prefix[kind]
        return self._open(_OPEN[block.kind]) + self._prefix[kind]

    def _cite(self, citation: Json | None) -> bytes:
        if citation is None or citation.get("type") not in CITATIONS:
            return b""
        out = b"" if self._is_open else self._open(_OPEN["text"])
        return out + self._raw_delta({"type": "citations_delta", "citation": citation})

    def _raw_delta(self, delta: Json) -> bytes:
        return _frame({"type": "content_block_delta", "index": self._index, "delta": delta})

    def _block_stop(self) -> bytes:
        block = self._block
        if block is None:
            return b""
        self._block = None
        out = b""
        if block.kind == "thinking" and (self._is_open or self._signature):
            signed = signature(self._signature, block.origin)
            if not self._is_open and is_carried(block.origin):
                self._held.append(signed)
                self._signature = None
                return b""
            out += b"" if self._is_open else self._open(_OPEN["thinking"])
            out += self._raw_delta({"type": "signature_delta", "signature": signed}) if signed else b""
        elif block.tool_kind == "custom":
            arguments = wrap_custom("".join(self._free_text))
            out += self._raw_delta({"type": "input_json_delta", "partial_json": arguments})
        self._signature = None
        self._free_text = []
        return out + self._close()

    def _close(self) -> bytes:
        if not self._is_open:
            return b""
        self._is_open = False
        return _frame({"type": "content_block_stop", "index": self._index})

    def _piece(self, block: BlockStart, kind: str, text: str) -> bytes:
        """A whole block of one delta."""
        return self._prefix_of(block, kind) + jsonio.dumps_line(text) + b"}}\n\n" + self._close()

    def _whole(self, block: Block) -> bytes:
        content_block = whole_block(block)
        if content_block is None:
            return b""
        kind = content_block["type"]
        if kind == "text":
            return self._piece(BlockStart(0, "text"), "text", content_block["text"])
        if kind in _INPUT_IN_DELTAS:
            arguments = jsonio.dumps_str(content_block.get("input") or {})
            out = self._open({**content_block, "input": {}})
            return out + self._raw_delta({"type": "input_json_delta", "partial_json": arguments}) + self._close()
        return self._open(content_block) + self._close()


def _frame(payload: Json) -> bytes:
    return frame(jsonio.dumps_line(payload), payload["type"])
