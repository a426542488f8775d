"""Converse as the stand-in plays it: what it refuses, and a turn as an answer and as event-stream messages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from . import bedrock_model, eventstream
from .ask import Json
from .bedrock_common import ACCOUNT, FaultError, Seen, refuse
from .script import Turn
from .seal import digest, seal, unseal
from .wire import ARGUMENT_PIECE, TEXT_PIECE, Job, dumps, pieces

STOPS = {"end": "end_turn", "length": "max_tokens", "stop_sequence": "stop_sequence", "refusal": "content_filtered"}


def check_converse(seen: Seen) -> None:
    body = seen.body
    refuse(next(bedrock_model.request_faults("Converse", body, modelId=seen.model), None))
    messages = body.get("messages") or []
    if not messages:
        raise FaultError("ValidationException", "A conversation must have messages.")
    if messages[0]["role"] != "user":
        raise FaultError("ValidationException", "A conversation must start with a user message.")
    waiting: list[str] = []
    has_tool_blocks = False
    names: list[str] = []
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        if index and messages[index - 1]["role"] == message["role"]:
            raise FaultError("ValidationException", "A conversation must alternate between user and assistant roles.")
        if not message["content"]:
            raise FaultError("ValidationException", f"The content field in {where} is empty.")
        results = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
        if sorted(results) != sorted(waiting):
            raise FaultError("ValidationException", f"Expected toolResult blocks at {where}.content for {waiting}")
        waiting = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
        has_tool_blocks = has_tool_blocks or bool(waiting)
        for block in message["content"]:
            check_block(block, where)
        names += [block["document"]["name"] for block in message["content"] if "document" in block]
        if any("document" in b for b in message["content"]) and not any("text" in b for b in message["content"]):
            raise FaultError("ValidationException", f"Add text to {where} beside the document.")
    if len(set(names)) < len(names) or any(
        not re.fullmatch(r"[A-Za-z0-9()\[\]-]+( [A-Za-z0-9()\[\]-]+)*", n) for n in names
    ):
        raise FaultError("ValidationException", f"Document names must be unique and simple: {names}")
    if has_tool_blocks and "toolConfig" not in body:
        raise FaultError(
            "ValidationException",
            "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
        )
    thinking = (body.get("additionalModelRequestFields") or {}).get("thinking")
    if thinking and set((body.get("toolConfig") or {}).get("toolChoice") or {"auto": {}}) != {"auto"}:
        raise FaultError("ValidationException", "Thinking may not be enabled when tool_choice forces tool use.")
    if thinking and thinking.get("budget_tokens", 0) >= body["inferenceConfig"]["maxTokens"]:
        raise FaultError("ValidationException", "`max_tokens` must be greater than `thinking.budget_tokens`.")
    if thinking and waiting_lost_its_thinking(messages):
        raise FaultError("ValidationException", "Expected `thinking`, but found `tool_use`. Keep the thinking blocks.")
    if dumps(body).count('"cachePoint"') > 4:
        raise FaultError("ValidationException", "Too many cache points: 4 are allowed.")


def check_block(block: Json, where: str) -> None:
    if "text" in block and not block["text"].strip():
        raise FaultError("ValidationException", f"The text field in the ContentBlock object at {where} is blank.")
    if "toolResult" in block and not block["toolResult"]["content"]:
        raise FaultError("ValidationException", f"The toolResult at {where} is empty.")
    told = (block.get("reasoningContent") or {}).get("reasoningText")
    if told is not None:
        claims = unseal(ACCOUNT, "anthropic.thinking", told.get("signature") or "")
        if claims is None or claims["text"] != digest(told["text"]):
            raise FaultError("ValidationException", f"{where}: Invalid `signature` in `thinking` block")


def waiting_lost_its_thinking(messages: list[Json]) -> bool:
    """Whether the turn that the last message gives results to begins without its reasoning."""
    if len(messages) < 2 or not any("toolResult" in block for block in messages[-1]["content"]):
        return False
    return "reasoningContent" not in messages[-2]["content"][0]


def thoughts(job: Job) -> Iterator[tuple[str, str]]:
    """(text, signature) of each thought, where thinking was asked for."""
    if "thinking" not in (job.ask.body.get("additionalModelRequestFields") or {}):
        return
    thoughts = job.turn.thoughts
    for index, text in enumerate(thoughts):
        # As the Anthropic stand-in signs: the model is the same, whichever wire it is asked by.
        claims = {"of": len(thoughts), "omitted": False, "prefix": []}
        yield text, seal(ACCOUNT, "anthropic.thinking", text=digest(text), index=index, **claims)


def stop_of(turn: Turn) -> str:
    return STOPS[turn.stop] if turn.stop is not None else "tool_use" if turn.calls else "end_turn"


def usage(job: Job) -> Json:
    used = job.usage
    return {
        "inputTokens": used.fresh,
        "outputTokens": used.output,
        "totalTokens": used.total,
        "cacheReadInputTokens": used.cache_read,
        "cacheWriteInputTokens": used.cache_write,
    }


def converse_answer(job: Job) -> Json:
    content: list[Json] = [
        {"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}}
        for text, signature in thoughts(job)
    ]
    if job.turn.text:
        content.append({"text": job.turn.text})
    content += [
        {"toolUse": {"toolUseId": f"tooluse_{job.token[:16]}{number}", "name": call.name, "input": call.arguments}}
        for number, call in enumerate(job.turn.calls)
    ]
    answer = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_of(job.turn),
        "usage": usage(job),
        "metrics": {"latencyMs": 3},
    }
    if job.turn.stop_sequence and "additionalModelResponseFieldPaths" in job.ask.body:
        answer["additionalModelResponseFields"] = {"stop_sequence": job.turn.stop_sequence}
    assert not list(bedrock_model.answer_faults("Converse", answer))
    return answer


def converse_events(job: Job) -> Iterator[bytes]:
    whole = converse_answer(job)
    yield framed("messageStart", {"role": "assistant"})
    for number, block in enumerate(whole["output"]["message"]["content"]):
        if "toolUse" in block:
            start = {"toolUse": {key: block["toolUse"][key] for key in ("toolUseId", "name")}}
            yield framed("contentBlockStart", {"contentBlockIndex": number, "start": start})
        for delta in converse_deltas(block):
            yield framed("contentBlockDelta", {"contentBlockIndex": number, "delta": delta})
        yield framed("contentBlockStop", {"contentBlockIndex": number})
    more = {key: whole[key] for key in ("additionalModelResponseFields",) if key in whole}
    yield framed("messageStop", {"stopReason": whole["stopReason"], **more})
    yield framed("metadata", {"usage": whole["usage"], "metrics": whole["metrics"]})


def converse_deltas(block: Json) -> Iterator[Json]:
    if "text" in block:
        yield from ({"text": piece} for piece in pieces(block["text"], TEXT_PIECE))
    elif "toolUse" in block:
        written = dumps(block["toolUse"]["input"])
        yield from ({"toolUse": {"input": piece}} for piece in ["", *pieces(written, ARGUMENT_PIECE)])
    else:
        told = block["reasoningContent"]["reasoningText"]
        yield from ({"reasoningContent": {"text": piece}} for piece in pieces(told["text"], TEXT_PIECE))
        yield {"reasoningContent": {"signature": told["signature"]}}


def framed(kind: str, payload: Json) -> bytes:
    assert not list(bedrock_model.event_faults("ConverseStream", kind, payload))
    return eventstream.event(kind, dumps({**payload, "p": "abcdefgh"}).encode())
