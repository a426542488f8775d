"""What the stand-in sends is what the official SDKs understand, whole and streamed, however the bytes are cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from google import genai

from . import StandIn, Turn
from .conversations import MODEL, SCRIPT, TALKS, anthropic_client, gemini_client, openai_client

TRANSPORTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "every byte alone": {"shred": 1},
    "cut every 7 bytes": {"shred": 7},
    "interleaved": {"interleave": True},
    "compressed": {"compress": True},
    "compressed and cut": {"compress": True, "shred": 3},
}


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn() as server:
        yield server


@pytest.fixture
def backend(standin: StandIn) -> Iterator[StandIn]:
    standin.reset()
    standin.scenario = SCRIPT
    yield standin
    for settings in TRANSPORTS.values():
        for name in settings:
            setattr(standin, name, type(settings[name])())


def plain(turn: Turn) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """A turn as every protocol can tell it: the border between two thoughts is not visible everywhere."""
    return "".join(turn.thoughts), turn.text, tuple((call.name, call.json) for call in turn.calls)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("protocol", TALKS)
def test_an_sdk_reads_the_stream_and_its_answers_are_accepted(protocol: str, transport: str, backend: StandIn) -> None:
    for name, value in TRANSPORTS[transport].items():
        setattr(backend, name, value)

    turns = list(TALKS[protocol](backend, True))

    assert [plain(turn) for turn in turns] == [plain(turn) for turn in [*SCRIPT.turns, SCRIPT.last]]
    assert [str(request.refusal) for request in backend.refusals] == []
    assert [request.turn for request in backend.main_requests] == [0, 1, 2, 3]


@pytest.mark.parametrize("protocol", TALKS)
def test_an_sdk_reads_the_whole_and_its_answers_are_accepted(protocol: str, backend: StandIn) -> None:
    turns = list(TALKS[protocol](backend, False))

    assert [plain(turn) for turn in turns] == [plain(turn) for turn in [*SCRIPT.turns, SCRIPT.last]]
    assert [str(request.refusal) for request in backend.refusals] == []


def test_sdks_raise_their_own_errors_on_refusals(backend: StandIn) -> None:
    bad = anthropic_client(backend.url, "wrong")
    with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
        bad.messages.create(model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "Hi"}])
    client = openai_client(backend.url, backend.key or "")
    with pytest.raises(openai.BadRequestError, match="Unknown parameter: 'foo'"):
        client.responses.create(model=MODEL, input="Hi", extra_body={"foo": 1})
    google = gemini_client(backend.url, "wrong")
    with pytest.raises(genai.errors.ClientError, match="API key not valid"):
        google.models.generate_content(model=MODEL, contents="Hi")

    assert [request.refusal.rule for request in backend.refusals if request.refusal] == [
        "credential",
        "fields",
        "credential",
    ]
