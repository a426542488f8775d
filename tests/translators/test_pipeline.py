"""One attempt's answer on its way to the client (design.md, decision 2; mapping.md §6, Error inside a 200 stream)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from translators import jsonio, registry
from translators.canonical.blocks import Text, Thinking
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
from translators.canonical.names import NameMap
from translators.framing.sse import SseParser, frame
from translators.pipeline import IDLE, AnswerPipe
from translators.protocol import Reply, StreamEncoder

BUSY = ErrorInfo(ErrorKind.OVERLOADED, "busy")
OURS = ErrorInfo(ErrorKind.TIMEOUT, "the upstream went silent")

OPEN: list[StreamEvent] = [Start("m", "x", usage=Usage(input_fresh=5)), BlockStart(0, "text")]
SAY: list[StreamEvent] = [BlockDelta(0, "text", "hi")]
CLOSE: list[StreamEvent] = [BlockStop(0), UsageUpdate(Usage(output=2)), Finish(StopReason.END)]
FAIL: list[StreamEvent] = [Error(BUSY)]


class Decoder:
    """Each byte string fed stands for the events given under it; `last` come at the end."""

    def __init__(self, script: dict[bytes, list[StreamEvent]], last: list[StreamEvent] | None = None) -> None:
        self.script = script
        self.last = last or []

    def feed(self, data: bytes) -> list[StreamEvent]:
        return self.script.get(data, [])

    def end(self) -> list[StreamEvent]:
        return self.last


class Encoder:
    """Writes the names of events, one a frame; like anthropic's it opens the stream when asked for a keep-alive."""

    def __init__(self) -> None:
        self.opened = False

    def encode(self, event: StreamEvent) -> bytes:
        if isinstance(event, Start):
            return self.open()
        word = event.error.message if isinstance(event, Error) else type(event).__name__
        return f"{word}\n\n".encode()

    def keepalive(self) -> bytes:
        return self.open() + b"ping\n\n"

    def open(self) -> bytes:
        was, self.opened = self.opened, True
        return b"" if was else b"Start\n\n"


class Silent(Encoder):
    """Gemini's: nothing may be sent to keep its client waiting."""

    def keepalive(self) -> bytes:
        return b""


def words(data: bytes) -> list[str]:
    assert not data or data.endswith(b"\n\n")
    return data.decode().split("\n\n")[:-1]


SCRIPT: dict[bytes, list[StreamEvent]] = {b"open": OPEN, b"say": SAY, b"close": CLOSE, b"fail": FAIL, b"ping": [Ping()]}


def translating(encoder: StreamEncoder | None = None, **script: list[StreamEvent]) -> AnswerPipe:
    known = {**SCRIPT, **{name.encode(): events for name, events in script.items()}}
    return AnswerPipe.translating(Decoder(known), encoder or Encoder())


def tapping(encoder: StreamEncoder | None = None, end: list[StreamEvent] | None = None) -> AnswerPipe:
    return AnswerPipe.tapping(Decoder(SCRIPT, end), encoder)


# -- translating


def test_an_answer_is_translated_event_by_event() -> None:
    pipe = translating()
    assert words(pipe.feed(b"open") + pipe.feed(b"say")) == ["Start", "BlockStart", "BlockDelta"]
    assert words(pipe.feed(b"close")) == ["BlockStop", "UsageUpdate", "Finish"]
    assert (pipe.started, pipe.content_seen, pipe.finished, pipe.error, pipe.events) == (True, True, True, None, 6)
    answer = pipe.fold.response()
    assert (answer.id, answer.blocks, answer.stop) == ("m", [Text("hi")], StopReason.END)
    assert (answer.usage.input_fresh, answer.usage.output) == (5, 2)


def test_nothing_is_for_the_client_before_content() -> None:
    pipe = translating()
    assert pipe.feed(b"ping") == b""
    assert not pipe.started
    assert pipe.feed(b"open") == b""
    assert (pipe.started, pipe.content_seen) == (True, False)


def test_an_error_before_content_is_left_to_failover() -> None:
    pipe = translating()
    assert pipe.feed(b"open") + pipe.feed(b"fail") == b""
    assert (pipe.error, pipe.finished, pipe.content_seen) == (BUSY, True, False)
    assert pipe.fold.response().usage.input_fresh == 5
    assert pipe.feed(b"say") + pipe.end() == b""


def test_an_error_after_content_is_told_in_the_stream() -> None:
    pipe = translating()
    pipe.feed(b"open")
    pipe.feed(b"say")
    assert words(pipe.feed(b"fail")) == ["busy"]
    assert (pipe.error, pipe.finished) == (BUSY, True)
    assert pipe.fail(OURS) == b""


def test_content_and_error_in_one_read_both_arrive() -> None:
    pipe = translating(all=[*OPEN, *SAY, *FAIL])
    assert words(pipe.feed(b"all")) == ["Start", "BlockStart", "BlockDelta", "busy"]


def test_a_finish_without_any_text_is_an_answer() -> None:
    pipe = translating(all=[Start(), Finish(StopReason.REFUSAL)])
    assert words(pipe.feed(b"all")) == ["Start", "Finish"]


def test_nothing_follows_the_finish() -> None:
    pipe = translating()
    for chunk in (b"open", b"say", b"close"):
        pipe.feed(chunk)
    assert pipe.feed(b"say") + pipe.feed(b"fail") + pipe.end() + pipe.fail(OURS) + pipe.keepalive() == b""
    assert pipe.error is None


def test_the_end_of_the_stream_may_bring_the_finish() -> None:
    pipe = AnswerPipe.translating(Decoder(SCRIPT, CLOSE), Encoder())
    pipe.feed(b"open")
    pipe.feed(b"say")
    assert words(pipe.end()) == ["BlockStop", "UsageUpdate", "Finish"]


@pytest.mark.parametrize(("chunks", "told"), [([b"open", b"say"], 1), ([b"open"], 0), ([], 0)])
def test_a_stream_without_end_is_an_error_also_when_the_decoder_missed_it(chunks: list[bytes], told: int) -> None:
    pipe = translating()
    for chunk in chunks:
        pipe.feed(chunk)
    assert len(words(pipe.end())) == told
    assert pipe.error is not None
    assert pipe.finished


@pytest.mark.parametrize("chunks", [[], [b"open"], [b"open", b"fail"], [b"open", b"say"]])
def test_the_gateway_can_end_it_at_any_time(chunks: list[bytes]) -> None:
    pipe = translating()
    for chunk in chunks:
        pipe.feed(chunk)
    assert words(pipe.fail(OURS)) == ["the upstream went silent"]
    assert (pipe.error, pipe.finished) == (OURS, True)
    assert pipe.fail(OURS) == b""
    assert pipe.feed(b"say") == b""
    assert pipe.fold.response().error == OURS


def test_a_keep_alive_before_content_leaves_the_stream_unopened() -> None:
    """Failover starts anew with another encoder; two message_starts would corrupt the client's stream."""
    pipe = translating()
    assert pipe.keepalive() == pipe.keepalive() == IDLE == b": keep-alive\n\n"
    pipe.feed(b"open")
    assert pipe.keepalive() == IDLE
    assert words(pipe.feed(b"say")) == ["Start", "ping", "BlockStart", "BlockDelta"]
    assert words(pipe.keepalive()) == ["ping"]


def test_an_error_after_such_a_keep_alive_opens_the_stream_first() -> None:
    pipe = translating()
    pipe.keepalive()
    assert words(pipe.fail(OURS)) == ["Start", "ping", "the upstream went silent"]


@pytest.mark.parametrize("make", [translating, tapping])
def test_a_client_that_takes_no_keep_alive_gets_none(make: Callable[[StreamEncoder], AnswerPipe]) -> None:
    pipe = make(Silent())
    assert pipe.keepalive() == b""
    pipe.feed(b"open")
    pipe.feed(b"say")
    assert pipe.keepalive() == b""


class Broken(Decoder):
    def feed(self, data: bytes) -> list[StreamEvent]:
        if data == b"boom":
            raise RuntimeError("a bug")
        return super().feed(data)


def test_a_decoder_that_raises_fails_the_attempt_not_the_gateway() -> None:
    pipe = AnswerPipe.translating(Broken(SCRIPT), Encoder())
    assert pipe.feed(b"boom") == b""
    assert isinstance(pipe.fault, RuntimeError)
    assert pipe.error is not None
    assert pipe.error.kind is ErrorKind.SERVER


class Stuck(Encoder):
    def encode(self, event: StreamEvent) -> bytes:
        if isinstance(event, BlockDelta):
            raise RuntimeError("a bug")
        return super().encode(event)


def test_an_encoder_that_raises_ends_the_answer_with_an_error() -> None:
    pipe = translating(Stuck())
    pipe.feed(b"open")
    assert words(pipe.feed(b"say"))[-1].startswith("The upstream's stream could not be read")
    assert isinstance(pipe.fault, RuntimeError)
    assert pipe.feed(b"say") + pipe.end() + pipe.fail(OURS) == b""


def test_stop_sequences_are_enforced_over_pieces() -> None:
    script: dict[bytes, list[StreamEvent]] = {
        b"1": [*OPEN, BlockDelta(0, "text", "one E")],
        b"2": [BlockDelta(0, "text", "ND two")],
        b"3": CLOSE,
    }
    pipe = AnswerPipe.translating(Decoder(script), Encoder(), stop_sequences=["END"])
    assert words(pipe.feed(b"1")) == ["Start", "BlockStart", "BlockDelta"]
    assert words(pipe.feed(b"2")) == ["BlockStop", "Finish"]
    assert pipe.finished
    assert pipe.feed(b"3") + pipe.end() == b""
    answer = pipe.fold.response()
    assert (answer.blocks, answer.stop, answer.stop_sequence) == ([Text("one ")], StopReason.STOP_SEQUENCE, "END")


def test_an_error_of_ours_does_not_swallow_text_that_was_held_back() -> None:
    script: dict[bytes, list[StreamEvent]] = {b"1": [*OPEN, *SAY, BlockDelta(0, "text", " E")]}
    pipe = AnswerPipe.translating(Decoder(script), Encoder(), stop_sequences=["END"])
    pipe.feed(b"1")
    assert words(pipe.fail(OURS)) == ["BlockDelta", "the upstream went silent"]
    assert pipe.fold.response().blocks == [Text("hi E")]


# -- tapping


def test_the_bytes_pass_untouched() -> None:
    pipe = tapping(end=CLOSE)
    chunks = [b"\xff\x00", b"open", b"", b"say", b"anything"]
    assert [pipe.feed(chunk) for chunk in chunks] == chunks
    assert pipe.end() == b""
    assert (pipe.content_seen, pipe.finished, pipe.error, pipe.events) == (True, True, None, 6)
    assert pipe.fold.response().blocks == [Text("hi")]


def test_they_pass_also_behind_the_finish() -> None:
    pipe = tapping(Encoder())
    for chunk in (b"open", b"say", b"close"):
        pipe.feed(chunk)
    assert pipe.feed(b"say") == b"say"
    assert pipe.events == 6
    assert pipe.end() + pipe.fail(OURS) + pipe.keepalive() == b""


def test_they_pass_when_the_listener_breaks() -> None:
    pipe = AnswerPipe.tapping(Broken(SCRIPT), Encoder())
    assert pipe.feed(b"open") + pipe.feed(b"boom") + pipe.feed(b"say") == b"openboomsay"
    assert isinstance(pipe.fault, RuntimeError)
    assert pipe.end() == b""
    assert pipe.error is None


def test_an_error_before_content_can_still_be_failed_over() -> None:
    pipe = tapping(Encoder())
    pipe.feed(b"open")
    pipe.feed(b"fail")
    assert (pipe.error, pipe.content_seen, pipe.finished) == (BUSY, False, True)
    assert words(pipe.fail(OURS).removeprefix(b"\n\n")) == ["the upstream went silent"]


def test_an_error_of_the_upstreams_own_is_told_by_its_bytes() -> None:
    pipe = tapping(Encoder())
    for chunk in (b"open", b"say", b"fail"):
        assert pipe.feed(chunk) == chunk
    assert pipe.error == BUSY
    assert pipe.end() + pipe.fail(OURS) == b""


def test_a_cut_stream_gets_the_error_frame_alone() -> None:
    pipe = tapping(Encoder(), end=FAIL)
    pipe.feed(b"open")
    pipe.feed(b"say")
    pipe.feed(b"data: x\r\n\r\n")
    assert pipe.end() == b"busy\n\n"
    assert pipe.fail(OURS) == b""


def test_behind_half_a_frame_the_error_is_a_frame_of_its_own() -> None:
    pipe = tapping(Encoder())
    pipe.feed(b"open")
    pipe.feed(b"say")
    pipe.feed(b"data: {")
    assert pipe.fail(OURS) == b"\n\nthe upstream went silent\n\n"


def test_without_an_encoder_the_stream_just_ends() -> None:
    pipe = tapping(end=FAIL)
    pipe.feed(b"open")
    pipe.feed(b"say")
    assert pipe.keepalive() == b""
    assert pipe.end() + pipe.fail(OURS) == b""
    assert pipe.error == BUSY


def test_keep_alives_stand_between_frames_only() -> None:
    pipe = tapping(Encoder())
    assert pipe.keepalive() == IDLE
    pipe.feed(b"open")
    assert pipe.keepalive() == IDLE
    pipe.feed(b"say")
    assert pipe.keepalive() == b""
    pipe.feed(b"data: x\n")
    assert pipe.keepalive() == b""
    pipe.feed(b"\n")
    assert words(pipe.keepalive()) == ["ping"]


# -- with real protocols


def anthropic_stream(*deltas: str) -> bytes:
    def event(kind: str, **fields: object) -> bytes:
        return frame(jsonio.dumps({"type": kind, **fields}), kind)

    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
    usage = {"input_tokens": 5, "output_tokens": 1}
    return b"".join(
        [
            event("message_start", message={**message, "usage": usage}),
            event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}),
            event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "hm"}),
            event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "sig"}),
            event("content_block_stop", index=0),
            event("content_block_start", index=1, content_block={"type": "text", "text": ""}),
            *(event("content_block_delta", index=1, delta={"type": "text_delta", "text": text}) for text in deltas),
            event("content_block_stop", index=1),
            event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7}),
            event("message_stop"),
        ]
    )


CLIENTS = ["anthropic", "openai_chat", "openai_responses", "gemini"]


def pipe_to(client: str) -> AnswerPipe:
    decoder = registry.get("anthropic").stream_decoder(NameMap())
    return AnswerPipe.translating(decoder, registry.get(client).stream_encoder(Reply("seed", 1, "model")))


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_gets_the_same_answer_however_the_bytes_are_cut(client: str) -> None:
    stream = anthropic_stream("one ", "zwei ", "三😀")
    whole = pipe_to(client)
    out = whole.feed(stream) + whole.end()
    for size in (1, 7, 100):
        pipe = pipe_to(client)
        pieces = [pipe.feed(stream[i : i + size]) for i in range(0, len(stream), size)]
        assert b"".join(pieces) + pipe.end() == out
    reader = registry.get(client).stream_decoder(NameMap())
    events = [*reader.feed(out), *reader.end()]
    assert "".join(e.text for e in events if isinstance(e, BlockDelta) and e.kind == "text") == "one zwei 三😀"
    assert events[-1] == Finish(StopReason.END)
    assert whole.fold.response().blocks == [Thinking("hm", "sig", "anthropic"), Text("one zwei 三😀")]


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_reads_an_error_that_comes_after_content(client: str) -> None:
    stream = anthropic_stream("one ")
    pipe = pipe_to(client)
    pipe.keepalive()
    out = pipe.feed(stream[: stream.index(b'event: content_block_stop\ndata: {"type":"content_block_stop","index":1')])
    out += pipe.fail(OURS)
    reader = registry.get(client).stream_decoder(NameMap())
    events = [*reader.feed(out), *reader.end()]
    assert isinstance(events[-1], Error)
    assert OURS.message in events[-1].error.message


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_reads_an_error_that_comes_before_anything(client: str) -> None:
    pipe = pipe_to(client)
    out = pipe.keepalive() + pipe.fail(OURS)
    reader = registry.get(client).stream_decoder(NameMap())
    events = [*reader.feed(out), *reader.end()]
    assert isinstance(events[-1], Error)
    assert OURS.message in events[-1].error.message


def test_a_tapped_anthropic_stream_that_is_cut_gets_one_error_event_and_no_second_start() -> None:
    stream = anthropic_stream("one ")
    cut = stream[: stream.index(b"event: message_delta")]
    protocol = registry.get("anthropic")
    pipe = AnswerPipe.tapping(protocol.stream_decoder(NameMap()), protocol.stream_encoder(Reply("seed", 1, "m")))
    out = pipe.feed(cut) + pipe.keepalive() + pipe.end()
    assert out.startswith(cut)
    parser = SseParser()
    later = [event.event for event in parser.feed(out[len(cut) :]) + parser.end()]
    assert later == ["ping", "error"]
