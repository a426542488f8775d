"""The Gemini protocol as one object: wires the modules of this package together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from translators.canonical.counts import count
from translators.canonical.errors import ErrorInfo
from translators.canonical.names import NameMap
from translators.canonical.request import Request
from translators.canonical.response import Response
from translators.canonical.target import Target
from translators.gemini import errors, request_decode, request_encode
from translators.gemini.history import own_history, with_signatures
from translators.gemini.response import decode_response, encode_response
from translators.gemini.stream_decode import GeminiStreamDecoder
from translators.gemini.stream_encode import GeminiStreamEncoder
from translators.gemini.wire import PROTOCOL_ID, get
from translators.protocol import Encoded, Reply
from translators.reasoning import Keeps, nothing

Json = dict[str, Any]


class GeminiProtocol:
    """`stream_type` is that of `alt=sse`; a stream without it (`Reply.sse` False) is `application/json`."""

    id = PROTOCOL_ID
    stream_type = "text/event-stream"
    passed_stream_types: tuple[str, ...] = ("application/json",)
    takes_stops = True
    wraps = ""

    def decode_request(self, body: Json, *, model: str | None = None, stream: bool | None = None) -> Request:
        return request_decode.decode_request(body, model, stream)

    def encode_response(self, response: Response, reply: Reply) -> Json:
        return encode_response(response, reply)

    def stream_encoder(self, reply: Reply) -> GeminiStreamEncoder:
        return GeminiStreamEncoder(reply)

    def encode_error(self, error: ErrorInfo, *, request_id: str | None = None) -> tuple[int, Json]:
        return errors.encode(error)

    def encode_token_count(self, tokens: int) -> Json:
        return {"totalTokens": tokens}

    def own_history(self, body: Json, *, bare: bool, keeps: Keeps = nothing) -> Json:
        return own_history(body, bare=bare, keeps=keeps)

    def adapt_own(self, body: Json, target: Target, recall: Callable[[str], str | None]) -> Json:
        return with_signatures(body) if target.thought_signatures else body

    def encode_request(self, request: Request, target: Target) -> Encoded:
        return request_encode.encode_request(request, target)

    def decode_response(self, body: Json, names: NameMap) -> Response:
        return decode_response(body, names)

    def stream_decoder(self, names: NameMap) -> GeminiStreamDecoder:
        return GeminiStreamDecoder(names)

    def decode_error(self, status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
        return errors.decode(status, headers, body)

    def encode_count_request(self, request: Request, target: Target) -> Json | None:
        return request_encode.encode_count_request(request, target)

    def decode_token_count(self, body: Json) -> int | None:
        return count(get(body, "totalTokens"))
