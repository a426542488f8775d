"""What the Responses API refuses in parameters, tools and formats (openai_responses.md sections 1, 2 and 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from openai.types.responses.input_token_count_params import InputTokenCountParams
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming

from . import openai_common as common
from .ask import Ask, Complaint, Json, Policy, Refusal, Rule, first_complaint, texts
from .errors import refusal
from .rules_openai_items import ITEM_RULES, SHAPE
from .typed import Path, Problem, Shape, fields_of

# Chat parameters that live elsewhere here, and those that this API does not have.
MOVED = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
}
# Sent by Codex and accepted by the service although the SDK does not list it (clients.md section 2).
MORE_FIELDS = ("client_metadata",)
BODIES = {"generate": ResponseCreateParamsNonStreaming, "count": InputTokenCountParams}
MIN_OUTPUT = 16


def fields(ask: Ask) -> Iterator[Complaint]:
    """The closed field lists of the SDK, at every depth but that of the input items, which have their own rule."""
    known = fields_of(BODIES[ask.endpoint])
    for name, value in ask.body.items():
        if name in MOVED:
            told = (
                f"Unsupported parameter: '{name}'. In the Responses API, this parameter has moved to '{MOVED[name]}'."
            )
            yield Complaint(f"{told} Try again with the new parameter.", param=name, code="unsupported_parameter")
        elif name == "stream":
            yield from map(common.worded, Shape().problems(value, bool | None, (name,)))
        elif name == "input":
            if not isinstance(value, str | list):
                yield common.worded(Problem("type", (name,), ("string", "array"), value))
        elif name in known:
            yield from map(common.worded, SHAPE.problems(value, known[name].annotation, (name,)))
        elif name not in MORE_FIELDS:
            yield common.worded(Problem("unknown", (name,)))
    if "model" not in ask.body and ask.endpoint == "generate":
        yield common.worded(Problem("missing", ("model",)))
    if ask.body.get("input") is None and not ask.body.get("prompt"):
        told = "One of 'input' or 'previous_response_id' or 'prompt' or 'conversation' must be provided."
        yield Complaint(told, param="input", code="missing_required_parameter")


def server_state(ask: Ask) -> Iterator[Complaint]:
    """What the stand-in stored has been put into the input before; whatever is left here is unknown to it."""
    previous = ask.body.get("previous_response_id")
    if previous is not None and ask.body.get("conversation") is not None:
        told = "Mutually exclusive parameters: 'previous_response_id' and 'conversation'. Ensure you are only providing"
        yield Complaint(f"{told} one of them.", param="previous_response_id", code="mutually_exclusive_parameters")
    if previous is not None:
        told = f"Previous response with id '{previous}' not found."
        yield Complaint(told, param="previous_response_id", code="previous_response_not_found")
    if ask.body.get("conversation") is not None:
        told = f"Conversation with id '{ask.body['conversation']}' not found."
        yield Complaint(told, status=404, param="conversation", code="conversation_not_found")
    if ask.body.get("background") and ask.body.get("store") is False:
        yield Complaint("Background mode requires 'store' to be true.", param="background")


def tools(ask: Ask) -> Iterator[Complaint]:
    yield from common.tool_count(ask)
    yield from tool_list(ask.body.get("tools") or [], ("tools",))


def tool_list(declared: list[Json], place: Path) -> Iterator[Complaint]:
    seen: set[str] = set()
    for index, tool in enumerate(declared):
        where = (*place, index)
        if tool["type"] not in ("function", "custom", "namespace"):
            continue
        name = tool["name"]
        yield from common.name_valid((*where, "name"), name)
        if name in seen:
            yield common.invalid((*where, "name"), f"duplicate tool name '{name}'.")
        seen.add(name)
        if tool["type"] == "function":
            strict = bool(tool.get("strict"))
            yield from common.function_schema((*where, "parameters"), name, tool.get("parameters"), strict)
        if tool["type"] == "namespace":
            yield from tool_list(tool["tools"], (*where, "tools"))


def choice_exists(ask: Ask) -> Iterator[Complaint]:
    choice = ask.body.get("tool_choice")
    declared = ask.body.get("tools") or []
    if choice == "required" and not declared:
        told = "Tool choice 'required' must be specified with 'tools' parameter."
        yield Complaint(told, param="tool_choice")
    if not isinstance(choice, dict):
        return
    names = {(tool["type"], tool.get("name")) for tool in declared}
    names |= {(inner["type"], inner["name"]) for tool in declared for inner in tool.get("tools") or []}
    kinds = {tool["type"] for tool in declared}
    for item in choice["tools"] if choice["type"] == "allowed_tools" else [choice]:
        named = item.get("type") in ("function", "custom")
        if (item.get("type"), item.get("name")) not in names if named else item.get("type") not in kinds:
            told = f"Tool choice '{item.get('name', item.get('type'))}' not found in 'tools' parameter."
            yield Complaint(told, param="tool_choice")


def text_format(ask: Ask) -> Iterator[Complaint]:
    chosen = (ask.body.get("text") or {}).get("format") or {}
    if chosen.get("type") == "json_schema":
        place = ("text", "format")
        yield from common.name_valid((*place, "name"), chosen["name"])
        yield from common.format_schema(
            (*place, "schema"), chosen["name"], chosen["schema"], bool(chosen.get("strict"))
        )
    if chosen.get("type") == "json_object" and not any("json" in text.lower() for text in texts(ask.body.get("input"))):
        told = "Response input messages must contain the word 'json' in some form to use 'text.format' of type"
        yield Complaint(f"{told} 'json_object'.", param="input")


def numbers(ask: Ask) -> Iterator[Complaint]:
    yield from common.in_range(ask.body, ("max_output_tokens",), MIN_OUTPUT, 2**31)
    yield from common.in_range(ask.body, ("temperature",), 0, 2)
    yield from common.in_range(ask.body, ("top_p",), 0, 1)
    yield from common.in_range(ask.body, ("top_logprobs",), 0, 20)
    for name in ("temperature", "top_p"):
        if ask.body.get(name) not in (None, 1) and common.REASONING_MODEL.match(ask.model):
            told = f"Unsupported parameter: '{name}' is not supported with this model."
            yield Complaint(told, param=name, code="unsupported_parameter")


RULES: tuple[Rule, ...] = (
    common.credential,
    server_state,
    fields,
    tools,
    choice_exists,
    text_format,
    numbers,
    common.metadata,
    *ITEM_RULES,
)


def check(
    body: Json,
    headers: Mapping[str, str],
    *,
    query: Mapping[str, str] | None = None,
    endpoint: str = "generate",
    policy: Policy | None = None,
) -> Refusal | None:
    """What the Responses API (``endpoint="generate"``) or its token count ("count") would refuse, None if nothing."""
    model = body.get("model")
    ask = Ask(body, headers, query or {}, endpoint, model if isinstance(model, str) else "", policy or Policy())
    found = first_complaint(RULES, ask)
    return refusal("openai_responses", *found) if found else None
