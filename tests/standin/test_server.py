"""The stand-in as a server: what it records, and the endpoints beside the models' own."""

from __future__ import annotations

import gzip
import json
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import zstandard

from . import Recorded, Scenario, StandIn, Turn, slow_head, status
from .ask import Json
from .asking import GEMINI, HTTP, REQUESTS, ask, auth
from .conversations import MODEL, anthropic_client, openai_client


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn(Scenario(final="Hello 日本")) as server:
        yield server


@pytest.fixture
def backend(standin: StandIn) -> StandIn:
    standin.reset()
    standin.scenario = Scenario(final="Hello 日本")
    standin.strict_models = False
    return standin


@pytest.mark.parametrize("protocol", REQUESTS)
def test_every_request_is_recorded(protocol: str, backend: StandIn) -> None:
    ask(backend, protocol)
    (request,) = backend.requests

    assert (request.method, request.path, request.status) == ("POST", REQUESTS[protocol][0], 200)
    assert (request.protocol, request.endpoint, request.turn) == (protocol, "generate", 0)
    assert json.loads(request.raw) == request.json
    assert request.headers["content-type"] == "application/json"
    assert backend.main_requests == [request]


def test_a_refusal_is_recorded_with_its_reason(backend: StandIn) -> None:
    answer = HTTP.post(backend.url + "/v1/responses", headers=auth(backend, "openai_responses"), json={"model": MODEL})

    assert answer.status_code == 400
    (request,) = backend.refusals
    assert str(request.refusal).startswith("400 [fields] One of 'input'")
    assert not request.is_main


def test_reset_forgets_requests_and_failures(backend: StandIn) -> None:
    backend.fail_next(1, status(500))
    backend.reset()

    assert ask(backend, "openai_chat").status_code == 200
    assert len(backend.requests) == 1


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor().compress), ("identity", bytes)],
)
def test_compressed_requests_are_read(encoding: str, packed: Any, backend: StandIn) -> None:
    path, body = REQUESTS["anthropic"]
    headers = {**auth(backend, "anthropic"), "content-encoding": encoding, "content-type": "application/json"}
    answer = HTTP.post(backend.url + path, headers=headers, content=packed(json.dumps(body).encode()))

    assert answer.status_code == 200
    assert backend.requests[0].json == body


@pytest.mark.parametrize(
    ("headers", "content", "code", "says"),
    [
        ({"content-encoding": "snappy"}, b"{}", 400, "snappy is not supported"),
        ({"content-encoding": "gzip"}, b"{}", 400, "not valid gzip"),
        ({}, b"{", 400, "not valid JSON"),
        ({}, b'{"a": "\xff"}', 400, "not valid JSON"),
        ({}, b"[]", 400, "must be a JSON object"),
        ({"content-type": "text/plain"}, b"{}", 415, "Unsupported content-type"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(
    headers: dict[str, str], content: bytes, code: int, says: str, backend: StandIn
) -> None:
    sent = {**auth(backend, "anthropic"), "content-type": "application/json", **headers}
    answer = HTTP.post(backend.url + "/v1/messages", headers=sent, content=content)

    assert answer.status_code == code
    assert says in answer.json()["error"]["message"]
    assert [request.refusal.rule for request in backend.refusals if request.refusal] == ["body"]


def test_a_body_that_is_too_large_is_refused(backend: StandIn) -> None:
    headers = {**auth(backend, "anthropic"), "content-type": "application/json"}
    answer = HTTP.post(backend.url + "/v1/messages", headers=headers, content=b" " * (32 * 2**20 + 1))

    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "request_too_large"


def test_a_fault_of_the_stand_in_is_not_passed_over(backend: StandIn) -> None:
    def faulty(request: Recorded) -> Scenario:
        raise LookupError("no scenario")

    backend.scenario = faulty

    assert ask(backend, "openai_chat").status_code == 500
    assert "no scenario" in str(backend.refusals[0].refusal)


def test_tokens_are_counted_in_three_protocols(backend: StandIn) -> None:
    def count(path: str, protocol: str, body: Json) -> Json:
        result: Json = HTTP.post(backend.url + path, headers=auth(backend, protocol), json=body).json()
        return result

    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}
    assert count("/v1/messages/count_tokens", "anthropic", body)["input_tokens"] > 0
    assert count("/v1/responses/input_tokens", "openai_responses", {"model": MODEL, "input": "Hi"})["input_tokens"] > 0
    assert count(f"{GEMINI}:countTokens", "gemini", REQUESTS["gemini"][1])["totalTokens"] > 0


def test_an_encoded_colon_and_slashes_in_a_model_name_are_understood(backend: StandIn) -> None:
    url = f"{backend.url}/v1beta/models/vendor/model%3AgenerateContent"
    answer = HTTP.post(url, headers=auth(backend, "gemini"), json=REQUESTS["gemini"][1])

    assert answer.json()["modelVersion"] == "vendor/model"


@pytest.mark.parametrize(
    ("protocol", "code"), [("anthropic", 404), ("openai_chat", 404), ("openai_responses", 404), ("gemini", 404)]
)
def test_unknown_models_are_refused_only_when_told(protocol: str, code: int, backend: StandIn) -> None:
    backend.strict_models = True
    backend.models, known = ("another",), backend.models
    try:
        assert ask(backend, protocol).status_code == code
    finally:
        backend.models = known
    assert ask(backend, protocol).status_code == 200


def test_the_model_list_has_the_shape_of_whoever_asks(backend: StandIn) -> None:
    def models(path: str, protocol: str) -> Json:
        result: Json = HTTP.get(backend.url + path, headers=auth(backend, protocol)).json()
        return result

    assert models("/v1/models", "anthropic")["data"][0]["type"] == "model"
    assert models("/v1/models", "openai_chat")["object"] == "list"
    assert models("/v1beta/models", "gemini")["models"][0]["name"] == f"models/{MODEL}"
    assert models("/v1/models", "gemini")["models"][0]["name"] == f"models/{MODEL}"
    assert models(f"/v1/models/{MODEL}", "openai_chat")["id"] == MODEL


def test_other_endpoints_want_the_key_too(backend: StandIn) -> None:
    assert HTTP.get(backend.url + "/v1/models").status_code == 401
    assert [request.refusal.rule for request in backend.refusals if request.refusal] == ["credential"]


def test_probes_and_unknown_paths_are_no_refusals(backend: StandIn) -> None:
    assert HTTP.head(backend.url + "/api/hello").status_code == 200
    assert HTTP.get(backend.url + "/nowhere").status_code == 404
    assert HTTP.get(backend.url + "/v1/responses", headers={"upgrade": "websocket"}).status_code == 426
    assert backend.refusals == []
    assert [request.status for request in backend.requests] == [200, 404, 426]


def test_files_are_kept_for_anthropic(backend: StandIn) -> None:
    files = anthropic_client(backend.url, str(backend.key)).beta.files
    made = files.upload(file=("größe.txt", b"inhalt \r\n\x00 bytes", "text/plain"))

    assert [file.id for file in files.list()] == [made.id]
    assert (made.filename, made.mime_type, made.size_bytes) == ("größe.txt", "text/plain", 16)


def test_files_are_kept_for_openai(backend: StandIn) -> None:
    files = openai_client(backend.url, str(backend.key)).files
    made = files.create(file=("a.jsonl", b"{}\n"), purpose="batch")

    assert files.retrieve(made.id).purpose == "batch"
    assert files.content(made.id).read() == b"{}\n"


def test_embeddings_are_deterministic_in_both_encodings(backend: StandIn) -> None:
    client = openai_client(backend.url, str(backend.key))
    packed = client.embeddings.create(model=MODEL, input=["a", "bb"])
    plain = client.embeddings.create(model=MODEL, input=["a", "bb"], encoding_format="float")

    assert [item.embedding for item in packed.data] == [item.embedding for item in plain.data]
    assert struct.pack("<f", packed.data[0].embedding[0])


def test_a_stored_response_can_be_continued_and_fetched(backend: StandIn) -> None:
    client = openai_client(backend.url, str(backend.key))
    backend.scenario = Scenario(final=Turn("Erst", "Hello"))
    first = client.responses.create(model=MODEL, input="Hi")

    assert client.responses.retrieve(first.id).output_text == "Hello"
    assert client.responses.create(model=MODEL, input="And?", previous_response_id=first.id).output_text == "Hello"
    hidden = client.responses.create(model=MODEL, input="Hi", store=False)
    with pytest.raises(openai.BadRequestError, match="not found"):
        client.responses.create(model=MODEL, input="And?", previous_response_id=hidden.id)


def test_without_a_key_any_credential_is_accepted_but_one_is_needed() -> None:
    with StandIn(key=None) as backend:
        url = backend.url + "/v1/chat/completions"
        body = REQUESTS["openai_chat"][1]

        assert HTTP.post(url, headers={"authorization": "Bearer any"}, json=body).status_code == 200
        assert HTTP.post(url, json=body).status_code == 401


def test_it_serves_many_at_once(backend: StandIn) -> None:
    backend.fail_next(4, slow_head(0.3))
    began = time.monotonic()
    threads = [threading.Thread(target=ask, args=(backend, "openai_chat")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert time.monotonic() - began < 1.0
    assert len(backend.main_requests) == 4


def test_it_gives_its_port_back() -> None:
    with StandIn() as backend:
        port = backend.port
        assert HTTP.head(backend.url).status_code == 200

    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_it_runs_from_the_command_line() -> None:
    command = [sys.executable, "-m", "tests.standin", "--port", "0", "--key", "mine"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.fullmatch(r"(http://127\.0\.0\.1:\d+) key mine\n", process.stdout.readline())
            assert found
            assert HTTP.head(found.group(1)).status_code == 200
        finally:
            process.terminate()
