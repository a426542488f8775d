"""The canonical request as a chat completions body for one backend (openai_chat.md §2, mapping.md §2)."""

from __future__ import annotations

from translators import jsonio
from translators.canonical.errors import TranslationError
from translators.canonical.names import NameRule, mangle
from translators.canonical.prepare import prepare
from translators.canonical.request import Request, Sampling
from translators.canonical.target import Target
from translators.openai_chat import reasoning, tools
from translators.openai_chat.messages_encode import encode_messages
from translators.openai_chat.parts_encode import Context
from translators.openai_chat.wire import ID, Json
from translators.protocol import Encoded

#: OpenAI takes so many stop sequences.
MAX_STOPS = 4

#: Protocols whose service tiers mean the same.
_SAME_TIERS = frozenset({"openai_chat", "openai_responses"})

_SCHEMA_NAME = NameRule(r"[a-zA-Z0-9_-]", 64)


def encode_request(request: Request, target: Target) -> Encoded:
    """→ body, names and notes. Raises TranslationError for what one chat answer cannot give to another protocol."""
    _refuse_many(request)
    prepared, names, notes = prepare(request, target)
    context = Context(prepared.origin, target)
    body: Json = {"model": target.model, "messages": encode_messages(prepared, context)}
    body.update(tools.encode_tools(prepared, target, context.notes))
    if prepared.max_tokens is not None:
        body[target.max_tokens_field] = max(1, prepared.max_tokens)
    body.update(_sampling(prepared, target, context))
    if prepared.stop:
        if len(prepared.stop) > MAX_STOPS:
            context.notes.append(f"Only the first {MAX_STOPS} stop sequences were sent: chat takes no more.")
        body["stop"] = prepared.stop[:MAX_STOPS]
    body.update(reasoning.encode(prepared.reasoning, target))
    _output(body, prepared, context)
    for field, value in (("verbosity", prepared.verbosity), ("prompt_cache_key", prepared.cache_key)):
        if value is not None:
            body[field] = value
    if prepared.service_tier is not None and prepared.origin in _SAME_TIERS:
        body["service_tier"] = prepared.service_tier
    if prepared.user is not None:
        body["user"] = prepared.user
    if prepared.stream:
        body["stream"] = True
        if target.include_usage:
            body["stream_options"] = {"include_usage": True}
    if prepared.origin == ID:
        for field, value in prepared.extra.items():
            body.setdefault(field, value)
    _without_refused(body, target, context)
    return Encoded(body, names, notes=[*notes, *dict.fromkeys(context.notes)])


def _refuse_many(request: Request) -> None:
    """A canonical answer is one choice without log probabilities: other clients would silently lose the rest."""
    if request.origin == ID:
        return
    if (request.sampling.n or 1) > 1:
        raise TranslationError("More than one candidate cannot be had from this model's backend.", param="n")
    if request.sampling.logprobs or request.sampling.top_logprobs:
        raise TranslationError("Log probabilities cannot be had from this model's backend.", param="logprobs")


def _sampling(request: Request, target: Target, context: Context) -> Json:
    sampling: Sampling = request.sampling
    wanted: Json = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "logit_bias": sampling.logit_bias,
    }
    # top_k is an extension of vLLM and others: only a client of this protocol knows that its backend has it.
    if request.origin == ID:
        wanted["top_k"] = sampling.top_k
    elif sampling.top_k is not None:
        context.notes.append("top_k was dropped: chat has none.")
    fields = {name: value for name, value in wanted.items() if value is not None}
    if fields and not target.sampling:
        context.notes.append(f"{', '.join(fields)} dropped: the model takes only its defaults.")
        fields = {}
    rest: Json = {
        "seed": sampling.seed,
        "n": sampling.n,
        "logprobs": sampling.logprobs,
        "top_logprobs": sampling.top_logprobs,
    }
    fields.update((name, value) for name, value in rest.items() if value is not None)
    return fields


def _output(body: Json, request: Request, context: Context) -> None:
    output = request.output
    if output is None:
        return
    if output.schema is None:
        if output.json:
            body["response_format"] = {"type": "json_object"}
        return
    if not context.target.json_schema:
        body["response_format"] = {"type": "json_object"}
        _tell_schema(body, output.schema, context)
        return
    inner: Json = {"name": mangle(output.name or "response", _SCHEMA_NAME)}
    if output.description is not None:
        inner["description"] = output.description
    inner["schema"] = output.schema
    if output.strict is not None:
        inner["strict"] = output.strict
    body["response_format"] = {"type": "json_schema", "json_schema": inner}


def _tell_schema(body: Json, schema: Json, context: Context) -> None:
    """For backends that only know JSON mode: the schema as the last words of the system text."""
    told = "Answer with one JSON object that fits this JSON Schema:\n" + jsonio.dumps_str(schema)
    context.notes.append("The output schema became an instruction: the backend only knows JSON mode.")
    messages: list[Json] = body["messages"]
    first = messages[0] if messages else {}
    if first.get("role") != context.target.system_role:
        messages.insert(0, {"role": context.target.system_role, "content": told})
    elif isinstance(first["content"], list):
        first["content"] = [*first["content"], {"type": "text", "text": told}]
    else:
        first["content"] = f"{first['content']}\n\n{told}"


def _without_refused(body: Json, target: Target, context: Context) -> None:
    gone = [field for field in target.refused_fields if body.pop(field, None) is not None]
    if gone:
        context.notes.append(f"{', '.join(gone)} dropped: the backend refuses it.")
