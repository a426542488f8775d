"""Reads out of a valid request what the script needs: tools, calls so far, wanted structure, stream or not."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from .ask import Json, Protocol

_IN_WORDS = re.compile(r"(?:valid against|fits) this JSON Schema:\s*\{")


@dataclass(frozen=True)
class ToolRef:
    """How a request declares a tool; ``namespace`` is that of the Responses API."""

    kind: Literal["function", "custom"] = "function"
    namespace: str | None = None


@dataclass(frozen=True)
class View:
    """``calls``: tool calls in the history. ``schema``: of a structured output. ``json_mode``: any JSON object."""

    tools: dict[str, ToolRef] = field(default_factory=dict)
    calls: int = 0
    schema: Json | None = None
    json_mode: bool = False
    stream: bool = False
    model: str = ""


def anthropic(body: Json) -> View:
    blocks = [block for message in body["messages"] for block in content_blocks(message)]
    chosen = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    return View(
        tools={tool["name"]: ToolRef() for tool in body.get("tools") or [] if "name" in tool},
        calls=sum(block["type"] == "tool_use" for block in blocks),
        schema=chosen.get("schema") or schema_in_words(body.get("system")),
        stream=bool(body.get("stream")),
        model=body["model"],
    )


def schema_in_words(system: Any) -> Json | None:
    """The schema that the system text asks an answer to be valid against, as any good model would read it."""
    text = system if isinstance(system, str) else "\n".join(block.get("text") or "" for block in system or ())
    asked = _IN_WORDS.search(text)
    if asked is None:
        return None
    try:
        schema, _ = json.JSONDecoder().raw_decode(text, asked.end() - 1)
    except ValueError:
        return None
    return schema if isinstance(schema, dict) else None


def content_blocks(message: Json) -> list[Json]:
    return message["content"] if isinstance(message["content"], list) else []


def openai_chat(body: Json) -> View:
    tools = {tool[tool["type"]]["name"]: ToolRef(tool["type"]) for tool in body.get("tools") or []}
    chosen = body.get("response_format") or {}
    return View(
        tools=tools,
        calls=sum(len(message.get("tool_calls") or []) for message in body["messages"]),
        schema=(chosen.get("json_schema") or {}).get("schema"),
        json_mode=chosen.get("type") == "json_object",
        stream=bool(body.get("stream")),
        model=body["model"],
    )


def openai_responses(body: Json) -> View:
    items = body["input"] if isinstance(body.get("input"), list) else []
    added = [tool for item in items if item.get("type") == "additional_tools" for tool in item["tools"]]
    chosen = (body.get("text") or {}).get("format") or {}
    return View(
        tools=dict(declared([*(body.get("tools") or []), *added])),
        calls=sum(item.get("type") in ("function_call", "custom_tool_call") for item in items),
        schema=chosen.get("schema"),
        json_mode=chosen.get("type") == "json_object",
        stream=bool(body.get("stream")),
        model=body.get("model", ""),
    )


def declared(tools: list[Json], namespace: str | None = None) -> Iterator[tuple[str, ToolRef]]:
    for tool in tools:
        if tool["type"] in ("function", "custom"):
            yield tool["name"], ToolRef(tool["type"], namespace)
        elif tool["type"] == "namespace":
            yield from declared(tool["tools"], tool["name"])


def gemini(body: Json) -> View:
    parts = [part for content in body["contents"] for part in content.get("parts", [])]
    config = body.get("generationConfig") or {}
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    schema = schema or schema_in_words((body.get("systemInstruction") or {}).get("parts"))
    names = [item["name"] for tool in body.get("tools", []) for item in tool.get("functionDeclarations", [])]
    return View(
        tools={name: ToolRef() for name in names},
        calls=sum("functionCall" in part for part in parts),
        schema=schema,
        json_mode=schema is None and config.get("responseMimeType") == "application/json",
    )


READERS = {
    "anthropic": anthropic,
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "gemini": gemini,
}


def read(protocol: Protocol, body: Json, model: str = "", stream: bool = False) -> View:
    """The view of a request body that passed its protocol's rules (Gemini's in its canonical spelling).

    ``model`` and ``stream`` are those of the path, for the protocol that has them there.
    """
    view = READERS[protocol](body)
    return dataclasses.replace(view, model=view.model or model, stream=view.stream or stream)
