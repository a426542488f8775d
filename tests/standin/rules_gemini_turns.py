"""What generateContent refuses in contents: parts, turns and thought signatures (gemini.md sections 2 and 3)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .ask import Ask, Complaint, Json, Rule
from .seal import digest, unseal

DATA = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
)
ROLES = ("user", "model", "function")
DUMMIES = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
# Before Gemini 3 signatures were optional.
UNSIGNED_MODEL = re.compile(r"(models/)?gemini-(1|2)\b")

CALL_TURN = (
    "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
)
COUNT = (
    "Please ensure that the number of function response parts is equal to the number of function call parts of the "
    "function call turn."
)
RESPONSE_TURN = "Please ensure that function response turn comes immediately after a function call turn."
LAST = "Please ensure that multiturn requests end with a user role or a function response."
ALTERNATE = "Please ensure that multiturn requests alternate between user and model."


def contents(ask: Ask) -> list[Json]:
    inner = ask.body.get("generateContentRequest", ask.body)
    listed: list[Json] = inner.get("contents", [])
    return listed


def role(content: Json) -> str:
    """The role of a content; the legacy role "function" is a user's."""
    return "model" if content.get("role") == "model" else "user"


def pick(content: Json, name: str) -> list[Json]:
    return [part[name] for part in content.get("parts", []) if name in part]


def present(ask: Ask) -> Iterator[Complaint]:
    if not contents(ask):
        yield Complaint("* GenerateContentRequest.contents: contents is not specified")


def parts(ask: Ask) -> Iterator[Complaint]:
    listed = [(f"GenerateContentRequest.contents[{index}]", content) for index, content in enumerate(contents(ask))]
    system = ask.body.get("systemInstruction")
    if system is not None:
        listed.append(("GenerateContentRequest.system_instruction", system))
    for where, content in listed:
        if "system" not in where and content.get("role", "user") not in ROLES:
            yield Complaint("Please use a valid role: user, model.")
        if not content.get("parts"):
            yield Complaint(f"* {where}.parts: contents.parts must not be empty.")
        for number, part in enumerate(content["parts"]):
            yield from one_part(part, f"{where}.parts[{number}]")


def one_part(part: Json, where: str) -> Iterator[Complaint]:
    data = [name for name in part if name in DATA]
    if len(data) > 1:
        yield Complaint(
            f"Invalid value at '{where}' (oneof), oneof field 'data' is already set. Cannot set '{data[1]}'"
        )
    signed = "thoughtSignature" in part
    if (not data and not signed) or (part.get("text") == "" and not signed):
        yield Complaint(f"* {where}.data: required oneof field 'data' must have one initialized field")
    for name, field in (("functionCall", "function_call"), ("functionResponse", "function_response")):
        if name in part and not part[name].get("name"):
            yield Complaint(f"* {where}.{field}.name: Name cannot be empty.")
    if "functionResponse" in part and "response" not in part["functionResponse"]:
        yield Complaint(f"* {where}.function_response.response: required field is missing.")
    if "inlineData" in part and not (part["inlineData"].get("mimeType") and part["inlineData"].get("data")):
        yield Complaint(f"* {where}.inline_data: mime_type and data must be set.")


def places(ask: Ask) -> Iterator[Complaint]:
    """Calls are the model's, results and media the user's."""
    for index, content in enumerate(contents(ask)):
        if role(content) == "user" and pick(content, "functionCall"):
            yield Complaint(f"* GenerateContentRequest.contents[{index}]: function_call parts need the role model.")
        if role(content) == "model" and pick(content, "functionResponse"):
            yield Complaint(f"* GenerateContentRequest.contents[{index}]: function_response parts need the role user.")


def order(ask: Ask) -> Iterator[Complaint]:
    """Who may follow whom, and that every call turn is answered in one content: as many results, in that order."""
    before: Json | None = None
    for content in contents(ask):
        calls = pick(before, "functionCall") if before else []
        results = pick(content, "functionResponse")
        if role(content) == "model" and (before is None or role(before) == "model"):
            yield Complaint(CALL_TURN if pick(content, "functionCall") else ALTERNATE)
        if results and not calls:
            yield Complaint(RESPONSE_TURN)
        if calls and len(results) != len(calls):
            yield Complaint(COUNT)
        for call, result in zip(calls, results, strict=False):
            other = "id" in call and "id" in result and call["id"] != result["id"]
            if call["name"] != result["name"] or other:
                told = "Please ensure that function response parts come in the order of the function call parts"
                yield Complaint(f"{told}: '{result['name']}' answers '{call['name']}'.")
        before = content
    if before is not None and role(before) == "model":
        yield Complaint(RESPONSE_TURN if pick(before, "functionCall") else LAST)


def signature_origin(ask: Ask) -> Iterator[Complaint]:
    """Every signature is ours and sits on the part that it was issued with."""
    for index, content in enumerate(contents(ask)):
        for number, part in enumerate(content["parts"]):
            token = part.get("thoughtSignature")
            if token is None or ("functionCall" in part and token in DUMMIES):
                continue
            if not belongs(token, part, ask.policy.account):
                where = f"contents[{index}].parts[{number}]"
                yield Complaint(f"Invalid/Corrupted thought signature. ({where})")


def belongs(token: str, part: Json, account: str) -> bool:
    if "functionCall" in part:
        claims = unseal(account, "gemini.call", token)
        return claims is not None and claims["call"] == call_digest(part["functionCall"])
    return unseal(account, "gemini.text", token) is not None


def call_digest(call: Json) -> str:
    """What a call's signature covers: name and arguments, not the id, which clients rewrite."""
    return digest([call["name"], call.get("args") or {}])


def signature_present(ask: Ask) -> Iterator[Complaint]:
    """In the running turn the first call of each step carries a signature; earlier turns are not checked."""
    if UNSIGNED_MODEL.match(ask.model) or ask.endpoint == "count":
        return
    listed = contents(ask)
    starts = [i for i, item in enumerate(listed) if role(item) == "user" and not pick(item, "functionResponse")]
    for index in range(starts[-1] + 1 if starts else 0, len(listed)):
        signed = [part for part in listed[index]["parts"] if "functionCall" in part]
        if signed and "thoughtSignature" not in signed[0]:
            name = signed[0]["functionCall"]["name"]
            told = "Function call is missing a thought_signature in functionCall parts."
            why = "This is required for tools to work correctly."
            yield Complaint(f"{told} {why} Additional data, function call `{name}`, position {index + 1}.")


TURN_RULES: tuple[Rule, ...] = (present, parts, places, order, signature_origin, signature_present)
