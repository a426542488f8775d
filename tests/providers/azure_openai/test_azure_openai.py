"""Azure OpenAI: its two sets of URLs, its key, its dialects, its errors (apikey_backends.md §5)."""

from __future__ import annotations

import json

import pytest

from addons.providers.api import Call, Operation
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from translators import registry as protocols
from translators.canonical.errors import ErrorKind
from translators.canonical.request import Request

AZURE = built_in().get("azure_openai")
HOST = "https://res.openai.azure.com"
DATED = {"api_version": "2024-10-21"}
CHAT, RESPONSES = "openai_chat", "openai_responses"


def call(protocol: str, operation: Operation = Operation.GENERATE, path: str = "", query: str = "") -> Call:
    return Call(
        operation, protocol, "my model", False, b"{}", path=path, query=query, translated=not path and not query
    )


@pytest.mark.parametrize(
    ("settings", "made", "url"),
    [
        ({}, call(CHAT), "/openai/v1/chat/completions"),
        ({}, call(RESPONSES), "/openai/v1/responses"),
        ({}, call(RESPONSES, Operation.COUNT_TOKENS), "/openai/v1/responses/input_tokens"),
        ({"api_version": "preview"}, call(RESPONSES), "/openai/v1/responses?api-version=preview"),
        ({"base_url": HOST + "/openai/v1/"}, call(CHAT), "/openai/v1/chat/completions"),
        ({"base_url": HOST + "/openai"}, call(CHAT), "/openai/v1/chat/completions"),
        (DATED, call(CHAT), "/openai/deployments/my%20model/chat/completions?api-version=2024-10-21"),
        (
            {"api_version": "2025-04-01-preview"},
            call(RESPONSES),
            "/openai/responses?api-version=2025-04-01-preview",
        ),
        (
            DATED,
            call(CHAT, Operation.PASS, "/v1/embeddings"),
            "/openai/deployments/my%20model/embeddings?api-version=2024-10-21",
        ),
        (DATED, call(CHAT, Operation.PASS, "/v1/files", "a=b"), "/openai/files?a=b&api-version=2024-10-21"),
        (
            DATED,
            call(CHAT, query="api-version=mine"),
            "/openai/deployments/my%20model/chat/completions?api-version=mine",
        ),
        ({}, call(CHAT, Operation.PASS, "/v1/files"), "/openai/v1/files"),
        (DATED, call(CHAT, Operation.MODELS), "/openai/models?api-version=2024-10-21"),
    ],
)
def test_every_operation_has_its_url(settings: dict[str, str], made: Call, url: str):
    assert AZURE.build(made, Credential("c", "azure_openai", "k", {"resource": "res", **settings})).url == HOST + url


def test_a_mirror_may_stand_in_for_the_host():
    credential = Credential("c", "azure_openai", "k", {"base_url": "http://127.0.0.1:9", "resource": "res"})
    assert AZURE.build(call(CHAT), credential).url.startswith("http://127.0.0.1:9/openai/v1/")


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({}, ("api-key", "k")),
        ({"auth": "api-key"}, ("api-key", "k")),
        ({"auth": "bearer"}, ("Authorization", "Bearer k")),
    ],
)
def test_the_key_or_an_entra_token_is_sent(settings: dict[str, str], header: tuple[str, str]):
    assert AZURE.build(call(CHAT), Credential("c", "azure_openai", "k", settings)).headers == [header]


@pytest.mark.parametrize(
    ("settings", "client", "expected"),
    [
        ({}, CHAT, CHAT),
        ({}, RESPONSES, RESPONSES),
        ({}, "anthropic", RESPONSES),
        (DATED, "anthropic", CHAT),
        (DATED, RESPONSES, CHAT),
        ({"api_version": "2025-04-01-preview"}, "gemini", RESPONSES),
        ({"api": "chat"}, RESPONSES, CHAT),
    ],
)
def test_responses_is_spoken_where_the_api_version_has_it(settings: dict[str, str], client: str, expected: str):
    credential = Credential("c", "azure_openai", "k", settings)
    assert AZURE.protocol("m", credential, Request(client, "m")) == expected


FILTERED = "The response was filtered due to the prompt triggering content management policy."
ERRORS = {
    "content filter": (
        400,
        {"code": "content_filter", "message": FILTERED, "innererror": {"code": "x"}},
        "invalid_request",
    ),
    "no such deployment": (404, {"code": "DeploymentNotFound", "message": "does not exist"}, "not_found"),
    "wrong key": (401, {"code": "401", "message": "Access denied due to invalid subscription key"}, "authentication"),
    "rate limit": (429, {"code": "429", "message": "exceeded token rate limit"}, "rate_limit"),
    "no quota": (429, {"code": "insufficient_quota", "message": "quota"}, "billing"),
    "too long": (400, {"code": "context_length_exceeded", "message": "maximum context"}, "prompt_too_long"),
    "busy": (503, {"code": "ServiceUnavailable", "message": "busy"}, "overloaded"),
}


@pytest.mark.parametrize(("status", "error", "kind"), ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("protocol", [CHAT, RESPONSES])
def test_what_its_errors_mean(protocol: str, status: int, error: dict[str, object], kind: str):
    body = json.dumps({"error": error}).encode()
    info = AZURE.judge(protocols.get(protocol).decode_error(status, {"retry-after": "7"}, body))
    assert info.kind is ErrorKind(kind)
    assert info.message == error["message"]
    assert info.retry_after == 7 if status == 429 else True
