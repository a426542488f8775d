"""A scripted conversation held by each official SDK, streamed and not, told in the script's own words."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
from google import genai
from google.genai import types

from .script import Call, Scenario, Turn
from .server import StandIn

MODEL = "standin-1"
PROMPT = "Was ist zu tun? 日本 🎈"
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"command": {"type": "string"}}}
TOOLS = ("run", "walk")
RESULT = "ergebnis é"
HELPS = ("index", "parsed", "parsed_arguments")
Talk = Callable[[StandIn, bool], Iterator[Turn]]


@functools.cache
def anthropic_client(url: str, key: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)


@functools.cache
def openai_client(url: str, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


@functools.cache
def gemini_client(url: str, key: str) -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))


def with_anthropic(backend: StandIn, stream: bool) -> Iterator[Turn]:
    client = anthropic_client(backend.url, backend.key or "")
    messages: list[Any] = [{"role": "user", "content": PROMPT}]
    settings: dict[str, Any] = {
        "model": MODEL,
        "max_tokens": 4000,
        "messages": messages,
        "tools": [{"name": name, "input_schema": SCHEMA} for name in TOOLS],
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": "high"},
    }
    while True:
        if stream:
            with client.messages.stream(**settings) as events:
                message = events.get_final_message()
        else:
            message = client.messages.create(**settings)
        calls = [block for block in message.content if block.type == "tool_use"]
        yield Turn(
            tuple(block.thinking for block in message.content if block.type == "thinking"),
            "".join(block.text for block in message.content if block.type == "text"),
            tuple(Call(call.name, dict(call.input)) for call in calls),
        )
        assert message.stop_reason == ("tool_use" if calls else "end_turn")
        if not calls:
            return
        messages.append({"role": "assistant", "content": [block.to_dict() for block in message.content]})
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": RESULT} for call in calls]
        messages.append({"role": "user", "content": results})


def with_chat(backend: StandIn, stream: bool) -> Iterator[Turn]:
    client = openai_client(backend.url, backend.key or "")
    messages: list[Any] = [{"role": "user", "content": PROMPT}]
    settings: dict[str, Any] = {
        "model": MODEL,
        "messages": messages,
        "tools": [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in TOOLS],
        "reasoning_effort": "high",
    }
    while True:
        if stream:
            with client.chat.completions.stream(**settings, stream_options={"include_usage": True}) as events:
                completion = events.get_final_completion()
        else:
            completion = client.chat.completions.create(**settings)
        assert completion.usage is not None
        message = completion.choices[0].message.model_dump(exclude={"parsed"})
        calls = [without_helps(call) for call in message.get("tool_calls") or []]
        yield Turn(
            message.get("reasoning_content") or (),
            message["content"] or "",
            tuple(Call(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls),
        )
        assert completion.choices[0].finish_reason == ("tool_calls" if calls else "stop")
        if not calls:
            return
        back = {"role": "assistant", "content": message["content"], "tool_calls": calls}
        messages.append({**back, "reasoning_content": message.get("reasoning_content") or ""})
        messages.extend({"role": "tool", "tool_call_id": call["id"], "content": RESULT} for call in calls)


def without_helps(value: Any) -> Any:
    """A JSON value without the fields that the SDK's stream helpers add for their users."""
    if isinstance(value, list):
        return [without_helps(item) for item in value]
    if isinstance(value, dict):
        return {name: without_helps(item) for name, item in value.items() if name not in HELPS}
    return value


def with_responses(backend: StandIn, stream: bool) -> Iterator[Turn]:
    client = openai_client(backend.url, backend.key or "")
    items: list[Any] = [{"role": "user", "content": PROMPT}]
    settings: dict[str, Any] = {
        "model": MODEL,
        "input": items,
        "store": False,
        "tools": [{"type": "function", "name": name, "parameters": SCHEMA, "strict": False} for name in TOOLS],
        "reasoning": {"effort": "high", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
    }
    while True:
        if stream:
            with client.responses.stream(**settings) as events:
                response: Any = events.get_final_response()
        else:
            response = client.responses.create(**settings)
        assert response.usage is not None
        calls = [item for item in response.output if item.type == "function_call"]
        reasoning = [item for item in response.output if item.type == "reasoning"]
        yield Turn(
            tuple(part.text for item in reasoning for part in item.summary),
            response.output_text,
            tuple(Call(call.name, json.loads(call.arguments)) for call in calls),
        )
        assert response.status == "completed"
        if not calls:
            return
        items.extend(without_helps(item.to_dict(exclude_unset=True)) for item in response.output)
        items.extend({"type": "function_call_output", "call_id": call.call_id, "output": RESULT} for call in calls)


def with_gemini(backend: StandIn, stream: bool) -> Iterator[Turn]:
    client = gemini_client(backend.url, backend.key or "")
    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text=PROMPT)])]
    functions = [types.FunctionDeclaration(name=name, parameters_json_schema=SCHEMA) for name in TOOLS]
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=functions)],
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_level=types.ThinkingLevel.HIGH),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    while True:
        if stream:
            chunks = list(client.models.generate_content_stream(model=MODEL, contents=contents, config=config))
        else:
            chunks = [client.models.generate_content(model=MODEL, contents=contents, config=config)]
        parts = [part for chunk in chunks for part in parts_of(chunk)]
        calls = [part.function_call for part in parts if part.function_call]
        thoughts = [part.text or "" for part in parts if part.thought]
        yield Turn(
            "".join(thoughts),
            "".join(part.text or "" for part in parts if not part.thought),
            tuple(Call(call.name or "", dict(call.args or {})) for call in calls),
        )
        last = chunks[-1]
        assert last.candidates is not None
        assert last.candidates[0].finish_reason == types.FinishReason.STOP
        assert last.usage_metadata is not None
        if not calls:
            return
        kept = [part for part in parts if not part.thought and (part.text or part.function_call)]
        contents.append(types.Content(role="model", parts=kept))
        results = [
            types.Part.from_function_response(name=call.name or "", response={"output": RESULT}) for call in calls
        ]
        contents.append(types.Content(role="user", parts=results))


def parts_of(chunk: types.GenerateContentResponse) -> list[types.Part]:
    assert chunk.candidates is not None
    content = chunk.candidates[0].content
    return list(content.parts or []) if content else []


SCRIPT = Scenario(
    turns=(
        Turn(
            "Überlegung: 日本語 🎈 é",
            "Ich lese zwei: ",
            (Call("run", {"command": "printf 'grüße 日本'"}), Call("walk")),
        ),
        Turn(calls=(Call("walk", {"command": "🎈", "deep": [1, {"a": None, "b": 0.5}]}),)),
        Turn("Kurz.", calls=(Call("run", {"command": "x" * 40}), Call("run", {"command": "y"}), Call("walk"))),
    ),
    final=Turn("Fast fertig.", 'Fertig: 一二三 🎉 \u2028 \\ " é'),
)
TALKS: dict[str, Talk] = {
    "anthropic": with_anthropic,
    "openai_chat": with_chat,
    "openai_responses": with_responses,
    "gemini": with_gemini,
}
