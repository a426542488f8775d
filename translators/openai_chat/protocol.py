"""OpenAI Chat Completions as a `Protocol`: the functions of this package under the interface's names."""

from __future__ import annotations

from collections.abc import Callable

from translators.canonical.counts import count
from translators.canonical.errors import ErrorInfo
from translators.canonical.names import NameMap
from translators.canonical.request import Request
from translators.canonical.response import Response
from translators.canonical.target import Target
from translators.openai_chat import errors, request_decode, request_encode, response
from translators.openai_chat.history import own_history, with_required_reasoning
from translators.openai_chat.stream_decode import ChatStreamDecoder
from translators.openai_chat.stream_encode import ChatStreamEncoder
from translators.openai_chat.wire import ID, Json
from translators.protocol import Encoded, Reply, StreamDecoder, StreamEncoder
from translators.reasoning import Keeps, nothing


class OpenAIChat:
    """See `translators.protocol.Protocol`. Chat has no endpoint that counts tokens."""

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
        return ChatStreamEncoder(reply)

    def encode_error(self, error: ErrorInfo, *, request_id: str | None = None) -> tuple[int, Json]:
        """The request id travels in the `x-request-id` header, not in the body."""
        return errors.encode_error(error)

    def encode_token_count(self, tokens: int) -> Json:
        """In the words of Responses' count endpoint: chat has none of its own."""
        return {"object": "response.input_tokens", "input_tokens": tokens}

    def own_history(self, body: Json, *, bare: bool, keeps: Keeps = nothing) -> Json:
        return own_history(body, bare=bare, keeps=keeps)

    def adapt_own(self, body: Json, target: Target, recall: Callable[[str], str | None]) -> Json:
        return with_required_reasoning(body, target, recall)

    def encode_request(self, request: Request, target: Target) -> Encoded:
        return request_encode.encode_request(request, target)

    def decode_response(self, body: Json, names: NameMap) -> Response:
        return response.decode_response(body, names)

    def stream_decoder(self, names: NameMap) -> StreamDecoder:
        return ChatStreamDecoder(names)

    def decode_error(self, status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
        return errors.decode_error(status, headers, body)

    def encode_count_request(self, request: Request, target: Target) -> Json | None:
        return None

    def decode_token_count(self, body: Json) -> int | None:
        return count(body.get("input_tokens"))
