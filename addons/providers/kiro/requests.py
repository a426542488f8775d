"""The canonical request as the body of GenerateAssistantResponse (kiro.md §6). Pure.

What belongs to the account or the conversation (profile, ids) is put in by the provider, not here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from addons.providers.kiro import thinking, tools
from addons.providers.kiro.answer_names import AnswerNames
from addons.providers.kiro.dialect import ORIGIN, Dialect
from addons.providers.kiro.messages import MessageEncoder
from addons.providers.kiro.models import kiro_id, window
from translators.canonical.blocks import Text, ToolCall, ToolResult
from translators.canonical.errors import TranslationError
from translators.canonical.prepare import prepare
from translators.canonical.repair.results import INTERRUPTED
from translators.canonical.request import Request, Role, Turn
from translators.canonical.target import Target
from translators.protocol import Encoded

Json = dict[str, Any]

#: What the service has no word for.
_NEVER_SAMPLED = (
    "top_k",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "logit_bias",
    "logprobs",
    "top_logprobs",
)


def encode_request(request: Request, target: Target, dialect: Dialect) -> Encoded:
    """→ body, names (an `AnswerNames`) and notes. It asks for a stream whatever the client wants: there is no other
    answer. Raises TranslationError."""
    if (request.sampling.n or 1) > 1:
        raise TranslationError("n > 1 is not possible with Kiro", param="n")
    # Reasoning is at home in both generations.
    prepared, names, found = prepare(request, replace(target, protocol=ORIGIN))
    notes = list(found)
    model = kiro_id(target.model)
    asked = thinking.encode(prepared, target, model, notes)
    encoder = MessageEncoder(model, dialect, notes)
    offered, described = tools.encode(prepared, dialect, notes)
    head = asked.tags + "\n\n".join([*(text.text for text in prepared.system), *described])
    *history, current = _messages(prepared, encoder, head, tools.in_words(prepared, notes))
    if offered:
        current["userInputMessage"].setdefault("userInputMessageContext", {})["tools"] = offered
    state: Json = {"agentTaskType": "vibe", "chatTriggerType": "MANUAL", "currentMessage": current}
    if history:
        state["history"] = history
    body: Json = {"conversationState": state}
    if dialect.agent_mode:
        body["agentMode"] = "vibe"
    if asked.fields:
        body["additionalModelRequestFields"] = asked.fields
    if inference := _inference(prepared, target, asked, notes):
        body["inferenceConfig"] = inference
    if prepared.verbosity is not None:
        notes.append("The verbosity was dropped.")
    about = AnswerNames.of(names, tags=bool(asked.tags), window=window(model))
    return Encoded(body, about, {}, list(dict.fromkeys(notes)))


def _messages(request: Request, encoder: MessageEncoder, head: str, words: list[str]) -> list[Json]:
    """User and assistant in turn, a user's first and last. The system text has no place of its own: it is the `head` of
    the first message, where it stays on every later turn (§6)."""
    turns = list(request.turns)
    if turns[0].role is Role.ASSISTANT:
        turns.insert(0, Turn(Role.USER, []))
    if turns[-1].role is Role.ASSISTANT:
        calls = [block for block in turns[-1].blocks if isinstance(block, ToolCall)]
        results = [ToolResult(call.id, [Text(INTERRUPTED)], is_error=True) for call in calls]
        turns.append(Turn(Role.USER, list(results)))
    system = [head] if head.strip() else []
    messages = []
    for index, turn in enumerate(turns):
        if turn.role is Role.ASSISTANT:
            messages.append(encoder.assistant(turn.blocks))
        else:
            last = index == len(turns) - 1
            messages.append(encoder.user(turn.blocks, system if index == 0 else (), words if last else ()))
    return messages


def _inference(request: Request, target: Target, asked: thinking.Asked, notes: list[str]) -> Json:
    """`inferenceConfig`, of what only it can say; whether the service heeds it is not known (§6)."""
    sampling = request.sampling
    wanted: Json = {"temperature": sampling.temperature, "topP": sampling.top_p}
    found: Json = {}
    if "max_tokens" not in asked.fields and request.max_tokens is not None:
        found["maxTokens"] = request.max_tokens
    for name, value in wanted.items():
        if value is None:
            continue
        if target.sampling and not asked.on:
            found[name] = min(max(value, 0), 1)
        else:
            notes.append(f"The sampling parameter {name} was dropped.")
    notes.extend(
        f"The sampling parameter {name} was dropped."
        for name in _NEVER_SAMPLED
        if getattr(sampling, name) not in (None, False, {})
    )
    return found
