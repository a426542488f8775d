"""Canonical events → the parts of a Gemini answer, for its stream and its whole body alike."""

from __future__ import annotations

from typing import Any

from translators import jsonio
from translators.canonical import ids
from translators.canonical.arguments import wrap_custom
from translators.canonical.blocks import Block, Opaque, Thinking, Unknown
from translators.canonical.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Finish,
    Start,
    StopReason,
    StreamEvent,
    Usage,
    UsageUpdate,
)
from translators.gemini import finish, media, signatures
from translators.gemini.wire import PROTOCOL_ID
from translators.protocol import Reply

Json = dict[str, Any]

#: How much of a broken call's arguments is told to the client.
_EXCERPT = 500


#: White space and zero-width characters: Gemini CLI does not count them as an answer (gemini.md §5).
_INVISIBLE = " \t\r\n\u200b\u200c\u200d\u200e\u200f\ufeff"


class PartWriter:
    """Canonical events → parts, and what the last chunk says. Used by the stream and, folded up, by whole bodies.

    Thoughts and text go out as they come, calls whole when they stop. A signature waits for the part it belongs to, and
    so does foreign reasoning, which is carried there whole (signatures.py).
    """

    def __init__(self, reply: Reply) -> None:
        self.usage = Usage()
        self.said_something = False  # visible text, or a picture
        self.called = False
        self._reply = reply
        self._shows_thoughts = _shows_thoughts(reply)
        self._open: BlockStart | None = None
        self._pieces: list[str] = []
        self._signature: str | None = None  # of the open thought
        self._thought: list[str] = []  # text of the open thought, where it is foreign
        self._held: list[signatures.Reasoning] = []  # for the next part: one of Gemini's own, or foreign ones
        self._after_text = False
        self._broken: str | None = None

    def parts(self, event: StreamEvent) -> list[Json]:
        match event:
            case BlockDelta(kind="text" | "refusal", text=text):
                return [self._text(text)] if text else []
            case BlockDelta(kind="thinking", text=text):
                if self._open is not None and self._open.origin not in (None, PROTOCOL_ID):
                    self._thought.append(text)
                return [{"text": text, "thought": True}] if text and self._shows_thoughts else []
            case BlockDelta(kind="arguments", text=text):
                self._pieces.append(text)
            case BlockDelta(kind="signature", text=text):
                self._signature = text
            case BlockStart():
                self._open = event
                return self._before(event)
            case BlockStop():
                return self._stop()
            case Start() if event.usage is not None:
                self.usage.merge(event.usage)
            case UsageUpdate():
                self.usage.merge(event.usage)
        return []

    def last(self, event: Finish) -> tuple[list[Json], Json]:
        """→ (the parts of the last chunk, what else its candidate says)."""
        parts = self._release()
        reason = event.reason
        detail = event.detail or {}
        word = detail.get("finishReason")
        if not isinstance(word, str) or word not in finish.REASONS:
            word = finish.WORDS[reason]
        out: Json = {"finishReason": word}
        message = detail.get("finishMessage")
        if self._broken is not None and reason not in (StopReason.LENGTH, StopReason.CONTEXT_FULL):
            out["finishReason"] = "MALFORMED_FUNCTION_CALL"
            message = f"Malformed function call: {self._broken}"
        if isinstance(message, str):
            out["finishMessage"] = message
        return parts, out

    def _before(self, block: BlockStart) -> list[Json]:
        """A signature of Gemini's own behind a text belongs to it, unless a call follows; any other goes on."""
        if self._after_text and block.kind != "tool_call" and not any(map(signatures.is_foreign, self._held)):
            return self._release()
        return []

    def _text(self, text: str) -> Json:
        self.said_something = self.said_something or bool(text.strip(_INVISIBLE))
        self._after_text = True
        part: Json = {"text": text}
        self._put_signature(part)
        return part

    def _stop(self) -> list[Json]:
        block = self._open
        self._open = None
        if block is None:
            return []
        if block.kind == "thinking":
            return self._thought_stopped(block)
        if block.kind == "tool_call":
            return self._call(block)
        if isinstance(block.block, Opaque):
            return self._hold(block.block)
        if block.kind == "whole" and block.block is not None:
            part = _whole(block.block)
            if part is not None:
                self._put_signature(part)
                self._after_text = self.said_something = True
                return [part]
        return []

    def _thought_stopped(self, block: BlockStart) -> list[Json]:
        thought = Thinking("".join(self._thought), self._signature or None, block.origin)
        self._thought, self._signature = [], None
        return self._hold(thought) if thought.signature or thought.text else []

    def _hold(self, block: signatures.Reasoning) -> list[Json]:
        """Keep it for the next part; what waits and cannot go on the same part gets an empty one of its own."""
        foreign = signatures.is_foreign(block)
        parts = [] if foreign and all(map(signatures.is_foreign, self._held)) else self._release()
        self._held.append(block)
        return parts

    def _release(self) -> list[Json]:
        if not self._held:
            return []
        part: Json = {"text": ""}
        self._put_signature(part)
        return [part]

    def _put_signature(self, part: Json) -> None:
        if self._held:
            part["thoughtSignature"] = signatures.write(self._held)
            self._held = []

    def _call(self, block: BlockStart) -> list[Json]:
        text = "".join(self._pieces)
        self._pieces.clear()
        if block.tool_kind == "server":  # not the client's to execute
            return []
        if block.tool_kind == "custom":
            text = wrap_custom(text)
        try:
            args = jsonio.loads(text) if text.strip() else {}
        except ValueError:
            self._broken = f"{block.name}({text[:_EXCERPT]})"
            return []
        name = f"{block.namespace}__{block.name}" if block.namespace else block.name
        part: Json = {
            "functionCall": {
                "id": block.id or ids.derive(self._reply.seed, block.index, prefix="call_"),
                "name": name,
                "args": args if isinstance(args, dict) else {"value": args},
            }
        }
        self._put_signature(part)
        self.called = True
        self._after_text = False
        return [part]


def _whole(block: Block) -> Json | None:
    if isinstance(block, Unknown):
        return dict(block.raw) if block.origin == PROTOCOL_ID else None
    return media.part_of(block)


def _shows_thoughts(reply: Reply) -> bool:
    """Gemini keeps thoughts to itself unless `includeThoughts` asks for them."""
    return reply.request is None or reply.request.origin != PROTOCOL_ID or reply.request.reasoning.show == "summary"
