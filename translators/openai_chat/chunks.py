"""Reads chat completion chunks into canonical events; a whole answer is read as one chunk (openai_chat.md §4 to §6)."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

from translators.canonical.blocks import Image
from translators.canonical.blockwriter import BlockWriter
from translators.canonical.errors import ErrorInfo, ErrorKind, TranslationError
from translators.canonical.events import (
    BlockDelta,
    BlockStart,
    Error,
    Finish,
    Start,
    StopReason,
    StreamEvent,
    Usage,
    UsageUpdate,
)
from translators.canonical.names import NameMap
from translators.canonical.stops import settle
from translators.openai_chat import citations, details, errors, finish
from translators.openai_chat.calls import CallAssembler
from translators.openai_chat.parts import inner_text
from translators.openai_chat.usage import decode_usage, is_empty
from translators.openai_chat.wire import ID, Json
from translators.openai_parts import split_data_url

_Visible = Literal["text", "thinking", "refusal"]

#: Members that tell an error from a chunk, where neither `choices` nor `usage` is there.
_ERROR_MEMBERS = ("message", "detail", "msg", "error_msg")


class ChunkReader:
    """Parsed chunks in, events out. After `done` nothing more is returned."""

    def __init__(self, names: NameMap) -> None:
        self.done = False
        self._writer = BlockWriter()
        self._calls = CallAssembler(names, self._writer, self._seed)
        self._details = details.Collector()
        self._told_plainly = False  # reasoning came as plain text, not in entries alone
        self._thinking: list[str] = []  # pieces of the open thinking block
        self._held: list[tuple[_Visible, str]] = []  # content that came in the middle of a call
        self._started = False
        self._id = ""
        self._model = ""
        self._created: int | None = None
        self._digest = hashlib.sha256()
        self._choice: Any = None  # index of the choice that is read; others are ignored
        self._reason = ""
        self._refused = False
        self._usage: Usage | None = None

    def chunk(self, chunk: Any, raw: bytes, out: list[StreamEvent]) -> None:
        """One parsed payload; `raw` are its bytes."""
        if self.done:
            return
        if isinstance(chunk, list):
            chunk = next((entry for entry in chunk if isinstance(entry, dict)), None)
        if not isinstance(chunk, dict):
            return
        if _is_error(chunk):
            self.fail(errors.from_payload(chunk), out)
            return
        if not self._id:
            self._identify(chunk, raw)
        usage = chunk.get("usage")
        if usage is None and isinstance(chunk.get("x_groq"), dict):
            usage = chunk["x_groq"].get("usage")
        if usage is not None:
            self._count(usage)
        choices = chunk.get("choices")
        if isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict):
                    self._read(choice, out)

    def finish(self, out: list[StreamEvent], *, terminated: bool) -> None:
        """The stream is over. `terminated`: it said so itself; without that or a finish reason it was cut."""
        if self.done:
            return
        if not terminated and not self._reason:
            self.fail(
                ErrorInfo(ErrorKind.SERVER, "The backend's stream broke off before the answer was complete."), out
            )
            return
        failure = finish.decode_failure(self._reason)
        if failure is not None:
            self.fail(failure, out)
            return
        self._calls.finish(out)
        self._release(out, at_end=True)
        self._sign(out)
        self._writer.stop(out)
        reason = finish.decode_reason(self._reason)
        if self._refused and reason in (StopReason.END, None):
            reason = StopReason.REFUSAL
        settled = settle(reason, self._writer.saw_tool_call, self._writer.saw_content)
        if settled is None:
            self.fail(ErrorInfo(ErrorKind.SERVER, "The backend's answer was empty."), out)
            return
        self._begin(out)
        self._give_usage(out)
        out.append(Finish(settled))
        self.done = True

    def fail(self, error: ErrorInfo, out: list[StreamEvent]) -> None:
        """End in an error. A block still open is left so: it is not whole."""
        if not self.done:
            self._give_usage(out)
            out.append(Error(error))
            self.done = True

    # -- around the choice

    def _identify(self, chunk: Json, raw: bytes) -> None:
        self._digest.update(raw)
        if isinstance(chunk.get("id"), str):
            self._id = chunk["id"]
        if isinstance(chunk.get("model"), str):
            self._model = chunk["model"] or self._model
        created = chunk.get("created")
        if isinstance(created, int | float) and not isinstance(created, bool) and 0 < created < 1e12:
            self._created = int(created)

    def _seed(self) -> str:
        """Unique to this answer: its id, or all that came before the id is needed."""
        return f"{self._id}\x1f{self._created}" if self._id else self._digest.hexdigest()

    def _begin(self, out: list[StreamEvent]) -> None:
        if not self._started:
            self._started = True
            out.append(Start(self._id, self._model, self._created))

    def _count(self, raw: Any) -> None:
        """Counts are cumulative and the last word holds, but a usage that says nothing takes nothing back."""
        if not isinstance(raw, dict):
            return
        usage = decode_usage(raw)
        if self._usage is None:
            self._usage = usage
        elif not is_empty(usage):
            self._usage.merge(usage)

    def _give_usage(self, out: list[StreamEvent]) -> None:
        if self._usage is not None:
            self._begin(out)
            out.append(UsageUpdate(self._usage))

    # -- the choice

    def _read(self, choice: Json, out: list[StreamEvent]) -> None:
        index = choice.get("index")
        if self._choice is None and index is not None:
            self._choice = index
        elif index is not None and index != self._choice:
            return
        self._begin(out)
        if choice.get("usage") is not None:  # Kimi
            self._count(choice["usage"])
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = choice.get("message")
        if isinstance(delta, dict):
            self._delta(delta, out)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self._reason = reason

    def _delta(self, delta: Json, out: list[StreamEvent]) -> None:
        """Thinking comes before text and text before calls where one chunk has several (mapping.md §7)."""
        entries = details.gather(delta)
        if entries:
            self._details.add(entries)
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(thought, str):
            self._told_plainly = True
        else:
            thought = "".join(map(details.text_of, entries))
            if self._told_plainly and "".join(self._thinking).endswith(thought):
                thought = ""  # the entry that closes a block has its text once more, as another gateway sends it
        if thought:
            self._visible("thinking", thought, out)
        content = delta.get("content")
        if content:
            self._content(content, out)
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            self._refused = True
            self._visible("refusal", refusal, out)
        if delta.get("annotations"):
            self._cite(delta, out)
        images = delta.get("images")
        if isinstance(images, list):
            self._images(images, out)
        calls = delta.get("tool_calls")
        if isinstance(calls, list) and calls:
            self._add_calls(calls, out)
        elif isinstance(delta.get("function_call"), dict):
            self._add_calls([{"index": 0, "function": delta["function_call"]}], out)

    def _content(self, content: Any, out: list[StreamEvent]) -> None:
        """A string; or parts (Mistral), thinking among them."""
        if isinstance(content, str):
            self._visible("text", content, out)
            return
        for part in content if isinstance(content, list) else ():
            if not isinstance(part, dict):
                continue
            if part.get("type") == "thinking":
                inner = part.get("thinking")
                text = inner if isinstance(inner, str) else inner_text(inner)
                self._visible("thinking", text, out)
            elif isinstance(part.get("text"), str):
                self._visible("text", part["text"], out)

    def _visible(self, kind: _Visible, text: str, out: list[StreamEvent]) -> None:
        """Write `text`, unless a call is in the way: a call cannot be opened again, so the text waits for its end."""
        if not text:
            return
        if self._calls.is_open and not self._calls.make_way(out):
            self._held.append((kind, text))
            return
        if self._held:
            self._release(out)
        self._write(kind, text, out)

    def _write(self, kind: _Visible, text: str, out: list[StreamEvent]) -> None:
        if kind == "thinking":
            self._thinking.append(text)
            self._writer.text(out, "thinking", text, origin=ID, thinking_kind="raw")
            return
        if self._writer.open is None or self._writer.open.kind != kind:
            self._sign(out)
        self._writer.text(out, kind, text)

    def _release(self, out: list[StreamEvent], at_end: bool = False) -> None:
        """Write what waited; nothing but white space is dropped at the end, it was noise between fragments."""
        held, self._held = self._held, []
        if at_end and not "".join(text for _, text in held).strip():
            return
        for kind, text in held:
            self._write(kind, text, out)

    def _sign(self, out: list[StreamEvent]) -> None:
        """Before another kind of block: what the backend signed, in the open thinking block or in one of its own."""
        open_ = self._writer.open is not None and self._writer.open.kind == "thinking"
        signature = self._details.take("".join(self._thinking))
        self._thinking.clear()
        if signature is None:
            return
        if not open_:
            self._writer.start(out, BlockStart(0, "thinking", origin=ID, thinking_kind="raw"))
        self._writer.delta(out, "signature", signature)

    def _add_calls(self, calls: list[Any], out: list[StreamEvent]) -> None:
        if not self._calls.is_open:
            if self._held:
                self._release(out)
            self._sign(out)
        self._calls.add(calls, out)

    def _cite(self, delta: Json, out: list[StreamEvent]) -> None:
        """Citations belong to the text that is being written; behind it they have no place."""
        open_ = self._writer.open
        if open_ is not None and open_.kind == "text":
            out += [BlockDelta(open_.index, "citation", data=entry) for entry in citations.read(delta)]

    def _images(self, images: list[Any], out: list[StreamEvent]) -> None:
        """Generated images as OpenRouter sends them."""
        for entry in images:
            holder = entry.get("image_url") if isinstance(entry, dict) else None
            url = holder.get("url") if isinstance(holder, dict) else None
            if not isinstance(url, str) or not self._calls.make_way(out):
                continue
            self._sign(out)
            try:
                found = split_data_url(url, "images")
            except TranslationError:
                continue
            image = Image(url=url) if found is None else Image(*found)
            self._writer.start(out, BlockStart(0, "whole", block=image))


def _is_error(chunk: Json) -> bool:
    if chunk.get("error") or chunk.get("object") == "error":
        return True
    if "choices" in chunk or "usage" in chunk:
        return False
    return any(isinstance(chunk.get(member), str) for member in _ERROR_MEMBERS)
