"""google-genai as a client of what we write, and as the author of what we read; nothing leaves the process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from tests.translators.gemini.support import GEMINI, body, decode, reply, write_stream
from translators.canonical.blocks import Text, Thinking, ToolCall, ToolResult
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import BlockDelta, BlockStart, Error, Start, StopReason, Usage
from translators.canonical.response import Response, unfold

CALL = ToolCall("toolu_1", "get_weather", '{"city":"Köln"}')
ASKS_FOR_A_TOOL = Response(
    blocks=[Thinking("Let me see.", "EqoB+/==", "anthropic"), Text("I look."), CALL],
    stop=StopReason.TOOL_USE,
    usage=Usage(10, output=5),
)
SAYS = Response(blocks=[Text("Sunny\u2028and dry 🌞.")], stop=StopReason.END, usage=Usage(20, output=4))


class Gateway:
    """Answers the SDK with our encoders, remembers what it was sent."""

    def __init__(self) -> None:
        self.answers: Iterator[Any] = iter(())
        self.sent: list[Any] = []
        transport = httpx.MockTransport(self._answer)
        self.client = genai.Client(
            api_key="key",
            http_options=types.HttpOptions(
                base_url="http://gateway.test", httpx_client=httpx.Client(transport=transport)
            ),
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(json.loads(request.content))
        answer = next(self.answers)
        if isinstance(answer, ErrorInfo):
            status, content = GEMINI.encode_error(answer)
            return httpx.Response(status, json=content)
        if "stream" not in request.url.path:
            return httpx.Response(200, json=GEMINI.encode_response(answer, reply()))
        events = list(unfold(answer)) if isinstance(answer, Response) else answer
        return httpx.Response(200, content=write_stream(events), headers={"content-type": GEMINI.stream_type})


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            description="The weather.",
            parameters=types.Schema(
                type=types.Type.OBJECT,
                properties={"city": types.Schema(type=types.Type.STRING, nullable=True, max_length=50)},
                required=["city"],
            ),
        )
    ]
)
CONFIG = types.GenerateContentConfig(
    tools=[WEATHER],
    system_instruction="Be kind.",
    temperature=0.5,
    thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_level=types.ThinkingLevel.LOW),
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
)


def test_a_conversation_with_a_tool(gateway):
    gateway.answers = iter([ASKS_FOR_A_TOOL, SAYS])
    chat = gateway.client.chats.create(model="gemini-3-pro", config=CONFIG)
    first = list(chat.send_message_stream("Weather in Köln?"))
    calls = [call for chunk in first for call in chunk.function_calls or []]
    assert [(call.id, call.name, call.args) for call in calls] == [("toolu_1", "get_weather", {"city": "Köln"})]
    assert first[-1].usage_metadata.total_token_count == 15

    answered = types.Part.from_function_response(name="get_weather", response={"output": "sunny"})
    assert answered.function_response is not None
    answered.function_response.id = calls[0].id
    second = list(chat.send_message_stream(answered))
    assert "".join(chunk.text or "" for chunk in second) == "Sunny\u2028and dry 🌞."

    request = decode(gateway.sent[1])
    assert request.system == [Text("Be kind.")]
    assert request.tools[0].schema == {
        "type": "object",
        "properties": {"city": {"type": ["string", "null"], "maxLength": 50}},
        "required": ["city"],
    }
    assert request.turns[1].blocks == [
        Thinking("Let me see.", "EqoB+/==", "anthropic"),
        Text("I look."),
        CALL,
    ]
    assert request.turns[2].blocks == [ToolResult("toolu_1", [Text("sunny")], name="get_weather")]


def test_a_whole_answer(gateway):
    gateway.answers = iter([SAYS])
    answer = gateway.client.models.generate_content(model="gemini-3-pro", contents="Hi", config=CONFIG)
    assert answer.text == "Sunny\u2028and dry 🌞."
    assert answer.candidates[0].finish_reason is types.FinishReason.STOP


def test_an_error(gateway):
    gateway.answers = iter([ErrorInfo(ErrorKind.PERMISSION, "not yours")])
    with pytest.raises(errors.ClientError, match="not yours") as raised:
        gateway.client.models.generate_content(model="gemini-3-pro", contents="Hi")
    assert (raised.value.code, raised.value.status) == (403, "PERMISSION_DENIED")


def test_an_error_in_mid_stream(gateway):
    events = [
        Start(),
        BlockStart(0, "text"),
        BlockDelta(0, "text", "Half"),
        Error(ErrorInfo(ErrorKind.OVERLOADED, "busy")),
    ]
    gateway.answers = iter([events])
    stream = gateway.client.models.generate_content_stream(model="gemini-3-pro", contents="Hi")
    assert next(stream).text == "Half"
    with pytest.raises(errors.APIError, match="busy"):
        next(stream)


def test_what_we_send_a_backend_is_what_the_sdk_calls_a_request(gateway):
    """Every field of our bodies is one that the SDK's types know: Google refuses unknown names."""
    gateway.answers = iter([ASKS_FOR_A_TOOL, SAYS])
    chat = gateway.client.chats.create(model="gemini-3-pro", config=CONFIG)
    chat.send_message("Weather in Köln?")
    chat.send_message([types.Part.from_function_response(name="get_weather", response={"output": "sunny"})])
    for dialect in ("json_schema", "openapi"):
        found = body(decode(gateway.sent[1]), schema_dialect=dialect)
        for content in found["contents"]:
            types.Content.model_validate(content)
        for tool in found["tools"]:
            types.Tool.model_validate(tool)
        types.GenerationConfig.model_validate(found["generationConfig"])
        types.Content.model_validate(found["systemInstruction"])
