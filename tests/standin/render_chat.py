"""Writes a turn as a chat completion, whole and in chunks (openai_chat.md sections 4 to 6)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from .ask import Json
from .wire import ARGUMENT_PIECE, TEXT_PIECE, Job, Rendering, event, pieces

STOPS = {"end": "stop", "length": "length", "stop_sequence": "stop", "refusal": "content_filter"}
DONE = b"data: [DONE]\n\n"


def render(job: Job) -> Rendering:
    """The completion for a job."""
    completion = {
        "id": f"chatcmpl-{job.token[:29]}",
        "object": "chat.completion",
        "created": job.created,
        "model": job.view.model,
        "choices": [{"index": 0, "message": message(job), "finish_reason": finish(job), "logprobs": None}],
        "usage": usage(job),
        "service_tier": "default",
        "system_fingerprint": "fp_standin",
    }
    return Rendering(completion, [*(event(data, named=False) for data in chunks(completion, job)), DONE])


def finish(job: Job) -> str:
    if job.turn.stop is None:
        return "tool_calls" if job.turn.calls else "stop"
    return STOPS[job.turn.stop]


def reasoning(job: Job) -> str | None:
    """The visible reasoning: compatibles show it unless it is switched off (DeepSeek even if empty), OpenAI never."""
    body = job.ask.body
    off = (
        body.get("reasoning_effort") == "none"
        or body.get("enable_thinking") is False
        or (body.get("thinking") or {}).get("type") == "disabled"
    )
    dialect = job.ask.policy.dialect
    if dialect == "openai" or off or not (job.turn.thoughts or dialect == "deepseek"):
        return None
    return "\n\n".join(job.turn.thoughts)


def message(job: Job) -> Json:
    result: Json = {"role": "assistant", "content": job.turn.text or None, "refusal": None, "annotations": []}
    if reasoning(job) is not None:
        result["reasoning_content"] = reasoning(job)
    if job.turn.calls:
        result["tool_calls"] = [tool_call(job, number) for number in range(len(job.turn.calls))]
    elif result["content"] is None:
        result["content"] = ""
    return result


def tool_call(job: Job, number: int) -> Json:
    call = job.turn.calls[number]
    identity = f"call_{number}" if job.restart_ids else f"call_{job.token[:22]}{number:02x}"
    if job.view.tools[call.name].kind == "custom":
        custom = {"name": call.name, "input": call.text or call.json}
        return {"id": identity, "type": "custom", "custom": custom}
    return {"id": identity, "type": "function", "function": {"name": call.name, "arguments": call.json}}


def usage(job: Job) -> Json:
    used = job.usage
    return {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.total,
        "prompt_tokens_details": {"cached_tokens": used.cache_read, "cache_write_tokens": used.cache_write},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning},
    }


def chunks(completion: Json, job: Job) -> Iterator[Json]:
    wanted = bool((job.ask.body.get("stream_options") or {}).get("include_usage"))
    kept = ("id", "created", "model", "service_tier", "system_fingerprint")
    head = {name: completion[name] for name in kept} | {"object": "chat.completion.chunk"}
    if wanted:
        head["usage"] = None
    choice = completion["choices"][0]
    for delta in deltas(choice["message"], job.interleave):
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None, "logprobs": None}]}
    last = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"], "logprobs": None}
    yield {**head, "choices": [last]}
    if wanted:
        yield {**head, "choices": [], "usage": completion["usage"]}


def deltas(whole: Json, interleave: bool) -> Iterator[Json]:
    calls = whole.get("tool_calls", [])
    silent = calls and whole["content"] is None
    thought = {"reasoning_content": ""} if "reasoning_content" in whole else {}
    yield {"role": "assistant", "content": None if silent else "", "refusal": None, **thought}
    for piece in pieces(whole.get("reasoning_content") or "", TEXT_PIECE):
        yield {"reasoning_content": piece}
    for piece in pieces(whole["content"] or "", TEXT_PIECE):
        yield {"content": piece}
    fragments = [list(call_fragments(index, call)) for index, call in enumerate(calls)]
    if not interleave:
        for fragment in itertools.chain.from_iterable(fragments):
            yield {"tool_calls": [fragment]}
        return
    for together in itertools.zip_longest(*fragments):
        yield {"tool_calls": [fragment for fragment in together if fragment is not None]}


def call_fragments(index: int, call: Json) -> Iterator[Json]:
    """Id, type and name come once, on the first fragment of an index; then only pieces."""
    kind = call["type"]
    field = "arguments" if kind == "function" else "input"
    opening: dict[str, Any] = {"name": call[kind]["name"], field: ""}
    yield {"index": index, "id": call["id"], "type": kind, kind: opening}
    for piece in pieces(call[kind][field], ARGUMENT_PIECE):
        yield {"index": index, kind: {field: piece}}
