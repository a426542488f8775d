"""Converse and ConverseStream as one `Protocol`: the backend's half; no client speaks it to us."""

from __future__ import annotations

from typing import Any

from translators.backend_only import BackendOnly
from translators.bedrock import errors, request_encode, response
from translators.bedrock.origin import ID
from translators.bedrock.stream_decode import BedrockStreamDecoder
from translators.canonical.errors import ErrorInfo
from translators.canonical.names import NameMap
from translators.canonical.request import Request
from translators.canonical.response import Response
from translators.canonical.target import Target
from translators.framing.aws_eventstream import CONTENT_TYPE
from translators.protocol import Encoded, StreamDecoder

Json = dict[str, Any]


class BedrockProtocol(BackendOnly):
    """`POST /model/{id}/converse`, `/converse-stream` and `/count-tokens`. Model and streaming stand in the URL."""

    id = ID
    stream_type = CONTENT_TYPE

    def encode_request(self, request: Request, target: Target) -> Encoded:
        return request_encode.encode_request(request, target)

    def decode_response(self, body: Json, names: NameMap) -> Response:
        return response.decode_response(body, names)

    def stream_decoder(self, names: NameMap) -> StreamDecoder:
        return BedrockStreamDecoder(names)

    def decode_error(self, status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
        return errors.decode_error(status, headers, body)

    def encode_count_request(self, request: Request, target: Target) -> Json | None:
        return request_encode.encode_count_request(request, target)

    def decode_token_count(self, body: Json) -> int | None:
        return response.decode_token_count(body)
