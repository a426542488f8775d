"""What generateContent refuses in parameters, tools and schemas (gemini.md sections 1 and 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from . import proto
from .ask import Ask, Complaint, Json, Policy, Refusal, Rule, bearer, dotted, first_complaint
from .errors import refusal
from .rules_gemini_turns import TURN_RULES
from .schemas import faults, is_circular, walk

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
NAME_RULE = (
    "Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), "
    "underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128."
)
STRING_FORMATS = ("enum", "date-time")
RANGES = {
    "temperature": (0, 2),
    "topP": (0, 1),
    "topK": (1, 1000),
    "maxOutputTokens": (1, 2**31),
    "candidateCount": (1, 8),
    "thinkingConfig.thinkingBudget": (-1, 2**31),
}
MAX_STOPS = 5


def credential(ask: Ask) -> Iterator[Complaint]:
    candidates = (ask.headers.get("x-goog-api-key"), ask.query.get("key"), bearer(ask.headers))
    offered = [token for token in candidates if token]
    if not offered:
        told = "Method doesn't allow unregistered callers (callers without established identity)."
        text = f"{told} Please use API Key or other form of API consumer identity to call this API."
        yield Complaint(text, status=403)
    elif ask.policy.key is not None and any(token != ask.policy.key for token in offered):
        told = "API key not valid. Please pass a valid API key."
        yield Complaint(told, reason="API_KEY_INVALID")


def fields(ask: Ask) -> Iterator[Complaint]:
    """All unknown names and wrong types at once, as the service reports them."""
    found = list(proto.violations(ask.body, proto.kind_of(ask.endpoint)))
    if found:
        text = "\n".join(violation.text for violation in found)
        yield Complaint(text, fields=tuple((violation.where, violation.text) for violation in found))


def count_source(ask: Ask) -> Iterator[Complaint]:
    if ask.endpoint == "count" and ("contents" in ask.body) == ("generateContentRequest" in ask.body):
        yield Complaint("Exactly one of contents and generate_content_request must be set.")


def declarations(ask: Ask) -> Iterator[tuple[str, Json]]:
    for number, tool in enumerate(ask.body.get("tools", [])):
        for index, item in enumerate(tool.get("functionDeclarations", [])):
            yield f"tools[{number}].function_declarations[{index}]", item


def functions(ask: Ask) -> Iterator[Complaint]:
    seen: set[str] = set()
    for where, item in declarations(ask):
        where = f"GenerateContentRequest.{where}"
        name = item.get("name", "")
        if not NAME.fullmatch(name):
            yield Complaint(f"* {where}.name: {NAME_RULE}")
        if name in seen:
            yield Complaint(f"Duplicate function declaration found: {name}")
        seen.add(name)
        if "parameters" in item and "parametersJsonSchema" in item:
            yield Complaint(f"* {where}: parameters and parameters_json_schema are mutually exclusive.")
        if "parameters" in item:
            if item["parameters"].get("type") != "OBJECT":
                yield Complaint(f"* {where}.parameters.type: parameters schema should be of type OBJECT")
            yield from schema(item["parameters"], f"{where}.parameters")
            if not item["parameters"].get("properties"):
                yield Complaint(f"* {where}.parameters.properties: should be non-empty for OBJECT type")
        if "parametersJsonSchema" in item:
            yield from json_schema(item["parametersJsonSchema"], f"{where}.parameters_json_schema")


def schema(part: Json, where: str) -> Iterator[Complaint]:
    """Google's own Schema dialect; its unknown names have been refused before."""
    kind = part.get("type")
    if kind is None and "anyOf" not in part:
        yield Complaint(f"* {where}.type: must be specified")
    if kind == "ARRAY" and "items" not in part:
        yield Complaint(f"* {where}.items: missing field.")
    if kind != "ARRAY" and "items" in part:
        yield Complaint(f"* {where}.items: field predicate failed: $type == Type.ARRAY")
    if "enum" in part and kind != "STRING":
        yield Complaint(f"* {where}.enum: only allowed for STRING type")
    for index, value in enumerate(part.get("enum", [])):
        if not value:
            yield Complaint(f"* {where}.enum[{index}]: cannot be empty")
    if kind == "STRING" and part.get("format", "enum") not in STRING_FORMATS:
        yield Complaint(f"* {where}.format: only 'enum' and 'date-time' are supported for STRING type")
    properties = part.get("properties", {})
    if properties and kind != "OBJECT":
        yield Complaint(f"* {where}.properties: only allowed for OBJECT type")
    for index, name in enumerate(part.get("required", [])):
        if name not in properties:
            yield Complaint(f"* {where}.required[{index}]: property is not defined")
    for name, child in properties.items():
        yield from schema(child, f"{where}.properties[{name}]")
    if "items" in part:
        yield from schema(part["items"], f"{where}.items")
    for index, child in enumerate(part.get("anyOf", [])):
        yield from schema(child, f"{where}.any_of[{index}]")


def json_schema(value: Any, where: str) -> Iterator[Complaint]:
    """Plain JSON Schema; type names may be upper case (Gemini CLI sends them so)."""
    for path, why in faults(value, any_case=True):
        yield Complaint(f"* {where}: invalid JSON Schema at '{dotted(path)}': {why}")
    for path, part in walk(value):
        if isinstance(part, dict) and "$ref" in part and any(not name.startswith("$") for name in part):
            yield Complaint(f"* {where}: '{dotted(path)}': $ref cannot stand beside other keywords")
    if is_circular(value) and circular_required(value):
        yield Complaint(f"* {where}: cyclic references are allowed in non-required properties only")


def circular_required(value: Json) -> bool:
    """Whether a cycle remains when properties that need not be there are left out."""

    def needed(part: Any) -> Any:
        if isinstance(part, list):
            return [needed(item) for item in part]
        if not isinstance(part, dict):
            return part
        kept = {name: needed(item) for name, item in part.items()}
        if isinstance(part.get("properties"), dict):
            required = part.get("required", [])
            kept["properties"] = {name: needed(item) for name, item in part["properties"].items() if name in required}
        return kept

    return is_circular(needed(value))


def calling_config(ask: Ask) -> Iterator[Complaint]:
    config = ask.body.get("toolConfig", {}).get("functionCallingConfig", {})
    allowed = config.get("allowedFunctionNames", [])
    names = [item.get("name") for _, item in declarations(ask)]
    mode = config.get("mode", "AUTO")
    if allowed and mode not in ("ANY", "VALIDATED"):
        yield Complaint("Allowed function names should be set only when function calling mode is ANY or VALIDATED.")
    if mode in ("ANY", "VALIDATED") and not names:
        yield Complaint("Function calling config is set without function_declarations.")
    for name in allowed:
        if name not in names:
            yield Complaint(f"Allowed function name '{name}' is not among the function declarations.")


def generation(ask: Ask) -> Iterator[Complaint]:
    config = ask.body.get("generationConfig", {})
    thinking = config.get("thinkingConfig", {})
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        yield Complaint("You can only set only one of thinking budget and thinking level.")
    if len(config.get("stopSequences", [])) > MAX_STOPS:
        yield Complaint(f"The number of stop sequences must be at most {MAX_STOPS}.")
    if "responseSchema" in config and "responseJsonSchema" in config:
        yield Complaint("response_schema and response_json_schema are mutually exclusive.")
    for name in ("responseSchema", "responseJsonSchema"):
        if name in config and config.get("responseMimeType") != "application/json":
            yield Complaint(f"* GenerateContentRequest.generation_config.{proto.snake(name)}: only allowed for JSON")
    if "responseSchema" in config:
        yield from schema(config["responseSchema"], "GenerateContentRequest.generation_config.response_schema")
    if "responseJsonSchema" in config:
        where = "GenerateContentRequest.generation_config.response_json_schema"
        yield from json_schema(config["responseJsonSchema"], where)
    for path, (low, high) in RANGES.items():
        value: Any = config
        for step in path.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if value is not None and not low <= float(value) <= high:
            where = f"GenerateContentRequest.generation_config.{proto.snake(path)}"
            yield Complaint(f"* {where}: {path} must be in the range [{low}, {high}].")


RULES: tuple[Rule, ...] = (
    credential,
    fields,
    count_source,
    *TURN_RULES,
    functions,
    calling_config,
    generation,
)


def check(
    body: Json,
    headers: Mapping[str, str],
    *,
    query: Mapping[str, str] | None = None,
    endpoint: str = "generate",
    model: str = "",
    policy: Policy | None = None,
) -> Refusal | None:
    """What generateContent (``endpoint="generate"``) or countTokens ("count") would refuse, None if nothing.

    ``model`` is the name from the path: it decides whether thought signatures are demanded (Gemini 3 and later).
    """
    ask = Ask(proto.request(body, endpoint), headers, query or {}, endpoint, model, policy or Policy())
    found = first_complaint(RULES, ask)
    return refusal("gemini", *found) if found else None
