"""The canonical request into a body for a backend (openai_responses.md §2; mapping.md §2)."""

from __future__ import annotations

from translators.canonical.blocks import Text
from translators.canonical.errors import TranslationError
from translators.canonical.prepare import prepare
from translators.canonical.request import ReasoningMode, Request
from translators.canonical.target import Target
from translators.openai_responses import settings, tools
from translators.openai_responses.content import PartEncoder
from translators.openai_responses.input_encode import encode_input
from translators.openai_responses.wire import ID, Json
from translators.protocol import Encoded

#: The API's floor for `max_output_tokens`.
MIN_OUTPUT = 16

_ENCRYPTED = "reasoning.encrypted_content"

#: Members of `extra` that are ours to set, or that Chat clients bring along and the API refuses.
_NOT_FROM_EXTRA = frozenset({"store", "include", "reasoning", "stream_options"})

#: Tiers that the API knows; Anthropic's `standard_only` has a word of its own.
_TIERS = {tier: tier for tier in ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")}
_TIERS["standard_only"] = "default"

#: What the token-count endpoint takes of a request body.
_COUNTED = frozenset(
    {"model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text", "truncation"}
)

#: Sampling settings without a word here, and how the audit names them.
_LOST_SAMPLING = {
    "top_k": "top_k",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "seed": "seed",
    "logit_bias": "logit_bias",
}


def encode_request(request: Request, target: Target) -> Encoded:
    """Pure. Raises TranslationError for n > 1, logprobs of a Chat client, and sound."""
    _refuse(request)
    asked = request
    request, names, notes = prepare(request, target)
    own = request.origin == ID
    parts = PartEncoder(request.origin, own or target.cache_markers == "prompt_cache_breakpoint", notes)

    body: Json = {"model": target.model}
    items = encode_input(request, parts, notes)
    instructions, leading = _system(request.system, own, parts)
    if instructions is not None:
        body["instructions"] = instructions
    body["input"] = leading + items
    if request.tools:
        body["tools"] = tools.encode_tools(request.tools, own=own, strict=target.strict_tools)
    if request.tool_choice is not None:
        body["tool_choice"] = tools.encode_choice(request.tool_choice, request.tools)
    if request.parallel is not None and target.parallel_switch:
        body["parallel_tool_calls"] = request.parallel
    if request.max_tokens is not None:
        body["max_output_tokens"] = max(request.max_tokens, MIN_OUTPUT)
    _sampling(body, request, target, notes)
    text = settings.encode_text(request.output, request.verbosity, own=own, schemas=target.json_schema)
    if text:
        body["text"] = text
        _say_json(body, text)
    if target.thinking != "none":
        reasoning = settings.encode_reasoning(request, target)
        if reasoning:
            body["reasoning"] = reasoning
    elif asked.reasoning.mode not in (ReasoningMode.DEFAULT, ReasoningMode.OFF):
        notes.append("Reasoning was not asked for: the model has none.")
    body["stream"] = request.stream
    body["store"] = False
    _identity(body, request)
    include = _include(request, own, target)
    if include:
        body["include"] = include
    if own:
        for key, value in request.extra.items():
            if key not in _NOT_FROM_EXTRA:
                body.setdefault(key, value)
        if request.stream and "stream_options" in request.extra:
            body["stream_options"] = request.extra["stream_options"]
    if asked.stop:
        notes.append("The API has no stop sequences: the gateway cuts the answer.")
    return Encoded(body, names, notes=notes)


def encode_count_request(request: Request, target: Target) -> Json:
    """Body for `POST /responses/input_tokens`."""
    body = encode_request(request, target).body
    return {key: value for key, value in body.items() if key in _COUNTED}


def _refuse(request: Request) -> None:
    sampling = request.sampling
    if sampling.n is not None and sampling.n > 1:
        raise TranslationError("The backend gives one answer at a time: n must be 1.", param="n")
    if sampling.logprobs and request.origin != ID:
        raise TranslationError("Log probabilities cannot be translated for this backend.", param="logprobs")


def _system(system: list[Text], own: bool, parts: PartEncoder) -> tuple[str | None, list[Json]]:
    """→ (instructions, leading developer messages). Only this protocol's own clients keep their texts apart."""
    if not system:
        return None, []
    if not own:
        return "\n\n".join(text.text for text in system), []
    messages = [{"type": "message", "role": "developer", "content": [parts.user(text)]} for text in system[1:]]
    return system[0].text, messages


def _sampling(body: Json, request: Request, target: Target, notes: list[str]) -> None:
    sampling = request.sampling
    taken = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    lost = [label for name, label in _LOST_SAMPLING.items() if getattr(sampling, name) is not None]
    for name, value in taken.items():
        if value is None:
            continue
        if target.sampling:
            body[name] = value
        else:
            lost.append(name)
    if sampling.top_logprobs is not None and request.origin == ID:
        body["top_logprobs"] = sampling.top_logprobs
    if lost:
        notes.append(f"Dropped, because the backend does not take it: {', '.join(lost)}.")


def _say_json(body: Json, text: Json) -> None:
    """`json_object` is refused unless a message says "json"."""
    if text.get("format", {}).get("type") != "json_object":
        return
    texts = (part.get("text") for item in body["input"] for part in item.get("content") or () if isinstance(part, dict))
    if not any(isinstance(found, str) and "json" in found.lower() for found in texts):
        part = {"type": "input_text", "text": "Answer with a JSON object."}
        body["input"].append({"type": "message", "role": "developer", "content": [part]})


def _identity(body: Json, request: Request) -> None:
    if request.user is not None:
        body["user"] = request.user
    if request.cache_key is not None:
        body["prompt_cache_key"] = request.cache_key
    tier = request.service_tier
    if tier is not None and (request.origin == ID or tier in _TIERS):
        body["service_tier"] = _TIERS.get(tier, tier)


def _include(request: Request, own: bool, target: Target) -> list[str]:
    """Encrypted reasoning always: without it the next turn could not send the reasoning back (`store` is false)."""
    asked = request.extra.get("include") if own else None
    include = [entry for entry in asked if isinstance(entry, str)] if isinstance(asked, list) else []
    if target.thinking != "none" and _ENCRYPTED not in include:
        include.append(_ENCRYPTED)
    return include
