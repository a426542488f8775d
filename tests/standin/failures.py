"""The ways in which the stand-in can be told to fail: before the answer, inside its stream, or by being slow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .ask import Complaint, Json, Protocol
from .errors import error_body, plain
from .wire import Job, Rendering, dumps, event

# What an overloaded service says, by protocol.
OVERLOADED = {"anthropic": 529, "openai_chat": 503, "openai_responses": 503, "gemini": 503}
Form = Literal["usual", "other"]


@dataclass(frozen=True)
class Status:
    """An HTTP error instead of an answer; ``body`` None is the protocol's own error body for that status."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True)
class StreamError:
    """An error event inside a stream with status 200, behind ``after`` events; not streamed it is an HTTP error.

    ``form`` "other" is the protocol's second form: Responses sends ``response.failed`` instead of ``error``, Gemini a
    bare JSON object instead of an event.
    """

    after: int = 0
    message: str = "Overloaded"
    form: Form = "usual"


@dataclass(frozen=True)
class Cut:
    """The connection breaks off behind ``after`` events; not streamed, in the middle of the body."""

    after: int


@dataclass(frozen=True)
class Stall:
    """Silence of ``seconds`` behind ``after`` events, then the rest."""

    seconds: float
    after: int = 1


@dataclass(frozen=True)
class SlowHead:
    """The response head comes ``seconds`` late."""

    seconds: float


Failure = Status | StreamError | Cut | Stall | SlowHead


def status(code: int, headers: Mapping[str, str] | None = None, body: Any = None) -> Status:
    """See :class:`Status`."""
    return Status(code, headers or {}, body)


def error_first_event(message: str = "Overloaded", form: Form = "usual") -> StreamError:
    """An error event before anything else of the stream."""
    return StreamError(0, message, form)


def error_after(n_events: int, message: str = "Overloaded", form: Form = "usual") -> StreamError:
    """An error event behind ``n_events`` events, then the end."""
    return StreamError(n_events, message, form)


def cut_after(n_events: int) -> Cut:
    """See :class:`Cut`."""
    return Cut(n_events)


def stall(seconds: float, after: int = 1) -> Stall:
    """See :class:`Stall`."""
    return Stall(seconds, after)


def slow_head(seconds: float) -> SlowHead:
    """See :class:`SlowHead`."""
    return SlowHead(seconds)


def status_body(protocol: Protocol, failure: Status) -> Any:
    """The body of an HTTP error."""
    return error_body(protocol, plain(failure.code)) if failure.body is None else failure.body


def error_events(protocol: Protocol, failure: StreamError, job: Job, rendering: Rendering) -> list[bytes]:
    """The stream up to the error, and the error in the protocol's own in-stream form."""
    kept = rendering.events[: failure.after]
    complaint = Complaint(failure.message, status=OVERLOADED[protocol])
    body = error_body(protocol, complaint)
    if protocol == "anthropic":
        return [*kept, event(body)]
    if protocol == "openai_chat":
        return [*kept, event(body, named=False)]
    if protocol == "openai_responses":
        return [*kept, event(responses_error(failure, rendering.whole, len(kept)))]
    if job.array:
        return [*kept, (("," if kept else "[") + dumps(body) + "]").encode()]
    if failure.form == "other":
        return [*kept, dumps(body).encode() + b"\n"]
    return [*kept, f"data: {dumps(body)}\r\n\r\n".encode()]


def responses_error(failure: StreamError, response: Json, number: int) -> Json:
    code = "server_error"
    if failure.form == "usual":
        return {
            "type": "error",
            "sequence_number": number,
            "code": code,
            "message": failure.message,
            "param": None,
        }
    failed = {
        **response,
        "status": "failed",
        "output": [],
        "usage": None,
        "error": {"code": code, "message": failure.message},
    }
    return {"type": "response.failed", "sequence_number": number, "response": failed}
