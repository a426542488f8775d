"""The Messages API as one `Protocol`: wires the functions of this package together."""

from __future__ import annotations

from collections.abc import Callable

from translators.anthropic import errors, request_decode, request_encode, response
from translators.anthropic.blocks_decode import ID
from translators.anthropic.history import without_foreign_thinking, without_thinking
from translators.anthropic.stream_decode import AnthropicStreamDecoder
from translators.anthropic.stream_encode import AnthropicStreamEncoder
from translators.anthropic.wire import Json
from translators.canonical.errors import ErrorInfo
from translators.canonical.names import NameMap
from translators.canonical.request import Request
from translators.canonical.response import Response
from translators.canonical.target import Target
from translators.protocol import Encoded, Reply, StreamDecoder, StreamEncoder
from translators.reasoning import Keeps, nothing


class AnthropicProtocol:
    """Both sides of `POST /v1/messages` and `/v1/messages/count_tokens`."""

    id = ID
    stream_type = "text/event-stream"
    passed_stream_types: tuple[str, ...] = ()
    takes_stops = True
    wraps = ""

    def decode_request(self, body: Json, *, model: str | None = None, stream: bool | None = None) -> Request:
        return request_decode.decode_request(body, model=model, stream=stream)

    def encode_response(self, answer: Response, reply: Reply) -> Json:
        return response.encode_response(answer, reply)

    def stream_encoder(self, reply: Reply) -> StreamEncoder:
        return AnthropicStreamEncoder(reply)

    def encode_error(self, error: ErrorInfo, *, request_id: str | None = None) -> tuple[int, Json]:
        return errors.encode_error(error, request_id=request_id)

    def encode_token_count(self, tokens: int) -> Json:
        return response.encode_token_count(tokens)

    def own_history(self, body: Json, *, bare: bool, keeps: Keeps = nothing) -> Json:
        return without_thinking(body, keeps) if bare else without_foreign_thinking(body)

    def adapt_own(self, body: Json, target: Target, recall: Callable[[str], str | None]) -> Json:
        return body

    def encode_request(self, request: Request, target: Target) -> Encoded:
        return request_encode.encode_request(request, target)

    def decode_response(self, body: Json, names: NameMap) -> Response:
        return response.decode_response(body, names)

    def stream_decoder(self, names: NameMap) -> StreamDecoder:
        return AnthropicStreamDecoder(names)

    def decode_error(self, status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
        return errors.decode_error(status, headers, body)

    def encode_count_request(self, request: Request, target: Target) -> Json | None:
        return request_encode.encode_count_request(request, target)

    def decode_token_count(self, body: Json) -> int | None:
        return response.decode_token_count(body)
