"""Ollama's own protocol, `/api/chat`, as backends speak it (apikey_backends.md §7)."""

from __future__ import annotations

from typing import Any

from addons.providers.ollama import answers, requests
from translators.backend_only import BackendOnly
from translators.canonical.errors import ErrorInfo
from translators.canonical.names import NameMap
from translators.canonical.request import Request
from translators.canonical.response import Response
from translators.canonical.target import Target
from translators.protocol import Encoded, StreamDecoder

Json = dict[str, Any]


class OllamaWire(BackendOnly):
    """See `translators.protocol.Protocol`. There is no endpoint that counts tokens."""

    id = answers.ORIGIN
    stream_type = "application/x-ndjson"

    def encode_request(self, request: Request, target: Target) -> Encoded:
        return requests.encode_request(request, target)

    def decode_response(self, body: Json, names: NameMap) -> Response:
        return answers.decode_response(body, names)

    def stream_decoder(self, names: NameMap) -> StreamDecoder:
        return answers.StreamDecoder(names)

    def decode_error(self, status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
        return answers.decode_error(status, headers, body)
