"""The canonical request to a Messages request body, and to the body of the count endpoint (anthropic.md §2, §10)."""

from __future__ import annotations

from translators import jsonio
from translators.anthropic import betas, cache, json_schema, thinking, tools
from translators.anthropic.blocks_decode import ID
from translators.anthropic.blocks_encode import BlockEncoder
from translators.anthropic.request_decode import TIERS
from translators.anthropic.wire import Json
from translators.canonical.blocks import Text
from translators.canonical.errors import TranslationError
from translators.canonical.prepare import prepare
from translators.canonical.request import Request, Role, Sampling
from translators.canonical.target import Target
from translators.protocol import Encoded

#: The first API version without sampling parameters, citations of users and documents of assistants (anthropic.md §1).
STRICT_VERSION = "2026-10-21"

_EMPTY: Json = {"type": "text", "text": "(empty)"}
_MAX_USER_ID = 256
_TIERS = {word: tier for tier, word in TIERS.items()}

_ANY_OBJECT = "Answer with one JSON object and nothing else: no words around it, no code fence."
_BY_SCHEMA = (
    "Answer with one JSON value and nothing else: no words around it, no code fence. "
    "It must be valid against this JSON Schema:\n"
)

#: Sampling fields that the Messages API has never had.
_NEVER_SAMPLED = ("presence_penalty", "frequency_penalty", "seed", "logit_bias", "logprobs", "top_logprobs")

#: What the count endpoint takes (anthropic.md §10).
_COUNTED = frozenset(
    {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control", "speed"}
)


def encode_request(request: Request, target: Target) -> Encoded:
    """→ body, name map, `anthropic-version`/`anthropic-beta`, notes. Raises TranslationError if it cannot be sent."""
    prepared, names, notes = prepare(request, target)
    notes = list(notes)
    if (prepared.sampling.n or 1) > 1:
        raise TranslationError("n > 1 is not possible with an Anthropic model", param="n")
    max_tokens = _max_tokens(prepared, target)
    body: Json = {"model": target.model, "max_tokens": max_tokens}
    encoder = BlockEncoder(
        own_files=prepared.origin == ID, strict_version=target.anthropic_version >= STRICT_VERSION, notes=notes
    )
    config = thinking.encode(prepared, target, max_tokens, notes)
    output_config, instruction = _output(prepared, target, notes)
    if config.effort is not None:
        output_config = {"effort": config.effort, **output_config}
    system = _system(prepared, encoder, instruction)
    if system:
        body["system"] = system
    spelled_tools = tools.encode_tools(prepared, target, notes)
    if spelled_tools:
        body["tools"] = spelled_tools
    choice = tools.encode_choice(prepared, spelled_tools)
    if choice is not None:
        body["tool_choice"] = choice
    body["messages"] = _messages(prepared, encoder)
    if config.thinking is not None:
        body["thinking"] = config.thinking
    if output_config:
        body["output_config"] = output_config
    body |= _sampling(prepared.sampling, target, config, notes)
    body |= _settings(prepared, notes)
    beta = _extra(prepared, body)
    if prepared.origin != ID and not cache.any_marked(body):
        cache.place(body)
    cache.limit(body, notes)
    beta += [value for value in betas.needed(body) if value not in beta]
    headers = {"anthropic-version": target.anthropic_version}
    if beta:
        headers["anthropic-beta"] = ",".join(beta)
    return Encoded(body, names, headers, list(dict.fromkeys(notes)))


def encode_count_request(request: Request, target: Target) -> Json:
    """The body of `/v1/messages/count_tokens` for the same request."""
    return {key: value for key, value in encode_request(request, target).body.items() if key in _COUNTED}


def _max_tokens(request: Request, target: Target) -> int:
    """The client's (0 only warms the cache), else the model's default; never above the model's limit."""
    wanted = request.max_tokens if request.max_tokens is not None else target.default_max_tokens
    return wanted if target.max_output_tokens is None else min(wanted, target.max_output_tokens)


def _system(request: Request, encoder: BlockEncoder, instruction: str | None) -> list[Json]:
    blocks = [*request.system, *([Text(instruction)] if instruction is not None else [])]
    encoded = (encoder.text(Role.SYSTEM, block) for block in blocks if block.text.strip())
    return [block for block in encoded if block is not None]


def _messages(request: Request, encoder: BlockEncoder) -> list[Json]:
    """Messages without empty ones: turns that lost all their blocks vanish, and their neighbours join."""
    messages: list[Json] = []
    for turn in request.turns:
        content = encoder.turn(turn.role, turn.blocks)
        if not any(_speaks(block) for block in content):
            if turn.role is not Role.USER:
                continue
            content = [dict(_EMPTY)]
        if messages and messages[-1]["role"] == turn.role.value:
            messages[-1]["content"].extend(content)
        else:
            messages.append({"role": turn.role.value, "content": content})
    _trim_prefill(messages)
    if not any(message["role"] == "user" for message in messages):
        messages.append({"role": "user", "content": [dict(_EMPTY)]})
    return messages


def _speaks(block: Json) -> bool:
    return block["type"] != "text" or bool(block["text"].strip())


def _trim_prefill(messages: list[Json]) -> None:
    """A last assistant message must not end in white space (anthropic.md §4)."""
    if not messages or messages[-1]["role"] != "assistant":
        return
    last = messages[-1]["content"][-1]
    if last["type"] == "text":
        last["text"] = last["text"].rstrip()
        if not last["text"]:
            messages[-1]["content"].pop()


def _output(request: Request, target: Target, notes: list[str]) -> tuple[Json, str | None]:
    """→ (`output_config` without effort, the instruction that stands in for a format)."""
    config: Json = dict(request.extra.get("output_config") or {}) if request.origin == ID else {}
    output = request.output
    if output is None:
        return config, None
    if output.schema is None:
        return config, _ANY_OBJECT if output.json else None
    if target.json_schema:
        schema = output.schema if request.origin == ID else json_schema.guaranteed(output.schema)
        if schema is not None:
            config["format"] = {"type": "json_schema", "schema": schema}
            return config, None
        notes.append("The output schema is outside of what Anthropic guarantees, so it was asked for in words.")
    else:
        notes.append("The model has no structured output, so the schema was asked for in words.")
    return config, _BY_SCHEMA + jsonio.dumps_str(output.schema)


def _sampling(sampling: Sampling, target: Target, config: thinking.Config, notes: list[str]) -> Json:
    """temperature, top_p, top_k where the version, the model and thinking allow them (mapping.md §2)."""
    result: Json = {}
    if sampling.temperature is not None:
        result["temperature"] = min(max(sampling.temperature, 0), 1)
    if sampling.top_p is not None:
        result["top_p"] = sampling.top_p
    if sampling.top_k is not None:
        result["top_k"] = sampling.top_k
    asked = dict(result)
    if not target.sampling or target.anthropic_version >= STRICT_VERSION:
        result = {}
    elif config.on:
        result = {"top_p": sampling.top_p} if sampling.top_p is not None and sampling.top_p >= 0.95 else {}
    elif "temperature" in result:
        result.pop("top_p", None)  # several models refuse both
    lost = [name for name in asked if name not in result]
    lost += [name for name in _NEVER_SAMPLED if getattr(sampling, name) not in (None, False, {})]
    if lost:
        notes.append(f"Sampling parameters were dropped: {', '.join(lost)}.")
    return result


def _settings(request: Request, notes: list[str]) -> Json:
    result: Json = {}
    stop = [word for word in request.stop if word.strip()]
    if stop:
        result["stop_sequences"] = stop
    if len(stop) < len(request.stop):
        notes.append("Stop sequences of white space alone were dropped.")
    if request.user is not None and len(request.user) <= _MAX_USER_ID:
        result["metadata"] = {"user_id": request.user}
    if request.service_tier is not None:
        tier = _TIERS.get(request.service_tier)
        if tier is not None:
            result["service_tier"] = tier
        else:
            notes.append(f"The service tier {request.service_tier} was dropped.")
    if request.verbosity is not None:
        notes.append("The verbosity was dropped.")
    if request.stream:
        result["stream"] = True
    return result


def _extra(request: Request, body: Json) -> list[str]:
    """Add an Anthropic client's further fields to `body`. → the betas among them (Vertex and SDKs put them there)."""
    if request.origin != ID:
        return []
    found: list[str] = []
    for key, value in request.extra.items():
        if key in ("betas", "anthropic_beta"):
            found += [beta for beta in value if isinstance(beta, str)] if isinstance(value, list) else []
        elif key not in ("thinking", "output_config", "anthropic_version"):
            body[key] = value
    return found
