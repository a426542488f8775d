"""`GenerateContentResponse` objects of a backend → canonical events: the one reader for streams and whole bodies.

Chunks carry new parts only. The end is not marked in the stream, and `finishReason` may come early, on a tool-call
chunk (gemini.md §5): so the reason, like the usage, is kept until the stream has ended.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from translators import jsonio
from translators.canonical import ids
from translators.canonical.arguments import unwrap_custom
from translators.canonical.blocks import Block, Unknown
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
from translators.canonical.names import NameMap, client_call
from translators.canonical.stops import settle
from translators.gemini import errors, finish, media, signatures, usage
from translators.gemini.partial_args import PartialCall
from translators.gemini.wire import PROTOCOL_ID, get

Json = dict[str, Any]

CUT = "The stream ended before the answer was complete."
EMPTY = "The backend answered without content and without a reason."


class ChunkReader:
    """`read` for each object in order, `end` once. After `done` nothing is written any more.

    Of several candidates only the first (index 0) is read.
    """

    def __init__(self, names: NameMap) -> None:
        self.done = False
        self._names = names
        self._writer = BlockWriter()
        self._started = False
        self._id = ""
        self._first_usage: Any = None
        self._usage: Any = None
        self._reason: str | None = None
        self._message: str | None = None
        self._blocked: Json | None = None
        self._partial: PartialCall | None = None

    def read(self, chunk: Any, out: list[StreamEvent]) -> None:
        if isinstance(chunk, list):
            for item in chunk:
                self.read(item, out)
            return
        if self.done or not isinstance(chunk, dict):
            return
        error = chunk.get("error")
        if error is not None:
            self.fail(errors.of_object(error), out)
            return
        counts = get(chunk, "usageMetadata")
        if counts is not None:
            self._usage = counts
        if not self._started:
            self._start(chunk, out)
        feedback = get(chunk, "promptFeedback")
        if isinstance(feedback, dict) and get(feedback, "blockReason") is not None:
            self._blocked = feedback
        candidates = chunk.get("candidates")
        if isinstance(candidates, list):
            for candidate in candidates:
                if isinstance(candidate, dict) and not candidate.get("index"):
                    self._candidate(candidate, out)
                    break

    def end(self, out: list[StreamEvent], *, whole: bool = False) -> None:
        """The stream has ended; `whole`: the body was not a stream, so a missing reason shows no cut."""
        if self.done:
            return
        if self._reason is None and self._blocked is None and not whole:
            self.fail(ErrorInfo(ErrorKind.SERVER, CUT), out)
            return
        writer = self._writer
        reason: StopReason | None
        detail: Json | None = None
        if self._blocked is not None and not writer.saw_content:
            reason, detail = StopReason.REFUSAL, {"promptFeedback": self._blocked}
        else:
            word = self._reason or ""
            reason = finish.REASONS.get(word)
            if word not in ("", "STOP"):
                detail = {"finishReason": word}
                if self._message:
                    detail["finishMessage"] = self._message
                if word not in finish.REASONS and not writer.saw_content:
                    reason = StopReason.REFUSAL
        reason = settle(reason, writer.saw_tool_call, writer.saw_content)
        if reason is None:
            self.fail(ErrorInfo(ErrorKind.SERVER, EMPTY), out)
            return
        writer.stop(out)
        self._update(out)
        out.append(Finish(reason, detail=detail))
        self.done = True

    def fail(self, error: ErrorInfo, out: list[StreamEvent]) -> None:
        self._writer.stop(out)
        if self._started:
            self._update(out)
        out.append(Error(error))
        self.done = True

    def _start(self, chunk: Json, out: list[StreamEvent]) -> None:
        self._started = True
        self._id = _text(chunk, "responseId")
        self._first_usage = self._usage
        out.append(
            Start(self._id, _text(chunk, "modelVersion"), _seconds(get(chunk, "createTime")), usage.decode(self._usage))
        )

    def _update(self, out: list[StreamEvent]) -> None:
        counts = usage.decode(self._usage)
        if counts is not None:
            out.append(UsageUpdate(counts))

    def _candidate(self, candidate: Json, out: list[StreamEvent]) -> None:
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        if isinstance(parts, list):
            for position, part in enumerate(parts):
                if isinstance(part, dict):
                    following = parts[position + 1] if position + 1 < len(parts) else None
                    self._part(part, following, out)
        reason = get(candidate, "finishReason")
        if isinstance(reason, str) and reason:
            self._reason = reason
            self._message = _text(candidate, "finishMessage")

    def _part(self, part: Json, following: Any, out: list[StreamEvent]) -> None:
        writer = self._writer
        text = part.get("text")
        signature = signatures.own(part)
        call = get(part, "functionCall")
        if isinstance(call, dict):
            self._call(call, signature, out)
        elif part.get("thought") is True and (isinstance(text, str) or text is None):
            if text:
                writer.text(out, "thinking", text, origin=PROTOCOL_ID)
            if signature is not None:
                self._sign(signature, out)
        elif isinstance(text, str):
            # Gemini 2.5 signs the first part, even a text before its call; behind it the call would claim it.
            early = signature is not None and text and _is_unsigned_call(following)
            if early and signature is not None:
                self._sign(signature, out)
            if text:
                writer.text(out, "text", text)
            if not early and signature is not None:
                self._sign(signature, out)
        else:
            self._whole(media.block_of(part) or Unknown(PROTOCOL_ID, part), part, out)
            if signature is not None:
                self._sign(signature, out)

    def _whole(self, block: Block, part: Json, out: list[StreamEvent]) -> None:
        if part.keys() <= {"thoughtSignature", "thought_signature", "thought"}:
            return
        self._writer.start(out, BlockStart(0, "whole", block=block))
        self._writer.stop(out)

    def _sign(self, signature: str, out: list[StreamEvent]) -> None:
        """In the thought that is open, else in a block of its own; nothing else may join it (gemini.md §3)."""
        writer = self._writer
        if writer.open is None or writer.open.kind != "thinking":
            writer.start(out, BlockStart(0, "thinking", origin=PROTOCOL_ID))
        writer.delta(out, "signature", signature)
        writer.stop(out)

    def _call(self, call: Json, signature: str | None, out: list[StreamEvent]) -> None:
        if self._partial is not None:
            self._partial.signature = self._partial.signature or signature
            if self._partial.feed(call):
                self._finish_partial(out)
            return
        if get(call, "partialArgs") is not None or get(call, "willContinue") is True:
            self._partial = PartialCall(call)
            self._partial.signature = signature
            if get(call, "willContinue") is not True:
                self._finish_partial(out)
            return
        self._emit_call(_text(call, "id"), _text(call, "name"), call.get("args"), signature, out)

    def _finish_partial(self, out: list[StreamEvent]) -> None:
        partial = self._partial
        assert partial is not None
        self._partial = None
        self._emit_call(partial.id, partial.name, partial.args, partial.signature, out)

    def _emit_call(
        self, identifier: str, backend_name: str, args: Any, signature: str | None, out: list[StreamEvent]
    ) -> None:
        if signature is not None:
            self._sign(signature, out)
        writer = self._writer
        name, namespace, custom = client_call(self._names, backend_name)
        arguments = args if isinstance(args, str) else jsonio.dumps_str({} if args is None else args)
        if custom:
            arguments = unwrap_custom(arguments)
        if not identifier:
            # Without a response id the growing prompt tells one turn's calls from another's.
            seed = self._id or jsonio.dumps_str([self._first_usage, arguments])
            identifier = ids.derive(seed, writer.index + 1, backend_name, prefix="call_")
        writer.start(
            out,
            BlockStart(
                0,
                "tool_call",
                id=identifier,
                name=name,
                tool_kind="custom" if custom else "function",
                namespace=namespace,
            ),
        )
        writer.delta(out, "arguments", arguments)
        writer.stop(out)


def _is_unsigned_call(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(get(part, "functionCall"), dict) and signatures.own(part) is None


def _text(message: Json, name: str) -> str:
    value = get(message, name)
    return value if isinstance(value, str) else ""


def _seconds(value: Any) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        return int(datetime.fromisoformat(value).timestamp())
    except (ValueError, OverflowError):
        return None
