"""Turns as Antigravity's two families want them: where thoughts and their signatures stand, and in which order parts
(antigravity.md §6 and §6.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from translators.canonical.arguments import as_object
from translators.canonical.blocks import Block, Text, Thinking, ToolCall, ToolResult
from translators.canonical.request import Reasoning, ReasoningMode, Request, Role, Turn
from translators.canonical.target import Target
from translators.gemini import contents_encode, media

Json = dict[str, Any]

NO_THOUGHT = "Thinking was switched off: the latest calls lost the signed thought that Claude demands."


def of_gemini(contents: list[Json]) -> list[Json]:
    """Gemini's own contents with the parts of each model turn in order: text before calls."""
    for content in contents:
        _spell_results(content)
        if content["role"] == "model":
            content["parts"] = sorted(content["parts"], key=lambda part: "functionCall" in part)
    return contents


def of_claude(turns: list[Turn], origin: str, target: Target) -> list[Json]:
    """Contents for Claude, whose signed thoughts (of `origin`) go back whole, first in their turn."""
    out: list[Json] = []
    if turns and turns[0].role is Role.ASSISTANT:
        out.append({"role": "user", "parts": [{"text": contents_encode.FIRST_TURN}]})
    for turn in turns:
        if turn.role is Role.ASSISTANT:
            made = [{"role": "model", "parts": parts}] if (parts := _model_parts(turn.blocks, origin)) else []
        else:
            made = contents_encode.encode_contents([turn], target)
        for content in made:
            _spell_results(content)
            if out and out[-1]["role"] == content["role"]:
                out[-1]["parts"].extend(content["parts"])
            else:
                out.append(content)
    return out


def without_thinking_if_lost(request: Request, origin: str, notes: list[str]) -> Request:
    """Claude takes no thinking request whose latest calls came without a thought that it signed."""
    if request.reasoning.mode is ReasoningMode.OFF:
        return request
    for turn in reversed(request.turns):
        if turn.role is Role.USER and not any(isinstance(block, ToolResult) for block in turn.blocks):
            break
        if turn.role is Role.ASSISTANT and any(isinstance(block, ToolCall) for block in turn.blocks):
            if any(_is_ours(block, origin) for block in turn.blocks):
                break
            asked = request.reasoning.mode is not ReasoningMode.DEFAULT or request.reasoning.effort is not None
            if asked:
                notes.append(NO_THOUGHT)
            return replace(request, reasoning=Reasoning(ReasoningMode.OFF))
    return request


def _is_ours(block: Block, origin: str) -> bool:
    return isinstance(block, Thinking) and bool(block.signature) and block.origin == origin


def _model_parts(blocks: list[Block], origin: str) -> list[Json]:
    thoughts: list[Json] = []
    said: list[Json] = []
    calls: list[Json] = []
    for block in blocks:
        match block:
            case Thinking():
                if _is_ours(block, origin):
                    thoughts.append({"text": block.text, "thought": True, "thoughtSignature": block.signature})
            case Text():
                if block.text:
                    said.append({"text": block.text})
            case ToolCall(kind="function"):
                call = {"id": block.id, "name": block.name, "args": as_object(block.arguments)}
                calls.append({"functionCall": call})
            case _:
                part = media.part_of(block)
                if part is not None:
                    said.append(part)
    return [*thoughts, *said, *calls]


def _spell_results(content: Json) -> None:
    """A result stands under `result`, not `output` (§6); an error keeps its word."""
    for part in content["parts"]:
        answer = part.get("functionResponse", {}).get("response") if isinstance(part, dict) else None
        if isinstance(answer, dict) and "output" in answer:
            answer["result"] = answer.pop("output")
