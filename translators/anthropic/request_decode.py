"""A Messages request body to the canonical request (anthropic.md §2, §3)."""

from __future__ import annotations

import re
from typing import Any

from translators import jsonio
from translators.anthropic import blocks_decode, thinking, tools, wire
from translators.anthropic.blocks_decode import ID
from translators.anthropic.wire import Json
from translators.canonical.blocks import Text
from translators.canonical.request import Output, Request, Role, Sampling, Turn

_ROLES: dict[str, Role] = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}

#: service_tier ↔ the word the other protocols use for it.
TIERS = {"auto": "auto", "standard_only": "default"}

#: Fields that have a place in the canonical request; all others travel in `extra`.
_HELD = frozenset(
    {
        "model",
        "max_tokens",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "stream",
        "stop_sequences",
        "thinking",
        "output_config",
        "output_format",
        "metadata",
        "service_tier",
        "temperature",
        "top_p",
        "top_k",
    }
)

_LEGACY_USER_ID = re.compile(r"user_[0-9a-f]{64}_account_[0-9a-f-]*_session_([0-9a-f-]{36})")


def decode_request(body: Json, *, model: str | None = None, stream: bool | None = None) -> Request:
    """→ the canonical request. `model` and `stream` win over the body (Vertex keeps them in the URL).

    `max_tokens` may be absent: the same body goes to count_tokens. Raises TranslationError.
    """
    request = Request(ID, model if model is not None else wire.text(body.get("model"), "model"))
    request.system = _system(body.get("system"))
    _messages(request, wire.items(body.get("messages"), "messages"))
    for index, raw in enumerate(wire.items(body.get("tools") or [], "tools")):
        request.tools.append(tools.decode_tool(wire.mapping(raw, f"tools.{index}"), f"tools.{index}"))
    request.tool_choice, request.parallel = tools.decode_choice(body.get("tool_choice"), "tool_choice")
    request.max_tokens = wire.optional_int(body.get("max_tokens"), "max_tokens")
    request.sampling = Sampling(
        temperature=wire.optional_number(body.get("temperature"), "temperature"),
        top_p=wire.optional_number(body.get("top_p"), "top_p"),
        top_k=wire.optional_int(body.get("top_k"), "top_k"),
    )
    request.stop = [
        wire.text(word, f"stop_sequences.{index}")
        for index, word in enumerate(wire.items(body.get("stop_sequences") or [], "stop_sequences"))
    ]
    request.stream = stream if stream is not None else wire.optional_bool(body.get("stream"), "stream") or False
    tier = wire.optional_text(body.get("service_tier"), "service_tier")
    request.service_tier = TIERS.get(tier, tier) if tier is not None else None
    request.extra = {key: value for key, value in body.items() if key not in _HELD}
    _output(request, body)
    _metadata(request, body.get("metadata"))
    return request


def _system(value: object) -> list[Text]:
    if value is None:
        return []
    blocks = []
    for index, block in enumerate(blocks_decode.decode_blocks(value, "system")):
        if not isinstance(block, Text):
            raise wire.refuse(f"system.{index}.type", "Input should be 'text'")
        blocks.append(block)
    return blocks


def _messages(request: Request, messages: list[Any]) -> None:
    last_user = max((i for i, m in enumerate(messages) if isinstance(m, dict) and m.get("role") == "user"), default=-1)
    for index, raw in enumerate(messages):
        where = f"messages.{index}"
        message = wire.mapping(raw, where)
        role = _ROLES.get(wire.text(message.get("role"), f"{where}.role"))
        if role is None:
            raise wire.refuse(f"{where}.role", "Input should be 'user', 'assistant' or 'system'")
        content = message.get("content")
        if role is Role.SYSTEM:
            if message.get("clear_at") == "next_user_message" and index < last_user:
                continue  # stands in the history, but the model no longer sees it (SDK beta_system_message_param)
            if content is None:
                continue  # carries settings alone
        blocks = blocks_decode.decode_blocks(content, f"{where}.content")
        if role is Role.SYSTEM and not request.turns and all(isinstance(block, Text) for block in blocks):
            request.system.extend(block for block in blocks if isinstance(block, Text))
        elif request.turns and request.turns[-1].role is role:
            request.turns[-1].blocks.extend(blocks)
        else:
            request.turns.append(Turn(role, blocks))


def _output(request: Request, body: Json) -> None:
    config = wire.optional_mapping(body.get("output_config"), "output_config") or {}
    request.reasoning, own = thinking.decode(body.get("thinking"), config.get("effort"))
    if own is not None:
        request.extra["thinking"] = own
    format_ = wire.optional_mapping(config.get("format") or body.get("output_format"), "output_config.format")
    if format_ is not None:
        request.output = Output(schema=wire.mapping(format_.get("schema"), "output_config.format.schema"))
    rest = {key: value for key, value in config.items() if key not in ("effort", "format")}
    if rest:
        request.extra["output_config"] = rest


def _metadata(request: Request, value: object) -> None:
    """A plain user id becomes `user`; Claude Code's, which holds device and account, stays with Anthropic (`extra`)."""
    metadata = wire.optional_mapping(value, "metadata") or {}
    user_id = wire.optional_text(metadata.get("user_id"), "metadata.user_id")
    if user_id is None:
        return
    device_bound, session = _claude_code(user_id)
    if device_bound:
        request.extra["metadata"] = {"user_id": user_id}
    else:
        request.user = user_id
    request.cache_key = session


def _claude_code(user_id: str) -> tuple[bool, str | None]:
    """→ (is this Claude Code's user id, its session). Both forms: clients.md §1, Body peculiarities."""
    legacy = _LEGACY_USER_ID.fullmatch(user_id)
    if legacy is not None:
        return True, legacy[1]
    if not user_id.startswith("{"):
        return False, None
    fields = jsonio.object_in(user_id)
    if fields is None:
        return False, None
    session = fields.get("session_id")
    return True, session if isinstance(session, str) and session else None
