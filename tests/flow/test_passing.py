"""Endpoints beside generation reach the service that has them, whatever models its provider lists (decision 13)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from addons.audit import reader
from tests.e2e.gateway import Gateway
from tests.flow.conftest import CONFIG, Setup
from tests.flow.process import until
from tests.flow.upstream import Upstream, answer

pytestmark = pytest.mark.flow
ANSWER = b'{"id": "made-1", "odd":  "spacing"}'
OF = {"anthropic": "of-anthropic", "openai": "of-openai", "gemini": "of-gemini"}
ANTHROPIC = {"anthropic-version": "2023-06-01"}
GEMINI = {"x-goog-api-key": ""}
FILE = {"file": ("a.wav", b"RIFF\r\n--not the end", "audio/wav")}


@pytest.fixture(scope="module")
def service() -> Iterator[Upstream]:
    server = Upstream(answer(200, ANSWER))
    yield server
    server.close()


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory, service: Upstream) -> Iterator[Setup]:
    """Of a gateway that has a key of each service and no profile."""
    home: Path = tmp_path_factory.mktemp("passing")
    (home / "proxycast").mkdir(mode=0o700)
    (home / "proxycast" / "config.toml").write_text(CONFIG, encoding="utf-8")
    with Gateway(home) as running:
        setup = Setup(running)
        for provider, secret in OF.items():
            setup.credential(provider, service.url + ("/v1" if provider == "openai" else ""), secret)
        yield setup


@pytest.fixture(scope="module")
def client(setup: Setup) -> Iterator[httpx.Client]:
    headers = {"x-proxycast-key": setup.gateway.key("passing")}
    with httpx.Client(base_url=setup.gateway.url, headers=headers, timeout=20, trust_env=False) as made:
        yield made


@pytest.mark.parametrize(
    ("method", "path", "headers", "sent", "provider"),
    [
        ("POST", "/v1/embeddings", {}, {"json": {"model": "an-embedder", "input": "x"}}, "openai"),
        ("POST", "/v1/moderations", {}, {"json": {"input": "x"}}, "openai"),
        ("POST", "/v1/images/edits", {}, {"data": {"model": "gpt-image-1"}, "files": FILE}, "openai"),
        ("POST", "/v1/audio/transcriptions", {}, {"data": {"model": "whisper-1"}, "files": FILE}, "openai"),
        ("POST", "/v1/files", {}, {"data": {"purpose": "batch"}, "files": FILE}, "openai"),
        ("GET", "/v1/files?limit=3", {}, {}, "openai"),
        ("DELETE", "/v1/files/file-1", {}, {}, "openai"),
        ("POST", "/v1/batches", {}, {"json": {"input_file_id": "file-1"}}, "openai"),
        ("GET", "/v1/responses/resp_1", {}, {}, "openai"),
        ("POST", "/v1/responses/resp_1/cancel", {}, {}, "openai"),
        ("GET", "/v1/models/gpt-unlisted", {}, {}, "openai"),
        ("POST", "/v1/files", ANTHROPIC, {"files": FILE}, "anthropic"),
        ("GET", "/v1/files", ANTHROPIC, {}, "anthropic"),
        ("POST", "/v1/messages/batches", ANTHROPIC, {"json": {"requests": []}}, "anthropic"),
        ("GET", "/v1/messages/batches/b/results", ANTHROPIC, {}, "anthropic"),
        ("POST", "/v1beta/models/text-embedding-004:embedContent", GEMINI, {"json": {"content": {}}}, "gemini"),
        ("POST", "/v1beta/models/imagen-4:predict", GEMINI, {"json": {"instances": []}}, "gemini"),
        ("GET", "/v1beta/files", GEMINI, {}, "gemini"),
        ("POST", "/upload/v1beta/files", GEMINI, {"json": {"file": {}}}, "gemini"),
    ],
)
def test_without_a_profile_the_service_of_that_protocol_is_asked(
    method: str,
    path: str,
    headers: dict[str, str],
    sent: dict[str, object],
    provider: str,
    client: httpx.Client,
    service: Upstream,
) -> None:
    before = len(service.requests)
    response = client.request(method, path, headers=headers, **sent)  # type: ignore[arg-type]
    assert (response.status_code, response.content) == (200, ANSWER)
    (request,) = [one for one in service.requests[before:] if one.path == path]  # not: model lists that we ask for
    assert request.method == method
    assert OF[provider] in (request.secret, request.headers.get("x-goog-api-key"))
    assert "x-proxycast-key" not in request.headers
    if "files" in sent:
        assert FILE["file"][1] in request.body


def test_a_model_that_is_put_in_the_place_of_others_is_none_of_other_endpoints(
    client: httpx.Client, setup: Setup
) -> None:
    setup.route(models={"default": "claude-sonnet-4-6"})
    sent = {"model": "an-embedder", "input": "x"}
    assert client.post("/v1/embeddings", json=sent, headers={"user-agent": "last"}).content == ANSWER
    until(lambda: reader.recent(setup.home.audit, user_agent="last"))
    (row,) = reader.recent(setup.home.audit, user_agent="last")
    assert (row["provider"], row["requested_model"], row["served_model"]) == ("openai", "an-embedder", "an-embedder")
