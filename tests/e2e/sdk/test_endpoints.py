"""Endpoints beside generation: token counts, model lists, embeddings, and files that stay with their account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.gateway import BACKENDS
from tests.e2e.stage import PROTOCOLS, Stage
from tests.standin import StandIn
from tests.standin.conversations import anthropic_client, openai_client

from .clients import MODEL, claude, gemini, gpt

pytestmark = pytest.mark.e2e
every_backend = pytest.mark.parametrize("backend", PROTOCOLS)


@every_backend
def test_anthropic_counts_tokens(on: Stage, backend: str) -> None:
    """Asked of the backend where it counts, else estimated: never an error."""
    counted = claude(on, backend).messages.count_tokens(
        model=MODEL, messages=[{"role": "user", "content": "How long is this?"}]
    )
    assert counted.input_tokens > 0
    assert [request.endpoint for request in on.backend.requests] == ([] if backend == "openai_chat" else ["count"])


@every_backend
def test_responses_counts_tokens(on: Stage, backend: str) -> None:
    counted = gpt(on, backend).responses.input_tokens.count(model=MODEL, input="How long is this?")
    assert counted.input_tokens > 0
    assert on.backend.refusals == []


@every_backend
def test_gemini_counts_tokens(on: Stage, backend: str) -> None:
    counted = gemini(on, backend).models.count_tokens(model=MODEL, contents="How long is this?")
    assert counted.total_tokens
    assert on.backend.refusals == []


@every_backend
def test_models_are_listed_in_the_shape_of_each_sdk(on: Stage, backend: str) -> None:
    wanted = BACKENDS[backend].model
    assert wanted in [model.id for model in claude(on, backend).models.list(limit=1000)]
    assert wanted in [model.id for model in gpt(on, backend).models.list()]
    assert f"models/{wanted}" in [model.name for model in gemini(on, backend).models.list()]


@every_backend
def test_one_model_is_shown_in_the_shape_of_each_sdk(on: Stage, backend: str) -> None:
    wanted = BACKENDS[backend].model
    assert claude(on, backend).models.retrieve(wanted).id == wanted
    assert gpt(on, backend).models.retrieve(wanted).id == wanted
    assert gemini(on, backend).models.get(model=wanted).name == f"models/{wanted}"


@pytest.mark.parametrize("backend", ["openai_chat", "openai_responses"])
def test_embeddings_pass_through(on: Stage, backend: str) -> None:
    made = gpt(on, backend).embeddings.create(model="text-embedding-3-small", input=["eins", "zwei"])
    assert [len(item.embedding) for item in made.data] == [4, 4]
    assert on.backend.requests[-1].headers["authorization"] == f"Bearer {on.backend.key}"


@pytest.fixture(scope="module")
def second() -> Iterator[StandIn]:
    """Another account of the same service."""
    with StandIn(account="second") as backend:
        yield backend


def test_files_stay_with_the_openai_account_that_has_them(on: Stage, second: StandIn) -> None:
    first_name = on.credential("openai_responses", on.backend)
    second_name = on.credential("openai_responses", second)
    late = openai_client(on.gateway.url, on.key(second_name))
    made = late.files.create(file=("grüße.txt", "Grüße 日本".encode()), purpose="user_data")

    both = openai_client(on.gateway.url, on.key(first_name, second_name))

    assert both.files.retrieve(made.id).filename == "grüße.txt"
    assert both.files.content(made.id).read() == "Grüße 日本".encode()
    assert [file.id for file in both.files.list()] == [], "a list is the first account's"


def test_files_stay_with_the_anthropic_account_that_has_them(on: Stage, second: StandIn) -> None:
    first_name = on.credential("anthropic", on.backend)
    second_name = on.credential("anthropic", second)
    late = anthropic_client(on.gateway.url, on.key(second_name))
    made = late.files.upload(file=("bild.txt", b"abc", "text/plain"))

    both = anthropic_client(on.gateway.url, on.key(first_name, second_name))

    assert both.files.retrieve_metadata(made.id).filename == "bild.txt"
    content: Any = {"type": "document", "source": {"type": "file", "file_id": made.id}}
    both.messages.create(
        model="claude-sonnet-4-6",
        max_tokens=100,
        messages=[{"role": "user", "content": [content]}],
    )
    assert second.requests[-1].endpoint == "generate", "a request that names a file goes where the file is"


def test_stored_responses_stay_with_the_account_that_has_them(on: Stage, second: StandIn) -> None:
    first_name = on.credential("openai_responses", on.backend)
    second_name = on.credential("openai_responses", second)
    late = openai_client(on.gateway.url, on.key(second_name))
    begun = late.responses.create(model="gpt-5.5", input="Hallo")

    both = openai_client(on.gateway.url, on.key(first_name, second_name))

    assert both.responses.retrieve(begun.id).output_text == "Hello"
    both.responses.create(model="gpt-5.5", input="Und?", previous_response_id=begun.id)
    assert second.requests[-1].endpoint == "generate"
    assert second.refusals == []
    both.responses.delete(begun.id)
