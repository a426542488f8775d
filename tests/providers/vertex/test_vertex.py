"""Vertex AI: addresses by publisher and location, bodies, errors (apikey_backends.md §4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addons.providers.api import Call, Operation, UnavailableError
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from translators import registry as protocols
from translators.canonical.errors import ErrorKind, TranslationError

VERTEX = built_in().get("vertex")
LOGIN = json.dumps({"type": "service_account", "project_id": "p", "access_token": "tok"})
EAST = "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5"
ALL = "https://aiplatform.googleapis.com/v1/projects/p/locations/global"


def credential(secret: str = LOGIN, **settings: object) -> Credential:
    return Credential("c", "vertex", secret, settings)


def call(model: str, body: object = None, *, stream: bool = False, counts: bool = False, **more: Any) -> Call:
    operation = Operation.COUNT_TOKENS if counts else Operation.GENERATE
    protocol = VERTEX.protocol(model, credential())
    made = Call(operation, protocol, model, stream, json.dumps(body or {}).encode(), translated=True)
    for name, value in more.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("", "https://aiplatform.googleapis.com/v1/projects/p/locations/global/"),
        ("global", "https://aiplatform.googleapis.com/v1/projects/p/locations/global/"),
        ("us", "https://aiplatform.us.rep.googleapis.com/v1/projects/p/locations/us/"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/"),
        ("europe-west1", "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1/"),
    ],
)
def test_the_host_follows_the_location(location: str, host: str):
    assert VERTEX.build(call("gemini-3.5-pro"), credential(location=location)).url.startswith(host)


@pytest.mark.parametrize(
    ("made", "url"),
    [
        (call("gemini-3.5-pro"), "/publishers/google/models/gemini-3.5-pro:generateContent"),
        (call("gemini-3.5-pro", stream=True), "/publishers/google/models/gemini-3.5-pro:streamGenerateContent?alt=sse"),
        (call("google/gemini-3.5-pro", counts=True), "/publishers/google/models/gemini-3.5-pro:countTokens"),
        (
            call("gemini-3.5-pro", stream=True, translated=False, query="key=secret&alt=sse"),
            "/publishers/google/models/gemini-3.5-pro:streamGenerateContent?alt=sse",
        ),
        (call("claude-opus-5"), "/publishers/anthropic/models/claude-opus-5:rawPredict"),
        (call("anthropic/claude-opus-5", stream=True), "/publishers/anthropic/models/claude-opus-5:streamRawPredict"),
        (
            call("claude-sonnet-4-5-20250929"),
            "/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict",
        ),
        (
            call("claude-sonnet-4-5@20250929"),
            "/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict",
        ),
        (call("claude-opus-5", counts=True), "/publishers/anthropic/models/count-tokens:rawPredict"),
        (call("meta/llama-4", stream=True), "/endpoints/openapi/chat/completions"),
    ],
)
def test_each_publisher_has_its_paths(made: Call, url: str):
    upstream = VERTEX.build(made, credential(location="us-east5"))
    assert upstream.url == EAST + url
    assert ("Authorization", "Bearer tok") in upstream.headers


def test_a_base_url_as_anthropics_sdk_takes_it_has_v1_at_its_end():
    for base in ("http://127.0.0.1:9", "http://127.0.0.1:9/v1/"):
        url = VERTEX.build(call("gemini-3"), credential(base_url=base)).url
        assert url.startswith("http://127.0.0.1:9/v1/projects/p/")


def test_the_project_may_be_set():
    assert "/projects/other/" in VERTEX.build(call("gemini-3"), credential(project="other")).url


def test_express_mode_has_a_key_and_gemini_alone():
    upstream = VERTEX.build(call("gemini-3.5-pro"), credential("a-key"))
    assert (
        upstream.url == "https://aiplatform.googleapis.com/v1/publishers/google/models/gemini-3.5-pro:generateContent"
    )
    assert upstream.headers == [("x-goog-api-key", "a-key")]
    for model in ("claude-opus-5", "meta/llama-4"):
        with pytest.raises(TranslationError, match="Only Gemini"):
            VERTEX.build(call(model), credential("a-key"))


def test_other_endpoints_are_not_there():
    with pytest.raises(TranslationError, match="no such endpoint"):
        VERTEX.build(call("gemini-3", operation=Operation.PASS, path="/v1beta/files"), credential())


CONTENTS = [{"role": "user", "parts": [{"text": "Hi"}]}]
BARE = [{"parts": [{"text": "Hi"}]}]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            call("claude-opus-5", {"model": "x", "max_tokens": 5, "stream": True}, stream=True),
            {"anthropic_version": "vertex-2023-10-16", "max_tokens": 5, "stream": True},
        ),
        (
            call("claude-opus-5", {"model": "x", "messages": []}, counts=True),
            {"anthropic_version": "vertex-2023-10-16", "messages": [], "model": "claude-opus-5"},
        ),
        (call("gemini-3", {"contents": CONTENTS}), {"contents": CONTENTS}),
        (call("gemini-3", {"contents": BARE}, translated=False), {"contents": CONTENTS}),
        (
            call(
                "gemini-3",
                {"generateContentRequest": {"model": "models/gemini-3", "contents": BARE, "toolConfig": {}}},
                counts=True,
            ),
            {"contents": CONTENTS},
        ),
        (call("meta/llama-4", {"model": "meta/llama-4"}), {"model": "meta/llama-4"}),
    ],
)
def test_bodies_are_what_vertex_takes(made: Call, expected: object):
    assert json.loads(VERTEX.build(made, credential()).body) == expected


def test_a_clients_bytes_stay_when_nothing_has_to_change():
    made = call("gemini-3", translated=False)
    made.body = b'{ "contents": [ {"role":"user","parts":[]} ] }'
    assert VERTEX.build(made, credential()).body is made.body


def test_the_header_of_anthropics_own_api_does_not_travel():
    made = call("claude-opus-5", headers=[("anthropic-version", "2023-06-01"), ("anthropic-beta", "x")])
    names = [name for name, _ in VERTEX.build(made, credential()).headers]
    assert names == ["anthropic-beta", "Authorization"]


@pytest.mark.parametrize(
    ("secret", "settings", "said"),
    [
        ("", {}, "neither a secret nor a creds_file_path"),
        ("{broken", {}, "cannot be read"),
        ("", {"creds_file_path": "/nowhere/at/all.json"}, "cannot be read"),
        ('{"type": "authorized_user"}', {}, "has no project"),
        ('{"type": "external_account", "project_id": "p"}', {}, "'external_account' are not understood"),
        ('{"type": "service_account", "project_id": "p", "private_key": "x"}', {}, "private_key cannot be read"),
    ],
)
async def test_what_no_token_can_be_had_for_says_why(secret: str, settings: dict[str, object], said: str):
    with pytest.raises(UnavailableError, match=said):
        await VERTEX.acquire(credential(secret, **settings))


async def test_a_key_needs_no_token_and_has_nothing_to_refresh():
    plain = credential("a-key")
    assert await VERTEX.acquire(plain) is plain
    assert await VERTEX.refresh(plain) is None


@pytest.mark.parametrize(
    ("model", "thinking", "sampling", "signatures"),
    [
        ("gemini-3.5-flash", "effort", True, True),
        ("gemini-2.5-pro", "budget", True, False),
        ("claude-opus-5", "adaptive", False, True),
        ("claude-sonnet-4-5@20250929", "budget", True, True),
        ("claude-opus-4@20250514", "budget", True, True),
        ("claude-3-5-haiku@20241022", "none", True, True),
        ("meta/llama-4", "effort", True, True),
    ],
)
def test_what_each_model_takes(model: str, thinking: str, sampling: bool, signatures: bool):
    target = VERTEX.target(VERTEX.protocol(model, credential()), model, credential())
    assert (target.thinking, target.sampling, target.thought_signatures) == (thinking, sampling, signatures)


def google(code: int, status: str, message: str, reason: str = "") -> dict[str, object]:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}] if reason else []
    return {"error": {"code": code, "message": message, "status": status, "details": details}}


ERRORS = {
    "no key": ("gemini", 400, google(400, "INVALID_ARGUMENT", "API key not valid."), "authentication"),
    "key by reason": ("gemini", 400, google(400, "INVALID_ARGUMENT", "x", "API_KEY_INVALID"), "authentication"),
    "token expired": ("gemini", 401, google(401, "UNAUTHENTICATED", "invalid credentials"), "authentication"),
    "token, claude": (
        "anthropic",
        401,
        google(401, "UNAUTHENTICATED", "invalid credentials"),
        "authentication",
    ),
    "not allowed": ("anthropic", 403, google(403, "PERMISSION_DENIED", "aiplatform.endpoints.predict"), "permission"),
    "no such model": ("anthropic", 404, google(404, "NOT_FOUND", "Publisher Model was not found"), "not_found"),
    "quota": ("gemini", 429, google(429, "RESOURCE_EXHAUSTED", "Resource exhausted"), "rate_limit"),
    "quota, claude": ("anthropic", 429, google(429, "RESOURCE_EXHAUSTED", "Quota exceeded"), "rate_limit"),
    "claude's own": (
        "anthropic",
        400,
        {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 2 > 1"}},
        "prompt_too_long",
    ),
    "overloaded": ("gemini", 503, google(503, "UNAVAILABLE", "overloaded"), "overloaded"),
}


@pytest.mark.parametrize(("protocol", "status", "body", "kind"), ERRORS.values(), ids=ERRORS)
def test_what_its_errors_mean(protocol: str, status: int, body: dict[str, Any], kind: str):
    """gemini_code_assist.md §5 for Google's shape, which Claude's paths have too where Google itself refuses."""
    info = VERTEX.judge(protocols.get(protocol).decode_error(status, {}, json.dumps(body).encode()))
    assert info.kind is ErrorKind(kind)
    assert info.message == body["error"]["message"]
