"""A client's body into the canonical request (openai_responses.md §2)."""

from __future__ import annotations

from translators import openai_wire as wire
from translators.canonical.blocks import Text
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.request import Request, Sampling
from translators.openai_responses import settings, tools
from translators.openai_responses.input_decode import decode_input
from translators.openai_responses.wire import ID, Json

#: Top-level members that the canonical form has words for; all others travel in `extra`.
_WORDED = frozenset(
    {
        "model",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "max_output_tokens",
        "temperature",
        "top_p",
        "top_logprobs",
        "reasoning",
        "text",
        "stream",
        "user",
        "prompt_cache_key",
        "service_tier",
        "previous_response_id",
        "conversation",
        "prompt",
        "background",
    }
)

#: Members that build on what the provider stored: this gateway has none of it, and to drop it silently would be worse
#: than to refuse. They may pass through untranslated.
_STORED = {
    "previous_response_id": (
        "previous_response_not_found",
        "Previous response with id '{}' not found: this gateway keeps no responses. "
        "Send the whole conversation as input.",
    ),
    "conversation": (
        "previous_response_not_found",
        "Conversation '{}' not found: this gateway keeps no conversations. Send the whole conversation as input.",
    ),
    "prompt": ("unsupported_parameter", "Prompt template '{}' is stored at OpenAI and cannot be translated."),
    "background": ("unsupported_parameter", "Background mode cannot be translated: this gateway keeps no responses."),
}


def decode_request(body: Json, *, model: str | None = None, stream: bool | None = None) -> Request:
    """Raises TranslationError for what the API would refuse. What needs the server's memory (`previous_response_id`,
    `conversation`, `item_reference`, …) sets `Request.stateful`, so that it is refused when it is to be translated."""
    name = model if model is not None else wire.text(body.get("model"), "model")
    request = Request(ID, name, stateful=_stored(body))
    instructions = wire.optional_text(body.get("instructions"), "instructions")
    if instructions:
        request.system.append(Text(instructions))
    request.tools = tools.decode_tools(body.get("tools"), "tools")
    request.tool_choice = tools.decode_choice(body.get("tool_choice"))
    request.parallel = wire.optional_bool(body.get("parallel_tool_calls"), "parallel_tool_calls")
    request.max_tokens = wire.optional_int(body.get("max_output_tokens"), "max_output_tokens")
    request.sampling = Sampling(
        temperature=wire.optional_number(body.get("temperature"), "temperature"),
        top_p=wire.optional_number(body.get("top_p"), "top_p"),
        top_logprobs=wire.optional_int(body.get("top_logprobs"), "top_logprobs"),
    )
    request.reasoning, reasoning_extra = settings.decode_reasoning(body.get("reasoning"))
    request.output, request.verbosity = settings.decode_text(body.get("text"))
    request.stream = stream if stream is not None else bool(wire.optional_bool(body.get("stream"), "stream"))
    request.user = wire.optional_text(body.get("user"), "user")
    request.cache_key = wire.optional_text(body.get("prompt_cache_key"), "prompt_cache_key")
    request.service_tier = wire.optional_text(body.get("service_tier"), "service_tier")
    request.extra = {key: value for key, value in body.items() if key not in _WORDED}
    if reasoning_extra:
        request.extra["reasoning"] = reasoning_extra
    if body.get("input") is None and not request.system and request.stateful is None:
        raise wire.missing("input")
    decode_input(request, body.get("input"))
    return request


def _stored(body: Json) -> ErrorInfo | None:
    for member, (code, message) in _STORED.items():
        value = body.get(member)
        if value:
            identity = value.get("id") if isinstance(value, dict) else value
            return ErrorInfo(ErrorKind.INVALID_REQUEST, message.format(identity), code=code, param=member)
    return None
