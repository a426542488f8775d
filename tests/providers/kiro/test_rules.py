"""The stand-in is as strict as the sheet: each rule of kiro.md §6 refuses what breaks it, and takes what does not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.standin.kiro import ARN
from tests.standin.kiro_headers import CURRENT, LEGACY
from tests.standin.kiro_rules import ACCOUNT, body_faults
from tests.standin.seal import digest, seal

Json = dict[str, Any]
Change = Callable[[Json], Any]
SPEC = {"name": "run", "description": "Runs.", "inputSchema": {"json": {"type": "object", "properties": {}}}}
SAID = {"modelId": "claude-sonnet-5", "origin": "AI_EDITOR"}
SIGNED = {"text": "hm", "signature": seal(ACCOUNT, "kiro.reasoning", text=digest("hm"))}


def body(generation: str = CURRENT) -> Json:
    """A conversation with all that may be in one."""
    image = {"format": "png", "source": {"bytes": "aW1hZ2U="}}
    use = {"toolUseId": "a", "name": "run", "input": {"x": None}}
    result = {"toolUseId": "a", "status": "success", "content": [{"text": "done"}]}
    whole: Json = {
        "profileArn": ARN,
        "additionalModelRequestFields": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        "inferenceConfig": {"temperature": 0.5},
        "conversationState": {
            "conversationId": "6f1c2a52-3c55-5f0e-9d0e-2f3b6a3f9c11",
            "agentContinuationId": "6f1c2a52-3c55-5f0e-9d0e-2f3b6a3f9c12",
            "agentTaskType": "vibe",
            "chatTriggerType": "MANUAL",
            "history": [
                {"userInputMessage": {"content": "Hi", "images": [image], **SAID}},
                {
                    "assistantResponseMessage": {
                        "content": "I run it.",
                        "toolUses": [use],
                        "reasoningContent": {"reasoningText": dict(SIGNED)},
                    }
                },
            ],
            "currentMessage": {
                "userInputMessage": {
                    "content": "So?",
                    "userInputMessageContext": {"tools": [{"toolSpecification": SPEC}], "toolResults": [result]},
                    **SAID,
                }
            },
        },
    }
    if generation == CURRENT:
        whole["agentMode"] = "vibe"
    return copy.deepcopy(whole)


def state(found: Json) -> Any:
    return found["conversationState"]


def first(found: Json) -> Any:
    return state(found)["history"][0]["userInputMessage"]


def reply(found: Json) -> Any:
    return state(found)["history"][1]["assistantResponseMessage"]


def current(found: Json) -> Any:
    return state(found)["currentMessage"]["userInputMessage"]


def context(found: Json) -> Any:
    return current(found)["userInputMessageContext"]


def spec(found: Json) -> Any:
    return context(found)["tools"][0]["toolSpecification"]


@pytest.mark.parametrize("generation", [CURRENT, LEGACY])
def test_what_is_right_is_taken(generation: str) -> None:
    assert list(body_faults(body(generation), generation)) == []


BREAKS: dict[str, tuple[Change, str]] = {
    "an unknown member": (lambda b: b.update(systemPrompt="x"), "REQUEST_BODY_INVALID"),
    "no mode": (lambda b: b.pop("agentMode"), "REQUEST_BODY_INVALID"),
    "a conversation without a UUID": (lambda b: state(b).update(conversationId="c"), "INVALID_CONVERSATION_ID"),
    "a root without a session": (lambda b: state(b).update(rootConversationId="x"), "INVALID_CONVERSATION_ID"),
    "a session without a root": (
        lambda b: state(b).update(conversationId="sess_" + state(b)["conversationId"]),
        "INVALID_CONVERSATION_ID",
    ),
    "an automatic trigger": (lambda b: state(b).update(chatTriggerType="AUTO"), "REQUEST_BODY_INVALID"),
    "an empty history": (lambda b: state(b).update(history=[]), "REQUEST_BODY_INVALID"),
    "a null": (lambda b: current(b).update(images=None), "REQUEST_BODY_INVALID"),
    "the assistant first": (lambda b: state(b)["history"].pop(0), "REQUEST_BODY_INVALID"),
    "two users in turn": (lambda b: state(b)["history"].pop(1), "REQUEST_BODY_INVALID"),
    "an unknown model": (lambda b: current(b).update(modelId="claude-sonnet-4-5"), "INVALID_MODEL_ID"),
    "another origin": (lambda b: current(b).update(origin="CLI"), "REQUEST_BODY_INVALID"),
    "tools in the history": (
        lambda b: first(b).update(userInputMessageContext={"tools": context(b)["tools"]}),
        "REQUEST_BODY_INVALID",
    ),
    "a turn without content": (lambda b: first(b).update(content=""), "REQUEST_BODY_INVALID"),
    "an empty context": (lambda b: first(b).update(userInputMessageContext={}), "REQUEST_BODY_INVALID"),
    "too many images": (lambda b: first(b).update(images=first(b)["images"] * 11), "IMAGE_COUNT_EXCEEDED"),
    "an image of another type": (lambda b: first(b)["images"][0].update(format="tiff"), "IMAGE_FORMAT_UNSUPPORTED"),
    "an image that is no base64": (lambda b: first(b)["images"][0]["source"].update(bytes="%"), "REQUEST_BODY_INVALID"),
    "an image in a result": (
        lambda b: context(b)["toolResults"][0]["content"].append({"image": {}}),
        "REQUEST_BODY_INVALID",
    ),
    "a document with a strange name": (
        lambda b: first(b).update(documents=[{"name": "ü_1", "format": "pdf", "source": {"bytes": "aW1hZ2U="}}]),
        "INVALID_DOCUMENT_NAME",
    ),
    "a name of 65 letters": (lambda b: spec(b).update(name="x" * 65), "REQUEST_BODY_INVALID"),
    "no description": (lambda b: spec(b).update(description=""), "REQUEST_BODY_INVALID"),
    "required: null": (lambda b: spec(b)["inputSchema"]["json"].update(required=None), "TOOL_SCHEMA_INVALID"),
    "two tools of a name": (
        lambda b: context(b)["tools"].append({"toolSpecification": {**SPEC, "name": "RUN"}}),
        "TOOL_DUPLICATE",
    ),
    "a tool of the history that is not there": (lambda b: spec(b).update(name="walk"), "TOOL_CONFIG_MISSING"),
    "results without tools": (lambda b: context(b).pop("tools"), "TOOL_CONFIG_MISSING"),
    "a result of no call": (
        lambda b: context(b)["toolResults"][0].update(toolUseId="b"),
        "TOOL_USE_RESULT_MISMATCH",
    ),
    "a call without a result": (lambda b: context(b).pop("toolResults"), "TOOL_USE_RESULT_MISMATCH"),
    "an id twice": (
        lambda b: (
            reply(b)["toolUses"].extend(reply(b)["toolUses"]),
            context(b)["toolResults"].extend(context(b)["toolResults"]),
        ),
        "TOOL_DUPLICATE",
    ),
    "input that is no object": (lambda b: reply(b)["toolUses"][0].update(input="{}"), "REQUEST_BODY_INVALID"),
    "a signature of nobody's": (
        lambda b: reply(b)["reasoningContent"]["reasoningText"].update(signature="x"),
        "THINKING_SIGNATURE_INVALID",
    ),
    "signed text that was changed": (
        lambda b: reply(b)["reasoningContent"]["reasoningText"].update(text="ha"),
        "THINKING_SIGNATURE_INVALID",
    ),
    "an unknown field of the model's": (
        lambda b: b["additionalModelRequestFields"].update(top_k=1),
        "REQUEST_BODY_INVALID",
    ),
    "a budget": (
        lambda b: b["additionalModelRequestFields"].update(thinking={"type": "enabled", "budget_tokens": 1}),
        "REQUEST_BODY_INVALID",
    ),
    "an unknown effort": (
        lambda b: b["additionalModelRequestFields"].update(output_config={"effort": "huge"}),
        "REQUEST_BODY_INVALID",
    ),
}


@pytest.mark.parametrize("rule", BREAKS)
def test_what_breaks_a_rule_is_refused(rule: str) -> None:
    change, reason = BREAKS[rule]
    broken = body()
    change(broken)
    assert reason in {found for found, _ in body_faults(broken, CURRENT)}


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.update(agentMode="vibe"),
        lambda b: spec(b)["inputSchema"]["json"].update(additionalProperties=False),
        lambda b: spec(b)["inputSchema"]["json"].update(required=[]),
        lambda b: spec(b).update(description="x" * 10_001),
        lambda b: current(b).update(content=""),
        lambda b: reply(b).update(content=""),
    ],
)
def test_older_servers_refuse_more(change: Change) -> None:
    broken, taken = body(LEGACY), body(CURRENT)
    change(broken)
    change(taken)
    assert list(body_faults(broken, LEGACY)) and not list(body_faults(taken, CURRENT))
