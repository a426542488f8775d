"""Recognises what a client asks for from its path (and, where paths are shared, its headers): protocol, operation,
model.

Sources: the transport sections of the protocol sheets; clients.md, "Detection of the protocol by the gateway";
design.md, decision 13 for shared paths.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from addons.providers.api import Operation

#: What no endpoint has: control characters, marks that begin another part of a URL, steps out of the path.
_UNFIT = re.compile(r"[\x00-\x20\x7f\\?#]|(?:^|/)\.\.?(?:/|$)")
_NO_NAME = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]|(?:^|/)\.\.?(?:/|$)")
LONGEST_MODEL = 1000
#: What may stand in a path as it is (RFC 3986, pchar).
_SAFE = "/:@!$&'()*+,;=~"

#: What clients put before the protocol's own path.
_PREFIX = re.compile(r"^(?:/(?:anthropic|openai|api|gemini|google))+(?=/)")
_DOUBLED = re.compile(r"^(?:/v1)+(?=/v1(?:beta|alpha)?/)")

_GEMINI_MODEL = re.compile(r"^/(v1beta|v1alpha|v1)/(?:models|tunedModels)/(.+):([A-Za-z]+)$")
_GEMINI_VERTEX = re.compile(r"^/(v1beta1|v1)/projects/[^/]+/locations/[^/]+/publishers/google/models/(.+):([A-Za-z]+)$")
#: Where a file's upload begins; the answer names the address that takes the rest.
_GEMINI_UPLOAD = re.compile(r"^/upload/(?:v1beta|v1alpha|v1)/files$")
_GEMINI_METHODS = {
    "generateContent": (Operation.GENERATE, False),
    "streamGenerateContent": (Operation.GENERATE, True),
    "countTokens": (Operation.COUNT_TOKENS, False),
}

#: `/backend-api/codex/responses`, `/compatible-mode/v1/chat/completions`, …
_ENDPOINT_END = re.compile(r"/(?:v1/messages(?:/count_tokens)?|(?:v1/)?(?:chat/completions|responses))/?$")

#: Exact paths (after prefixes are cut) of POST requests. `/v1` is optional for the OpenAI ones.
_POSTS: dict[str, tuple[str, Operation]] = {
    "/v1/messages": ("anthropic", Operation.GENERATE),
    "/v1/messages/count_tokens": ("anthropic", Operation.COUNT_TOKENS),
    "/v1/chat/completions": ("openai_chat", Operation.GENERATE),
    "/v1/responses": ("openai_responses", Operation.GENERATE),
    "/v1/responses/input_tokens": ("openai_responses", Operation.COUNT_TOKENS),
}

#: What else is done with these paths; any other method is refused (endpoints.py).
_ALSO = {("GET", "/v1/chat/completions")}  # the list of stored ones

#: First path segments below /v1 that belong to one protocol alone; the others are told apart by header.
_OWN_SEGMENTS = {
    "messages": "anthropic",
    "skills": "anthropic",
    "chat": "openai_chat",
    "completions": "openai_chat",
    "embeddings": "openai_chat",
    "images": "openai_chat",
    "audio": "openai_chat",
    "moderations": "openai_chat",
    "fine_tuning": "openai_chat",
    "uploads": "openai_chat",
    "vector_stores": "openai_chat",
    "assistants": "openai_chat",
    "threads": "openai_chat",
    "videos": "openai_chat",
    "containers": "openai_chat",
    "responses": "openai_responses",
    "conversations": "openai_responses",
    "batches": "openai_chat",
}
_SHARED_SEGMENTS = {"models", "files"}
_GEMINI_SEGMENTS = {"models", "files", "cachedContents", "corpora", "operations", "batches", "tunedModels"}

#: Segments whose next part is the id of an object that lives in one account (decision 13).
_OBJECTS = re.compile(
    r"^/v1(?:beta)?/(?:messages/)?(files|batches|responses|conversations|containers|cachedContents)/([^/?:]+)"
)


@dataclass(frozen=True, slots=True)
class Recognised:
    """`model` and `stream` are set only where the path says them (gemini). `path` is the client's with prefixes cut.

    `object_id` names an object that lives in one account. `sse` is False for a Gemini stream as a JSON array.
    `codex`: the model list is wanted in Codex's shape.
    """

    protocol: str
    operation: Operation
    path: str
    model: str | None = None
    stream: bool | None = None
    sse: bool = True
    object_id: str | None = None
    codex: bool = False


def normalise(path: str) -> str:
    """The path without client-added prefixes, doubled `/v1`, doubled first and trailing slashes; `%3A` and friends
    undone."""
    path = unquote(path) if "%" in path else path
    if path.startswith("//"):  # of a base URL that ends with one
        path = "/" + path.lstrip("/")
    if path.startswith("/v1/gemini/"):
        path = path.removeprefix("/v1/gemini")
        if not re.match(r"/v1(?:beta|alpha)?/", path):
            path = "/v1beta" + path
    path = _DOUBLED.sub("", _PREFIX.sub("", path))
    return path.rstrip("/") if len(path) > 1 else path


def recognise(method: str, path: str, query: str, headers: dict[str, str]) -> Recognised | None:
    """What is asked, or None for a path that no protocol has. `headers` have lower-case names."""
    path = normalise(path)
    if _UNFIT.search(path):
        return None
    gemini = _GEMINI_MODEL.match(path) or _GEMINI_VERTEX.match(path)
    if gemini is not None:
        return _gemini(path, gemini.group(2), gemini.group(3), query)
    if _GEMINI_UPLOAD.match(path):
        return Recognised("gemini", Operation.PASS, path)
    versioned = path if path.startswith(("/v1/", "/v1beta/", "/v1alpha/")) else "/v1" + path
    if versioned in _POSTS and (method, versioned) not in _ALSO:
        protocol, operation = _POSTS[versioned]
        return Recognised(protocol, operation, versioned)
    _, version, segment, *rest = [*versioned.split("/"), "", ""]
    owner = _owner(version, segment, headers, query)
    if owner is None:
        return None
    if segment == "models" and method == "GET" and not any(rest):
        return Recognised(owner, Operation.MODELS, versioned, codex="client_version=" in query)
    found = _OBJECTS.match(versioned)
    return Recognised(owner, Operation.PASS, quote(versioned, safe=_SAFE), object_id=found.group(2) if found else None)


def at_another_host(method: str, path: str, query: str, headers: dict[str, str]) -> Recognised | None:
    """As `recognise`, at a host that is not ours: services put the endpoints below paths of their own."""
    found = recognise(method, path, query, headers)
    end = _ENDPOINT_END.search(path) if found is None else None
    return recognise(method, end.group(), query, headers) if end is not None else found


def _gemini(path: str, model: str, method: str, query: str) -> Recognised:
    operation, stream = _GEMINI_METHODS.get(method, (Operation.PASS, False))
    sse = "alt=sse" in query.split("&")
    return Recognised("gemini", operation, path, model=model, stream=stream, sse=sse)


def _owner(version: str, segment: str, headers: dict[str, str], query: str) -> str | None:
    """Whose endpoint `/version/segment` is; shared ones by the header that only one protocol's clients send."""
    if version != "v1":
        return "gemini" if segment in _GEMINI_SEGMENTS else None
    if segment in _SHARED_SEGMENTS or segment == "batches":
        if "anthropic-version" in headers:
            return "anthropic"
        if "x-goog-api-key" in headers or query.startswith("key=") or "&key=" in query:
            return "gemini"
        return "openai_responses" if segment == "models" and "client_version=" in query else "openai_chat"
    return _OWN_SEGMENTS.get(segment)


def is_model_name(name: str) -> bool:
    """Whether a backend can be asked for it: it becomes a part of URLs, and steps out of a path are no name."""
    return len(name) <= LONGEST_MODEL and not _NO_NAME.search(name)


def single_model(method: str, path: str) -> str | None:
    """The model that `GET …/models/NAME` asks about, None for any other request. `path` is a recognised one."""
    head, _, name = path.partition("/models/")
    return name if method == "GET" and name and head in ("/v1", "/v1beta", "/v1alpha") else None


def protocol_of_body(body: dict[str, object], protocol: str) -> str:
    """The protocol a body on the chat path really speaks (Cursor sends Responses bodies there, clients.md §6)."""
    if protocol == "openai_chat" and "messages" not in body and "input" in body:
        return "openai_responses"
    return protocol
