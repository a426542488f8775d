"""A chat completions body to the canonical request (openai_chat.md §2)."""

from __future__ import annotations

from translators import openai_wire as wire
from translators.canonical.errors import TranslationError
from translators.canonical.request import Output, Request, Sampling
from translators.openai_chat import reasoning, responses_style, tools
from translators.openai_chat.messages_decode import decode_messages
from translators.openai_chat.wire import ID, Json

#: Fields that have a place in the canonical request; all others travel in `extra`.
_HELD = frozenset(
    {
        "model",
        "messages",
        "max_completion_tokens",
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "frequency_penalty",
        "presence_penalty",
        "seed",
        "logit_bias",
        "stop",
        "n",
        "logprobs",
        "top_logprobs",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "functions",
        "function_call",
        "response_format",
        "verbosity",
        "web_search_options",
        "prompt_cache_key",
        "service_tier",
        "user",
        "safety_identifier",
        *reasoning.FIELDS,
    }
)


def decode_request(body: Json, *, model: str | None = None, stream: bool | None = None) -> Request:
    """→ the canonical request. `model` and `stream` win over the body. Raises TranslationError."""
    if responses_style.is_responses_style(body):
        body = responses_style.as_chat(body)
    if "messages" not in body:
        raise TranslationError("Missing required parameter: 'messages'.", param="messages")
    request = Request(ID, model if model is not None else wire.text(body.get("model"), "model"))
    decode_messages(request, body["messages"])
    request.tools, request.legacy_functions = tools.decode_tools(body)
    request.tool_choice = tools.decode_choice(body)
    # A legacy client can be told of one call only.
    request.parallel = (
        False
        if request.legacy_functions
        else wire.optional_bool(body.get("parallel_tool_calls"), "parallel_tool_calls")
    )
    request.max_tokens = _max_tokens(body)
    request.sampling = _sampling(body)
    request.stop = _stop(body.get("stop"))
    request.reasoning = reasoning.decode(body)
    request.output = _output(body.get("response_format"))
    request.verbosity = wire.optional_text(body.get("verbosity"), "verbosity")
    asked = stream if stream is not None else wire.optional_bool(body.get("stream"), "stream")
    request.stream = bool(asked)
    options = body.get("stream_options")
    request.include_usage = isinstance(options, dict) and options.get("include_usage") is True
    for field in ("user", "safety_identifier"):
        request.user = request.user or wire.optional_text(body.get(field), field)
    request.cache_key = wire.optional_text(body.get("prompt_cache_key"), "prompt_cache_key")
    request.service_tier = wire.optional_text(body.get("service_tier"), "service_tier")
    request.extra = {key: value for key, value in body.items() if key not in _HELD}
    return request


def _max_tokens(body: Json) -> int | None:
    newer = wire.optional_int(body.get("max_completion_tokens"), "max_completion_tokens")
    return newer if newer is not None else wire.optional_int(body.get("max_tokens"), "max_tokens")


def _sampling(body: Json) -> Sampling:
    bias = body.get("logit_bias")
    return Sampling(
        temperature=wire.optional_number(body.get("temperature"), "temperature"),
        top_p=wire.optional_number(body.get("top_p"), "top_p"),
        top_k=wire.optional_int(body.get("top_k"), "top_k"),
        presence_penalty=wire.optional_number(body.get("presence_penalty"), "presence_penalty"),
        frequency_penalty=wire.optional_number(body.get("frequency_penalty"), "frequency_penalty"),
        seed=wire.optional_int(body.get("seed"), "seed"),
        n=wire.optional_int(body.get("n"), "n"),
        logit_bias=None if bias is None else wire.mapping(bias, "logit_bias"),
        logprobs=wire.optional_bool(body.get("logprobs"), "logprobs"),
        top_logprobs=wire.optional_int(body.get("top_logprobs"), "top_logprobs"),
    )


def _stop(stop: object) -> list[str]:
    if isinstance(stop, str):
        return [stop]
    return [wire.text(sequence, f"stop[{index}]") for index, sequence in enumerate(wire.items(stop, "stop"))]


def _output(form: object) -> Output | None:
    if form is None:
        return None
    raw = wire.mapping(form, "response_format")
    kind = raw.get("type")
    if kind == "json_object":
        return Output(json=True)
    if kind != "json_schema":
        return None
    where = "response_format.json_schema"
    inner = wire.mapping(raw.get("json_schema"), where)
    schema = inner.get("schema")
    return Output(
        schema=None if schema is None else wire.mapping(schema, f"{where}.schema"),
        json=schema is None,
        name=wire.optional_text(inner.get("name"), f"{where}.name"),
        description=wire.optional_text(inner.get("description"), f"{where}.description"),
        strict=wire.optional_bool(inner.get("strict"), f"{where}.strict"),
    )
