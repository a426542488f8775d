"""The stand-in's HTTP side: finds the endpoint, checks the request, and sends what the script says or a failure."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
import traceback
import zlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from . import (
    proto,
    reading,
    render_anthropic,
    render_chat,
    render_gemini,
    render_responses,
    rules_anthropic,
    rules_gemini,
    rules_openai_chat,
    rules_openai_responses,
)
from .ask import Ask, Complaint, Json, Protocol, Refusal
from .bodies import BodyError, decoded
from .errors import refusal
from .failures import OVERLOADED, Cut, Failure, SlowHead, Stall, Status, StreamError, error_events, status_body
from .objects import Objects, Sent
from .records import Recorded
from .script import choose, usage_of
from .wire import Job, Rendering, dumps, shredded

if TYPE_CHECKING:
    from .server import StandIn

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# (method, path, protocol, endpoint); any version prefix of Gemini and none or one of the others is accepted.
ROUTES: tuple[tuple[str, str, Protocol, str], ...] = (
    ("POST", r"/v1/messages", "anthropic", "generate"),
    ("POST", r"/v1/messages/count_tokens", "anthropic", "count"),
    ("POST", r"(?:/v1)?/chat/completions", "openai_chat", "generate"),
    ("POST", r"(?:/v1)?/responses", "openai_responses", "generate"),
    ("POST", r"(?:/v1)?/responses/input_tokens", "openai_responses", "count"),
    ("POST", r"/v1(?:beta|alpha)?/models/(?P<model>.+):generateContent", "gemini", "generate"),
    ("POST", r"/v1(?:beta|alpha)?/models/(?P<model>.+):streamGenerateContent", "gemini", "stream"),
    ("POST", r"/v1(?:beta|alpha)?/models/(?P<model>.+):countTokens", "gemini", "count"),
)
RENDERERS: dict[Protocol, Callable[[Job], Rendering]] = {
    "anthropic": render_anthropic.render,
    "openai_chat": render_chat.render,
    "openai_responses": render_responses.render,
    "gemini": render_gemini.render,
}
CHECKS: dict[Protocol, Callable[[Ask], Refusal | None]] = {
    "anthropic": lambda ask: rules_anthropic.check(
        ask.body, ask.headers, query=ask.query, endpoint=ask.endpoint, policy=ask.policy
    ),
    "openai_chat": lambda ask: rules_openai_chat.check(ask.body, ask.headers, query=ask.query, policy=ask.policy),
    "openai_responses": lambda ask: rules_openai_responses.check(
        ask.body, ask.headers, query=ask.query, endpoint=ask.endpoint, policy=ask.policy
    ),
    "gemini": lambda ask: rules_gemini.check(
        ask.body, ask.headers, query=ask.query, endpoint=ask.endpoint, model=ask.model, policy=ask.policy
    ),
}
MISSING_MODEL = {
    "anthropic": "model: {}",
    "openai_chat": "The model `{}` does not exist or you do not have access to it.",
    "openai_responses": "The requested model '{}' does not exist.",
    "gemini": "models/{} is not found for API version v1beta, or is not supported for generateContent.",
}
# Anthropic's limit; the others' are not known to be smaller.
MAX_BODY = 32 * 2**20
JSON_TYPE = "application/json"


@dataclass
class Reply:
    """What goes out: a head, then chunks with pauses between them; ``broken`` leaves the body unfinished."""

    status: int
    headers: dict[str, str]
    chunks: list[bytes]
    wait_head: float = 0.0
    pauses: dict[int, float] = field(default_factory=dict)
    broken: bool = False
    stream: bool = False


class App:
    """The ASGI application of one :class:`~tests.standin.server.StandIn`."""

    def __init__(self, standin: StandIn) -> None:
        self.standin = standin
        self.objects = Objects(standin)

    def reset(self) -> None:
        self.objects.reset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = await recorded(scope, receive)
        self.standin.record(request)
        try:
            reply = self.answer(request)
        except Exception:
            reply = self.broken(request)
        request.status = reply.status
        await self.deliver(request, reply, receive, send)

    def answer(self, request: Recorded) -> Reply:
        for method, pattern, protocol, endpoint in ROUTES:
            match = re.fullmatch(pattern, request.path)
            if match and method == request.method:
                request.protocol, request.endpoint = protocol, endpoint.replace("stream", "generate")
                return self.model_call(request, match.groupdict().get("model") or "", endpoint == "stream")
        return self.to_reply(self.objects.answer(request))

    def broken(self, request: Recorded) -> Reply:
        """A fault of the stand-in itself: recorded as a refusal, so that no test passes over it."""
        complaint = Complaint(traceback.format_exc(), status=500)
        return self.refused(request, refusal(request.protocol or "openai_chat", "fault of the stand-in", complaint))

    def to_reply(self, sent: Sent) -> Reply:
        return Reply(sent.status, {"content-type": sent.content_type, **sent.headers}, [sent.body])

    def model_call(self, request: Recorded, model: str, stream: bool) -> Reply:
        """One call of a model, or of its token counter."""
        protocol = request.protocol
        assert protocol is not None
        try:
            body = self.body_of(request, protocol)
        except BodyError as error:
            return self.refused(
                request, refusal(protocol, "body", Complaint(str(error), error.status, code=error.code))
            )
        model = model or body.get("model") or ""
        query = request.query
        ask = Ask(body, request.headers, query, request.endpoint, str(model), self.standin.policy)
        found = CHECKS[protocol](ask) or self.unknown_model(ask, protocol)
        if found:
            return self.refused(request, found)
        if protocol == "gemini":
            ask = Ask(proto.request(body, ask.endpoint), ask.headers, query, ask.endpoint, ask.model, ask.policy)
        if ask.endpoint == "count":
            return self.json_reply(200, count(protocol, len(request.raw)))
        return self.generate(request, protocol, ask, stream)

    def body_of(self, request: Recorded, protocol: Protocol) -> Json:
        """The decoded body; the Responses API's stored history is put in front of the input."""
        if len(request.raw) > MAX_BODY:
            raise BodyError("Request exceeds the maximum size", 413, None)
        request.json = decoded(request.raw, request.headers)
        if not isinstance(request.json, dict):
            raise BodyError("The request body must be a JSON object.", 400, None)
        if protocol == "openai_responses":
            return self.objects.with_history(request.json)
        return request.json

    def unknown_model(self, ask: Ask, protocol: Protocol) -> Refusal | None:
        if not self.standin.strict_models or ask.model in self.standin.models:
            return None
        return refusal(protocol, "model", Complaint(MISSING_MODEL[protocol].format(ask.model), status=404))

    def refused(self, request: Recorded, found: Refusal) -> Reply:
        request.refusal = found
        return self.json_reply(found.status, found.body)

    def generate(self, request: Recorded, protocol: Protocol, ask: Ask, stream: bool) -> Reply:
        view = reading.read(protocol, ask.body, ask.model, stream)
        served = choose(self.standin.scenario_for(request), view)
        request.failure = self.standin.take_failure(served.index)
        if isinstance(request.failure, Status):
            body = status_body(protocol, request.failure)
            data = body if isinstance(body, bytes) else (body if isinstance(body, str) else dumps(body)).encode()
            return Reply(request.failure.code, {"content-type": JSON_TYPE, **request.failure.headers}, [data])
        request.turn = served.index
        job = Job(
            ask,
            view,
            served.turn,
            usage_of(served.turn, len(request.raw)),
            secrets.token_hex(16),
            int(time.time()),
            interleave=self.standin.interleave,
            array=request.query.get("alt") != "sse",
            restart_ids=self.standin.restart_ids,
        )
        rendering = RENDERERS[protocol](job)
        if protocol == "openai_responses" and ask.body.get("store") is not False:
            self.objects.store_response(rendering.whole, ask.body)
        reply = self.streamed(rendering) if view.stream else self.json_reply(200, rendering.whole)
        return self.failing(reply, request.failure, protocol, job, rendering)

    def streamed(self, rendering: Rendering) -> Reply:
        headers = {"content-type": rendering.content_type, "cache-control": "no-cache", **rendering.headers}
        return Reply(200, headers, rendering.events, stream=True)

    def failing(
        self, reply: Reply, failure: Failure | None, protocol: Protocol, job: Job, rendering: Rendering
    ) -> Reply:
        """The reply, spoilt as the failure says."""
        if isinstance(failure, SlowHead):
            reply.wait_head = failure.seconds
        if isinstance(failure, Stall):
            reply.pauses[failure.after if reply.stream else 0] = failure.seconds
        if isinstance(failure, Cut):
            reply.chunks = (
                reply.chunks[: failure.after] if reply.stream else [reply.chunks[0][: len(reply.chunks[0]) // 2]]
            )
            reply.broken = True
        if isinstance(failure, StreamError):
            if not reply.stream:
                code = OVERLOADED[protocol]
                return self.json_reply(code, status_body(protocol, Status(code)))
            reply.chunks = error_events(protocol, failure, job, rendering)
        return reply

    def json_reply(self, status: int, body: Any) -> Reply:
        return Reply(status, {"content-type": JSON_TYPE}, [dumps(body).encode()])

    async def deliver(self, request: Recorded, reply: Reply, receive: Receive, send: Send) -> None:
        """Sends a reply; a broken one stops without its end, so that the server cuts the connection."""
        gone = asyncio.ensure_future(disconnected(receive))
        try:
            await pause(reply.wait_head, gone)
            chunks, pauses = self.encoded(request, reply)
            await send({"type": "http.response.start", "status": reply.status, "headers": header_list(request, reply)})
            for number, chunk in enumerate(chunks):
                await pause(pauses.get(number, 0.0) + (self.standin.pace if number else 0.0), gone)
                if gone.done():
                    break
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            request.aborted = gone.done()
            if not reply.broken:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()

    def encoded(self, request: Recorded, reply: Reply) -> tuple[list[bytes], dict[int, float]]:
        """The chunks as they travel: cut to shreds and compressed where that is set."""
        chunks, pauses = reply.chunks, reply.pauses
        if self.standin.compress and "gzip" in request.headers.get("accept-encoding", ""):
            reply.headers["content-encoding"] = "gzip"
            chunks = list(gzipped(chunks, finish=not reply.broken))
        if self.standin.shred and reply.stream:
            sizes = [len(b"".join(chunks[:index])) // self.standin.shred for index in pauses]
            pauses = dict(zip(sizes, pauses.values(), strict=True))
            chunks = shredded(chunks, self.standin.shred)
        if not reply.stream and not reply.broken:
            reply.headers["content-length"] = str(sum(map(len, chunks)))
        elif not reply.stream:
            reply.headers["content-length"] = str(2 * sum(map(len, chunks)) + 1)
        return chunks, pauses


async def recorded(scope: Scope, receive: Receive) -> Recorded:
    received: list[bytes] = []
    while True:
        message = await receive()
        received.append(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            break
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    path = unquote(scope["raw_path"].decode("latin-1")) if scope.get("raw_path") else scope["path"]
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    return Recorded(scope["method"], path, query, headers, b"".join(received))


async def disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def pause(seconds: float, gone: asyncio.Future[None]) -> None:
    """Waits, but not for a client that has hung up."""
    if seconds > 0:
        await asyncio.wait([gone], timeout=seconds)


def gzipped(chunks: Iterable[bytes], *, finish: bool) -> Iterable[bytes]:
    """One gzip stream over all chunks, flushed after each so that every event can be read at once."""
    packer = zlib.compressobj(wbits=31)
    for chunk in chunks:
        yield packer.compress(chunk) + packer.flush(zlib.Z_SYNC_FLUSH)
    if finish:
        yield packer.flush(zlib.Z_FINISH)


def count(protocol: Protocol, size: int) -> Json:
    tokens = max(1, size // 4)
    if protocol == "anthropic":
        return {"input_tokens": tokens}
    if protocol == "openai_responses":
        return {"object": "response.input_tokens", "input_tokens": tokens}
    return {"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]}


def header_list(request: Recorded, reply: Reply) -> list[tuple[bytes, bytes]]:
    """The reply's headers with those that the service adds to every answer."""
    identity = secrets.token_hex(12)
    usual = {
        "anthropic": {
            "request-id": f"req_{identity}",
            "anthropic-organization-id": "00000000-0000-0000-0000-000000000000",
            "anthropic-ratelimit-requests-limit": "1000",
            "anthropic-ratelimit-requests-remaining": "999",
            "anthropic-ratelimit-requests-reset": "2099-01-01T00:00:00Z",
        },
        "openai_chat": {
            "x-request-id": f"req_{identity}",
            "openai-version": "2020-10-01",
            "openai-processing-ms": "5",
            "x-ratelimit-limit-requests": "1000",
            "x-ratelimit-remaining-requests": "999",
            "x-ratelimit-reset-requests": "60ms",
        },
        "gemini": {"server-timing": "gfet4t7; dur=5"},
    }
    usual["openai_responses"] = usual["openai_chat"]
    headers = {**usual.get(request.protocol or "", {}), **reply.headers}
    return [(name.lower().encode("latin-1"), str(value).encode("latin-1")) for name, value in headers.items()]
