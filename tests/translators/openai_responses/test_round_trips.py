"""Properties: what is decoded and encoded again is the same, for any request and any grammatical stream."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.standin.rules_openai_responses import check
from tests.translators.openai_responses.support import RESPONSES, TARGET, fold, payloads, read, write
from translators import jsonio
from translators.canonical.blocks import Block, Image, Opaque, Refusal, Text, Thinking, ToolCall, Unknown
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Error,
    Finish,
    Ping,
    Start,
    StopReason,
    StreamEvent,
    Usage,
    UsageUpdate,
)

ID = "openai_responses"
words = st.text(min_size=1, max_size=8)
names = st.from_regex(r"\A[a-zA-Z0-9_-]{1,12}\Z")
schemas = st.sampled_from(
    [{"type": "object", "properties": {}}, {"type": "object", "properties": {"a": {"type": "string"}}}]
)
arguments = st.dictionaries(words, words | st.integers(-9, 9), max_size=2).map(jsonio.dumps_str)
markers = st.sampled_from([{}, {"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}}])

user_parts = st.one_of(
    st.builds(lambda text, marker: {"type": "input_text", "text": text, **marker}, words, markers),
    st.just({"type": "input_image", "image_url": "https://x/y", "detail": "low"}),
    st.just({"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"}),
    st.just({"type": "input_image", "file_id": "file-1", "detail": "auto"}),
    st.just({"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}),
    st.just({"type": "input_file", "file_url": "https://x/y.pdf"}),
    st.just({"type": "input_file", "file_id": "file-1"}),
)
user_messages = st.builds(
    lambda content: {"type": "message", "role": "user", "content": content},
    words | st.lists(user_parts, min_size=1, max_size=3),
)
outputs = words | st.lists(user_parts, min_size=1, max_size=2)
phases = st.sampled_from([{}, {"phase": "commentary"}, {"phase": "final_answer"}])
said = st.builds(
    lambda text, phase: {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text}],
        **phase,
    },
    words,
    phases,
)
reasoned = st.builds(
    lambda texts, payload: {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text} for text in texts],
        "encrypted_content": payload,
    },
    st.lists(words, max_size=2),
    st.from_regex(r"\A[a-zA-Z0-9+/]{4,8}\Z"),
)


@st.composite
def exchanges(draw: st.DrawFn, position: int) -> list[dict[str, Any]]:
    """A user message and the items that the model made of it, with the outputs of all its calls."""
    items = [draw(user_messages)]
    results: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 3))):
        call_id = f"call_{position}_{number}"
        if draw(st.booleans()):
            items.append(draw(reasoned))
        kind = draw(st.sampled_from(["message", "function", "custom"]))
        at = draw(st.sampled_from([{}, {"namespace": "ns"}]))
        if kind == "message":
            items.append(draw(said))
        elif kind == "function":
            call = {"call_id": call_id, "name": draw(names), "arguments": draw(arguments), **at}
            items.append({"type": "function_call", **call})
            results.append({"type": "function_call_output", "call_id": call_id, "output": draw(outputs)})
        else:
            items.append({"type": "custom_tool_call", "call_id": call_id, "name": draw(names), "input": draw(words)})
            results.append({"type": "custom_tool_call_output", "call_id": call_id, "output": draw(outputs)})
    items += results
    if draw(st.booleans()):
        items.append({"type": "message", "role": "developer", "content": draw(words)})
    return items


functions = st.builds(
    lambda name, schema, more: {"type": "function", "name": name, "parameters": schema, **more},
    names,
    schemas,
    st.sampled_from([{}, {"description": "d"}, {"strict": False}, {"defer_loading": True, "strict": False}]),
)
grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /x/"}
customs = st.builds(lambda name: {"type": "custom", "name": name, "format": grammar}, names)
namespaces = st.builds(
    lambda inner: {"type": "namespace", "name": "ns", "description": "d", "tools": inner},
    st.lists(functions | customs, min_size=1, max_size=2, unique_by=lambda tool: tool["name"]),
)
built_in = st.sampled_from([{"type": "web_search"}, {"type": "local_shell"}, {"type": "apply_patch"}])
tool_lists = st.tuples(
    st.lists(functions | customs, max_size=2, unique_by=lambda tool: tool["name"]),
    st.lists(namespaces, max_size=1),
    st.lists(built_in, max_size=2, unique_by=lambda tool: tool["type"]),
).map(lambda parts: [*parts[0], *parts[1], *parts[2]])


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    items: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(0, 2))):
        items.append({"type": "message", "role": "developer", "content": draw(words)})
    for position in range(draw(st.integers(0, 2))):
        items += draw(exchanges(position))
    items.append(draw(user_messages))
    body: dict[str, Any] = {
        "model": "m-1",
        "input": items,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "stream": draw(st.booleans()),
    }
    optional: dict[str, st.SearchStrategy[Any]] = {
        "instructions": words,
        "max_output_tokens": st.integers(16, 99),
        "temperature": st.sampled_from([0, 0.5, 2]),
        "top_p": st.just(0.9),
        "reasoning": st.sampled_from(
            [{"effort": "none"}, {"effort": "low", "summary": "auto"}, {"summary": "detailed", "context": "all_turns"}]
        ),
        "text": st.sampled_from(
            [
                {"verbosity": "low"},
                {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object", "properties": {}}}},
            ]
        ),
        "user": st.just("u"),
        "prompt_cache_key": st.just("k"),
        "service_tier": st.just("flex"),
        "metadata": st.just({"a": "b"}),
        "truncation": st.just("auto"),
        "client_metadata": st.just({"session_id": "s"}),
    }
    for field, values in optional.items():
        if draw(st.integers(0, 3)) == 0:
            body[field] = draw(values)
    offered = draw(tool_lists)
    if offered:
        body["tools"] = offered
        body.update(draw(st.sampled_from([{}, {"tool_choice": "required"}, {"parallel_tool_calls": False}])))
    return body


@settings(max_examples=60, deadline=None)
@given(bodies())
def test_a_request_survives_being_encoded_and_decoded(body: dict[str, Any]) -> None:
    request = RESPONSES.decode_request(body)
    encoded = RESPONSES.encode_request(request, TARGET)
    again = RESPONSES.decode_request(encoded.body)
    assert again == request
    assert RESPONSES.encode_request(again, TARGET).body == encoded.body


@settings(max_examples=40, deadline=None)
@given(bodies())
def test_what_is_encoded_is_what_the_api_takes(body: dict[str, Any]) -> None:
    """Reasoning is left out: the stand-in knows the payloads of its own answers only."""
    items = [item for item in body["input"] if item["type"] != "reasoning"]
    request = RESPONSES.decode_request({**body, "input": items})
    refusal = check(RESPONSES.encode_request(request, TARGET).body, {"authorization": "Bearer k"})
    assert refusal is None


pieces = st.lists(words, min_size=1, max_size=3)


@st.composite
def blocks(draw: st.DrawFn, index: int) -> tuple[Block, list[StreamEvent]]:
    """A block and the events that bring it, in pieces."""
    kind = draw(st.sampled_from(["text", "thinking", "call", "custom", "refusal", "image", "compaction", "unknown"]))
    deltas: list[StreamEvent] = []
    block: Block
    match kind:
        case "text":
            parts = draw(pieces)
            phase = draw(st.sampled_from([None, "commentary"]))
            start = BlockStart(index, "text", phase=phase)
            deltas = [BlockDelta(index, "text", part) for part in parts]
            block = Text("".join(parts), phase=phase)
        case "thinking":
            parts = draw(st.lists(words, max_size=3))
            signature = draw(st.none() | st.just("SIG")) if parts else "SIG"
            origin = draw(st.sampled_from(["anthropic", "gemini", ID]))
            start = BlockStart(index, "thinking", origin=origin)
            deltas = [BlockDelta(index, "thinking", part) for part in parts]
            if signature is not None:
                deltas.append(BlockDelta(index, "signature", signature))
            block = Thinking("".join(parts), signature, origin)
        case "call" | "custom":
            custom = kind == "custom"
            parts = draw(pieces) if custom else [draw(arguments)]
            name, namespace = draw(names), draw(st.sampled_from([None, "ns"]))
            start = BlockStart(
                index,
                "tool_call",
                id=f"call_{index}",
                name=name,
                tool_kind="custom" if custom else "function",
                namespace=namespace,
            )
            deltas = [BlockDelta(index, "arguments", part) for part in parts]
            block = ToolCall(f"call_{index}", name, "".join(parts), "custom" if custom else "function", namespace)
        case "refusal":
            parts = draw(pieces)
            start = BlockStart(index, "refusal")
            deltas = [BlockDelta(index, "refusal", part) for part in parts]
            block = Refusal("".join(parts))
        case "image":
            block = Image("image/png", "AAAA")
            start = BlockStart(index, "whole", block=block)
        case "compaction":
            block = Opaque("E", ID, "compaction")
            start = BlockStart(index, "whole", block=block)
        case _:
            block = Unknown(ID, {"id": f"mcp_{index}", "type": "mcp_call", "name": "x"})
            start = BlockStart(index, "whole", block=block)
    return block, [start, *deltas, BlockStop(index)]


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Block], list[StreamEvent]]:
    """A grammatical stream (canonical/events.py) and the blocks that it brings."""
    events: list[StreamEvent] = [Start("up", "m", usage=draw(st.none() | st.just(Usage(input_fresh=3))))]
    held: list[Block] = []
    for index in range(draw(st.integers(0, 4))):
        block, its_events = draw(blocks(index))
        held.append(block)
        for event in its_events:
            events.append(event)
            if draw(st.integers(0, 9)) == 0:
                events.append(Ping())
    events.append(UsageUpdate(Usage(3, 2, output=5, reasoning=1)))
    end: StreamEvent = Finish(draw(st.sampled_from(list(StopReason))))
    events.append(Error(ErrorInfo(ErrorKind.SERVER, "boom")) if draw(st.integers(0, 4)) == 0 else end)
    return held, events


def seen(block: Block) -> Block:
    """The block as a client of this protocol has it: what other protocols signed is tagged, all thinking is ours."""
    if not isinstance(block, Thinking):
        return block
    tagged = block.signature if block.origin == ID or block.signature is None else f"gw1:{block.origin}:SIG"
    return replace(block, signature=tagged, origin=ID, item_id=None)


def shown(held: list[Block]) -> list[Block]:
    """Without foreign thinking that says nothing: unsigned, or with nothing behind it."""
    silent = [isinstance(b, Thinking) and b.origin != ID and not b.text for b in held]
    end = max((index + 1 for index, quiet in enumerate(silent) if not quiet), default=0)
    return [b for b, quiet in zip(held[:end], silent, strict=False) if not quiet or getattr(b, "signature", None)]


def expected_stop(reason: StopReason, held: list[Block]) -> StopReason | None:
    calls = any(isinstance(block, ToolCall) for block in held)
    refused = any(isinstance(block, Refusal) for block in held)
    if reason is StopReason.MALFORMED_CALL:
        return None  # failed
    if reason in (StopReason.LENGTH, StopReason.CONTEXT_FULL):
        return StopReason.LENGTH
    if reason is StopReason.REFUSAL or (refused and reason is not StopReason.PAUSED):
        return StopReason.REFUSAL
    if calls:
        return StopReason.TOOL_USE
    return StopReason.PAUSED if reason is StopReason.PAUSED else StopReason.END


@settings(max_examples=80, deadline=None)
@given(streams())
def test_any_stream_is_written_so_that_it_reads_back_the_same(drawn: tuple[list[Block], list[StreamEvent]]) -> None:
    held, events = drawn
    data = write(events)
    answer = fold(read(b"".join(part + b"\n\n" for part in data.split(b"\n\n")[:-1] if not part.startswith(b":"))))
    found = [replace(block, item_id=None) if isinstance(block, Thinking) else block for block in answer.blocks]
    assert found == [seen(block) for block in shown(held)]
    last = events[-1]
    stop = expected_stop(last.reason, held) if isinstance(last, Finish) else None
    assert (answer.error is None) == (stop is not None)
    assert answer.stop == stop
    usage = answer.usage
    assert (usage.input_fresh, usage.cache_read, usage.output, usage.reasoning) == (3, 2, 5, 1)


@settings(max_examples=60, deadline=None)
@given(streams())
def test_every_written_stream_keeps_the_wires_grammar(drawn: tuple[list[Block], list[StreamEvent]]) -> None:
    data = write(drawn[1])
    frames = [part for part in data.split(b"\n\n")[:-1] if not part.startswith(b":")]
    events = payloads(b"".join(part + b"\n\n" for part in frames))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    types = [event["type"].removeprefix("response.") for event in events]
    assert types[:2] == ["created", "in_progress"]
    assert types[-1] in ("completed", "incomplete", "failed")
    assert not {"completed", "incomplete", "failed"} & set(types[:-1])
    open_item: str | None = None
    position = -1
    for event, name in list(zip(events, types, strict=True))[2:-1]:
        if name == "output_item.added":
            assert event["output_index"] == position + 1
            position = event["output_index"]
            open_item = event["item"]["id"]
            continue
        assert event["output_index"] == position
        assert event.get("item_id", event.get("item", {}).get("id")) == open_item
        if name == "output_item.done":
            open_item = None
    output = events[-1]["response"]["output"]
    assert len(output) == position + 1
    done = {event["item"]["id"]: event["item"] for event in events if event["type"] == "response.output_item.done"}
    for item in output:
        if item["id"] in done:
            assert item == done[item["id"]]
        else:
            assert item["status"] == "incomplete"
