"""The protocol object: wires this package's functions to the interface of `translators/protocol.py`."""

from __future__ import annotations

from collections.abc import Callable

from translators.canonical.counts import count
from translators.canonical.errors import ErrorInfo
from translators.canonical.names import NameMap
from translators.canonical.request import Request
from translators.canonical.response import Response
from translators.canonical.target import Target
from translators.openai_responses import errors, request_decode, request_encode
from translators.openai_responses.history import own_history
from translators.openai_responses.response import decode_response, encode_response
from translators.openai_responses.stream_decode import ResponsesDecoder
from translators.openai_responses.stream_encode import ResponsesEncoder
from translators.openai_responses.wire import ID, Json
from translators.protocol import Encoded, Reply, StreamDecoder, StreamEncoder
from translators.reasoning import Keeps, nothing


class OpenAIResponses:
    """OpenAI's Responses API, as clients (Codex, SDKs) and backends speak it over HTTP."""

    id = ID
    stream_type = "text/event-stream"
    passed_stream_types: tuple[str, ...] = ()
    takes_stops = False
    wraps = ""

    def decode_request(self, body: Json, *, model: str | None = None, stream: bool | None = None) -> Request:
        return request_decode.decode_request(body, model=model, stream=stream)

    def encode_response(self, response: Response, reply: Reply) -> Json:
        return encode_response(response, reply)

    def stream_encoder(self, reply: Reply) -> StreamEncoder:
        return ResponsesEncoder(reply)

    def encode_error(self, error: ErrorInfo, *, request_id: str | None = None) -> tuple[int, Json]:
        return errors.encode_error(error, request_id=request_id)

    def encode_token_count(self, tokens: int) -> Json:
        return {"object": "response.input_tokens", "input_tokens": tokens}

    def own_history(self, body: Json, *, bare: bool, keeps: Keeps = nothing) -> Json:
        return own_history(body, bare=bare, keeps=keeps)

    def adapt_own(self, body: Json, target: Target, recall: Callable[[str], str | None]) -> Json:
        return body

    def encode_request(self, request: Request, target: Target) -> Encoded:
        return request_encode.encode_request(request, target)

    def decode_response(self, body: Json, names: NameMap) -> Response:
        return decode_response(body, names)

    def stream_decoder(self, names: NameMap) -> StreamDecoder:
        return ResponsesDecoder(names)

    def decode_error(self, status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
        return errors.decode_error(status, headers, body)

    def encode_count_request(self, request: Request, target: Target) -> Json | None:
        return request_encode.encode_count_request(request, target)

    def decode_token_count(self, body: Json) -> int | None:
        return count(body.get("input_tokens"))
