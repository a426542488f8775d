"""The official SDK reads what we write: each event by its own types, and whole streams through its client."""

from __future__ import annotations

from dataclasses import replace

import httpx2
import pytest
from openai import APIError, OpenAI
from openai.types.responses import Response as SdkResponse
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from tests.translators.openai_responses.support import REPLY, RESPONSES, decode, fixture, payloads, write
from translators.canonical.blocks import Block, Image, Opaque, Refusal, Text, Thinking, ToolCall
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import Error, Start, StopReason, Usage
from translators.canonical.response import Response, unfold

EVENTS: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
CITED = {"type": "url_citation", "start_index": 0, "end_index": 2, "url": "https://a/", "title": "A"}
BLOCKS: list[Block] = [
    Thinking("hm", "SIG", "anthropic"),
    Thinking("raw", None, "openai_responses", "raw"),
    Opaque("DATA", "anthropic"),
    Text("Hi", citations=[CITED]),
    Refusal("no"),
    Image("image/png", "AAAA"),
    Opaque("E", "openai_responses", "compaction"),
    ToolCall("s", "web_search", '{"query":"q"}', "server"),
    ToolCall("call_1", "exec_command", '{"cmd":"ls"}'),
    ToolCall("call_2", "exec", "text(1)", "custom", "functions"),
    ToolCall("call_3", "tool_search", '{"query":"q"}'),
]
ANSWER = Response("up", "m", 1, BLOCKS, StopReason.TOOL_USE, usage=Usage(input_fresh=3, output=4))


@pytest.mark.parametrize("name", ["codex.request.json", "codex_code_mode.request.json"])
@pytest.mark.parametrize("stop", [StopReason.TOOL_USE, StopReason.LENGTH, StopReason.REFUSAL])
def test_every_event_is_one_of_the_sdks(name: str, stop: StopReason) -> None:
    reply = replace(REPLY, request=RESPONSES.decode_request(fixture(name)))
    for event in payloads(write(unfold(replace(ANSWER, stop=stop)), reply)):
        EVENTS.validate_python(event)


def test_a_whole_answer_is_a_response_of_the_sdk() -> None:
    reply = replace(REPLY, request=decode())
    response = SdkResponse.model_validate(RESPONSES.encode_response(ANSWER, reply))
    assert response.output_text == "Hi"
    assert response.usage is not None
    assert response.usage.total_tokens == 7


def client(data: bytes) -> OpenAI:
    answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=data)
    transport = httpx2.MockTransport(lambda request: answer)
    return OpenAI(api_key="k", base_url="http://gateway.test/v1", http_client=httpx2.Client(transport=transport))


def test_the_sdk_accumulates_a_stream() -> None:
    with client(write(unfold(ANSWER))).responses.stream(model="m", input="q") as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert text == "Hi"
    assert [item.type for item in final.output][-3:] == ["function_call", "custom_tool_call", "function_call"]


def test_the_sdk_sees_a_failure() -> None:
    data = write([Start(), Error(ErrorInfo(ErrorKind.RATE_LIMIT, "slow", retry_after=3))])
    events = list(client(data).responses.create(model="m", input="q", stream=True))
    last = events[-1]
    assert last.type == "response.failed"
    assert last.response.error is not None
    assert last.response.error.code == "rate_limit_exceeded"


def test_the_sdk_raises_our_http_errors() -> None:
    status, body = RESPONSES.encode_error(ErrorInfo(ErrorKind.NOT_FOUND, "no such model"))
    transport = httpx2.MockTransport(lambda request: httpx2.Response(status, json=body))
    sdk = OpenAI(api_key="k", base_url="http://gateway.test/v1", http_client=httpx2.Client(transport=transport))
    with pytest.raises(APIError) as raised:
        sdk.responses.create(model="m", input="q")
    assert raised.value.code == "model_not_found"
    assert "no such model" in raised.value.message
