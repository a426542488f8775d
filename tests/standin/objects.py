"""The endpoints beside the models' own: model lists, embeddings, files, stored responses, probes."""

from __future__ import annotations

import base64
import re
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import openai_common, rules_anthropic, rules_gemini
from .ask import Ask, Complaint, Json, Protocol
from .bodies import BodyError, decoded, form_file
from .errors import refusal
from .records import Recorded
from .wire import dumps

if TYPE_CHECKING:
    from .server import StandIn

CREATED = 1_750_000_000
CREATED_TEXT = "2026-01-01T00:00:00Z"
DIMENSIONS = 4
CREDENTIALS: dict[Protocol, Any] = {
    "anthropic": rules_anthropic.credential,
    "openai_chat": openai_common.credential,
    "openai_responses": openai_common.credential,
    "gemini": rules_gemini.credential,
}


@dataclass(frozen=True)
class Sent:
    """A complete answer."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class File:
    identity: str
    name: str
    media_type: str
    content: bytes
    purpose: str

    def shown(self, protocol: Protocol) -> Json:
        if protocol == "anthropic":
            return {
                "type": "file",
                "id": self.identity,
                "filename": self.name,
                "mime_type": self.media_type,
                "size_bytes": len(self.content),
                "created_at": CREATED_TEXT,
                "downloadable": False,
            }
        return {
            "object": "file",
            "id": self.identity,
            "filename": self.name,
            "bytes": len(self.content),
            "created_at": CREATED,
            "purpose": self.purpose,
            "status": "processed",
        }


def answer_json(body: Any, status: int = 200) -> Sent:
    return Sent(status, dumps(body).encode())


class Objects:
    """What the stand-in keeps between requests, and the endpoints that show it. Paths without ``/v1`` work too."""

    def __init__(self, standin: StandIn) -> None:
        self.standin = standin
        self.files: dict[str, File] = {}
        self.responses: dict[str, tuple[Json, list[Json]]] = {}
        self.routes: tuple[tuple[str, str, Callable[..., Sent]], ...] = (
            ("GET", r"(?:/v1(?:beta|alpha)?)?/models", self.list_models),
            ("GET", r"(?:/v1(?:beta|alpha)?)?/models/(.+)", self.one_model),
            ("POST", r"(?:/v1)?/embeddings", self.embeddings),
            ("POST", r"(?:/v1)?/files", self.upload),
            ("GET", r"(?:/v1)?/files", self.list_files),
            ("GET", r"(?:/v1)?/files/([^/]+)", self.one_file),
            ("GET", r"(?:/v1)?/files/([^/]+)/content", self.file_content),
            ("GET", r"(?:/v1)?/responses/([^/]+)", self.one_response),
            ("DELETE", r"(?:/v1)?/responses/([^/]+)", self.delete_response),
        )

    def reset(self) -> None:
        self.files.clear()
        self.responses.clear()

    def answer(self, request: Recorded) -> Sent:
        """The answer to anything but a model call; unknown paths get a 404, WebSocket upgrades a 426."""
        request.endpoint = request.path
        request.protocol = protocol_of(request)
        if request.method == "HEAD":
            return Sent(200, b"")
        if request.headers.get("upgrade", "").lower() == "websocket":
            return answer_json({"error": {"message": "Use HTTP here."}}, 426)
        for method, pattern, handler in self.routes:
            match = re.fullmatch(pattern, request.path)
            if match and method == request.method:
                return self.authorised(request, handler, match.groups())
        return self.error(request, Complaint(f"Not found: {request.method} {request.path}", status=404))

    def authorised(self, request: Recorded, handler: Callable[..., Sent], found: tuple[str, ...]) -> Sent:
        assert request.protocol is not None
        ask = Ask({}, request.headers, request.query, policy=self.standin.policy)
        for complaint in CREDENTIALS[request.protocol](ask):
            request.refusal = refusal(request.protocol, "credential", complaint)
            return answer_json(request.refusal.body, request.refusal.status)
        try:
            return handler(request, *found)
        except BodyError as error:
            return self.error(request, Complaint(str(error), error.status, code=error.code))

    def error(self, request: Recorded, complaint: Complaint) -> Sent:
        body = refusal(request.protocol or "openai_chat", "route", complaint).body
        return answer_json(body, complaint.status)

    def missing(self, request: Recorded, what: str) -> Sent:
        return self.error(request, Complaint(f"No such object: {what}", status=404))

    def list_models(self, request: Recorded) -> Sent:
        protocol = request.protocol or "openai_chat"
        data = [MODELS[protocol](name) for name in self.standin.models]
        if protocol == "gemini":
            return answer_json({"models": data})
        if protocol == "anthropic":
            return answer_json({"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]})
        return answer_json({"object": "list", "data": data})

    def one_model(self, request: Recorded, name: str) -> Sent:
        if name not in self.standin.models:
            return self.missing(request, name)
        return answer_json(MODELS[request.protocol or "openai_chat"](name))

    def embeddings(self, request: Recorded) -> Sent:
        request.json = body = decoded(request.raw, request.headers)
        texts = body["input"] if isinstance(body.get("input"), list) else [body.get("input")]
        vectors = [vector(str(text), body.get("encoding_format") == "base64") for text in texts]
        data = [{"object": "embedding", "index": i, "embedding": value} for i, value in enumerate(vectors)]
        tokens = sum(len(str(text)) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return answer_json({"object": "list", "data": data, "model": body.get("model"), "usage": usage})

    def upload(self, request: Recorded) -> Sent:
        name, media_type, content, fields = form_file(request.raw, request.headers.get("content-type", ""))
        prefix = "file_" if request.protocol == "anthropic" else "file-"
        file = File(prefix + secrets.token_hex(12), name, media_type, content, fields.get("purpose", "user_data"))
        self.files[file.identity] = file
        return answer_json(file.shown(request.protocol or "openai_chat"))

    def list_files(self, request: Recorded) -> Sent:
        data = [file.shown(request.protocol or "openai_chat") for file in self.files.values()]
        ends = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
        head = {} if request.protocol == "anthropic" else {"object": "list"}
        return answer_json({**head, "data": data, "has_more": False, **ends})

    def one_file(self, request: Recorded, identity: str) -> Sent:
        file = self.files.get(identity)
        return answer_json(file.shown(request.protocol or "openai_chat")) if file else self.missing(request, identity)

    def file_content(self, request: Recorded, identity: str) -> Sent:
        file = self.files.get(identity)
        return Sent(200, file.content, file.media_type) if file else self.missing(request, identity)

    def store_response(self, response: Json, body: Json) -> None:
        """Keeps a response with the input that led to it, for ``previous_response_id`` and ``GET``."""
        given = body["input"]
        items = given if isinstance(given, list) else [{"role": "user", "content": given}]
        self.responses[response["id"]] = (response, [*items, *response["output"]])

    def with_history(self, body: Json) -> Json:
        """The body with a known ``previous_response_id`` replaced by the items that it stands for."""
        stored = self.responses.get(str(body.get("previous_response_id")))
        if stored is None:
            return body
        history = [without_id(item) for item in stored[1] if item.get("type") != "reasoning"]
        given = body.get("input") or []
        items = given if isinstance(given, list) else [{"role": "user", "content": given}]
        rest = {name: value for name, value in body.items() if name != "previous_response_id"}
        return {**rest, "input": [*history, *items]}

    def one_response(self, request: Recorded, identity: str) -> Sent:
        stored = self.responses.get(identity)
        return answer_json(stored[0]) if stored else self.missing(request, identity)

    def delete_response(self, request: Recorded, identity: str) -> Sent:
        if self.responses.pop(identity, None) is None:
            return self.missing(request, identity)
        return answer_json({"id": identity, "object": "response", "deleted": True})


def protocol_of(request: Recorded) -> Protocol:
    """Whose endpoint a shared path is: by Anthropic's version header, Gemini's path or kind of key, else OpenAI's."""
    if "anthropic-version" in request.headers:
        return "anthropic"
    keyed = "x-goog-api-key" in request.headers or "key" in request.query
    return "gemini" if keyed or re.match(r"/v1(beta|alpha)/", request.path) else "openai_chat"


def without_id(item: Json) -> Json:
    return {name: value for name, value in item.items() if name != "id"}


def vector(text: str, packed: bool) -> Any:
    """A small deterministic embedding."""
    values = [((len(text) + 1) * (index + 1)) % 7 / 8 for index in range(DIMENSIONS)]
    return base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *values)).decode() if packed else values


def anthropic_model(name: str) -> Json:
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": CREATED_TEXT,
        "lifecycle": "active",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
    }


def openai_model(name: str) -> Json:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "standin"}


def gemini_model(name: str) -> Json:
    return {
        "name": f"models/{name}",
        "version": "1",
        "displayName": name,
        "inputTokenLimit": 1_000_000,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "thinking": True,
    }


MODELS: dict[Protocol, Callable[[str], Json]] = {
    "anthropic": anthropic_model,
    "openai_chat": openai_model,
    "openai_responses": openai_model,
    "gemini": gemini_model,
}
