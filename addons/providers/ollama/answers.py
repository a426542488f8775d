"""Ollama's answers, whole and as NDJSON, as canonical events; and its errors (apikey_backends.md §7)."""

from __future__ import annotations

from typing import Any

from translators import jsonio
from translators.canonical import ids, waits
from translators.canonical.arguments import unwrap_custom
from translators.canonical.blockwriter import BlockWriter
from translators.canonical.counts import count
from translators.canonical.errors import ErrorInfo, ErrorKind, kind_of_status
from translators.canonical.events import BlockStart, Error, Finish, Start, StopReason, StreamEvent, Usage, UsageUpdate
from translators.canonical.excerpt import excerpt
from translators.canonical.names import NameMap, client_call
from translators.canonical.response import Response, folded
from translators.canonical.stops import settle
from translators.framing.ndjson import LineSplitter

Json = dict[str, Any]

ORIGIN = "ollama"
_REASONS = {"stop": StopReason.END, "length": StopReason.LENGTH}


class StreamDecoder:
    """One JSON object a line; the last has `done`. An object with `error` ends it anywhere."""

    def __init__(self, names: NameMap) -> None:
        self._names = names
        self._lines = LineSplitter()
        self._writer = BlockWriter()
        self._started = False
        self._done = False
        self._seed = ""
        self._calls = 0

    def feed(self, data: bytes) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        for line in self._lines.feed(data):
            self._line(line, out)
        return out

    def end(self) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        for line in self._lines.end():
            self._line(line, out)
        if not self._done:
            self._fail(ErrorInfo(ErrorKind.SERVER, "Ollama's stream broke off before the answer was complete."), out)
        return out

    def chunk(self, chunk: Any, out: list[StreamEvent]) -> None:
        """One parsed object."""
        if self._done or not isinstance(chunk, dict):
            return
        if chunk.get("error"):
            self._fail(_error(None, chunk["error"]), out)
            return
        if not self._started:
            self._started = True
            model = chunk.get("model")
            self._seed = f"{model}\x1f{chunk.get('created_at')}"
            out.append(Start(model=model if isinstance(model, str) else ""))
        message = chunk.get("message")
        if isinstance(message, dict):
            self._message(message, out)
        if chunk.get("done") is True:
            self._finish(chunk, out)

    def _line(self, line: bytes, out: list[StreamEvent]) -> None:
        try:
            chunk = jsonio.loads(line)
        except ValueError:
            self._fail(ErrorInfo(ErrorKind.SERVER, "Ollama's stream has a line that is no JSON."), out)
            return
        self.chunk(chunk, out)

    def _message(self, message: Json, out: list[StreamEvent]) -> None:
        """Thinking before text and text before calls, where one object has several."""
        thinking, content, calls = message.get("thinking"), message.get("content"), message.get("tool_calls")
        if isinstance(thinking, str) and thinking:
            self._writer.text(out, "thinking", thinking, origin=ORIGIN, thinking_kind="raw")
        if isinstance(content, str) and content:
            self._writer.text(out, "text", content)
        for call in calls if isinstance(calls, list) else ():
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict) and isinstance(function.get("name"), str):
                self._call(call.get("id"), function, out)

    def _call(self, identity: Any, function: Json, out: list[StreamEvent]) -> None:
        name, namespace, custom = client_call(self._names, function["name"])
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else jsonio.dumps_str(arguments if arguments is not None else {})
        if not isinstance(identity, str) or not identity:
            identity = ids.derive(self._seed, self._calls, name, text, prefix="call_")
        self._calls += 1
        start = BlockStart(0, "tool_call", id=identity, name=name, namespace=namespace)
        if custom:
            start.tool_kind, text = "custom", unwrap_custom(text)
        self._writer.start(out, start)
        self._writer.delta(out, "arguments", text)

    def _finish(self, chunk: Json, out: list[StreamEvent]) -> None:
        self._writer.stop(out)
        usage = Usage(input_fresh=count(chunk.get("prompt_eval_count")), output=count(chunk.get("eval_count")))
        usage.raw = {name: value for name, value in chunk.items() if name.endswith(("_count", "_duration"))}
        out.append(UsageUpdate(usage))
        said = chunk.get("done_reason")
        reason = settle(
            _REASONS.get(said, StopReason.END) if isinstance(said, str) else None,
            self._writer.saw_tool_call,
            self._writer.saw_content,
        )
        if reason is None or said == "load":
            self._fail(ErrorInfo(ErrorKind.SERVER, "Ollama's answer was empty."), out)
            return
        out.append(Finish(reason))
        self._done = True

    def _fail(self, error: ErrorInfo, out: list[StreamEvent]) -> None:
        if not self._done:
            out.append(Error(error))
            self._done = True


def decode_response(body: Json, names: NameMap) -> Response:
    """A whole answer: the stream's last object with everything in it."""
    decoder, events = StreamDecoder(names), list[StreamEvent]()
    decoder.chunk({**body, "done": True}, events)
    return folded(events)


def decode_error(status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
    """`{"error": "text"}`; what is none of it is told as it is."""
    said = (jsonio.object_in(body) or {}).get("error")
    info = _error(status, said or excerpt(body) or f"HTTP {status}")
    info.retry_after = waits.from_headers(headers)
    return info


def _error(status: int | None, said: Any) -> ErrorInfo:
    if isinstance(said, dict):  # its compatible endpoints' shape, should a proxy use it
        said = said.get("message") or jsonio.dumps_str(said)
    kind = ErrorKind.SERVER if status is None else kind_of_status(status)
    return ErrorInfo(kind, str(said), status=status)
