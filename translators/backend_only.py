"""The client's half of a protocol that no client speaks to us: each call of it is a mistake of ours, and says so.

Wires that only backends have (Bedrock's, a provider's private ones) inherit it and implement the other half; of that
it has what a backend without an endpoint that counts tokens says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from translators.canonical.errors import ErrorInfo, TranslationError
from translators.canonical.request import Request
from translators.canonical.response import Response
from translators.canonical.target import Target
from translators.protocol import Reply, StreamEncoder
from translators.reasoning import Keeps, nothing

Json = dict[str, Any]


class BackendOnly:
    """Raises TranslationError for whatever would speak this protocol to a client; recognise.py finds no endpoint of
    it, and `x-proxycast-output` does not take its id, so nothing calls these."""

    id: str
    passed_stream_types: tuple[str, ...] = ()
    takes_stops: bool = True
    wraps: str = ""

    def decode_request(self, body: Json, *, model: str | None = None, stream: bool | None = None) -> Request:
        self._refuse()

    def encode_response(self, response: Response, reply: Reply) -> Json:
        self._refuse()

    def stream_encoder(self, reply: Reply) -> StreamEncoder:
        self._refuse()

    def encode_error(self, error: ErrorInfo, *, request_id: str | None = None) -> tuple[int, Json]:
        self._refuse()

    def encode_token_count(self, tokens: int) -> Json:
        self._refuse()

    def own_history(self, body: Json, *, bare: bool, keeps: Keeps = nothing) -> Json:
        self._refuse()

    def adapt_own(self, body: Json, target: Target, recall: Callable[[str], str | None]) -> Json:
        self._refuse()

    def encode_count_request(self, request: Request, target: Target) -> Json | None:
        """Many of these backends count nothing."""
        return None

    def decode_token_count(self, body: Json) -> int | None:
        return None

    def _refuse(self) -> NoReturn:
        raise TranslationError(f"{self.id} is spoken to backends only")
