"""The private wire of the ChatGPT backend: Responses, always streamed, never stored (codex.md §6, §7)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from translators import registry
from translators.backend_only import BackendOnly
from translators.canonical.errors import ErrorInfo
from translators.canonical.names import NameMap
from translators.canonical.request import Request
from translators.canonical.response import Response
from translators.canonical.target import Target
from translators.protocol import Encoded, StreamDecoder

Json = dict[str, Any]
RESPONSES = "openai_responses"


class CodexWire(BackendOnly):
    """See `translators.protocol.Protocol`. What the service demands beyond Responses is in body.py, which the provider
    applies to every body, a Responses client's own as well. There is no endpoint that counts tokens."""

    id = "codex"
    stream_type = "text/event-stream"
    takes_stops = False
    wraps = RESPONSES

    def encode_request(self, request: Request, target: Target) -> Encoded:
        return registry.get(RESPONSES).encode_request(request, replace(target, protocol=RESPONSES))

    def decode_response(self, body: Json, names: NameMap) -> Response:
        return registry.get(RESPONSES).decode_response(body, names)

    def stream_decoder(self, names: NameMap) -> StreamDecoder:
        return registry.get(RESPONSES).stream_decoder(names)

    def decode_error(self, status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
        return registry.get(RESPONSES).decode_error(status, headers, body)
