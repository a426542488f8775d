"""Paths and headers → protocol, operation, model (clients.md, protocol sheets, decision 13)."""

import pytest

from addons.gateway.recognise import normalise, protocol_of_body, recognise
from addons.providers.api import Operation

G, N, C, M, P = "gemini", Operation.GENERATE, Operation.COUNT_TOKENS, Operation.MODELS, Operation.PASS
ANTHROPIC = {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "protocol", "operation"),
    [
        ("POST", "/v1/messages", "beta=true", {}, "anthropic", N),
        ("POST", "/anthropic/v1/messages", "", {}, "anthropic", N),
        ("POST", "/api/v1/messages", "", {}, "anthropic", N),
        ("POST", "/api/anthropic/v1/messages", "", {}, "anthropic", N),
        ("POST", "/v1/messages/", "", {}, "anthropic", N),
        ("POST", "/v1/messages/count_tokens", "beta=true", {}, "anthropic", C),
        ("POST", "/v1/v1/messages", "", {}, "anthropic", N),
        ("POST", "//v1/messages", "", {}, "anthropic", N),
        ("POST", "/v1/messages/batches", "", {}, "anthropic", P),
        ("POST", "/v1/chat/completions", "", {}, "openai_chat", N),
        ("POST", "/chat/completions", "", {}, "openai_chat", N),
        ("POST", "/openai/v1/chat/completions", "", {}, "openai_chat", N),
        ("POST", "/v1/v1/chat/completions", "", {}, "openai_chat", N),
        ("POST", "/v1/responses", "", {}, "openai_responses", N),
        ("POST", "/responses", "", {}, "openai_responses", N),
        ("POST", "/v1/responses/input_tokens", "", {}, "openai_responses", C),
        ("POST", "/v1/responses/compact", "", {}, "openai_responses", P),
        ("GET", "/v1/responses/resp_1", "", {}, "openai_responses", P),
        ("POST", "/v1/embeddings", "", {}, "openai_chat", P),
        ("POST", "/v1/audio/transcriptions", "", {}, "openai_chat", P),
        ("POST", "/v1/images/generations", "", {}, "openai_chat", P),
        ("GET", "/v1/models", "", {}, "openai_chat", M),
        ("GET", "/v1/models", "limit=1000", ANTHROPIC, "anthropic", M),
        ("GET", "/v1/models", "client_version=0.169.0", {}, "openai_responses", M),
        ("GET", "/v1beta/models", "", {}, "gemini", M),
        ("GET", "/v1/models", "key=abc", {}, "gemini", M),
        ("POST", "/v1/files", "", ANTHROPIC, "anthropic", P),
        ("POST", "/v1/files", "", {}, "openai_chat", P),
        ("POST", "/v1beta/files", "", {}, "gemini", P),
        ("POST", "/upload/v1beta/files", "uploadType=resumable", {}, "gemini", P),
    ],
)
def test_each_endpoint_is_known(
    method: str, path: str, query: str, headers: dict[str, str], protocol: str, operation: Operation
) -> None:
    found = recognise(method, path, query, headers)
    assert found is not None
    assert (found.protocol, found.operation) == (protocol, operation)


@pytest.mark.parametrize(
    ("path", "query", "model", "operation", "stream", "sse"),
    [
        ("/v1beta/models/gemini-3.5-pro:generateContent", "", "gemini-3.5-pro", N, False, False),
        ("/v1beta/models/gemini-3.5-pro:streamGenerateContent", "alt=sse", "gemini-3.5-pro", N, True, True),
        ("/v1beta/models/gemini-3.5-pro:streamGenerateContent", "", "gemini-3.5-pro", N, True, False),
        ("/v1beta/models/gemini-3.5-pro%3AgenerateContent", "", "gemini-3.5-pro", N, False, False),
        ("/v1/gemini/models/gemini-3.5-pro:generateContent", "", "gemini-3.5-pro", N, False, False),
        ("/v1/gemini/v1beta/models/gemini-3.5-pro:generateContent", "", "gemini-3.5-pro", N, False, False),
        ("/v1/models/gemini-3.5-pro:countTokens", "", "gemini-3.5-pro", C, False, False),
        ("/v1alpha/models/gemini-3.5-pro:countTokens", "", "gemini-3.5-pro", C, False, False),
        ("/v1beta/models/vendor/model-1:generateContent", "", "vendor/model-1", N, False, False),
        ("/v1beta/models/embed:batchEmbedContents", "", "embed", P, False, False),
        (
            "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:streamGenerateContent",
            "alt=sse",
            "gemini-2.5-pro",
            N,
            True,
            True,
        ),
    ],
)
def test_gemini_says_model_and_method_in_the_path(
    path: str, query: str, model: str, operation: Operation, stream: bool, sse: bool
) -> None:
    found = recognise("POST", path, query, {})
    assert found is not None
    assert (found.protocol, found.model, found.operation, found.stream, found.sse) == (G, model, operation, stream, sse)


@pytest.mark.parametrize(
    "path", ["/", "/favicon.ico", "/v1", "/v1/unknown", "/admin", "/v1beta/nothing", "/v2/messages"]
)
def test_other_paths_are_nobodys(path: str) -> None:
    assert recognise("POST", path, "", {}) is None


@pytest.mark.parametrize(
    ("path", "object_id"),
    [
        ("/v1/files/file_1", "file_1"),
        ("/v1/files/file_1/content", "file_1"),
        ("/v1/messages/batches/b_1/results", "b_1"),
        ("/v1/responses/resp_1", "resp_1"),
        ("/v1/files", None),
    ],
)
def test_objects_of_one_account_are_named(path: str, object_id: str | None) -> None:
    found = recognise("GET", path, "", ANTHROPIC)
    assert found is not None and found.object_id == object_id


def test_normalising_twice_changes_nothing() -> None:
    for path in ("/v1/messages", "/openai/v1/chat/completions", "/v1/gemini/models/x:generateContent"):
        assert normalise(normalise(path)) == normalise(path)


def test_a_responses_body_on_the_chat_path_is_recognised_by_its_fields() -> None:
    assert protocol_of_body({"model": "m", "input": []}, "openai_chat") == "openai_responses"
    assert protocol_of_body({"model": "m", "messages": []}, "openai_chat") == "openai_chat"
    assert protocol_of_body({"model": "m", "input": []}, "anthropic") == "anthropic"
