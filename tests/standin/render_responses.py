"""Writes a turn as a Responses object, whole and as its event stream (openai_responses.md sections 5 and 6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .ask import Json
from .seal import digest, seal
from .wire import ARGUMENT_PIECE, TEXT_PIECE, Job, Rendering, event, pieces

DEFAULTS: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
INCOMPLETE = {"length": "max_output_tokens", "refusal": "content_filter"}
PARTIAL = 16


def render(job: Job) -> Rendering:
    """The response for a job."""
    settings = {name: job.ask.body.get(name) or default for name, default in DEFAULTS.items()}
    for name in ("store", "parallel_tool_calls"):
        settings[name] = job.ask.body.get(name) is not False
    reason = INCOMPLETE.get(job.turn.stop or "")
    response = {
        "id": f"resp_{job.token}",
        "object": "response",
        "created_at": job.created,
        "completed_at": None if reason else job.created,
        "status": "incomplete" if reason else "completed",
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": job.view.model,
        "output": list(items(job)),
        "usage": usage(job),
        "background": False,
        **settings,
    }
    numbered = ({"sequence_number": number, **data} for number, data in enumerate(events(response)))
    return Rendering(response, [event({"type": data.pop("type"), **data}) for data in numbered])


def items(job: Job) -> Iterator[Json]:
    status = "incomplete" if job.turn.stop == "length" else "completed"
    thought = reasoning(job)
    mark = "n"
    if thought:
        yield thought
        mark = "r"
    number = 0
    if job.turn.text:
        part: Json = {"type": "output_text", "text": job.turn.text, "annotations": [], "logprobs": []}
        yield {
            "id": f"msg_{job.token}{mark}{number:02d}",
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": [part],
            "phase": "commentary" if job.turn.calls else "final_answer",
        }
        mark, number = "n", 1
    for index in range(len(job.turn.calls)):
        yield {**call_item(job, index, f"{job.token}{mark}{number + index:02d}"), "status": status}
        mark = "n"


def reasoning(job: Job) -> Json | None:
    """The reasoning item: a summary if one was asked for, encrypted content if that was included."""
    config = job.ask.body.get("reasoning") or {}
    if not job.turn.thoughts or config.get("effort") == "none":
        return None
    shown = config.get("summary") or config.get("generate_summary")
    summary = [{"type": "summary_text", "text": thought} for thought in job.turn.thoughts if shown]
    item: Json = {"id": f"rs_{job.token}", "type": "reasoning", "summary": summary}
    if "reasoning.encrypted_content" in (job.ask.body.get("include") or []):
        account, text = job.ask.policy.account, digest(job.turn.thoughts)
        item["encrypted_content"] = seal(account, "openai_responses.reasoning", token=job.token, text=text)
    return item


def call_item(job: Job, index: int, identity: str) -> Json:
    call = job.turn.calls[index]
    ref = job.view.tools[call.name]
    shared = {"call_id": f"call_{job.token[:22]}{index:02x}", "name": call.name}
    if ref.namespace:
        shared["namespace"] = ref.namespace
    if ref.kind == "custom":
        return {"id": f"ctc_{identity}", "type": "custom_tool_call", **shared, "input": call.text or call.json}
    return {"id": f"fc_{identity}", "type": "function_call", **shared, "arguments": call.json}


def usage(job: Job) -> Json:
    used = job.usage
    return {
        "input_tokens": used.input,
        "input_tokens_details": {"cached_tokens": used.cache_read, "cache_write_tokens": used.cache_write},
        "output_tokens": used.output,
        "output_tokens_details": {"reasoning_tokens": used.reasoning},
        "total_tokens": used.total,
    }


def events(response: Json) -> Iterator[Json]:
    start = {**response, "status": "in_progress", "output": [], "usage": None, "completed_at": None}
    start["incomplete_details"] = None
    yield {"type": "response.created", "response": start}
    yield {"type": "response.in_progress", "response": start}
    for index, item in enumerate(response["output"]):
        yield {"type": "response.output_item.added", "output_index": index, "item": opening(item)}
        place = {"item_id": item["id"], "output_index": index}
        for data in BODIES[item["type"]](item):
            yield {**data, **place}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": f"response.{response['status']}", "response": response}


def opening(item: Json) -> Json:
    """An item as it is added: empty, and with only the start of its encrypted content."""
    empty: dict[str, Json] = {
        "message": {"content": [], "status": "in_progress"},
        "function_call": {"arguments": "", "status": "in_progress"},
        "custom_tool_call": {"input": "", "status": "in_progress"},
        "reasoning": {"summary": []},
    }
    result = {**item, **empty[item["type"]]}
    if result.get("encrypted_content"):
        result["encrypted_content"] = result["encrypted_content"][:PARTIAL]
    return result


def message_events(item: Json) -> Iterator[Json]:
    part = item["content"][0]
    yield {"type": "response.content_part.added", "content_index": 0, "part": {**part, "text": ""}}
    for piece in pieces(part["text"], TEXT_PIECE):
        yield {"type": "response.output_text.delta", "content_index": 0, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", "content_index": 0, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", "content_index": 0, "part": part}


def reasoning_events(item: Json) -> Iterator[Json]:
    for index, part in enumerate(item["summary"]):
        at = {"summary_index": index}
        yield {"type": "response.reasoning_summary_part.added", **at, "part": {**part, "text": ""}}
        for piece in pieces(part["text"], TEXT_PIECE):
            yield {"type": "response.reasoning_summary_text.delta", **at, "delta": piece}
        yield {"type": "response.reasoning_summary_text.done", **at, "text": part["text"]}
        yield {"type": "response.reasoning_summary_part.done", **at, "part": part}


def function_events(item: Json) -> Iterator[Json]:
    for piece in pieces(item["arguments"], ARGUMENT_PIECE):
        yield {"type": "response.function_call_arguments.delta", "delta": piece}
    yield {"type": "response.function_call_arguments.done", "arguments": item["arguments"], "name": item["name"]}


def custom_events(item: Json) -> Iterator[Json]:
    for piece in pieces(item["input"], ARGUMENT_PIECE):
        yield {"type": "response.custom_tool_call_input.delta", "delta": piece}
    yield {"type": "response.custom_tool_call_input.done", "input": item["input"]}


BODIES = {
    "message": message_events,
    "reasoning": reasoning_events,
    "function_call": function_events,
    "custom_tool_call": custom_events,
}
