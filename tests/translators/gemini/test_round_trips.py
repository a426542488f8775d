"""Nothing is lost between Gemini and Gemini, and every grammatical answer is readable as we write it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.gemini.support import GEMINI, body, decode, folded, frames, read_stream, reply, write_stream
from translators.canonical.blocks import Text, Thinking, ToolCall
from translators.canonical.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Finish,
    Ping,
    Start,
    StopReason,
    StreamEvent,
    Usage,
    UsageUpdate,
)
from translators.canonical.names import NameMap
from translators.canonical.request import Request
from translators.canonical.response import Response

_text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
_name = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.:-]{0,9}", fullmatch=True)
_signature = st.sampled_from(["c2ln", "QUJD", "AAAA"])
_args = st.dictionaries(_text, st.integers() | _text | st.none(), max_size=2)
_image: st.SearchStrategy[Any] = st.just({"inlineData": {"mimeType": "image/png", "data": "AAAA"}})


@st.composite
def _history(draw: st.DrawFn) -> list[Any]:
    """Steps of a well-formed conversation: calls, their results in order, then more of the user's words."""
    words: st.SearchStrategy[Any] = st.lists(_text.map(_part) | _image, min_size=1, max_size=2)
    contents: list[Any] = [{"role": "user", "parts": draw(words)}]
    for step in range(draw(st.integers(0, 3))):
        parts: list[Any] = [_part(text) for text in draw(st.lists(_text, max_size=1))]
        text_is_signed = draw(st.booleans())
        if parts and text_is_signed:
            parts[-1]["thoughtSignature"] = draw(_signature)
        calls = draw(st.lists(st.tuples(_name, _args, st.booleans()), max_size=3))
        signed = draw(st.booleans())
        results: list[Any] = []
        for number, (name, args, failed) in enumerate(calls):
            call: Any = {"functionCall": {"id": f"id{step}_{number}", "name": name, "args": args}}
            if signed and number == 0:
                call["thoughtSignature"] = draw(_signature)
            parts.append(call)
            outcome: Any = {"error" if failed else "output": draw(_text)}
            response: Any = {"id": f"id{step}_{number}", "name": name, "response": outcome}
            if draw(st.booleans()):
                response["parts"] = [draw(_image)]
            results.append({"functionResponse": response})
        if not parts:
            continue
        contents.append({"role": "model", "parts": parts})
        contents.append(
            {"role": "user", "parts": results + [_part(text) for text in draw(st.lists(_text, max_size=1))]}
        )
        if not contents[-1]["parts"]:
            contents[-1]["parts"] = [_part("on")]
    return contents


def _part(text: str) -> Any:
    return {"text": text}


_schema = st.sampled_from(
    [
        {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]},
        {"type": "object", "properties": {"a": {"anyOf": [{"type": "integer"}, {"type": "boolean"}]}}},
    ]
)
_tools = st.lists(_name, max_size=3, unique=True).flatmap(
    lambda names: st.lists(_schema, min_size=len(names), max_size=len(names)).map(
        lambda schemas: [
            {"name": name, "description": "d", "parametersJsonSchema": schema}
            for name, schema in zip(names, schemas, strict=True)
        ]
    )
)
_config = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0, 0.5, 1.5]),
        "topP": st.sampled_from([0.1, 1]),
        "topK": st.integers(1, 99),
        "maxOutputTokens": st.integers(1, 9999),
        "stopSequences": st.lists(_text, max_size=5),
        "seed": st.integers(-5, 5),
        "presencePenalty": st.sampled_from([-0.5, 0.5]),
        "frequencyPenalty": st.sampled_from([-0.5, 0.5]),
        "candidateCount": st.just(1),
        "responseLogprobs": st.booleans(),
        "logprobs": st.integers(0, 5),
        "mediaResolution": st.just("MEDIA_RESOLUTION_LOW"),
        "thinkingConfig": st.fixed_dictionaries(
            {}, optional={"includeThoughts": st.booleans(), "thinkingBudget": st.sampled_from([-1, 0, 512, 9000])}
        ),
    },
)
_bodies = st.fixed_dictionaries(
    {"contents": _history()},
    optional={
        "systemInstruction": st.lists(_text, min_size=1, max_size=2).map(
            lambda texts: {"parts": list(map(_part, texts))}
        ),
        "generationConfig": _config,
        "safetySettings": st.just([{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]),
        "labels": st.just({"team": "a"}),
        "declarations": _tools,
        "mode": st.sampled_from(["AUTO", "ANY", "NONE", "VALIDATED"]),
    },
)


@settings(max_examples=150, deadline=None)
@given(_bodies)
def test_a_request_of_geminis_comes_out_as_it_went_in(sent: Any):
    declarations, mode = sent.pop("declarations", []), sent.pop("mode", None)
    if declarations:
        sent["tools"] = [{"functionDeclarations": declarations}]
        if mode is not None:
            sent["toolConfig"] = {"functionCallingConfig": {"mode": mode}}
    request = decode(sent)
    again = decode(body(request, thinking="budget"))
    assert again == request
    assert body(again, thinking="budget") == body(request, thinking="budget")


_piece = st.text(st.characters(codec="utf-8"), max_size=5)
_origin = st.sampled_from(["gemini", "anthropic", "openai_responses"])


@st.composite
def _stream(draw: st.DrawFn) -> list[StreamEvent]:
    """Any grammatical stream of the kinds of blocks that a Gemini client can be told."""
    events: list[StreamEvent] = [Start("id", "m", usage=Usage(input_fresh=3))]
    called = False
    kinds = draw(st.lists(st.sampled_from(["text", "thinking", "signed", "tool_call"]), max_size=6))
    for index, kind in enumerate(kinds):
        if draw(st.booleans()):
            events.append(Ping())
        if kind == "tool_call":
            called = True
            arguments = json.dumps(draw(_args), ensure_ascii=False, separators=(",", ":"))
            cut = draw(st.integers(0, len(arguments)))
            events.append(BlockStart(index, "tool_call", id=f"c{index}", name=draw(_name)))
            events.append(BlockDelta(index, "arguments", arguments[:cut]))
            events.append(BlockDelta(index, "arguments", arguments[cut:]))
        elif kind == "text":
            events.append(BlockStart(index, "text"))
            events.extend(BlockDelta(index, "text", piece) for piece in draw(st.lists(_piece, max_size=3)))
        else:
            events.append(BlockStart(index, "thinking", origin=draw(_origin)))
            events.extend(BlockDelta(index, "thinking", piece) for piece in draw(st.lists(_piece, max_size=3)))
            if kind == "signed":
                events.append(BlockDelta(index, "signature", draw(_signature)))
        events.append(BlockStop(index))
    events.append(UsageUpdate(Usage(output=draw(st.integers(1, 9)))))
    events.append(Finish(StopReason.TOOL_USE if called else StopReason.END))
    return events


@settings(max_examples=200, deadline=None)
@given(_stream(), st.booleans())
def test_any_answer_is_readable_as_we_write_it(events: list[StreamEvent], sse: bool):
    data = write_stream(events, reply(sse=sse))
    if sse:
        frames(data)
    else:
        json.loads(data)
    before, after = folded(events), folded(read_stream(data))
    assert after.stop is before.stop
    assert (after.usage.input_fresh, after.usage.output) == (before.usage.input_fresh, before.usage.output)
    assert _calls(after) == _calls(before)
    assert _said(after, Thinking) == _said(before, Thinking)
    if _said(before, Text).strip():
        assert _said(after, Text) == _said(before, Text)


@settings(max_examples=200, deadline=None)
@given(_stream())
def test_every_signature_returns_with_the_history(events: list[StreamEvent]):
    parts = [p for chunk in frames(write_stream(events)) for p in chunk["candidates"][0]["content"]["parts"]]
    returned = decode({"contents": [{"role": "model", "parts": parts}, {"role": "user", "parts": [{"text": "on"}]}]})

    def signatures(blocks: Any) -> list[tuple[Any, Any]]:
        return [(b.signature, b.origin) for b in blocks if isinstance(b, Thinking) and b.signature]

    assert signatures(returned.turns[0].blocks) == signatures(folded(events).blocks)


def _calls(response: Response) -> list[Any]:
    return [(b.id, b.name, json.loads(b.arguments)) for b in response.blocks if isinstance(b, ToolCall)]


def _said(response: Response, kind: type[Text] | type[Thinking]) -> str:
    return "".join(block.text for block in response.blocks if isinstance(block, kind))


def test_a_whole_body_of_geminis_is_read_and_written_alike():
    whole = {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "hm", "thought": True},
                        {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
                        {"functionCall": {"id": "c2", "name": "f", "args": {}}},
                    ],
                    "role": "model",
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 10,
            "cachedContentTokenCount": 4,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 2,
            "totalTokenCount": 17,
        },
    }
    read = GEMINI.decode_response(whole, NameMap())
    written = GEMINI.encode_response(read, replace(reply(), request=Request("anthropic", "m")))
    assert {key: written[key] for key in whole} == whole
