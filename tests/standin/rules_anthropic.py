"""What the Anthropic Messages API refuses in headers, parameters and tools (anthropic.md sections 1, 2, 4, 5, 6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from anthropic.types.beta.message_count_tokens_params import MessageCountTokensParams as BetaCount
from anthropic.types.beta.message_create_params import MessageCreateParamsNonStreaming as BetaCreate
from anthropic.types.message_count_tokens_params import MessageCountTokensParams as PlainCount
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming as PlainCreate

from .ask import Ask, Complaint, Json, Policy, Refusal, Rule, bearer, dotted, first_complaint
from .errors import refusal
from .rules_anthropic_messages import MESSAGE_RULES, NEW_MODEL
from .schemas import anthropic_strict_faults, faults
from .typed import Problem, Shape, fields_of

VERSIONS = ("2023-01-01", "2023-06-01", "2026-10-21")
CURRENT_VERSION = "2026-10-21"
BETA_NAME = re.compile(r"[a-z0-9][a-z0-9-]*-(\d{8}|\d{4}-\d{2}-\d{2})")
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
SAMPLING = ("temperature", "top_p", "top_k")
BOTH_SAMPLERS_REFUSED = re.compile(r"claude-(opus|sonnet|haiku)-4")
FORCED_ALWAYS_REFUSED = re.compile(r"claude-(fable|mythos)-5-1")

# Body fields that need a value of the anthropic-beta header; the header values are those of the SDK's list.
BETA_FIELDS = {
    ("context_management",): ("context-management-", "compact-"),
    ("mcp_servers",): ("mcp-client-",),
    ("compaction",): ("compact-",),
    ("fallbacks",): ("server-side-fallback-",),
    ("fallback_credit_token",): ("fallback-credit-",),
    ("thread",): ("message-threads-",),
    ("billing_policy",): ("user-profiles-billing-",),
    ("output_format",): ("structured-outputs-",),
    ("output_config", "task_budget"): ("task-budgets-",),
    ("thinking", "block_binding"): ("thinking-binding-controls-",),
}
NOT_IN_BODY = ("betas", "user_profile_id", "workspace_id")
MORE_FIELDS: dict[tuple[str, bool], dict[str, Any]] = {
    ("generate", False): {"stream": bool, "temperature": float, "top_p": float, "top_k": int},
    ("generate", True): {"stream": bool, "temperature": float, "top_p": float, "top_k": int, "output_format": dict},
    ("count", False): {},
    ("count", True): {"output_format": dict},
}
BODIES = {
    ("generate", False): PlainCreate,
    ("generate", True): BetaCreate,
    ("count", False): PlainCount,
    ("count", True): BetaCount,
}


def betas(ask: Ask) -> list[str]:
    return [name.strip() for name in ask.headers.get("anthropic-beta", "").split(",") if name.strip()]


def credential(ask: Ask) -> Iterator[Complaint]:
    offered = [token for token in (ask.headers.get("x-api-key"), bearer(ask.headers)) if token]
    if not offered:
        yield Complaint("x-api-key header is required", status=401)
    elif ask.policy.key is not None and any(token != ask.policy.key for token in offered):
        yield Complaint("invalid x-api-key", status=401)


def version(ask: Ask) -> Iterator[Complaint]:
    given = ask.headers.get("anthropic-version")
    if given is None:
        yield Complaint("anthropic-version: header is required")
    elif given not in VERSIONS:
        yield Complaint(f'anthropic-version: "{given}" is not a valid version')


def beta_names(ask: Ask) -> Iterator[Complaint]:
    for name in betas(ask):
        if not BETA_NAME.fullmatch(name):
            yield Complaint(f"Unexpected value(s) `{name}` for the `anthropic-beta` header")


def beta_pairs(ask: Ask) -> Iterator[Complaint]:
    for path, prefixes in BETA_FIELDS.items():
        value: Any = ask.body
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if value is not None and not any(name.startswith(prefixes) for name in betas(ask)):
            yield Complaint(f"{dotted(path)}: Extra inputs are not permitted")


def sampling(ask: Ask) -> Iterator[Complaint]:
    given = [name for name in SAMPLING if name in ask.body]
    for name in given:
        if ask.headers.get("anthropic-version") == CURRENT_VERSION:
            yield Complaint(f"{name}: Extra inputs are not permitted")
        if NEW_MODEL.match(ask.model):
            yield Complaint(f"`{name}` is deprecated for this model.")
    temperature, top_p = ask.body.get("temperature"), ask.body.get("top_p")
    for name, value in (("temperature", temperature), ("top_p", top_p)):
        if isinstance(value, int | float) and not 0 <= value <= 1:
            yield Complaint(f"{name}: range: 0..1")
    if temperature is not None and top_p is not None and BOTH_SAMPLERS_REFUSED.match(ask.model):
        yield Complaint("`temperature` and `top_p` cannot both be specified for this model.")
    thinking = ask.body.get("thinking")
    if isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive") and temperature not in (None, 1):
        yield Complaint("`temperature` may only be set to 1 when thinking is enabled.")


def fields(ask: Ask) -> Iterator[Complaint]:
    """The closed field lists of the SDK, at every depth."""
    which = (ask.endpoint, bool(betas(ask)))
    known = fields_of(BODIES[which])
    extra = MORE_FIELDS[which]
    shape = Shape()
    for name, item in known.items():
        if item.required and name not in ask.body:
            yield worded(Problem("missing", (name,)))
    for name, value in ask.body.items():
        if name in extra:
            yield from map(worded, shape.problems(value, extra[name], (name,)))
        elif name in known and name not in NOT_IN_BODY:
            yield from map(worded, shape.problems(value, known[name].annotation, (name,)))
        else:
            yield worded(Problem("unknown", (name,)))


def worded(problem: Problem) -> Complaint:
    """A deviation in Anthropic's words."""
    where = dotted(problem.path)
    if problem.kind == "unknown":
        return Complaint(f"{where}: Extra inputs are not permitted")
    if problem.kind == "missing":
        return Complaint(f"{where}: Field required")
    if problem.kind == "type":
        return Complaint(f"{where}: Input should be a valid {' or '.join(problem.expected)}")
    if problem.path[-1] == "type":
        tags = ", ".join(f"'{tag}'" for tag in problem.expected)
        where = dotted(problem.path[:-1])
        found = f"Input tag '{problem.got}' found using 'type' does not match any of the expected tags"
        return Complaint(f"{where}: {found}: {tags}")
    return Complaint(f"{where}: Input should be " + " or ".join(f"'{value}'" for value in problem.expected))


def limits(ask: Ask) -> Iterator[Complaint]:
    if not ask.body["model"]:
        yield Complaint("model: String should have at least 1 character")
    if ask.body.get("max_tokens", 1) < 0:
        yield Complaint("max_tokens: Input should be greater than or equal to 0")
    for index, sequence in enumerate(ask.body.get("stop_sequences", [])):
        if not sequence.strip():
            yield Complaint(f"stop_sequences.{index}: each stop sequence must contain non-whitespace")


def thinking_budget(ask: Ask) -> Iterator[Complaint]:
    thinking = ask.body.get("thinking") or {}
    kind = thinking.get("type")
    if kind in ("enabled", "disabled") and NEW_MODEL.match(ask.model):
        advice = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        yield Complaint(f'"thinking.type.{kind}" is not supported for this model. {advice}')
    if kind != "enabled":
        return
    if thinking["budget_tokens"] < 1024:
        yield Complaint("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if thinking["budget_tokens"] >= ask.body.get("max_tokens", thinking["budget_tokens"] + 1):
        yield Complaint("`max_tokens` must be greater than `thinking.budget_tokens`.")


def forced_choice(ask: Ask) -> Iterator[Complaint]:
    choice = (ask.body.get("tool_choice") or {}).get("type")
    if choice not in ("any", "tool"):
        return
    if (ask.body.get("thinking") or {}).get("type") == "enabled":
        yield Complaint("Thinking may not be enabled when tool_choice forces tool use.")
    if FORCED_ALWAYS_REFUSED.match(ask.model):
        yield Complaint(f"tool_choice.type: '{choice}' is not supported for this model.")


def choice_exists(ask: Ask) -> Iterator[Complaint]:
    choice = ask.body.get("tool_choice")
    if not choice:
        return
    tools = ask.body.get("tools") or []
    if not tools:
        yield Complaint("tool_choice: may only be specified while providing tools")
    if choice["type"] == "tool" and choice["name"] not in [tool.get("name") for tool in tools]:
        yield Complaint(f"Tool '{choice['name']}' not found in provided tools")


def tools_valid(ask: Ask) -> Iterator[Complaint]:
    seen: set[str] = set()
    for index, tool in enumerate(ask.body.get("tools") or []):
        name = tool.get("name")
        if name in seen:
            yield Complaint("tools: Tool names must be unique.")
        if name is not None:
            seen.add(name)
        if tool.get("type", "custom") in ("custom", None):
            yield from client_tool(tool, f"tools.{index}.custom")


def client_tool(tool: Json, where: str) -> Iterator[Complaint]:
    if len(tool["name"]) > 128:
        yield Complaint(f"{where}.name: String should have at most 128 characters")
    if not TOOL_NAME.fullmatch(tool["name"]):
        yield Complaint(f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    schema = tool["input_schema"]
    if "type" not in schema:
        yield Complaint(f"{where}.input_schema.type: Field required")
    if schema["type"] != "object":
        yield Complaint(f"{where}.input_schema.type: Input should be 'object'")
    for path, why in faults(schema):
        text = "JSON schema is invalid. It must match JSON Schema draft 2020-12"
        yield Complaint(f"{where}.input_schema: {text} ({dotted(path)}: {why}).")
    if tool.get("strict"):
        for _, why in anthropic_strict_faults(schema):
            yield Complaint(f"{where}: {why}")


def output_schema(ask: Ask) -> Iterator[Complaint]:
    where = "output_config.format"
    chosen = (ask.body.get("output_config") or {}).get("format") or ask.body.get("output_format")
    if not chosen:
        return
    schema = chosen.get("schema")
    if not isinstance(schema, dict):
        yield Complaint(f"{where}.schema: Field required")
    for path, why in faults(schema):
        yield Complaint(f"{where}.schema: JSON schema is invalid ({dotted(path)}: {why}).")
    for _, why in anthropic_strict_faults(schema):
        yield Complaint(f"{where}.schema: {why}")


RULES: tuple[Rule, ...] = (
    credential,
    version,
    beta_names,
    beta_pairs,
    sampling,
    fields,
    limits,
    thinking_budget,
    forced_choice,
    choice_exists,
    tools_valid,
    output_schema,
    *MESSAGE_RULES,
)


def check(
    body: Json,
    headers: Mapping[str, str],
    *,
    query: Mapping[str, str] | None = None,
    endpoint: str = "generate",
    policy: Policy | None = None,
) -> Refusal | None:
    """What the Messages API (``endpoint="generate"``) or its token count ("count") would refuse, None if nothing."""
    model = body.get("model")
    ask = Ask(body, headers, query or {}, endpoint, model if isinstance(model, str) else "", policy or Policy())
    found = first_complaint(RULES, ask)
    return refusal("anthropic", *found) if found else None
