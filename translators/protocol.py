"""What a wire protocol must offer: decode and encode, for requests, answers, streams and errors.

One package a protocol implements `Protocol` and registers an instance with `registry.register`. Everything in here is
sans-I/O; objects that live as long as one stream (`StreamDecoder`, `StreamEncoder`) are the only ones with state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from typing import Protocol as Interface

from translators.canonical.errors import ErrorInfo
from translators.canonical.events import StreamEvent
from translators.canonical.names import NameMap
from translators.canonical.request import Request
from translators.canonical.response import Response
from translators.canonical.target import Target
from translators.reasoning import Keeps, nothing

Json = dict[str, Any]


@dataclass(slots=True)
class Encoded:
    """A request ready for a backend.

    `names` maps tool names as the backend knows them back to the client's; the response decoder gets it again.
    `headers` are protocol headers the body depends on (`anthropic-version`, `anthropic-beta`), never credentials.
    `notes` say what was lost or changed, one plain sentence each, for the audit.
    """

    body: Json
    names: NameMap = field(default_factory=NameMap)
    headers: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reply:
    """What an answer's encoder must know of the request it answers.

    `seed` is unique to the exchange; encoders derive every id they must make up from it (ids.py), so that nothing is
    random. `created` is the time in seconds since 1970. `request` is the client's decoded request (its tools,
    settings to echo, n). `sse` is False for Gemini clients that asked without `alt=sse` (a JSON array).
    `reasoning_field` is where an openai_chat client looks for visible reasoning.
    """

    seed: str
    created: int
    model: str
    request: Request | None = None
    include_usage: bool = False
    sse: bool = True
    reasoning_field: Literal["reasoning_content", "reasoning", "none"] = "reasoning_content"


class StreamDecoder(Interface):
    """Bytes of a backend's stream, cut anywhere, → canonical events (grammar in canonical/events.py).

    `feed` never raises on hostile input: what cannot be read becomes an `Error` event or is skipped as the sheets say.
    After Finish or Error it returns nothing more.
    """

    def feed(self, data: bytes) -> list[StreamEvent]: ...

    def end(self) -> list[StreamEvent]:
        """The stream ended. Without a terminal event: the cut-stream rule of mapping.md §6 (an `Error`), never a
        clean Finish for a visibly cut stream."""
        ...


class StreamEncoder(Interface):
    """Canonical events → bytes for the client. Output may be empty; each call returns whole frames."""

    def encode(self, event: StreamEvent) -> bytes: ...

    def keepalive(self) -> bytes:
        """Bytes that keep the client waiting without meaning anything (b"" where the protocol has none, gemini).

        Legal at any moment, also before the first event: an encoder that must open the stream first (anthropic's
        message_start) does so."""
        ...


class Protocol(Interface):
    """A wire protocol. `id` is its name in design.md; `stream_type` the content type of its stream.

    `passed_stream_types`: further content types that a stream has if the client itself asked the backend for them
    (Gemini's growing array); the decoder reads them as well. `takes_stops`: a request can name stop sequences; where
    it cannot, the gateway keeps them. `wraps`: the public protocol whose request bodies this private wire carries as
    they are ("" = none): a client of that protocol keeps its own body, and only the answer is translated.
    """

    id: str
    stream_type: str
    passed_stream_types: tuple[str, ...]
    takes_stops: bool
    wraps: str

    # -- as the client speaks it
    def decode_request(self, body: Json, *, model: str | None = None, stream: bool | None = None) -> Request:
        """Client body → canonical. `model`/`stream` come from the URL where the protocol keeps them there (gemini).

        Raises TranslationError for what the protocol itself would refuse with a 400 and for what cannot be
        translated at all."""
        ...

    def encode_response(self, response: Response, reply: Reply) -> Json: ...

    def stream_encoder(self, reply: Reply) -> StreamEncoder: ...

    def encode_error(self, error: ErrorInfo, *, request_id: str | None = None) -> tuple[int, Json]:
        """→ (HTTP status in this protocol's convention, body)."""
        ...

    def encode_token_count(self, tokens: int) -> Json:
        """Body of the answer to this protocol's count endpoint."""
        ...

    def own_history(self, body: Json, *, bare: bool, keeps: Keeps = nothing) -> Json:
        """A client's body for a backend of this very protocol, without reasoning that others made (carrier.py);
        `bare`: without any but what `keeps` names. The same object when nothing has to go."""
        ...

    def adapt_own(self, body: Json, target: Target, recall: Callable[[str], str | None]) -> Json:
        """A client's body for a backend of this very protocol that wants more than clients send. `recall` tells the
        reasoning text of the answer that made a call, by its id. The same object when nothing changes."""
        ...

    # -- as the backend speaks it
    def encode_request(self, request: Request, target: Target) -> Encoded:
        """Canonical → backend body. Pure: the same request gives the same bytes (mapping.md §0.2). `request` is not
        changed."""
        ...

    def decode_response(self, body: Json, names: NameMap) -> Response:
        """A whole 2xx body → canonical; an error object inside a 200 sets `Response.error`."""
        ...

    def stream_decoder(self, names: NameMap) -> StreamDecoder: ...

    def decode_error(self, status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
        """Any non-2xx answer (JSON of whatever shape, HTML, nothing) → canonical. `headers` have lower-case names.

        `retry_after` (seconds) from header or body; the upstream's message text is kept."""
        ...

    def encode_count_request(self, request: Request, target: Target) -> Json | None:
        """Body for the backend's own count endpoint, or None where it has none (openai_chat)."""
        ...

    def decode_token_count(self, body: Json) -> int | None: ...
