"""The envelope around Gemini's answers and errors, as a protocol: base of the two services' own.

Each whole answer and each event is `{"response": {…}, "traceId": …}`; several `data:` lines of an event are one JSON
text (gemini_code_assist.md §3, antigravity.md §6). What goes into the envelope of a request is the account's and the
conversation's, and put there by `Provider.build`.
"""

from __future__ import annotations

from typing import Any

from addons.providers.code_assist import errors
from translators import registry
from translators.backend_only import BackendOnly
from translators.canonical.errors import ErrorInfo
from translators.canonical.events import StreamEvent
from translators.canonical.names import NameMap
from translators.canonical.response import Response, folded
from translators.gemini.chunks import ChunkReader
from translators.gemini.stream_decode import GeminiStreamDecoder
from translators.protocol import StreamDecoder

Json = dict[str, Any]

GEMINI = "gemini"
SEARCH_LEFT_OUT = "The web search was left out: this service does not take it beside functions."


class EnvelopeProtocol(BackendOnly):
    """Answers, streams, errors and counts; requests are the services' own."""

    id = ""
    stream_type = "text/event-stream"

    def reader(self, names: NameMap) -> EnvelopeReader:
        return EnvelopeReader(names)

    def decode_response(self, body: Json, names: NameMap) -> Response:
        events: list[StreamEvent] = []
        reader = self.reader(names)
        reader.read(body, events)
        reader.end(events, whole=True)
        return folded(events)

    def stream_decoder(self, names: NameMap) -> StreamDecoder:
        return GeminiStreamDecoder(names, self.reader(names))

    def decode_error(self, status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
        return errors.decode(status, headers, body)

    def decode_token_count(self, body: Json) -> int | None:
        return registry.get(GEMINI).decode_token_count(unwrapped(body))


class EnvelopeReader(ChunkReader):
    """Reads what is in the envelopes; an error stands outside of them."""

    def read(self, chunk: Any, out: list[StreamEvent]) -> None:
        super().read(unwrapped(chunk), out)


def unwrapped(value: Any) -> Any:
    """The Gemini object of an envelope, {} for one that has none (credits, traces); anything else as it is."""
    if not isinstance(value, dict):
        return value
    inner = value.get("response")
    if isinstance(inner, dict):
        return inner
    return value if "error" in value or "candidates" in value or "totalTokens" in value else {}


def without_search_beside_functions(tools: list[Json], notes: list[str]) -> list[Json]:
    """`googleSearch` cannot stand next to function declarations (§6; antigravity.md §6.2)."""
    if any("functionDeclarations" in tool for tool in tools) and any("googleSearch" in tool for tool in tools):
        notes.append(SEARCH_LEFT_OUT)
        return [tool for tool in tools if "googleSearch" not in tool]
    return tools


def as_user(system: Any) -> Any:
    """A system instruction in the role that both services give it."""
    return {"role": "user", **system} if isinstance(system, dict) else system
