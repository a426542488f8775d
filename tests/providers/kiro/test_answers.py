"""Answers of the service: frames to events, calls that are whole or none, ends that are true (kiro.md §7)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.providers.kiro.answer_names import AnswerNames
from addons.providers.kiro.tags import TagSplitter
from tests.standin import Call, Turn, Usage, eventstream
from tests.standin.kiro_answers import TAIL, events, exception, framed
from tests.standin.kiro_headers import CURRENT, LEGACY
from translators.canonical.blocks import Opaque, Text, Thinking, ToolCall
from translators.canonical.errors import ErrorKind
from translators.canonical.events import BlockStart, Error, Finish, StopReason, is_content
from translators.canonical.names import NameMap
from translators.canonical.request import Reasoning, ReasoningMode, Tool, ToolKind
from translators.canonical.response import Response, folded

from .stage import NATIVE, TAGGED, asked, built, decoded, encoded

USED = Usage(fresh=100, output=20, cache_read=50, cache_write=7)
THINKS = Reasoning(ReasoningMode.ADAPTIVE, "high")
EVERYTHING = Turn(
    "Überlegung 日本 🎈",
    "Zwei: é",
    (Call("run", {"command": "ls 🎈", "n": [1, 2]}), Call("look")),
    redacted=True,
)


def stream(turn: Turn, model: str = NATIVE, tail: tuple[str, ...] = TAIL) -> list[bytes]:
    return list(events(turn, USED, built(asked(reasoning=THINKS), model), "0123456789abcdef", tail))


def answer(frames: list[bytes], names: NameMap | None = None, generation: str = CURRENT, cut: int = 0) -> Response:
    return folded(decoded(frames, names, generation, cut))


def text(content: str) -> bytes:
    return framed("assistantResponseEvent", {"content": content})


def use(identifier: str = "u", **payload: Any) -> bytes:
    return framed("toolUseEvent", {"toolUseId": identifier, **payload})


END = [framed("metadataEvent", {"stopReason": "END_TURN"})]


def test_an_answer_with_everything_in_it() -> None:
    found = answer(stream(EVERYTHING))
    thinking, sealed, said, run, look = found.blocks
    assert isinstance(thinking, Thinking) and thinking.text == EVERYTHING.thinking and thinking.signature
    assert thinking.origin == "kiro"
    assert sealed == Opaque("c2VhbGVk", "kiro")
    assert said == Text(EVERYTHING.text)
    assert isinstance(run, ToolCall) and json.loads(run.arguments) == EVERYTHING.calls[0].arguments
    assert isinstance(look, ToolCall) and look.arguments == "{}"
    assert found.stop is StopReason.TOOL_USE, "whatever the service says of it"
    used = found.usage
    assert (used.input_fresh, used.cache_read, used.cache_write, used.output) == (100, 50, 7, 20)
    assert not used.estimated
    assert used.raw is not None and used.raw["credits"] == 0.05


@pytest.mark.parametrize("model", [NATIVE, TAGGED])
@pytest.mark.parametrize("cut", [1, 2, 3, 7, 64, 1000])
def test_however_the_bytes_are_cut_the_answer_is_the_same(cut: int, model: str) -> None:
    names = encoded(asked(reasoning=THINKS), model).names
    frames = stream(EVERYTHING, model)
    whole = answer(frames, names)
    found = answer(frames, names, cut=cut)
    assert (found.blocks, found.stop, found.usage) == (whole.blocks, whole.stop, whole.usage)


def test_a_stream_that_breaks_off_anywhere_ends_in_an_error_and_no_half_call() -> None:
    data = b"".join(stream(EVERYTHING, tail=()))
    for end in range(0, len(data), 5):
        found = decoded([data[:end]])
        assert isinstance(found[-1], Error), end
        assert not any(isinstance(event, Finish) for event in found)
        for block in folded(found).blocks:
            if isinstance(block, ToolCall):
                assert isinstance(json.loads(block.arguments), dict)


@pytest.mark.parametrize("kind", TAIL)
def test_any_event_of_the_tail_shows_that_the_answer_is_whole(kind: str) -> None:
    assert answer(stream(Turn(text="Hi"), tail=(kind,))).stop is StopReason.END


def test_older_servers_send_no_tail() -> None:
    frames = [text("Hi")]
    assert answer(frames, generation=LEGACY).stop is StopReason.END
    assert answer([*frames, frames[0][:9]], generation=LEGACY).error is not None, "cut within a frame"


@pytest.mark.parametrize(
    "frames", [[], END, [framed("contextUsageEvent", {"contextUsagePercentage": 1.0})], [text("")]]
)
@pytest.mark.parametrize("generation", [CURRENT, LEGACY])
def test_an_empty_answer_is_an_error_that_may_pass(frames: list[bytes], generation: str) -> None:
    found = decoded(frames, generation=generation)
    assert isinstance(found[-1], Error) and found[-1].error.kind is ErrorKind.SERVER
    assert not any(is_content(event) for event in found), "so that the next candidate is asked"


# -- calls


@pytest.mark.parametrize(
    ("frames", "arguments"),
    [
        ([use(name="run"), use(input='{"a"'), use(input=": 1}"), use(stop=True)], '{"a": 1}'),
        ([use(name="run", input='{"a": 1}', stop=True)], '{"a": 1}'),
        ([use(name="run"), use(stop=True)], "{}"),
        ([use(name="run", input=""), use(name="run", input="", stop=True)], "{}"),
        ([use(name="run", input={"a": 1}, stop=True)], '{"a":1}'),
        ([use(name="run", input={}), use(stop=True)], "{}"),
    ],
)
def test_a_call_comes_in_pieces_or_whole(frames: list[bytes], arguments: str) -> None:
    found = answer([*frames, *END])
    assert found.blocks == [ToolCall("u", "run", arguments)]
    assert found.stop is StopReason.TOOL_USE


def test_calls_may_come_interleaved() -> None:
    frames = [
        use("a", name="run"),
        use("b", name="look", input='{"x"'),
        use("a", input='{"y"'),
        use("b", input=":1}", stop=True),
        use("a", input=":2}"),
        use("a", stop=True),
        use("a", name="run", stop=True),
        *END,
    ]
    assert answer(frames).blocks == [ToolCall("b", "look", '{"x":1}'), ToolCall("a", "run", '{"y":2}')]


@pytest.mark.parametrize(
    "broken",
    [
        [use(name="run"), use(input='{"command": "rm -rf /tmp/a')],
        [use(name="run")],
        [use(name="run", input='{"a":', stop=True)],
        [use(name="run", input="[1]", stop=True)],
        [use(input="{}", stop=True)],
    ],
)
def test_half_a_call_is_none(broken: list[bytes]) -> None:
    alone = decoded([*broken, *END])
    assert isinstance(alone[-1], Error) and not any(is_content(event) for event in alone)
    beside = answer([text("I run it."), use("w", name="look", input="{}", stop=True), *broken, *END])
    assert beside.blocks == [Text("I run it."), ToolCall("w", "look", "{}")]
    assert beside.stop is StopReason.LENGTH, "never a clean end"


def test_names_lead_back_to_the_clients_own_and_free_text_is_unwrapped() -> None:
    long = "mcp__server__" + "x" * 80
    request = asked(tools=[Tool(long, "Long.", {"type": "object"}), Tool("patch", "Patches.", kind=ToolKind.CUSTOM)])
    names = encoded(request).names
    frames = [
        use("a", name=names.backend(long), input="{}", stop=True),
        use("b", name="patch", input='{"input": "*** Begin"}', stop=True),
    ]
    assert answer([*frames, *END], names).blocks == [
        ToolCall("a", long, "{}"),
        ToolCall("b", "patch", "*** Begin", "custom"),
    ]


def test_the_model_that_the_service_chose_is_told() -> None:
    assert answer(stream(Turn(text="Hi"), "auto")).model == "claude-sonnet-4.5"


def test_prose_that_looks_like_a_call_is_prose() -> None:
    assert answer([text("[Called run with args: {}]"), *END]).stop is StopReason.END


# -- ends


@pytest.mark.parametrize(
    ("frames", "stop"),
    [
        ([text("x"), framed("metadataEvent", {"stopReason": "END_TURN"})], StopReason.END),
        ([text("x"), framed("metadataEvent", {"stopReason": "MAX_TOKENS"})], StopReason.LENGTH),
        ([text("x"), framed("metadataEvent", {"stopReason": "A_NEW_ONE"})], StopReason.END),
        ([text("x"), framed("metadataEvent", {"stopReason": "TOOL_USE"})], StopReason.END),
        ([text("x"), framed("contextUsageEvent", {"contextUsagePercentage": 100.0})], StopReason.CONTEXT_FULL),
        ([text("x"), framed("contextUsageEvent", {"contextUsagePercentage": 99.9})], StopReason.END),
        ([use(name="run", stop=True), framed("metadataEvent", {"stopReason": "END_TURN"})], StopReason.TOOL_USE),
    ],
)
def test_why_an_answer_ended(frames: list[bytes], stop: StopReason) -> None:
    assert answer(frames).stop is stop


def test_a_refusal_is_told_with_its_reason() -> None:
    found = answer(stream(Turn(text="", stop="refusal")))
    assert found.stop is StopReason.REFUSAL and found.error is None
    assert found.stop_detail == {"category": "safety", "message": "No."}


def test_where_tokens_are_not_told_they_are_estimated_from_the_contexts_share() -> None:
    names = AnswerNames(window=200_000)
    frames = [text("x" * 350), framed("contextUsageEvent", {"contextUsagePercentage": 10.0})]
    used = answer(frames, names).usage
    assert used.estimated and used.output == 100 and used.input_fresh == 19_900
    assert not answer(frames).usage.estimated, "nor without a window"


# -- what breaks it off


@pytest.mark.parametrize(
    ("frame", "kind", "code"),
    [
        (
            exception("throttlingError", "Too many", "USER_REQUEST_RATE_EXCEEDED"),
            ErrorKind.RATE_LIMIT,
            "USER_REQUEST_RATE_EXCEEDED",
        ),
        (exception("ThrottlingException", "Too many"), ErrorKind.RATE_LIMIT, None),
        (exception("validationError", "Bad", "TOOL_SCHEMA_INVALID"), ErrorKind.INVALID_REQUEST, "TOOL_SCHEMA_INVALID"),
        (exception("serviceUnavailableError", "Busy"), ErrorKind.OVERLOADED, None),
        (exception("error", "Oh"), ErrorKind.SERVER, None),
        (eventstream.error("InternalServerException", "Oh"), ErrorKind.SERVER, None),
        (framed("invalidStateEvent", {"reason": "R", "message": "M"}), ErrorKind.SERVER, None),
        (b"\0" * 16, ErrorKind.SERVER, None),
    ],
)
def test_an_exception_ends_the_answer_wherever_it_comes(frame: bytes, kind: ErrorKind, code: str | None) -> None:
    for before in ([], [text("x")]):
        found = decoded([*before, frame, text("more"), *END])
        assert isinstance(found[-1], Error)
        assert (found[-1].error.kind, found[-1].error.code) == (kind, code)
        assert folded(found).blocks == ([Text("x")] if before else [])


def test_what_nobody_knows_is_passed_over() -> None:
    frames = [
        framed("messageMetadataEvent", {"conversationId": "c", "utteranceId": "u"}),
        framed("followupPromptEvent", {"followupPrompt": {}}),
        framed("codeReferenceEvent", {"references": []}),
        framed("anEventOfTomorrow", {"x": 1}),
        eventstream.message({":message-type": "initial-response"}, b"{}"),
        eventstream.event("assistantResponseEvent", b"no JSON"),
        framed("codeEvent", {"content": "Hi"}),
        *END,
    ]
    assert answer(frames).blocks == [Text("Hi")]


# -- thinking


def test_thinking_in_tags_is_parted_from_the_text() -> None:
    names = encoded(asked(reasoning=THINKS), TAGGED).names
    found = answer(stream(Turn("Hm.", "Yes."), TAGGED), names)
    assert [type(block) for block in found.blocks] == [Thinking, Text]
    assert [block.text for block in found.blocks if isinstance(block, Thinking | Text)] == ["Hm.", "Yes."]


def test_tags_that_nobody_asked_for_are_text() -> None:
    content = "<thinking>is how it begins</thinking>"
    assert answer([text(content), *END]).blocks == [Text(content)]


def test_a_second_thought_after_a_signature_is_a_block_of_its_own() -> None:
    frames = [
        framed("reasoningContentEvent", payload) for payload in ({"text": "a"}, {"signature": "s"}, {"text": "b"})
    ]
    found = decoded([*frames, text("x"), *END])
    assert sum(isinstance(event, BlockStart) and event.kind == "thinking" for event in found) == 2
    assert folded(found).blocks[0] == Thinking("a", "s", "kiro")


SPLITS: dict[str, tuple[str, str]] = {
    "<thinking>a</thinking>\n\nb": ("a", "b"),
    " \n<thinking>a</thinking>b": ("a", "b"),
    "b": ("", "b"),
    "<think": ("", "<think"),
    "<thinking>a": ("a", ""),
    "<thinking>a</thin": ("a</thin", ""),
    "<thinking>a</think></thinking> <thinking>b": ("a</think>", "<thinking>b"),
    "x <thinking>a</thinking>": ("", "x <thinking>a</thinking>"),
    "<thinking></thinking>": ("", ""),
}


@pytest.mark.parametrize("whole", SPLITS)
def test_the_tag_is_found_wherever_it_is_cut(whole: str) -> None:
    for first in range(len(whole) + 1):
        for second in range(first, len(whole) + 1):
            splitter = TagSplitter()
            pieces = [
                *splitter.feed(whole[:first]),
                *splitter.feed(whole[first:second]),
                *splitter.feed(whole[second:]),
                *splitter.end(),
            ]
            parted = tuple("".join(text for kind, text in pieces if kind == wanted) for wanted in ("thinking", "text"))
            assert parted == SPLITS[whole]


@given(st.lists(st.binary(max_size=60), max_size=8), st.integers(1, 20))
def test_hostile_bytes_never_raise(payloads: list[bytes], cut: int) -> None:
    kinds = ["assistantResponseEvent", "toolUseEvent", "reasoningContentEvent", "metadataEvent"]
    frames = [eventstream.event(kinds[index % 4], payload) for index, payload in enumerate(payloads)]
    assert isinstance(decoded([*frames, *payloads], cut=cut)[-1], Error | Finish)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "content",
                        "toolUseId",
                        "name",
                        "input",
                        "stop",
                        "text",
                        "signature",
                        "tokenUsage",
                        "stopReason",
                        "stopDetails",
                        "refusal",
                        "usage",
                        "contextUsagePercentage",
                        "message",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from(
        [
            "assistantResponseEvent",
            "toolUseEvent",
            "reasoningContentEvent",
            "metadataEvent",
            "contextUsageEvent",
            "meteringEvent",
            "invalidStateEvent",
        ]
    ),
)
def test_hostile_payloads_never_raise(payload: Any, kind: str) -> None:
    frames = [framed(kind, payload), framed("metadataEvent", payload), framed("contextUsageEvent", payload)]
    assert isinstance(decoded(frames)[-1], Error | Finish)
