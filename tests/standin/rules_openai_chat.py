"""What Chat Completions refuses, at OpenAI and at its compatibles (openai_chat.md sections 2, 3, 5 and 6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

from . import openai_common as common
from .ask import Ask, Complaint, Json, Policy, Refusal, Rule, bracketed, first_complaint, texts
from .errors import refusal
from .typed import Problem, Shape, fields_of

# Fields that compatibles add to the request (openai_chat.md section 6).
COMPATIBLE_FIELDS = (
    "top_k",
    "min_p",
    "repetition_penalty",
    "thinking",
    "enable_thinking",
    "thinking_budget",
    "reasoning",
    "chat_template_kwargs",
)
COMPATIBLE_MESSAGE_FIELDS = ("reasoning_content", "reasoning", "reasoning_details")
# Part of an answer, and accepted when the answer's message is sent back as it came.
REPLAYED_FIELDS = ("annotations",)
MAX_CALL_ID = {"openai": 40, "compatible": 64, "deepseek": 64}
NO_TOOLS_WITH_EFFORT = re.compile(r"gpt-(5\.([4-9]|\d\d)|[6-9]|\d\d)")
TOOLS_ONLY = ("tool_choice", "parallel_tool_calls")


def fields(ask: Ask) -> Iterator[Complaint]:
    """The closed field lists of the SDK, at every depth, with the extensions of compatibles where they are played."""
    known = fields_of(CompletionCreateParamsNonStreaming)
    compatible = ask.policy.dialect != "openai"
    for name in ("model", "messages"):
        if name not in ask.body:
            yield common.worded(Problem("missing", (name,)))
    for name, value in ask.body.items():
        if name == "stream":
            found = Shape().problems(value, bool | None, (name,))
        elif name in known:
            found = Shape().problems(value, known[name].annotation, (name,))
        elif compatible and name in COMPATIBLE_FIELDS:
            continue
        else:
            found = iter([Problem("unknown", (name,))])
        for problem in found:
            if not is_extension(problem, compatible):
                yield common.worded(problem)


def is_extension(problem: Problem, compatible: bool) -> bool:
    """Whether an unknown field is one that services take all the same: answers replayed, extensions of compatibles."""
    if problem.kind != "unknown" or problem.path[0] != "messages":
        return False
    known = REPLAYED_FIELDS + (COMPATIBLE_MESSAGE_FIELDS if compatible else ())
    on_call = compatible and "tool_calls" in problem.path and problem.path[-1] == "extra_content"
    return on_call or (len(problem.path) == 3 and problem.path[2] in known)


def messages(ask: Ask) -> Iterator[Complaint]:
    if not ask.body["messages"]:
        found = "Expected an array with minimum length 1, but got an empty array instead."
        yield common.invalid(("messages",), f"empty array. {found}", "empty_array")
    for index, message in enumerate(ask.body["messages"]):
        place = ("messages", index)
        if message["role"] == "developer" and ask.policy.dialect != "openai":
            told = f"messages[{index}].role: unknown variant `developer`"
            yield Complaint(f"{told}, expected one of `system`, `user`, `assistant`, `tool`", param=bracketed(place))
        content = message.get("content")
        if (
            message["role"] == "assistant"
            and content is None
            and not (
                message.get("tool_calls")
                or message.get("function_call")
                or message.get("audio")
                or message.get("refusal")
            )
        ):
            yield common.worded(Problem("type", (*place, "content"), ("string",), None))
        if content == []:
            found = "Expected an array with minimum length 1, but got an empty array instead."
            yield common.invalid((*place, "content"), f"empty array. {found}", "empty_array")
        if message.get("tool_calls") == []:
            found = "Expected an array with minimum length 1, but got an empty array instead."
            yield common.invalid((*place, "tool_calls"), f"empty array. {found}", "empty_array")
        if "name" in message and message["role"] != "function":
            yield from common.name_valid((*place, "name"), message["name"])


def call_ids(ask: Ask) -> Iterator[Complaint]:
    limit = MAX_CALL_ID[ask.policy.dialect]
    for index, message in enumerate(ask.body["messages"]):
        if message["role"] == "tool":
            yield from common.too_long(("messages", index, "tool_call_id"), message["tool_call_id"], limit)
        for number, call in enumerate(message.get("tool_calls") or []):
            place = ("messages", index, "tool_calls", number)
            if not call["id"]:
                yield common.invalid((*place, "id"), "empty string.", "empty_string")
            yield from common.too_long((*place, "id"), call["id"], limit)
            yield from common.name_valid((*place, call["type"], "name"), call[call["type"]]["name"])


def pairing(ask: Ask) -> Iterator[Complaint]:
    """Calls are answered at once and completely, each once; no answer without its call."""
    pending: list[str] = []
    known: list[str] = []
    caller = 0
    for index, message in enumerate(ask.body["messages"]):
        if message["role"] == "tool":
            if message["tool_call_id"] not in known:
                told = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                yield Complaint(f"Invalid parameter: {told}", param=f"messages.[{index}].role")
            if message["tool_call_id"] in pending:
                pending.remove(message["tool_call_id"])
            else:
                yield Complaint(f"Duplicate tool result for '{message['tool_call_id']}'.", param=f"messages.[{index}]")
            continue
        yield from unanswered(pending, caller)
        known = [call["id"] for call in message.get("tool_calls") or []]
        if len(set(known)) != len(known):
            yield Complaint("Duplicate value for 'tool_call_id'.", param=f"messages.[{index}].tool_calls")
        pending, caller = list(known), index
    yield from unanswered(pending, caller)


def unanswered(pending: list[str], caller: int) -> Iterator[Complaint]:
    if pending:
        rule = "An assistant message with 'tool_calls' must be followed by tool messages"
        told = "The following tool_call_ids did not have response messages"
        text = f"{rule} responding to each 'tool_call_id'. {told}: {', '.join(pending)}"
        yield Complaint(text, param=f"messages.[{caller}].role")


def tools(ask: Ask) -> Iterator[Complaint]:
    yield from common.tool_count(ask)
    seen: set[str] = set()
    for index, tool in enumerate(ask.body.get("tools") or []):
        inner, place = tool[tool["type"]], ("tools", index, tool["type"])
        yield from common.name_valid((*place, "name"), inner["name"])
        if inner["name"] in seen:
            yield common.invalid((*place, "name"), f"duplicate tool name '{inner['name']}'.")
        seen.add(inner["name"])
        if tool["type"] == "function":
            strict = bool(inner.get("strict"))
            schema = inner.get("parameters")
            yield from common.function_schema((*place, "parameters"), inner["name"], schema, strict)


def tools_needed(ask: Ask) -> Iterator[Complaint]:
    for name in TOOLS_ONLY:
        if ask.body.get(name) is not None and not ask.body.get("tools"):
            text = f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified."
            yield Complaint(text, param=name)
    if ask.body.get("tools") == []:
        found = "Expected an array with minimum length 1, but got an empty array instead."
        yield common.invalid(("tools",), f"empty array. {found}", "empty_array")


def choice_exists(ask: Ask) -> Iterator[Complaint]:
    choice = ask.body.get("tool_choice")
    if not isinstance(choice, dict):
        return
    declared = [(tool["type"], tool[tool["type"]]["name"]) for tool in ask.body["tools"]]
    wanted = choice["allowed_tools"]["tools"] if choice["type"] == "allowed_tools" else [choice]
    for item in wanted:
        name = (item.get(item.get("type", "")) or {}).get("name")
        if (item.get("type"), name) not in declared:
            told = f"Tool choice '{name}' not found in 'tools' parameter."
            yield Complaint(told, param="tool_choice", code="invalid_value")


def stream_options(ask: Ask) -> Iterator[Complaint]:
    if ask.body.get("stream_options") is not None and not ask.body.get("stream"):
        told = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        yield Complaint(told, param="stream_options")


def response_format(ask: Ask) -> Iterator[Complaint]:
    chosen = ask.body.get("response_format") or {}
    if chosen.get("type") == "json_schema":
        place, inner = ("response_format", "json_schema"), chosen["json_schema"]
        yield from common.name_valid((*place, "name"), inner["name"])
        if "schema" not in inner:
            yield common.worded(Problem("missing", (*place, "schema")))
        yield from common.format_schema(place, inner["name"], inner["schema"], bool(inner.get("strict")))
    if chosen.get("type") == "json_object" and not any("json" in text.lower() for text in texts(ask.body["messages"])):
        told = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        yield Complaint(told, param="messages")


def numbers(ask: Ask) -> Iterator[Complaint]:
    yield from common.in_range(ask.body, ("temperature",), 0, 2)
    yield from common.in_range(ask.body, ("top_p",), 0, 1)
    for name in ("frequency_penalty", "presence_penalty"):
        yield from common.in_range(ask.body, (name,), -2, 2)
    for name in ("max_tokens", "max_completion_tokens", "n"):
        yield from common.in_range(ask.body, (name,), 1, 2**31)
    yield from common.in_range(ask.body, ("top_logprobs",), 0, 20)
    stop = ask.body.get("stop")
    if isinstance(stop, list) and len(stop) > 4:
        found = f"Expected an array with maximum length 4, but got an array with length {len(stop)} instead."
        yield common.invalid(("stop",), f"array too long. {found}", "array_above_max_length")
    if ask.body.get("top_logprobs") is not None and not ask.body.get("logprobs"):
        yield Complaint("'top_logprobs' is only allowed when 'logprobs' is enabled.", param="top_logprobs")
    if ask.body.get("max_tokens") is not None and ask.body.get("max_completion_tokens") is not None:
        told = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        yield Complaint(told, param="max_tokens")


def own_models(ask: Ask) -> Iterator[Complaint]:
    """What OpenAI's reasoning models refuse (openai_chat.md section 2)."""
    if ask.policy.dialect != "openai" or not common.REASONING_MODEL.match(ask.model):
        return
    if ask.body.get("max_tokens") is not None:
        told = "Unsupported parameter: 'max_tokens' is not supported with this model."
        text = f"{told} Use 'max_completion_tokens' instead."
        yield Complaint(text, param="max_tokens", code="unsupported_parameter")
    for name, default in (("temperature", 1), ("top_p", 1), ("presence_penalty", 0), ("frequency_penalty", 0)):
        value = ask.body.get(name)
        if value is not None and value != default:
            told = f"Unsupported value: '{name}' does not support {value} with this model."
            text = f"{told} Only the default ({default}) value is supported."
            yield Complaint(text, param=name, code="unsupported_value")
    if ask.body.get("stop") is not None:
        told = "Unsupported parameter: 'stop' is not supported with this model."
        yield Complaint(told, param="stop", code="unsupported_parameter")
    effort = ask.body.get("reasoning_effort")
    functions = [tool for tool in ask.body.get("tools") or [] if tool["type"] == "function"]
    if functions and effort not in (None, "none") and NO_TOOLS_WITH_EFFORT.match(ask.model):
        told = f"Function tools with reasoning_effort are not supported for {ask.model} in /v1/chat/completions."
        text = f"{told} To use function tools, use /v1/responses or set reasoning_effort to 'none'."
        yield Complaint(text, param="reasoning_effort", code="unsupported_parameter")


def reasoning_back(ask: Ask) -> Iterator[Complaint]:
    """DeepSeek: the reasoning of every tool-calling turn comes back, if only as an empty string."""
    off = (ask.body.get("thinking") or {}).get("type") == "disabled"
    if ask.policy.dialect != "deepseek" or off:
        return
    for message in ask.body["messages"]:
        if message.get("tool_calls") and not isinstance(message.get("reasoning_content"), str):
            yield Complaint("The `reasoning_content` in the thinking mode must be passed back to the API.")


RULES: tuple[Rule, ...] = (
    common.credential,
    fields,
    messages,
    call_ids,
    pairing,
    tools_needed,
    tools,
    choice_exists,
    stream_options,
    response_format,
    numbers,
    common.metadata,
    own_models,
    reasoning_back,
)


def check(
    body: Json,
    headers: Mapping[str, str],
    *,
    query: Mapping[str, str] | None = None,
    policy: Policy | None = None,
) -> Refusal | None:
    """What Chat Completions would refuse in this request, None if nothing."""
    model = body.get("model")
    ask = Ask(body, headers, query or {}, "generate", model if isinstance(model, str) else "", policy or Policy())
    found = first_complaint(RULES, ask)
    return refusal("openai_chat", *found) if found else None
