"""Properties: what is decoded and encoded again is the same, for any request and any grammatical stream."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.openai_chat.support import CHAT, REPLY, TARGET, chunks, fold, read, write
from translators import jsonio
from translators.canonical.blocks import Block, Image, Refusal, Text, Thinking, ToolCall
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
from translators.canonical.response import Response, unfold
from translators.canonical.target import Target

words = st.text(min_size=1, max_size=8)
names = st.from_regex(r"\A[a-zA-Z0-9_-]{1,12}\Z")
schemas = st.sampled_from(
    [{"type": "object", "properties": {}}, {"type": "object", "properties": {"a": {"type": "string"}}}]
)
arguments = st.dictionaries(words, words | st.integers(-9, 9), max_size=2).map(jsonio.dumps_str)

user_parts = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, words),
    st.builds(
        lambda detail: {"type": "image_url", "image_url": {"url": "https://x/y", **detail}},
        st.sampled_from([{}, {"detail": "low"}]),
    ),
    st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}),
    st.just({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}}),
    st.just({"type": "file", "file": {"file_id": "file-1"}}),
    st.just({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}),
)
user_messages = st.builds(
    lambda content: {"role": "user", "content": content}, words | st.lists(user_parts, min_size=1, max_size=3)
)


@st.composite
def exchanges(draw: st.DrawFn, position: int) -> list[dict[str, Any]]:
    """A user message and what the assistant made of it: text, or calls with all their results."""
    said = draw(user_messages)
    assistant: dict[str, Any] = {"role": "assistant", "content": draw(words)}
    if draw(st.booleans()):
        assistant["reasoning_content"] = draw(words.filter(str.strip))
    messages = [said, assistant]
    for number in range(draw(st.integers(0, 2))):
        call_id = f"call_{position}_{number}"
        if draw(st.booleans()):
            inner: dict[str, Any] = {
                "type": "function",
                "function": {"name": draw(names), "arguments": draw(arguments)},
            }
        else:
            inner = {"type": "custom", "custom": {"name": draw(names), "input": draw(words)}}
        assistant.setdefault("tool_calls", []).append({"id": call_id, **inner})
        messages.append({"role": "tool", "tool_call_id": call_id, "content": draw(words)})
    if draw(st.booleans()):
        messages.append({"role": "developer", "content": draw(words)})
    return messages


tools = st.one_of(
    st.builds(
        lambda name, schema, more: {"type": "function", "function": {"name": name, "parameters": schema, **more}},
        names,
        schemas,
        st.sampled_from([{}, {"description": "d"}, {"strict": True}]),
    ),
    st.builds(lambda name: {"type": "custom", "custom": {"name": name, "format": {"type": "text"}}}, names),
)


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(words)})
    for position in range(draw(st.integers(0, 2))):
        messages += draw(exchanges(position))
    messages.append(draw(user_messages))
    body: dict[str, Any] = {"model": "m-1", "messages": messages}
    optional: dict[str, st.SearchStrategy[Any]] = {
        "max_tokens": st.integers(1, 9),
        "temperature": st.sampled_from([0, 0.5, 2]),
        "top_p": st.just(0.9),
        "top_k": st.just(5),
        "seed": st.integers(0, 9),
        "n": st.integers(1, 3),
        "logprobs": st.booleans(),
        "presence_penalty": st.just(0.1),
        "logit_bias": st.just({"5": 1}),
        "stop": st.lists(words, min_size=1, max_size=4),
        "reasoning_effort": st.sampled_from(["none", "low", "max"]),
        "response_format": st.sampled_from(
            [
                {"type": "json_object"},
                {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": False}},
            ]
        ),
        "verbosity": st.just("low"),
        "user": st.just("u"),
        "prompt_cache_key": st.just("k"),
        "service_tier": st.just("flex"),
        "metadata": st.just({"a": "b"}),
        "web_search_options": st.just({"search_context_size": "low"}),
    }
    for field, values in optional.items():
        if draw(st.integers(0, 3)) == 0:
            body[field] = draw(values)
    offered = draw(st.lists(tools, max_size=3, unique_by=lambda tool: tool[tool["type"]]["name"]))
    if offered:
        body["tools"] = offered
        kind = offered[0]["type"]
        named = {"type": kind, kind: {"name": offered[0][kind]["name"]}}
        allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named]}}
        body.update(
            draw(st.sampled_from([{}, {"tool_choice": "required"}, {"tool_choice": named}, {"tool_choice": allowed}]))
        )
        body.update(draw(st.sampled_from([{}, {"parallel_tool_calls": False}])))
    if draw(st.booleans()):
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


@settings(max_examples=150, deadline=None)
@given(bodies())
def test_a_request_in_our_own_protocol_survives(body: dict[str, Any]) -> None:
    once = CHAT.decode_request(body)
    encoded = CHAT.encode_request(once, TARGET)
    assert CHAT.decode_request(encoded.body) == once
    assert CHAT.encode_request(CHAT.decode_request(encoded.body), TARGET).body == encoded.body


@settings(max_examples=50, deadline=None)
@given(bodies(), st.data())
def test_earlier_messages_do_not_change_when_the_conversation_goes_on(
    body: dict[str, Any], data: st.DataObject
) -> None:
    """Prefix caches: the next request begins with the bytes of this one."""
    longer = {**body, "messages": [*body["messages"], {"role": "assistant", "content": "a"}, data.draw(user_messages)]}
    target = Target("openai_chat", "m-1", strict_tools=True, mid_system=data.draw(st.booleans()))
    sent = [CHAT.encode_request(CHAT.decode_request(asked), target).body["messages"] for asked in (body, longer)]
    assert sent[1][: len(sent[0])] == sent[0]


# -- answers

deltas = st.lists(words, min_size=1, max_size=3)
calls = st.builds(
    lambda name, pieces: ("tool_call", name, pieces),
    names,
    st.sampled_from([["{}"], ['{"a"', ":1}"], ["", '{"x":"', 'y"}'], [""]]),
)
customs = st.builds(lambda name, pieces: ("custom", name, pieces), names, deltas)
shown = st.builds(lambda kind, pieces: (kind, "", pieces), st.sampled_from(["text", "thinking", "refusal"]), deltas)


@st.composite
def streams(draw: st.DrawFn) -> list[StreamEvent]:
    events: list[StreamEvent] = [Start("up", "m", 5)]
    for index, (kind, name, pieces) in enumerate(draw(st.lists(shown | calls | customs, max_size=5))):
        match kind:
            case "tool_call" | "custom":
                tool_kind = "custom" if kind == "custom" else "function"
                events.append(BlockStart(index, "tool_call", id=f"c{index}", name=name, tool_kind=tool_kind))  # type: ignore[arg-type]
                delta = "arguments"
            case _:
                events.append(BlockStart(index, kind, origin="openai_chat" if kind == "thinking" else None))  # type: ignore[arg-type]
                delta = kind
        for piece in pieces:
            if draw(st.integers(0, 4)) == 0:
                events.append(Ping())
            events.append(BlockDelta(index, delta, piece))  # type: ignore[arg-type]
        events.append(BlockStop(index))
    events.append(UsageUpdate(Usage(input_fresh=3, output=4)))
    events.append(Finish(draw(st.sampled_from([StopReason.END, StopReason.LENGTH, StopReason.TOOL_USE]))))
    return events


def essence(answer: Response) -> dict[str, Any]:
    """What chat can say of an answer: it has one text, one reasoning, one refusal, and calls in their order."""
    found: dict[str, Any] = {"text": "", "thinking": "", "refusal": "", "calls": []}
    for block in answer.blocks:
        match block:
            case Text():
                found["text"] += block.text
            case Thinking():
                found["thinking"] += block.text
            case Refusal():
                found["refusal"] += block.text
            case ToolCall():
                written = block.arguments or ("{}" if block.kind == "function" else "")
                found["calls"].append((block.id, block.name, written, block.kind))
    return found


@settings(max_examples=150, deadline=None)
@given(streams())
def test_any_stream_that_we_write_is_read_back(events: list[StreamEvent]) -> None:
    before = fold(event for event in events if not isinstance(event, Ping))
    wire = write(events, replace(REPLY, include_usage=True))
    after = fold(read(wire))
    assert after.error is None
    wanted, got = essence(before), essence(after)
    assert got["calls"] == wanted["calls"]
    for kind in ("text", "thinking", "refusal"):
        if wanted["calls"]:  # white space alone in the middle of a call is taken for noise
            assert got[kind].split() == wanted[kind].split()
        else:
            assert got[kind] == wanted[kind]
    assert (after.usage.input_fresh, after.usage.output) == (3, 4)
    assert sum(chunk == "[DONE]" for chunk in chunks(wire)) == 1


blocks: st.SearchStrategy[Block] = st.one_of(
    st.builds(Text, words),
    st.builds(lambda text: Thinking(text, None, "openai_chat", "raw"), words),
    st.builds(lambda text: Image("image/png", text), st.just("AA==")),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(blocks, max_size=4), st.lists(arguments, max_size=3), st.booleans())
def test_whole_and_streamed_answers_agree(shown_: list[Block], made: list[str], cut: bool) -> None:
    calls_: list[Block] = [ToolCall(f"c{number}", "f", text) for number, text in enumerate(made)]
    stop = StopReason.LENGTH if cut else StopReason.TOOL_USE if made else StopReason.END
    answer = Response("up", "m", 5, [*shown_, *calls_], stop)
    whole = CHAT.decode_response(
        CHAT.encode_response(answer, REPLY),
        CHAT.encode_request(CHAT.decode_request({"model": "m", "messages": []}), TARGET).names,
    )
    streamed = fold(read(write(unfold(answer))))
    assert essence(whole) == essence(streamed) == essence(answer)
    assert whole.stop == streamed.stop == stop
