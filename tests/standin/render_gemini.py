"""Writes a turn as a generateContent response, whole and streamed (gemini.md sections 3 to 5)."""

from __future__ import annotations

from collections.abc import Iterator

from .ask import Json
from .rules_gemini_turns import UNSIGNED_MODEL, call_digest
from .seal import digest, seal
from .wire import TEXT_PIECE, Job, Rendering, dumps, pieces

STOPS = {"end": "STOP", "length": "MAX_TOKENS", "stop_sequence": "STOP", "refusal": "PROHIBITED_CONTENT"}


def render(job: Job) -> Rendering:
    """The response for a job; ``job.array`` streams one JSON array instead of events."""
    whole = response(job, whole_parts(job), last=True)
    chunks = list(stream(job))
    if not job.array:
        return Rendering(whole, [f"data: {dumps(chunk)}\r\n\r\n".encode() for chunk in chunks], "text/event-stream")
    parts = [("[" if number == 0 else ",\r\n") + dumps(chunk) for number, chunk in enumerate(chunks)]
    return Rendering(whole, [part.encode() for part in [*parts, "]"]], "application/json; charset=UTF-8")


def signs(job: Job) -> bool:
    return not UNSIGNED_MODEL.match(job.view.model)


def thoughts(job: Job) -> list[str]:
    config = job.ask.body.get("generationConfig", {}).get("thinkingConfig", {})
    shown = config.get("includeThoughts") and config.get("thinkingBudget") != 0
    return list(job.turn.thoughts) if shown else []


def text_signature(job: Job) -> Json:
    """The signature of a text answer; none where calls carry it."""
    if not signs(job) or job.turn.calls:
        return {}
    return {"thoughtSignature": seal(job.ask.policy.account, "gemini.text", text=digest(job.turn.text))}


def call_parts(job: Job) -> list[Json]:
    """Calls as parts; of parallel ones only the first is signed."""
    parts: list[Json] = []
    for index, call in enumerate(job.turn.calls):
        inner: Json = {"name": call.name, "args": call.arguments}
        part: Json = {"functionCall": inner}
        if signs(job):
            inner["id"] = f"{job.token[:10]}{index:02x}"
            if index == 0:
                part["thoughtSignature"] = seal(job.ask.policy.account, "gemini.call", call=call_digest(inner))
        parts.append(part)
    return parts


def whole_parts(job: Job) -> list[Json]:
    parts: list[Json] = [{"text": thought, "thought": True} for thought in thoughts(job)]
    if job.turn.text:
        parts.append({"text": job.turn.text, **text_signature(job)})
    return parts + call_parts(job)


def stream(job: Job) -> Iterator[Json]:
    """Fragments of thought and text, calls whole, then a part of empty text with the signature and the reason."""
    for thought in thoughts(job):
        for piece in pieces(thought, TEXT_PIECE):
            yield response(job, [{"text": piece, "thought": True}])
    for piece in pieces(job.turn.text, TEXT_PIECE):
        yield response(job, [{"text": piece}])
    calls = call_parts(job)
    for group in (calls[:1], calls[1:]):
        if group:
            yield response(job, group)
    yield response(job, [{"text": "", **text_signature(job)}], last=True)


def response(job: Job, parts: list[Json], last: bool = False) -> Json:
    candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if last:
        candidate["finishReason"] = STOPS[job.turn.stop or "end"]
    return {
        "candidates": [candidate],
        "usageMetadata": usage(job, last),
        "modelVersion": job.view.model,
        "responseId": job.token[:22],
    }


def usage(job: Job, last: bool) -> Json:
    """Counts so far: before the end only those of the prompt."""
    used = job.usage
    result: Json = {"promptTokenCount": used.input, "totalTokenCount": used.total if last else used.input}
    result["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": used.input}]
    if used.cache_read:
        result["cachedContentTokenCount"] = used.cache_read
    if last:
        result["candidatesTokenCount"] = used.output - used.reasoning
        if used.reasoning:
            result["thoughtsTokenCount"] = used.reasoning
    return result
