"""Vertex AI: a publisher for each family of models, its paths and bodies, and Google's access tokens.

Source: apikey_backends.md §4. Claude's requests are Anthropic's with the model in the path; its streams are the same.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from addons.providers.api import Call, Headers, Manifest, Operation, Provider, Upstream
from addons.providers.vertex import grant, metadata
from addons.providers.vertex.grant import AccessToken, unavailable
from addons.providers.vertex.tokens import Tokens
from addons.vault.credential import Credential
from translators import jsonio
from translators.canonical.errors import ErrorKind, TranslationError
from translators.canonical.request import Request

Json = dict[str, Any]

ANTHROPIC_VERSION = "vertex-2023-10-16"
HOSTS = {
    "global": "https://aiplatform.googleapis.com",
    "us": "https://aiplatform.us.rep.googleapis.com",
    "eu": "https://aiplatform.eu.rep.googleapis.com",
}
#: What Vertex counts; the rest of a request is unknown to its countTokens.
_COUNTED = ("contents", "systemInstruction", "tools", "generationConfig")
_DATE = re.compile(r"-(20\d{6})$")  # of Anthropic's own model ids; Vertex has an @ there
_TOKEN = "access_token"  # noqa: S105 - the field of an acquired secret


class Vertex(Provider):
    reads_request = False

    def __init__(self, manifest: Manifest, tokens: Tokens | None = None) -> None:
        super().__init__(manifest)
        self._tokens = tokens or Tokens(_exchange)
        self._projects = Projects()

    # -- choosing

    def protocol(self, model: str, credential: Credential, request: Request | None = None) -> str:
        """By publisher: Anthropic's protocol for Claude, the OpenAI endpoint for `publisher/model` of others."""
        if "claude" in model.lower():
            return "anthropic"
        publisher, slash, _ = model.partition("/")
        return "openai_chat" if slash and publisher not in ("google", "models", "publishers") else "gemini"

    # -- asking

    async def acquire(self, credential: Credential) -> Credential:
        """The login's JSON with an access token in it; an API key as it is."""
        info = _login(credential)
        if info is None:
            return credential
        if not credential.setting("project") and not info.get("project_id"):
            own = info.get("type") == metadata.TYPE
            info["project_id"] = await self._projects.of(credential) if own else info.get("quota_project_id")
        if not credential.setting("project") and not info.get("project_id"):
            text = f"{credential.name} has no project: `proxycast credentials edit {credential.name} --set project=…`"
            raise unavailable(text, ErrorKind.SERVER, 502)
        token = await self._tokens.token(credential, info)
        return replace(credential, secret=json.dumps({**info, _TOKEN: token}))

    async def refresh(self, credential: Credential) -> Credential | None:
        """With another token, after the service has refused the one that `acquire` put in."""
        used = credential.secret_field(_TOKEN)
        info = _login(credential)
        if not used or info is None:
            return None
        self._tokens.refused(credential, info, used)
        return replace(credential, secret=json.dumps({**info, _TOKEN: await self._tokens.token(credential, info)}))

    def auth_headers(self, credential: Credential, protocol: str = "") -> Headers:
        token = credential.secret_field(_TOKEN)
        if token:
            return [("Authorization", f"Bearer {token}")]
        return [("x-goog-api-key", credential.secret)] if credential.secret else []

    def base_url(self, protocol: str, credential: Credential) -> str:
        location = credential.setting("location", "global")
        usual = HOSTS.get(location) or f"https://{quote(location, safe='')}-aiplatform.googleapis.com"
        return credential.setting("base_url", usual).rstrip("/").removesuffix("/v1")

    def url(self, call: Call, credential: Credential) -> str:
        base = f"{self.base_url(call.protocol, credential)}/v1"
        place = base + _place(credential)
        if call.operation not in (Operation.GENERATE, Operation.COUNT_TOKENS):
            raise TranslationError("Vertex AI has no such endpoint.", kind=ErrorKind.NOT_FOUND)
        if call.protocol == "gemini":
            model = call.model.rpartition("/")[2]
            counts = call.operation is Operation.COUNT_TOKENS
            method = "countTokens" if counts else "streamGenerateContent" if call.stream else "generateContent"
            query = _query(call)
            return f"{place}/publishers/google/models/{quote(model, safe='.:@-_')}:{method}{query}"
        if place == base:
            raise TranslationError("Only Gemini models can be asked with an API key of Vertex AI's express mode.")
        if call.protocol == "openai_chat":
            return f"{place}/endpoints/openapi/chat/completions"
        if call.operation is Operation.COUNT_TOKENS:
            return f"{place}/publishers/anthropic/models/count-tokens:rawPredict"
        method = "streamRawPredict" if call.stream else "rawPredict"
        return f"{place}/publishers/anthropic/models/{quote(_claude(call.model), safe='.:@-_')}:{method}"

    def build(self, call: Call, credential: Credential) -> Upstream:
        upstream = super().build(call, credential)
        mend = {"anthropic": _anthropic_body, "gemini": _gemini_body}.get(call.protocol)
        if mend is not None:
            upstream.body = mend(call)
        return upstream


def _login(credential: Credential) -> Json | None:
    """The JSON of the secret or of the file, without what `acquire` added; None for a plain key. Raises
    UnavailableError."""
    text, path = credential.secret, credential.setting("creds_file_path")
    source = credential.setting("source")
    if not text and not path and source:
        file = metadata.default_file() if source == "default" else None
        if file is None:
            return {"type": metadata.TYPE}
        path = str(file)
    if not text and path:
        try:
            text = Path(path).expanduser().read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise unavailable(f"{path} cannot be read: {error}") from None
    if not text:
        raise unavailable(f"{credential.name} has neither a secret nor a creds_file_path nor a source")
    if not text.startswith("{"):
        return None
    try:
        info = json.loads(text)
    except ValueError:
        raise unavailable(f"{credential.name}: its JSON cannot be read") from None
    info.pop(_TOKEN, None)
    return info if isinstance(info, dict) else None


async def _exchange(credential: Credential, info: Json, now: float) -> AccessToken:
    if info.get("type") == metadata.TYPE:
        return await metadata.fetch(credential, now)
    return await grant.exchange(credential, info, now)


class Projects:
    """The machine's project, asked for once: it does not change while the machine runs."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    async def of(self, credential: Credential) -> str:
        """Raises UnavailableError."""
        url = credential.setting("metadata_url")
        if not self._known.get(url):
            self._known[url] = await metadata.project(credential)
        return self._known[url]


def _place(credential: Credential) -> str:
    """`/projects/…/locations/…`, or nothing in express mode."""
    if not credential.secret_field(_TOKEN):
        return ""
    project = credential.setting("project") or credential.secret_field("project_id")
    location = credential.setting("location", "global")
    return f"/projects/{quote(project, safe='')}/locations/{quote(location, safe='')}"


def _query(call: Call) -> str:
    """A client's own query, but for its key."""
    if call.translated:
        return "?alt=sse" if call.stream else ""
    kept = [part for part in call.query.split("&") if part and not part.startswith("key=")]
    return "?" + "&".join(kept) if kept else ""


def _claude(model: str) -> str:
    return _DATE.sub(r"@\1", model.rpartition("/")[2])


def _anthropic_body(call: Call) -> bytes:
    """Without the model, which is in the path (but where tokens are counted), and with Vertex's API version."""
    body = jsonio.loads(call.body)
    body.pop("model", None)
    if call.operation is Operation.COUNT_TOKENS:
        body["model"] = _claude(call.model)
    return jsonio.dumps({"anthropic_version": ANTHROPIC_VERSION, **body})


def _gemini_body(call: Call) -> bytes:
    """With a role in every content, which Vertex demands; for a count bare, without the wrapper of the Gemini API."""
    body = jsonio.loads(call.body)
    counts = call.operation is Operation.COUNT_TOKENS
    if counts:
        inner = body.get("generateContentRequest")
        body = {key: value for key, value in (inner if isinstance(inner, dict) else body).items() if key in _COUNTED}
    bare = [c for c in body.get("contents") or () if isinstance(c, dict) and "role" not in c]
    for content in bare:
        content["role"] = "user"
    return jsonio.dumps(body) if counts or bare else call.body


def create(manifest: Manifest) -> Provider:
    return Vertex(manifest)
