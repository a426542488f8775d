"""`generationConfig`, both ways: limits, sampling, structured output, thinking (gemini.md §2, mapping.md §5)."""

from __future__ import annotations

from typing import Any

from translators.canonical.reasoning import budget_of_effort, clamp_effort, effort_of_budget
from translators.canonical.request import Effort, Output, Reasoning, ReasoningMode, Request, Sampling
from translators.canonical.target import Target
from translators.gemini import wire
from translators.gemini.wire import PROTOCOL_ID, get
from translators.schema.json_dialect import to_json_dialect
from translators.schema.lower import from_openapi, lower_types
from translators.schema.openapi import to_openapi

Json = dict[str, Any]

#: Fields that have a canonical word; all others are sent to Gemini again and to nobody else.
_KNOWN = frozenset(
    {
        "temperature",
        "topP",
        "topK",
        "candidateCount",
        "maxOutputTokens",
        "stopSequences",
        "seed",
        "presencePenalty",
        "frequencyPenalty",
        "responseLogprobs",
        "logprobs",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "thinkingConfig",
    }
)
_JSON = "application/json"

#: How many stop sequences the API takes.
_MAX_STOPS = 5

_LEVELS: dict[str, Effort] = {
    "MINIMAL": "minimal",
    "LOW": "low",
    "MEDIUM": "medium",
    "HIGH": "high",
    "XHIGH": "xhigh",
}
_WORDS: dict[Effort, str] = {effort: level for level, effort in _LEVELS.items()} | {"max": "XHIGH", "none": "MINIMAL"}


# -- from a client


def decode_sampling(config: Json) -> Sampling:
    return Sampling(
        temperature=wire.number(config, "temperature"),
        top_p=wire.number(config, "topP"),
        top_k=wire.integer(config, "topK"),
        presence_penalty=wire.number(config, "presencePenalty"),
        frequency_penalty=wire.number(config, "frequencyPenalty"),
        seed=wire.integer(config, "seed"),
        n=wire.integer(config, "candidateCount"),
        logprobs=wire.flag(config, "responseLogprobs"),
        top_logprobs=wire.integer(config, "logprobs"),
    )


def decode_output(config: Json) -> Output | None:
    """`responseJsonSchema` is JSON Schema, `responseSchema` the Schema dialect; either says that JSON is wanted."""
    schema = wire.mapping(config, "responseJsonSchema")
    if schema is not None:
        return Output(schema=lower_types(schema), json=True)
    mime = wire.text(config, "responseMimeType")
    schema = wire.mapping(config, "responseSchema")
    if schema is not None and mime in (None, _JSON):
        return Output(schema=from_openapi(schema), json=True)
    return Output(json=True) if mime == _JSON else None


def decode_reasoning(config: Json) -> Reasoning:
    thinking = wire.mapping(config, "thinkingConfig")
    if thinking is None:
        return Reasoning()
    show = wire.flag(thinking, "includeThoughts")
    out = Reasoning(show="default" if show is None else "summary" if show else "none")
    budget = wire.integer(thinking, "thinkingBudget")
    level = (wire.text(thinking, "thinkingLevel") or "").upper()
    if budget == 0:
        out.mode = ReasoningMode.OFF
    elif budget is not None and budget > 0:
        out.mode, out.budget = ReasoningMode.BUDGET, budget
    elif budget is not None:
        out.mode = ReasoningMode.ADAPTIVE
    if level in _LEVELS and budget is None:
        out.mode, out.effort = ReasoningMode.ADAPTIVE, _LEVELS[level]
    return out


def own_config(config: Json) -> Json:
    """What of `generationConfig` only Gemini understands."""
    out = {wire.camel(key): value for key, value in config.items() if wire.camel(key) not in _KNOWN}
    if get(config, "responseMimeType") not in (None, _JSON, "text/plain"):
        out["responseMimeType"] = get(config, "responseMimeType")
        if (schema := get(config, "responseSchema")) is not None:
            out["responseSchema"] = schema
    return out


# -- to a backend


def encode_config(request: Request, target: Target, notes: list[str]) -> Json:
    out: Json = {}
    sampling = request.sampling
    if target.sampling:
        _put(out, temperature=sampling.temperature, topP=sampling.top_p, topK=sampling.top_k)
    elif (sampling.temperature, sampling.top_p, sampling.top_k) != (None, None, None):
        notes.append("Temperature, top_p and top_k were dropped: the model takes none.")
    _put(
        out,
        candidateCount=sampling.n,
        maxOutputTokens=request.max_tokens,
        presencePenalty=sampling.presence_penalty,
        frequencyPenalty=sampling.frequency_penalty,
        seed=sampling.seed,
    )
    if request.stop:
        out["stopSequences"] = request.stop[:_MAX_STOPS]
        if len(request.stop) > _MAX_STOPS:
            notes.append(f"Only the first {_MAX_STOPS} stop sequences were sent.")
    if request.origin == PROTOCOL_ID:
        _put(out, responseLogprobs=sampling.logprobs, logprobs=sampling.top_logprobs)
    elif sampling.logprobs:
        notes.append("Log probabilities were dropped: they cannot be translated.")
    if sampling.logit_bias:
        notes.append("logit_bias was dropped: the backend has none.")
    if request.output is not None:
        out.update(_output(request.output, target))
    thinking = encode_thinking(request, target)
    if thinking:
        out["thinkingConfig"] = thinking
    return out


def _put(out: Json, **values: Any) -> None:
    out.update({name: value for name, value in values.items() if value is not None})


def _output(output: Output, target: Target) -> Json:
    if output.schema is None:
        return {"responseMimeType": _JSON} if output.json else {}
    if not target.json_schema:
        return {"responseMimeType": _JSON}
    if target.schema_dialect == "openapi":
        return {"responseMimeType": _JSON, "responseSchema": to_openapi(output.schema)}
    return {"responseMimeType": _JSON, "responseJsonSchema": to_json_dialect(output.schema)}


def encode_thinking(request: Request, target: Target) -> Json:
    """`thinkingConfig`: a level or a budget as the model takes it, never both; {} where nothing is to be said."""
    if target.thinking == "none":
        return {}
    reasoning = request.reasoning
    out = _budget(reasoning, target) if target.thinking == "budget" else _level(reasoning, target)
    if reasoning.show != "default":
        out["includeThoughts"] = reasoning.show == "summary"
    elif request.origin != PROTOCOL_ID and reasoning.mode in (ReasoningMode.ADAPTIVE, ReasoningMode.BUDGET):
        out["includeThoughts"] = True  # clients of other protocols expect to see what they asked for
    return out


def _budget(reasoning: Reasoning, target: Target) -> Json:
    match reasoning.mode:
        case ReasoningMode.DEFAULT if reasoning.effort is None:
            return {}
        case ReasoningMode.OFF:
            effort: Effort | None = "none"
        case ReasoningMode.BUDGET if reasoning.budget is not None:
            return {"thinkingBudget": min(reasoning.budget, target.max_budget)}
        case _:
            effort = reasoning.effort
    if effort is None:
        return {"thinkingBudget": -1}
    effort = clamp_effort(effort, target.efforts) or effort
    return {"thinkingBudget": min(budget_of_effort(effort), target.max_budget)}


def _level(reasoning: Reasoning, target: Target) -> Json:
    effort = reasoning.effort
    if reasoning.mode is ReasoningMode.OFF:
        effort = "minimal"
    elif reasoning.mode is ReasoningMode.BUDGET and effort is None and reasoning.budget is not None:
        effort = effort_of_budget(reasoning.budget)
    if effort is None:
        return {}
    levels = [known for known in target.efforts if known in _LEVELS.values()]
    effort = clamp_effort("minimal" if effort == "none" else effort, levels)
    return {"thinkingLevel": _WORDS[effort]} if effort is not None else {}
