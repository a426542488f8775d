"""What the Responses API refuses in its input items (openai_responses.md section 3)."""

from __future__ import annotations

import functools
import operator
import re
import typing
from collections.abc import Iterator
from typing import Any, Literal, NotRequired, TypedDict

from openai.types.responses.response_input_item_param import ResponseInputItemParam
from openai.types.responses.response_input_message_content_list_param import ResponseInputMessageContentListParam
from openai.types.responses.response_output_refusal_param import ResponseOutputRefusalParam
from openai.types.responses.response_output_text_param import ResponseOutputTextParam

from . import openai_common as common
from .ask import Ask, Complaint, Json, Rule, bracketed
from .seal import unseal
from .typed import Problem, Shape

# The SDK's types describe what the service returns; on the way in it does without these.
LENIENT = frozenset({"id", "status", "annotations", "logprobs", "strict", "parameters"})
# Part of some output items, and accepted when the item is sent back as it came.
REPLAYED = (("status",),)
# Codex sends an optional field as null: "content": null on its reasoning items.
SHAPE = Shape(LENIENT, nulls=True)
ID_PREFIX = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fc",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctc",
    "web_search_call": "ws",
    "reasoning": "rs",
}
OUTPUT_OF = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    "shell_call": "shell_call_output",
    "apply_patch_call": "apply_patch_call_output",
    "computer_call": "computer_call_output",
}
MAX_ID = 64
# Ids that this stand-in makes: the token of the answer, and r if the item directly followed its reasoning.
OUR_ID = re.compile(r"(rs|msg|fc|ctc)_([0-9a-f]{32})(?:([rn])\d\d)?")


class InputMessage(TypedDict):
    type: NotRequired[Literal["message"]]
    role: Literal["user", "system", "developer"]
    content: str | ResponseInputMessageContentListParam
    id: NotRequired[str]
    status: NotRequired[Literal["in_progress", "completed", "incomplete"]]


class OutputMessage(TypedDict):
    type: NotRequired[Literal["message"]]
    role: Literal["assistant"]
    content: str | list[ResponseOutputTextParam | ResponseOutputRefusalParam]
    id: NotRequired[str]
    status: NotRequired[Literal["in_progress", "completed", "incomplete"]]
    phase: NotRequired[Literal["commentary", "final_answer"] | None]


MESSAGE = InputMessage | OutputMessage
SDK_MESSAGES = ("EasyInputMessageParam", "Message", "ResponseOutputMessageParam")
OTHER_ITEMS = [item for item in typing.get_args(ResponseInputItemParam) if item.__name__ not in SDK_MESSAGES]
OTHER_ITEM: Any = functools.reduce(operator.or_, OTHER_ITEMS)


def kind(item: Json) -> str:
    """The type of an item; messages may leave it out."""
    return item.get("type") or "message"


def items(ask: Ask) -> list[Json]:
    return ask.body["input"] if isinstance(ask.body.get("input"), list) else []


def shapes(ask: Ask) -> Iterator[Complaint]:
    for index, item in enumerate(items(ask)):
        if not isinstance(item, dict):
            yield common.worded(Problem("type", ("input", index), ("object",), item))
            return
        hint = MESSAGE if kind(item) == "message" else OTHER_ITEM
        for problem in SHAPE.problems(item, hint, ("input", index)):
            if not (problem.kind == "unknown" and problem.path[2:] in REPLAYED):
                yield common.worded(problem)


def ids(ask: Ask) -> Iterator[Complaint]:
    for index, item in enumerate(items(ask)):
        identity = item.get("id")
        if isinstance(identity, str):
            wanted = ID_PREFIX.get(kind(item))
            if wanted and not identity.startswith(wanted):
                why = f"'{identity}'. Expected an ID that begins with '{wanted}'."
                yield common.invalid(("input", index, "id"), why)
            yield from common.too_long(("input", index, "id"), identity, MAX_ID)
        call_id = item.get("call_id")
        if isinstance(call_id, str):
            if not call_id:
                found = "Expected a string with minimum length 1, but got an empty string instead."
                yield common.invalid(("input", index, "call_id"), f"empty string. {found}", "empty_string")
            yield from common.too_long(("input", index, "call_id"), call_id, MAX_ID)
        if kind(item) in ("function_call", "custom_tool_call"):
            yield from common.name_valid(("input", index, "name"), item["name"])


def pairing(ask: Ask) -> Iterator[Complaint]:
    """Every output follows its call, every call has its output."""
    calls: dict[tuple[str, str], str] = {}
    answered: set[tuple[str, str]] = set()
    for item in items(ask):
        call_id = str(item.get("call_id"))
        output = OUTPUT_OF.get(kind(item))
        if output:
            calls[output, call_id] = kind(item)
        elif kind(item) in OUTPUT_OF.values():
            if (kind(item), call_id) not in calls:
                told = f"No tool call found for {words(kind(item))} with call_id {call_id}."
                yield Complaint(told, param="input")
            answered.add((kind(item), call_id))
    for (output, call_id), call in calls.items():
        if (output, call_id) not in answered:
            yield Complaint(f"No tool output found for {words(call)} {call_id}.", param="input")


def words(name: str) -> str:
    return name.replace("_", " ")


def stored(ask: Ask) -> Iterator[Complaint]:
    """Items that only the server's memory could complete."""
    for item in items(ask):
        bare = kind(item) == "reasoning" and not item.get("encrypted_content")
        if not bare and kind(item) != "item_reference":
            continue
        identity = item.get("id")
        if ask.body.get("store") is False:
            told = f"Item with id '{identity}' not found. Items are not persisted when `store` is set to false."
            text = f"{told} Try again with `store` set to true, or remove this item from your input."
            yield Complaint(text, status=404, param="input", code="item_not_found")
        elif not (isinstance(identity, str) and OUR_ID.fullmatch(identity)):
            yield Complaint(f"Item with id '{identity}' not found.", status=404, param="input", code="item_not_found")


def encrypted(ask: Ask) -> Iterator[Complaint]:
    for item in items(ask):
        content = item.get("encrypted_content")
        if kind(item) != "reasoning" or not content:
            continue
        claims = unseal(ask.policy.account, "openai_responses.reasoning", content)
        ours = OUR_ID.fullmatch(item.get("id") or "")
        if claims is None or (ours and ours.group(2) != claims["token"]):
            told = f"The encrypted content {content[:4]}...{content[-4:]} could not be verified."
            text = f"{told} Reason: Encrypted content could not be decrypted or parsed."
            yield Complaint(text, code="invalid_encrypted_content")


def token_of(item: Json, account: str) -> str | None:
    """Which answer a reasoning item belongs to, by its content or its id."""
    claims = unseal(account, "openai_responses.reasoning", item.get("encrypted_content") or "")
    ours = OUR_ID.fullmatch(item.get("id") or "")
    return claims["token"] if claims else ours.group(2) if ours else None


def is_output(item: Json) -> bool:
    """Whether the model wrote this item, so that reasoning can have led to it."""
    if kind(item) == "message":
        return bool(item["role"] == "assistant")
    return kind(item).endswith("_call") or kind(item) in ("reasoning", "compaction")


def neighbours(ask: Ask) -> Iterator[Complaint]:
    """A reasoning item stands directly before the item that it led to, and that item behind it."""
    listed = items(ask)
    for index, item in enumerate(listed):
        following = listed[index + 1] if index + 1 < len(listed) else None
        if kind(item) == "reasoning":
            after = OUR_ID.fullmatch((following or {}).get("id") or "")
            token = token_of(item, ask.policy.account)
            stranger = after is not None and kind(following or {}) != "reasoning" and after.group(2) != token
            if following is None or not is_output(following) or stranger:
                name = item.get("id") or bracketed(("input", index))
                told = f"Item '{name}' of type 'reasoning' was provided without its required following item."
                yield Complaint(told, param="input")
        ours = OUR_ID.fullmatch(item.get("id") or "")
        if ours and ours.group(3) == "r":
            before = listed[index - 1] if index else {}
            if kind(before) != "reasoning" or token_of(before, ask.policy.account) != ours.group(2):
                told = f"Item '{item['id']}' of type '{kind(item)}' was provided without its required 'reasoning' item"
                yield Complaint(f"{told}: 'rs_{ours.group(2)}'.", param="input")


ITEM_RULES: tuple[Rule, ...] = (shapes, ids, pairing, stored, encrypted, neighbours)
