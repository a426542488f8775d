"""GenerateAssistantResponse as a `Protocol`, one for each generation of the service: the backend's half. Pure."""

from __future__ import annotations

from typing import Any

from addons.providers.kiro import errors, requests
from addons.providers.kiro.dialect import CURRENT, LEGACY, Dialect
from addons.providers.kiro.stream import KiroStreamDecoder
from translators.backend_only import BackendOnly
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.names import NameMap
from translators.canonical.request import Request
from translators.canonical.response import Response
from translators.canonical.target import Target
from translators.framing.aws_eventstream import CONTENT_TYPE
from translators.protocol import Encoded, StreamDecoder

Json = dict[str, Any]


class KiroWire(BackendOnly):
    """The service only streams, counts no tokens, and knows no stop sequences: the gateway keeps those."""

    stream_type = CONTENT_TYPE
    takes_stops = False

    def __init__(self, dialect: Dialect) -> None:
        self.id = dialect.id
        self._dialect = dialect

    def encode_request(self, request: Request, target: Target) -> Encoded:
        return requests.encode_request(request, target, self._dialect)

    def decode_response(self, body: Json, names: NameMap) -> Response:
        """Whatever is no stream is no answer: an exception that came with a 200."""
        message, type_ = body.get("message"), body.get("__type")
        if isinstance(message, str) or isinstance(type_, str):
            name = type_ if isinstance(type_, str) else ""
            return Response(error=errors.exception(name, message if isinstance(message, str) else "", body))
        return Response(error=ErrorInfo(ErrorKind.SERVER, "The backend answered with something that is no stream"))

    def stream_decoder(self, names: NameMap) -> StreamDecoder:
        return KiroStreamDecoder(names, self._dialect)

    def decode_error(self, status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
        return errors.decode_error(status, headers, body)


WIRES = (KiroWire(CURRENT), KiroWire(LEGACY))
