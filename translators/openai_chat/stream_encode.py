"""Canonical events as a chat stream (openai_chat.md §5, mapping.md §7)."""

from __future__ import annotations

from translators import jsonio
from translators.canonical.blocks import Image, Opaque, Thinking
from translators.canonical.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Error,
    Finish,
    Ping,
    Start,
    StreamEvent,
    Usage,
    UsageUpdate,
)
from translators.framing.sse import comment, frame
from translators.openai_chat import citations, details, errors, finish
from translators.openai_chat.response import answer_id, image_entry, is_legacy, reasoning_field
from translators.openai_chat.usage import encode_usage
from translators.openai_chat.wire import Json
from translators.protocol import Reply

_KEEPALIVE = comment("keep-alive")
_DONE = b"data: [DONE]\n\n"


class ChatStreamEncoder:
    """Every chunk but the last ones differs from the others only in its delta: what surrounds it is made once."""

    def __init__(self, reply: Reply) -> None:
        self._head: Json = {
            "id": answer_id(reply),
            "object": "chat.completion.chunk",
            "created": reply.created,
            "model": reply.model,
        }
        self._include_usage = reply.include_usage
        self._legacy = is_legacy(reply)
        usage = b',"usage":null' if reply.include_usage else b""
        choice = b',"choices":[{"index":0,"delta":'
        self._before = b"data: " + jsonio.dumps_line(self._head)[:-1] + choice
        self._after = b',"logprobs":null,"finish_reason":null}]' + usage + b"}\n\n"
        self._last = b',"logprobs":null,"finish_reason":"%b"}]' + usage + b"}\n\n"
        field = reasoning_field(reply)
        self._hidden = field is None
        self._text: dict[str, bytes] = {
            "text": self._before + b'{"content":',
            "refusal": self._before + b'{"refusal":',
        }
        if field is not None:
            self._text["thinking"] = self._before + jsonio.dumps_line({field: ""})[:-3]
        self._text_end = b"}" + self._after
        self._arguments = (b"", b"")  # around the arguments of the open call
        self._opened = False
        self._calls = 0
        self._behind_text = False
        self._length = 0  # characters of text so far
        self._block_start = 0  # where the open text block begins
        self._citations: list[Json] = []  # of the open text block
        self._argued = False  # the open call has arguments
        self._usage = Usage()
        self._open: BlockStart | None = None
        self._thinking: list[str] = []  # text of the open thinking block
        self._signature: str | None = None
        self._pending: list[Thinking | Opaque] = []  # opaque reasoning that waits for its place to be known
        self._entries = 0

    def encode(self, event: StreamEvent) -> bytes:
        match event:
            case BlockDelta():
                return self._delta(event)
            case BlockStart():
                return self._role() + self._start(event)
            case BlockStop():
                return self._stop()
            case Start():
                if event.usage is not None:
                    self._usage.merge(event.usage)
                return self._role()
            case UsageUpdate():
                self._usage.merge(event.usage)
                return b""
            case Finish():
                return self._finish(event)
            case Error():
                return frame(jsonio.dumps_line({"error": errors.error_object(event.error)}))
            case Ping():
                return _KEEPALIVE

    def keepalive(self) -> bytes:
        return _KEEPALIVE

    def _chunk(self, delta: Json) -> bytes:
        return self._before + jsonio.dumps_line(delta) + self._after

    def _role(self) -> bytes:
        if self._opened:
            return b""
        self._opened = True
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def _delta(self, event: BlockDelta) -> bytes:
        match event.kind:
            case "arguments":
                before, after = self._arguments
                self._argued = self._argued or bool(event.text)
                return before + jsonio.dumps_line(event.text) + after if before else b""
            case "signature":
                self._signature = event.text
                return b""
            case "citation":
                if event.data is not None:
                    self._citations.append(event.data)
                return b""
            case "text":
                self._length += len(event.text)
            case "thinking":
                self._thinking.append(event.text)
        before = self._text.get(event.kind, b"")
        return before + jsonio.dumps_line(event.text) + self._text_end if before else b""

    def _start(self, event: BlockStart) -> bytes:
        self._open = event
        match event.kind:
            case "tool_call" if event.tool_kind != "server":
                return self._start_call(event)
            case "whole" if isinstance(event.block, Opaque):
                self._pending.append(event.block)
                return b""
            case "thinking":
                return b""
        out = self._release(None)
        self._behind_text = self._behind_text or event.kind == "text"
        if isinstance(event.block, Image):
            out += self._chunk({"images": [image_entry(event.block)]})
        return out

    def _start_call(self, event: BlockStart) -> bytes:
        number = self._calls
        self._calls += 1
        if self._legacy:
            if number:
                return b""  # function_call has room for one
            self._arguments = (self._before + b'{"function_call":{"arguments":', b"}}" + self._after)
            return self._chunk({"function_call": {"name": event.name, "arguments": ""}})
        custom = event.tool_kind == "custom"
        kind, field = ("custom", "input") if custom else ("function", "arguments")
        start = b'{"tool_calls":[{"index":%d,"%b":{"%b":' % (number, kind.encode(), field.encode())
        self._arguments = (self._before + start, b"}}]}" + self._after)
        call: Json = {"index": number, "id": event.id, "type": kind, kind: {"name": event.name, field: ""}}
        extra = next((extra for block in self._pending if (extra := _extra(block)) is not None), None)
        if extra is not None:
            call["extra_content"] = extra
        return self._release(event.id) + self._chunk({"tool_calls": [call]})

    def _stop(self) -> bytes:
        if self._open is not None and self._open.kind == "thinking" and self._signature is not None:
            self._pending.append(Thinking("".join(self._thinking), self._signature, self._open.origin))
        cited = citations.of_text(self._citations, self._block_start, self._length)
        out = self._no_arguments()
        self._open = None
        self._thinking = []
        self._signature = None
        self._arguments = (b"", b"")
        self._citations = []
        self._block_start = self._length
        return out + self._chunk({"annotations": cited}) if cited else out

    def _no_arguments(self) -> bytes:
        """A function without arguments has an empty object: clients parse what they get."""
        argued, self._argued = self._argued, False
        if argued or self._open is None or self._open.kind != "tool_call" or self._open.tool_kind != "function":
            return b""
        before, after = self._arguments
        return before + jsonio.dumps_line("{}") + after if before else b""

    def _release(self, call_id: str | None) -> bytes:
        """Give out opaque reasoning, now that it is known what follows it."""
        if not self._pending or self._hidden:
            return b""
        place = call_id or (details.AFTER_TEXT if self._behind_text else None)
        entries: list[Json] = []
        for block in self._pending:
            entries += details.for_client(block, place, self._entries + len(entries))
        self._pending = []
        self._entries += len(entries)
        return self._chunk(details.spread(entries)) if entries else b""

    def _finish(self, event: Finish) -> bytes:
        out = self._role() + self._release(None)
        reason = finish.encode_reason(event.reason, self._calls > 0, self._legacy)
        out += self._before + b"{}" + self._last.replace(b"%b", reason.encode())
        if self._include_usage:
            out += frame(jsonio.dumps_line({**self._head, "choices": [], "usage": encode_usage(self._usage)}))
        return out + _DONE


def _extra(block: Thinking | Opaque) -> Json | None:
    return details.own_extra(block) if isinstance(block, Thinking) else None
