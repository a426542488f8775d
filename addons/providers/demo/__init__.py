"""The demo provider: a backend within the process that speaks Anthropic Messages, streamed and whole.

It takes the same way as any other provider: dispatched, translated for clients of other protocols, audited.
"""

from __future__ import annotations

from addons.providers.api import Call, LocalAnswer, Manifest, Operation, Provider
from addons.providers.demo.script import answer_to, in_pieces
from addons.vault.credential import Credential
from translators import jsonio, registry
from translators.canonical.errors import TranslationError
from translators.canonical.estimate import estimate_tokens
from translators.canonical.ids import derive
from translators.canonical.response import unfold
from translators.protocol import Reply


class Demo(Provider):
    async def answer(self, call: Call, credential: Credential) -> LocalAnswer | None:
        """Always an answer: a canned one, a token count, or Anthropic's own refusal of a bad request."""
        protocol = registry.get(call.protocol)
        try:
            request = protocol.decode_request(jsonio.loads(call.body)) if call.operation is not Operation.PASS else None
        except TranslationError as error:
            status, body = protocol.encode_error(error.info)
            return _json(status, body)
        if request is None:
            return _json(404, {"type": "error", "error": {"type": "not_found_error", "message": "not in the demo"}})
        if call.operation is Operation.COUNT_TOKENS:
            return _json(200, protocol.encode_token_count(estimate_tokens(request)))
        response = answer_to(request)
        reply = Reply(seed=derive("demo", call.body.hex()), created=0, model=call.model, request=request)
        if not call.stream:
            return _json(200, protocol.encode_response(response, reply))
        encoder = protocol.stream_encoder(reply)
        stream = b"".join(encoder.encode(event) for event in in_pieces(unfold(response)))
        return LocalAnswer(200, [("content-type", protocol.stream_type)], stream)


def _json(status: int, body: object) -> LocalAnswer:
    return LocalAnswer(status, [("content-type", "application/json")], jsonio.dumps(body))


def create(manifest: Manifest) -> Provider:
    return Demo(manifest)
