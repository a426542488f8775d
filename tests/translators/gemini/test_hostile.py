"""Whatever arrives: a 400 in our words or an answer, never another exception, never a broken event grammar."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.gemini.support import GEMINI, body, decode, read_stream, sse
from translators.canonical.errors import TranslationError
from translators.canonical.events import BlockDelta, BlockStart, BlockStop, Error, Finish, Ping, Start, StreamEvent

_KEYS = (
    "contents role parts text thought thoughtSignature functionCall functionResponse name id args response output "
    "error inlineData mimeType data fileData fileUri tools functionDeclarations parameters parametersJsonSchema type "
    "properties toolConfig functionCallingConfig mode allowedFunctionNames generationConfig thinkingConfig "
    "thinkingBudget thinkingLevel systemInstruction candidates content finishReason usageMetadata promptTokenCount "
    "promptFeedback blockReason index partialArgs jsonPath stringValue willContinue generateContentRequest"
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.sampled_from(["", "a", "user", "model", "f__1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS.split(" ")), inner, max_size=4),
    max_leaves=25,
)
_object = st.dictionaries(st.sampled_from(_KEYS.split(" ")), _json, max_size=5)
_part = st.dictionaries(st.sampled_from(_KEYS.split(" ")[3:24]), _json, max_size=3)


@settings(max_examples=80, deadline=None)
@given(_object | st.fixed_dictionaries({"contents": st.lists(st.fixed_dictionaries({"parts": st.lists(_part)}))}))
def test_any_object_as_a_request(sent: Any):
    with contextlib.suppress(TranslationError):
        json.dumps(body(decode(sent)))
        json.dumps(body(decode(sent), schema_dialect="openapi", thinking="budget"))


@settings(max_examples=80, deadline=None)
@given(st.lists(_object | st.fixed_dictionaries({"candidates": st.lists(_object)}), max_size=4))
def test_any_objects_as_a_stream(chunks: list[Any]):
    _check_grammar(read_stream(sse(*[json.loads(json.dumps(chunk).replace("NaN", "0")) for chunk in chunks])))


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200) | st.text('data:{}[]",\\ \n\r', max_size=80).map(str.encode))
def test_any_bytes_as_a_stream(data: bytes):
    events = read_stream(data)
    _check_grammar(events)
    assert read_stream(data, step=1) == events


@settings(max_examples=80, deadline=None)
@given(st.integers(400, 599), _json | _object.map(lambda error: {"error": error}))
def test_any_error_body(status: int, value: Any):
    error = GEMINI.decode_error(status, {}, json.dumps(value).encode())
    assert error.message
    assert GEMINI.encode_error(error)[0] >= 400


def _check_grammar(events: list[StreamEvent]) -> None:
    """The grammar of canonical/events.py."""
    open_block: int | None = None
    started = False
    index = -1
    for position, event in enumerate(events):
        last = position == len(events) - 1
        match event:
            case Start():
                assert not started
                started = True
            case BlockStart():
                assert started
                assert open_block is None
                index += 1
                assert event.index == index
                open_block = index
            case BlockDelta():
                assert event.index == open_block
            case BlockStop():
                assert event.index == open_block
                open_block = None
            case Finish() | Error():
                assert last
                assert open_block is None
            case Ping():
                pass
            case _:
                assert started
    assert isinstance(events[-1], Finish | Error)


@pytest.mark.parametrize("depth", [500, 100_000])
def test_deep_requests(depth):
    schema: Any = {"type": "string"}
    for _ in range(min(depth, 900)):
        schema = {"type": "array", "items": schema}
    sent = {
        "contents": [{"parts": [{"text": "a"}]}],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}],
    }
    assert json.dumps(body(decode(sent)))
    assert json.dumps(body(decode(sent), schema_dialect="openapi"))
