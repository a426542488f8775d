"""Vertex AI in front of the stand-in: Google's token endpoint, publishers' paths, bodies (apikey_backends.md §4)."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .app import App, Reply
from .ask import Json, Refusal
from .bodies import decoded
from .records import Recorded
from .server import StandIn
from .wire import dumps

PROJECT, LOCATION, EMAIL = "my-project", "us-east5", "robot@my-project.iam.gserviceaccount.com"
AUDIENCE = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PLACE = f"/v1/projects/{PROJECT}/locations/{LOCATION}"
GOOGLE = re.compile(r"/v1(?:/projects/[^/]+/locations/[^/]+)?/publishers/google/models/([^/:]+):(\w+)")
ANTHROPIC = re.compile(rf"{PLACE}/publishers/anthropic/models/([^/:]+):(rawPredict|streamRawPredict)")
OPENAI = f"{PLACE}/endpoints/openapi/chat/completions"
VERSION = "vertex-2023-10-16"
COUNTED = {"contents", "systemInstruction", "tools", "generationConfig"}
DATED = re.compile(r".*-20\d{6}")


class VertexApp(App):
    def answer(self, request: Recorded) -> Reply:
        assert isinstance(self.standin, VertexStandIn)
        if request.path == "/token":
            return self.token(request, self.standin)
        if request.path.startswith("/v1/projects/"):
            if (
                request.headers.get("authorization") != f"Bearer {self.standin.token}"
                or "x-goog-api-key" in request.headers
            ):
                return self.no(request, 401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        elif request.headers.get("x-goog-api-key") != self.standin.key:
            return self.no(request, 400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.")
        body = decoded(request.raw, request.headers)
        request.headers = {n: v for n, v in request.headers.items() if n not in ("authorization", "x-goog-api-key")}
        if found := GOOGLE.fullmatch(request.path):
            return self.gemini(request, body, found[1], found[2])
        if found := ANTHROPIC.fullmatch(request.path):
            return self.claude(request, body, found[1], found[2] == "streamRawPredict")
        if request.path == OPENAI:
            return self.pass_on(request, "/v1/chat/completions", body, "authorization", f"Bearer {self.standin.key}")
        return self.no(request, 404, "NOT_FOUND", f"{request.path} was not found")

    def gemini(self, request: Recorded, body: Json, model: str, method: str) -> Reply:
        if any("role" not in content for content in body.get("contents", [])):
            return self.no(request, 400, "INVALID_ARGUMENT", "Please use a valid role: user, model.")
        if method == "countTokens":
            if unknown := body.keys() - COUNTED:
                return self.no(request, 400, "INVALID_ARGUMENT", f'Unknown name "{min(unknown)}": Cannot find field.')
            body = {"generateContentRequest": {"model": f"models/{model}", **body}}
        return self.pass_on(request, f"/v1beta/models/{model}:{method}", body, "x-goog-api-key", self.standin.key)

    def claude(self, request: Recorded, body: Json, model: str, stream: bool) -> Reply:
        counts = model == "count-tokens"
        if body.pop("anthropic_version", None) != VERSION:
            return self.no(request, 400, "INVALID_ARGUMENT", "anthropic_version: Field required")
        if "model" in body and not counts:
            return self.no(request, 400, "INVALID_ARGUMENT", "model: Extra inputs are not permitted")
        if DATED.fullmatch(model) or bool(body.get("stream")) is not stream:
            return self.no(request, 404, "NOT_FOUND", f"Publisher Model `{model}` was not found.")
        body.setdefault("model", model)
        request.headers = {**request.headers, "anthropic-version": "2023-06-01"}
        path = "/v1/messages/count_tokens" if counts else "/v1/messages"
        return self.pass_on(request, path, body, "x-api-key", self.standin.key)

    def pass_on(self, request: Recorded, path: str, body: Json, header: str, key: str | None) -> Reply:
        request.path, request.raw = path, dumps(body).encode()
        request.headers = {**request.headers, header: key or ""}
        return super().answer(request)

    def no(self, request: Recorded, status: int, word: str, message: str) -> Reply:
        body = {"error": {"code": status, "message": message, "status": word}}
        return self.refused(request, Refusal(status, body, message, "vertex"))

    def token(self, request: Recorded, standin: VertexStandIn) -> Reply:
        form = {name: values[0] for name, values in parse_qs(request.raw.decode()).items()}
        standin.grants += 1
        trouble = standin.trouble or of_grant(form, standin.public_key)
        if trouble:
            return self.json_reply(400, {"error": "invalid_grant", "error_description": trouble})
        standin.token = f"token-{standin.grants}"
        return self.json_reply(
            200, {"access_token": standin.token, "expires_in": standin.lifetime, "token_type": "Bearer"}
        )


def of_grant(form: dict[str, str], key: rsa.RSAPublicKey) -> str:
    """What is wrong with a request for a token."""
    if form.get("grant_type") == "refresh_token":
        return "" if form.get("refresh_token") == "a-refresh-token" and form.get("client_id") else "Bad Request"
    if form.get("grant_type") != GRANT:
        return "unsupported grant"
    head, claims, signature = (form.get("assertion", "") + "..").split(".")[:3]
    try:
        key.verify(unbase64(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return "Invalid JWT Signature."
    said = json.loads(unbase64(claims))
    if json.loads(unbase64(head)).get("alg") != "RS256":
        return "Invalid algorithm"
    wanted = {"iss": EMAIL, "aud": AUDIENCE, "scope": SCOPE}
    if {name: said.get(name) for name in wanted} != wanted:
        return f"Invalid JWT: {said}"
    return (
        "" if 0 < said["exp"] - said["iat"] <= 3600 else "Invalid JWT: Token must be a short-lived token (60 minutes)"
    )


def unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class VertexStandIn(StandIn):
    """`grants` counts requests for a token; `token` is the valid one, `lifetime` what it is said to last in seconds;
    `trouble` makes the token endpoint refuse with these words."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._app = VertexApp(self)
        self.grants = 0
        self.token = "none yet"
        self.lifetime = 3600
        self.trouble = ""
        self._private = rsa.generate_private_key(65537, 2048)
        self.public_key = self._private.public_key()

    def service_account(self) -> str:
        """The JSON that Google would have given out."""
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        info = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "0123",
            "private_key": self._private.private_bytes(*form).decode(),
            "client_email": EMAIL,
            "token_uri": AUDIENCE,
        }
        return json.dumps(info)
