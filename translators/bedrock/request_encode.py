"""The canonical request to the body of Converse, and to that of its token counter (apikey_backends.md §6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from translators import jsonio
from translators.anthropic import json_schema, thinking
from translators.bedrock import cache, stops, tools
from translators.bedrock.blocks_encode import EMPTY, BlockEncoder
from translators.canonical.blocks import Text
from translators.canonical.errors import TranslationError
from translators.canonical.prepare import prepare
from translators.canonical.request import Request, Role
from translators.canonical.target import Target
from translators.protocol import Encoded

Json = dict[str, Any]

_ANY_OBJECT = "Answer with one JSON object and nothing else: no words around it, no code fence."
_BY_SCHEMA = (
    "Answer with one JSON value and nothing else: no words around it, no code fence. "
    "It must be valid against this JSON Schema:\n"
)
_TIERS = frozenset({"priority", "default", "flex"})
_NEVER_SAMPLED = ("presence_penalty", "frequency_penalty", "seed", "logit_bias", "logprobs", "top_logprobs")
#: What the counter takes (botocore's model, ConverseTokensRequest).
_COUNTED = ("messages", "system", "toolConfig", "additionalModelRequestFields")


def encode_request(request: Request, target: Target) -> Encoded:
    """→ body, name map, notes; model and streaming go into the URL. Raises TranslationError if it cannot be sent."""
    prepared, names, found = prepare(request, target)
    notes = list(found)
    if (prepared.sampling.n or 1) > 1:
        raise TranslationError("n > 1 is not possible with a model on Bedrock", param="n")
    max_tokens = prepared.max_tokens if prepared.max_tokens is not None else target.default_max_tokens
    config = _thinking(prepared, target, max_tokens, notes)
    tool_config, no_calls = tools.encode(prepared, target, thinks=config.on, notes=notes)
    output, instruction = _output(prepared, target, notes)
    encoder = BlockEncoder(target, notes)
    body: Json = {"messages": _messages(prepared, encoder)}
    instructions = [Text(text) for text in (instruction, no_calls) if text is not None]
    system = encoder.system([*prepared.system, *instructions])
    if system:
        body["system"] = system
    inference, fields = _inference(prepared, target, config, notes)
    if inference:
        body["inferenceConfig"] = inference
    if tool_config is not None:
        body["toolConfig"] = tool_config
    fields |= _reasoning(config, target, output)
    if fields:
        body["additionalModelRequestFields"] = fields
    if output:
        body["outputConfig"] = output
    if inference.get("stopSequences") and is_claude(target):
        body["additionalModelResponseFieldPaths"] = [stops.SEQUENCE_PATH]
    if prepared.service_tier in _TIERS:
        body["serviceTier"] = {"type": prepared.service_tier}
    if prepared.verbosity is not None:
        notes.append("The verbosity was dropped.")
    if target.cache_markers.startswith("cache_point") and prepared.origin != "anthropic" and not cache.any_placed(body):
        cache.place(body)
    cache.limit(body, notes)
    return Encoded(body, names, {}, list(dict.fromkeys(notes)))


def encode_count_request(request: Request, target: Target) -> Json:
    """The body of `/model/{id}/count-tokens` for the same request."""
    body = encode_request(request, target).body
    return {"input": {"converse": {key: body[key] for key in _COUNTED if key in body}}}


def is_claude(target: Target) -> bool:
    """Whether Anthropic's own fields are understood; an opaque profile's ARN tells it by how the model thinks."""
    return "claude" in target.model.lower() or target.thinking in ("adaptive", "budget")


def _messages(request: Request, encoder: BlockEncoder) -> list[Json]:
    """Messages whose roles alternate, the first a user's, none empty."""
    messages: list[Json] = []
    for turn in request.turns:
        content = encoder.turn(turn.role, turn.blocks)
        if not content:
            if turn.role is not Role.USER:
                continue
            content = [{"text": EMPTY}]
        if not messages and turn.role is not Role.USER:
            messages.append({"role": "user", "content": [{"text": EMPTY}]})
        if messages and messages[-1]["role"] == turn.role.value:
            messages[-1]["content"].extend(content)
        else:
            messages.append({"role": turn.role.value, "content": content})
    return messages or [{"role": "user", "content": [{"text": EMPTY}]}]


def _thinking(request: Request, target: Target, max_tokens: int, notes: list[str]) -> thinking.Config:
    """Claude's own configuration; what its further settings say is Anthropic's API's, not Bedrock's."""
    config = thinking.encode(replace(request, extra={}), target, max_tokens, notes)
    if config.thinking == {"type": "disabled"}:
        config.thinking = None  # what is not asked for is off
    return config


def _reasoning(config: thinking.Config, target: Target, output: Json) -> Json:
    """`thinking` and the effort, where each model looks for it: Claude in `outputConfig`, others in a field."""
    fields: Json = {}
    if config.thinking is not None:
        fields["thinking"] = config.thinking
    if config.effort is not None and target.thinking == "adaptive":
        output["effort"] = config.effort
    elif config.effort is not None and target.thinking == "effort":
        fields["reasoning_effort"] = config.effort
    return fields


def _inference(request: Request, target: Target, config: thinking.Config, notes: list[str]) -> tuple[Json, Json]:
    """→ (`inferenceConfig`, fields that only some models know)."""
    inference: Json = {}
    fields: Json = {}
    sampling = request.sampling
    if request.max_tokens is not None:
        inference["maxTokens"] = request.max_tokens
    elif is_claude(target):
        inference["maxTokens"] = target.default_max_tokens  # else Bedrock's own small default cuts the answer
    if target.max_output_tokens is not None and "maxTokens" in inference:
        inference["maxTokens"] = min(inference["maxTokens"], target.max_output_tokens)
    wanted = {"temperature": sampling.temperature, "topP": sampling.top_p, "top_k": sampling.top_k}
    if not target.sampling:
        taken: set[str] = set()
    elif config.on:
        taken = {"topP"} if (sampling.top_p or 0) >= 0.95 else set()
    else:
        taken = {"temperature", "topP"} | ({"top_k"} if is_claude(target) else set())
        if is_claude(target) and sampling.temperature is not None:
            taken.discard("topP")  # several models refuse both
    for name, value in wanted.items():
        if value is None:
            continue
        if name not in taken:
            notes.append(f"The sampling parameter {name} was dropped.")
        elif name == "top_k":
            fields[name] = value
        else:
            inference[name] = min(max(value, 0), 1)
    notes.extend(
        f"The sampling parameter {name} was dropped."
        for name in _NEVER_SAMPLED
        if getattr(sampling, name) not in (None, False, {})
    )
    stop = [word for word in request.stop if word.strip()]
    if len(stop) < len(request.stop):
        notes.append("Stop sequences of white space alone were dropped.")
    if stop:
        inference["stopSequences"] = stop
    return inference, fields


def _output(request: Request, target: Target, notes: list[str]) -> tuple[Json, str | None]:
    """→ (`outputConfig`, the instruction that stands in for a format)."""
    output = request.output
    if output is None:
        return {}, None
    if output.schema is None:
        return {}, _ANY_OBJECT if output.json else None
    schema = output.schema if request.origin == "anthropic" else json_schema.guaranteed(output.schema)
    if not target.json_schema or schema is None:
        notes.append("The output schema is not one that the model guarantees, so it was asked for in words.")
        return {}, _BY_SCHEMA + jsonio.dumps_str(output.schema)
    definition: Json = {"schema": jsonio.dumps_str(schema)}
    if output.name:
        definition["name"] = output.name
    if output.description:
        definition["description"] = output.description
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": definition}}}, None
