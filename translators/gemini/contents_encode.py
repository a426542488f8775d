"""Canonical turns (repaired by canonical/prepare) → `contents` of a backend (gemini.md §2, Turn rules, and §3)."""

from __future__ import annotations

from typing import Any

from translators.canonical.arguments import as_object
from translators.canonical.blocks import Block, Text, Thinking, ToolCall, ToolResult, Unknown
from translators.canonical.request import Role, Turn
from translators.canonical.target import Target
from translators.gemini import media, signatures
from translators.gemini.wire import PROTOCOL_ID

Json = dict[str, Any]

#: A conversation must begin with the user.
FIRST_TURN = "."

#: What `functionResponse.parts` takes; other media become sibling parts of the result.
_RESULT_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"})

#: The output of a result that is nothing but media.
_SEE_MEDIA = "(see the attached media)"


def encode_contents(turns: list[Turn], target: Target) -> list[Json]:
    contents: list[Json] = []
    if turns and turns[0].role is Role.ASSISTANT:
        contents.append({"role": "user", "parts": [{"text": FIRST_TURN}]})
    for turn in turns:
        model = turn.role is Role.ASSISTANT
        parts = _model_parts(turn.blocks, target) if model else _user_parts(turn.blocks, target)
        if not parts:  # a content without parts is refused
            continue
        role = "model" if model else "user"
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"].extend(parts)
        else:
            contents.append({"role": role, "parts": parts})
    return contents


def _model_parts(blocks: list[Block], target: Target) -> list[Json]:
    """Thoughts are not sent back, their signatures are, each on the part that it came on."""
    parts: list[Json] = []
    held: str | None = None  # for the next part
    first_call = True
    for position, block in enumerate(blocks):
        if isinstance(block, Thinking):
            if block.signature and block.origin == PROTOCOL_ID:
                if held is not None:
                    parts.append({"text": "", "thoughtSignature": held})
                following = blocks[position + 1] if position + 1 < len(blocks) else None
                held = _place(block.signature, parts, following)
            continue
        part = _model_part(block, target)
        if part is None:
            continue
        if isinstance(block, ToolCall):
            if held is None and first_call and target.thought_signatures:
                held = signatures.DUMMY
            first_call = False
        if held is not None:
            part["thoughtSignature"] = held
            held = None
        parts.append(part)
    if held is not None:
        parts.append({"text": "", "thoughtSignature": held})
    return parts


def _place(signature: str, parts: list[Json], following: Block | None) -> str | None:
    """Put a signature on the text that it follows; → it, if it belongs to the next part."""
    if isinstance(following, ToolCall):
        return signature
    last = parts[-1] if parts else None
    if last is not None and "functionCall" not in last and "thoughtSignature" not in last:
        last["thoughtSignature"] = signature
        return None
    return signature


def _model_part(block: Block, target: Target) -> Json | None:
    match block:
        case Text():
            return {"text": block.text} if block.text else None
        case ToolCall(kind="function"):
            call: Json = {"id": block.id} if target.call_ids else {}
            call["name"] = block.name
            call["args"] = as_object(block.arguments)
            return {"functionCall": call}
        case Unknown(origin="gemini"):
            return dict(block.raw)
        case ToolCall() | ToolResult():
            return None
    return media.part_of(block)


def _user_parts(blocks: list[Block], target: Target) -> list[Json]:
    """All results first, as many and in the order as the calls; then the media they could not hold; then the rest."""
    results: list[Json] = []
    siblings: list[Json] = []
    rest: list[Json] = []
    for block in blocks:
        match block:
            case ToolResult(kind="server"):
                pass
            case ToolResult():
                response, beside = _result(block, target)
                results.append(response)
                siblings.extend(beside)
            case Text():
                if block.text:
                    rest.append({"text": block.text})
            case Unknown(origin="gemini"):
                rest.append(dict(block.raw))
            case _:
                part = media.part_of(block)
                if part is not None:
                    rest.append(part)
    return results + siblings + rest


def _result(result: ToolResult, target: Target) -> tuple[Json, list[Json]]:
    """→ (the functionResponse part, the media that go beside it)."""
    texts = [text for block in result.blocks if (text := media.text_of(block)) is not None]
    parts = [part for block in result.blocks if (part := media.part_of(block)) is not None and "text" not in part]
    inside = [part for part in parts if target.result_media and _fits(part)]
    beside = [part for part in parts if part not in inside]
    output = "\n".join(texts) or (_SEE_MEDIA if parts else "")
    response: Json = {"id": result.id} if target.call_ids else {}
    response["name"] = result.name or "tool"
    response["response"] = {"error" if result.is_error else "output": output}
    if inside:
        response["parts"] = inside
    return {"functionResponse": response}, beside


def _fits(part: Json) -> bool:
    inner: Json = part.get("inlineData") or part.get("fileData") or {}
    return inner.get("mimeType") in _RESULT_TYPES
