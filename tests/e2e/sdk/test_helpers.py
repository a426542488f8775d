"""What the SDKs' own helpers make of answers: parsed output, pictures, streams of events, chats that run tools."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.genai import types
from pydantic import BaseModel

from tests.e2e.pairs.speaking import PNG
from tests.e2e.pairs.talking import last_sent, strings
from tests.e2e.stage import PROTOCOLS, Stage
from tests.standin import Call, Scenario, Turn, Usage

from .clients import MODEL, claude, gemini, gpt

pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("backend", PROTOCOLS)]


class Size(BaseModel):
    mm: int


class Thing(BaseModel):
    name: str
    tags: list[str]
    size: Size


SAID = Scenario(final=Turn("Gedacht.", "Grüße: 日本 🎈", usage=Usage(fresh=20, cache_read=10, output=9, reasoning=4)))


def test_anthropic_parses_output(on: Stage, backend: str) -> None:
    message = claude(on, backend).messages.parse(
        model=MODEL, max_tokens=2000, messages=[{"role": "user", "content": "One."}], output_format=Thing
    )
    assert isinstance(message.parsed_output, Thing)


def test_chat_parses_output(on: Stage, backend: str) -> None:
    completion = gpt(on, backend).chat.completions.parse(
        model=MODEL, messages=[{"role": "user", "content": "One."}], response_format=Thing
    )
    assert isinstance(completion.choices[0].message.parsed, Thing)


def test_responses_parses_output(on: Stage, backend: str) -> None:
    response = gpt(on, backend).responses.parse(model=MODEL, input="One.", text_format=Thing)
    assert isinstance(response.output_parsed, Thing)


def test_gemini_parses_output(on: Stage, backend: str) -> None:
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Thing)
    response = gemini(on, backend).models.generate_content(model=MODEL, contents="One.", config=config)
    assert isinstance(response.parsed, Thing)


def test_anthropic_sends_pictures(on: Stage, backend: str) -> None:
    source: Any = {"type": "base64", "media_type": "image/png", "data": PNG}
    content: Any = [{"type": "image", "source": source}, {"type": "text", "text": "What?"}]
    claude(on, backend).messages.create(model=MODEL, max_tokens=2000, messages=[{"role": "user", "content": content}])
    assert picture_arrived(on)


def test_chat_sends_pictures(on: Stage, backend: str) -> None:
    content: Any = [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    ]
    gpt(on, backend).chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}])
    assert picture_arrived(on)


def test_responses_sends_pictures(on: Stage, backend: str) -> None:
    content: Any = [
        {"type": "input_text", "text": "What?"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"},
    ]
    gpt(on, backend).responses.create(model=MODEL, input=[{"role": "user", "content": content}])
    assert picture_arrived(on)


def test_gemini_sends_pictures(on: Stage, backend: str) -> None:
    picture = types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png")
    gemini(on, backend).models.generate_content(model=MODEL, contents=[picture, "What?"])
    assert picture_arrived(on)


def picture_arrived(on: Stage) -> bool:
    assert on.backend.refusals == []
    # Google's SDK writes base64 in its other alphabet.
    return any(text.replace("-", "+").replace("_", "/").endswith(PNG) for text in strings(last_sent(on)))


def test_anthropic_streams_text_and_folds_it(on: Stage, backend: str) -> None:
    on.backend.scenario = SAID
    thinking: Any = {"type": "adaptive", "display": "summarized"}
    with claude(on, backend).messages.stream(
        model=MODEL, max_tokens=2000, messages=[{"role": "user", "content": "?"}], thinking=thinking
    ) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text == "Grüße: 日本 🎈"
    assert [block.type for block in message.content] == ["thinking", "text"]
    usage = message.usage
    read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    assert (usage.input_tokens + read + written, read, usage.output_tokens) == (30, 10, 9)


def test_chat_streams_text_and_folds_it(on: Stage, backend: str) -> None:
    on.backend.scenario = SAID
    with gpt(on, backend).chat.completions.stream(
        model=MODEL,
        messages=[{"role": "user", "content": "?"}],
        reasoning_effort="high",
        stream_options={"include_usage": True},
    ) as stream:
        pieces = [event.delta for event in stream if event.type == "content.delta"]
        completion = stream.get_final_completion()
    assert "".join(pieces) == completion.choices[0].message.content == "Grüße: 日本 🎈"
    usage = completion.usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert (usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens, usage.completion_tokens) == (30, 10, 9)


def test_responses_streams_text_and_folds_it(on: Stage, backend: str) -> None:
    on.backend.scenario = SAID
    with gpt(on, backend).responses.stream(
        model=MODEL, input="?", reasoning={"effort": "high", "summary": "auto"}
    ) as stream:
        pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
        response = stream.get_final_response()
    assert "".join(pieces) == response.output_text == "Grüße: 日本 🎈"
    assert [item.type for item in response.output] == ["reasoning", "message"]
    usage = response.usage
    assert usage is not None
    assert (usage.input_tokens, usage.input_tokens_details.cached_tokens, usage.output_tokens) == (30, 10, 9)


def test_gemini_streams_text_and_tells_its_tokens(on: Stage, backend: str) -> None:
    on.backend.scenario = SAID
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
    chunks = list(gemini(on, backend).models.generate_content_stream(model=MODEL, contents="?", config=config))
    parts = [part for chunk in chunks for c in chunk.candidates or () if c.content for part in c.content.parts or ()]
    assert "".join(part.text or "" for part in parts if part.thought) == "Gedacht."
    assert "".join(part.text or "" for part in parts if not part.thought) == "Grüße: 日本 🎈"
    usage = chunks[-1].usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (30, 10)
    assert (usage.candidates_token_count, usage.thoughts_token_count) == (5, 4)


def test_openai_runs_tools_with_strict_schemas(on: Stage, backend: str) -> None:
    from openai import pydantic_function_tool

    on.backend.scenario = Scenario(turns=(Turn(calls=(Call("Size", {"mm": 3}),)),), final="Done")
    completion = gpt(on, backend).chat.completions.parse(
        model=MODEL, messages=[{"role": "user", "content": "Measure."}], tools=[pydantic_function_tool(Size)]
    )
    [call] = completion.choices[0].message.tool_calls or []
    assert call.function.parsed_arguments == Size(mm=3)
    assert json.loads(call.function.arguments) == {"mm": 3}
