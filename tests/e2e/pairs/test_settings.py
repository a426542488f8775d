"""What a request may ask for beside talk, by every client protocol at every backend: media, shapes, limits, stops."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from tests.e2e.stage import PROTOCOLS, Stage
from tests.standin import Scenario, Turn, Usage

from .speaking import PNG, Json, Stop, Wish
from .talking import SPEAKERS, ask, last_sent, post, read, strings

pytestmark = pytest.mark.e2e

both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
every_backend = pytest.mark.parametrize("backend", PROTOCOLS)
every_client = pytest.mark.parametrize("client", PROTOCOLS)

SCHEMA: Json = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
        "size": {"type": "object", "properties": {"mm": {"type": "integer"}}, "required": ["mm"]},
    },
    "required": ["name", "tags", "size"],
}


def closed(schema: Json) -> Json:
    """The schema as OpenAI and Anthropic want it: no properties but those named."""
    inner = {name: closed(child) for name, child in schema.get("properties", {}).items()}
    return {**schema, "properties": inner, "additionalProperties": False} if schema["type"] == "object" else schema


@both_ways
@every_backend
@every_client
def test_structured_output_fits_its_schema(on: Stage, client: str, backend: str, stream: bool) -> None:
    speaker = SPEAKERS[client]
    schema = SCHEMA if client == "gemini" else closed(SCHEMA)
    wish = Wish(history=[speaker.user("Name one.")], schema=schema, stream=stream)

    answer = ask(on, speaker, backend, wish)

    jsonschema.validate(json.loads(answer.text), schema)
    assert answer.stop == "end"


@every_backend
@every_client
def test_an_image_arrives_as_it_was(on: Stage, client: str, backend: str) -> None:
    speaker = SPEAKERS[client]

    ask(on, speaker, backend, Wish(history=[speaker.user("What is it?", PNG)]))

    found = strings(last_sent(on))
    assert any(text.endswith(PNG) for text in found)
    assert any("image/png" in text for text in found)


# Where each protocol says the largest answer.
LIMITS: dict[str, Callable[[Json], Any]] = {
    "anthropic": lambda body: body["max_tokens"],
    "openai_chat": lambda body: body["max_tokens"],
    "openai_responses": lambda body: body["max_output_tokens"],
    "gemini": lambda body: body["generationConfig"]["maxOutputTokens"],
}


@both_ways
@every_backend
@every_client
def test_the_largest_answer_is_asked_for_and_a_cut_one_is_told(
    on: Stage, client: str, backend: str, stream: bool
) -> None:
    speaker = SPEAKERS[client]
    on.backend.scenario = Scenario(final=Turn(text="Es war ein", stop="length"))

    answer = ask(on, speaker, backend, Wish(history=[speaker.user("Erzähl!")], max_tokens=1234, stream=stream))

    assert LIMITS[backend](last_sent(on)) == 1234
    assert (answer.text, answer.stop) == ("Es war ein", "length")


@both_ways
@every_backend
@every_client
def test_a_refusal_is_told(on: Stage, client: str, backend: str, stream: bool) -> None:
    speaker = SPEAKERS[client]
    on.backend.scenario = Scenario(final=Turn(text="I would", stop="refusal"))

    answer = ask(on, speaker, backend, Wish(history=[speaker.user("Do harm.")], stream=stream))

    assert answer.stop == "refusal"


STOPPING = [client for client in PROTOCOLS if client != "openai_responses"]
STOPS: dict[str, Callable[[Json], Any]] = {
    "anthropic": lambda body: body["stop_sequences"],
    "openai_chat": lambda body: body["stop"],
    "gemini": lambda body: body["generationConfig"]["stopSequences"],
}


@both_ways
@every_backend
@pytest.mark.parametrize("client", STOPPING)
def test_the_answer_ends_before_a_stop_sequence(on: Stage, client: str, backend: str, stream: bool) -> None:
    """By the backend where it can; Responses has no word for it, so there the gateway cuts."""
    speaker = SPEAKERS[client]
    cuts = backend not in STOPS
    said = "eins zwei HALT drei" if cuts else "eins zwei "
    stop: Any = None if cuts else "stop_sequence"
    on.backend.scenario = Scenario(final=Turn(text=said, stop=stop, stop_sequence=None if cuts else "HALT"))

    answer = ask(on, speaker, backend, Wish(history=[speaker.user("Zähl!")], stop=["HALT", "ENDE"], stream=stream))

    assert answer.text == "eins zwei "
    told = client == "anthropic" and backend in ("anthropic", "openai_responses")
    expected: Stop = "stop_sequence" if told else "end"
    assert answer.stop == expected
    if not cuts:
        assert STOPS[backend](last_sent(on)) == ["HALT", "ENDE"]


@both_ways
@every_backend
@every_client
def test_tokens_are_told_as_the_protocol_counts_them(on: Stage, client: str, backend: str, stream: bool) -> None:
    speaker = SPEAKERS[client]
    usage = Usage(fresh=100, cache_read=40, output=70, reasoning=30)
    on.backend.scenario = Scenario(final=Turn("Hm.", "Ja.", usage=usage))

    answer = ask(on, speaker, backend, Wish(history=[speaker.user("Ja?")], thinking=True, stream=stream))

    assert answer.used is not None
    assert (answer.used.input, answer.used.cache_read, answer.used.output) == (140, 40, 70)
    assert answer.used.reasoning == 30


@both_ways
@pytest.mark.parametrize("output", PROTOCOLS)
@every_backend
@every_client
def test_the_answer_comes_in_the_protocol_that_was_asked_for(
    on: Stage, client: str, backend: str, output: str, stream: bool
) -> None:
    speaker = SPEAKERS[client]
    on.backend.scenario = Scenario(final=Turn("Gedacht: é", "Antwort: 日本"))
    wish = Wish(history=[speaker.user("Ja?")], thinking=True, stream=stream)

    response = post(on, speaker, backend, wish, **{"x-proxycast-output": output})

    answer = read(on, SPEAKERS[output], wish, response)
    assert (answer.text, answer.stop) == ("Antwort: 日本", "end")
    assert answer.used is not None
    assert answer.used.output > 0
