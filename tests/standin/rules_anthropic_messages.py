"""What the Anthropic Messages API refuses in the conversation itself (anthropic.md sections 3, 4 and 6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .ask import Ask, Complaint, Json, Rule
from .seal import digest, unseal

# Models whose thinking is adaptive only and that no longer sample: the 4.7 generation and later.
NEW_MODEL = re.compile(r"claude-((fable|mythos)-|(opus|sonnet|haiku)-(4-[7-9]\b|[5-9]))")
# Models that still continue a last assistant message: those before Opus 4.6. Names nobody knows count as new.
PREFILL_MODEL = re.compile(r"claude-(2|3|instant)|claude-(opus|sonnet|haiku)-4(-[0-5]\b|-\d{8}|$)")
TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+")
OUR_TOOL_ID = re.compile(r"toolu_([TN])[0-9a-f]{22}$")
USER_ONLY = ("image", "document", "search_result", "tool_result", "container_upload")
ASSISTANT_ONLY = ("tool_use", "thinking", "redacted_thinking", "server_tool_use")
THINKING = ("thinking", "redacted_thinking")
CURRENT_VERSION = "2026-10-21"
MAX_MARKERS = 4


@dataclass
class MergedTurn:
    """Neighbouring messages of one role, as the server joins them; each block with its place in the request."""

    role: str
    blocks: list[tuple[str, Json]] = field(default_factory=list)
    first: int = 0


def blocks_of(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def merged(messages: list[Json]) -> list[MergedTurn]:
    turns: list[MergedTurn] = []
    for index, message in enumerate(messages):
        if not turns or turns[-1].role != message["role"] or message["role"] == "system":
            turns.append(MergedTurn(message["role"], first=index))
        for number, block in enumerate(blocks_of(message["content"])):
            turns[-1].blocks.append((f"messages.{index}.content.{number}", block))
    return turns


def all_blocks(ask: Ask) -> Iterator[tuple[str, str, Json]]:
    """Every block of system, messages and tool results as (place, role, block)."""
    for number, block in enumerate(ask.body["system"] if isinstance(ask.body.get("system"), list) else []):
        yield f"system.{number}", "system", block
    for turn in merged(ask.body["messages"]):
        for place, block in turn.blocks:
            yield place, turn.role, block
            if block["type"] == "tool_result" and isinstance(block.get("content"), list):
                for number, inner in enumerate(block["content"]):
                    yield f"{place}.tool_result.content.{number}", "tool_result", inner


def some_message(ask: Ask) -> Iterator[Complaint]:
    if not ask.body["messages"]:
        yield Complaint("messages: at least one message is required")
    if len(ask.body["messages"]) > 100_000:
        yield Complaint("messages: List should have at most 100000 items")


def roles_of_blocks(ask: Ask) -> Iterator[Complaint]:
    for index, message in enumerate(ask.body["messages"]):
        for block in blocks_of(message["content"]):
            if message["role"] == "user" and block["type"] in ASSISTANT_ONLY:
                yield Complaint(f"messages.{index}: `{block['type']}` blocks can only be in `assistant` messages")
            if message["role"] == "assistant" and block["type"] in USER_ONLY:
                old = ask.headers.get("anthropic-version") != CURRENT_VERSION
                if not (block["type"] == "document" and old):
                    yield Complaint(f"messages.{index}: `{block['type']}` blocks can only be in `user` messages")


def empty_text(ask: Ask) -> Iterator[Complaint]:
    """Empty text blocks (not those inside tool results), empty user turns, and turns of nothing but whitespace."""
    for place, role, block in all_blocks(ask):
        if block["type"] != "text" or role == "tool_result":
            continue
        if not block["text"]:
            if block.get("cache_control"):
                yield Complaint(f"{place}: cache_control cannot be set for empty text blocks")
            if place.startswith("system") or is_list(ask, place):
                yield Complaint(f"{place.split('.')[0]}: text content blocks must be non-empty")
    for index, message in enumerate(ask.body["messages"]):
        content = message["content"]
        if message["role"] == "user" and not content:
            yield Complaint(f"messages.{index}: user messages must have non-empty content")
        blocks = blocks_of(content)
        if content and all(block["type"] == "text" and not block["text"].strip() for block in blocks):
            yield Complaint("messages: text content blocks must contain non-whitespace text")


def is_list(ask: Ask, place: str) -> bool:
    """Whether a block stands in a list; the empty string as a whole content has rules of its own."""
    return isinstance(ask.body["messages"][int(place.split(".")[1])]["content"], list)


def markers(ask: Ask) -> Iterator[Complaint]:
    found = [tool for tool in ask.body.get("tools") or [] if tool.get("cache_control")]
    found += [block for _, _, block in all_blocks(ask) if block.get("cache_control")]
    if len(found) > MAX_MARKERS:
        amount = f"Found {len(found)}."
        yield Complaint(f"A maximum of {MAX_MARKERS} blocks with cache_control may be provided. {amount}")


def images(ask: Ask) -> Iterator[Complaint]:
    for place, _, block in all_blocks(ask):
        source = block["source"] if block["type"] == "image" else {}
        if source.get("type") == "base64" and not source["data"]:
            yield Complaint(f"{place}.image.source.base64: image cannot be empty")


def citations(ask: Ask) -> Iterator[Complaint]:
    if ask.headers.get("anthropic-version") != CURRENT_VERSION:
        return
    for place, role, block in all_blocks(ask):
        inner = block.get("content") if block["type"] == "search_result" else [block]
        for part in inner if isinstance(inner, list) else []:
            if role != "assistant" and part.get("type") == "text" and part.get("citations"):
                yield Complaint(f"{place}.text.citations: citations are not permitted in `user` messages")


def tool_ids(ask: Ask) -> Iterator[Complaint]:
    seen: set[str] = set()
    for place, _, block in all_blocks(ask):
        name = {"tool_use": "id", "tool_result": "tool_use_id"}.get(block["type"])
        if name is None:
            continue
        if not TOOL_ID.fullmatch(block[name]):
            yield Complaint(f"{place}.{block['type']}.{name}: String should match pattern '^[a-zA-Z0-9_-]+$'")
        if block["type"] == "tool_use":
            if block[name] in seen:
                yield Complaint(f"{place}: `tool_use` ids must be unique")
            if not block["name"]:
                yield Complaint(f"{place}.tool_use.name: String should have at least 1 character")
            if len(block["name"]) > 128:
                yield Complaint(f"{place}.tool_use.name: String should have at most 128 characters")
            seen.add(block[name])


def pairing(ask: Ask) -> Iterator[Complaint]:
    """Each call is answered at the head of the very next user turn, once; no answer without its call."""
    turns = merged(ask.body["messages"])
    for number, turn in enumerate(turns):
        calls = [block["id"] for _, block in turn.blocks if block["type"] == "tool_use"]
        following = turns[number + 1].blocks if turns[number + 1 : number + 2] else []
        head: list[str] = []
        for _, block in following:
            if block["type"] != "tool_result":
                break
            head.append(block["tool_use_id"])
        absent = [identity for identity in calls if identity not in head]
        if absent:
            told = "`tool_use` ids were found without `tool_result` blocks immediately after"
            rule = "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
            yield Complaint(f"messages.{turn.first}: {told}: {', '.join(absent)}. {rule}")
        before = turns[number - 1].blocks if number else []
        known = [block["id"] for _, block in before if block["type"] == "tool_use"]
        answered: list[str] = []
        for place, block in turn.blocks:
            if block["type"] != "tool_result":
                continue
            identity = block["tool_use_id"]
            if identity not in known:
                told = f"unexpected `tool_use_id` found in `tool_result` blocks: {identity}"
                rule = "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                yield Complaint(f"{place}: {told}. {rule}")
            if identity in answered:
                told = "each tool_use must have a single result. Found multiple `tool_result` blocks with id"
                yield Complaint(f"{place}: {told}: {identity}")
            answered.append(identity)


def ending(ask: Ask) -> Iterator[Complaint]:
    turns = [turn for turn in merged(ask.body["messages"]) if turn.role != "system"]
    if not turns:
        yield Complaint("messages: at least one user message is required")
    if turns[-1].role != "assistant":
        return
    if not PREFILL_MODEL.match(ask.model):
        told = "This model does not support assistant message prefill."
        yield Complaint(f"{told} The conversation must end with a user message.")
    last = turns[-1].blocks[-1][1] if turns[-1].blocks else {"type": "none"}
    if last["type"] == "text" and last["text"] != last["text"].rstrip():
        yield Complaint("messages: final assistant content cannot end with trailing whitespace")


def prefix(body: Json, upto: int) -> str:
    """A hash of all that a signature is bound to: system, tools and the turns before, without marks and thinking."""
    history = [
        [turn.role, [unmarked(block) for _, block in turn.blocks if block["type"] not in THINKING]]
        for turn in merged(body["messages"][:upto])
    ]
    system = [unmarked(block) for block in blocks_of(body.get("system") or [])]
    return digest([system, [unmarked(tool) for tool in body.get("tools") or []], history])


def unmarked(value: Any) -> Any:
    """A JSON value without its cache markers, and with string contents written as lists."""
    if isinstance(value, list):
        return [unmarked(item) for item in value]
    if not isinstance(value, dict):
        return value
    plain = {name: unmarked(item) for name, item in value.items() if name != "cache_control"}
    if plain.get("type") == "tool_result" and isinstance(plain.get("content"), str):
        plain["content"] = blocks_of(plain["content"])
    return plain


def signatures(ask: Ask) -> Iterator[Complaint]:
    """Every signature is ours, over this text, and where preserved thinking is on, behind the same prefix."""
    for turn in merged(ask.body["messages"]):
        expected = 0
        for position, (place, block) in enumerate(turn.blocks):
            if block["type"] not in THINKING:
                continue
            token = block["signature"] if block["type"] == "thinking" else block["data"]
            claims = unseal(ask.policy.account, f"anthropic.{block['type']}", token)
            if claims is None:
                yield Complaint(f"{place}: Invalid `signature` in `{block['type']}` block")
                return
            hidden = claims["omitted"] and block.get("thinking") == ""
            if block["type"] == "thinking" and not hidden and digest(block["thinking"]) != claims["text"]:
                yield modified(place)
            if claims["index"] != expected or (position and comes_late(turn, position)):
                yield modified(place)
            expected = (claims["index"] + 1) % claims["of"]
            if ask.policy.bind_prefix and claims["prefix"] != prefix(ask.body, turn.first):
                told = "The block is bound to a different conversation"
                yield Complaint(f"{place}: Invalid `signature` in `thinking` block. {told}.")
        if expected:
            yield modified(f"messages.{turn.first}")


def comes_late(turn: MergedTurn, position: int) -> bool:
    """Whether a turn's first thinking stands behind something else."""
    return all(block["type"] not in THINKING for _, block in turn.blocks[:position])


def modified(place: str) -> Complaint:
    told = "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified."
    return Complaint(f"{place}: {told} These blocks must remain as they were in the original response.")


def thinking_kept(ask: Ask) -> Iterator[Complaint]:
    """With a thinking budget, tool turns of the running loop keep their thinking. Adaptive models may do without."""
    if (ask.body.get("thinking") or {}).get("type") != "enabled":
        return
    loop: list[MergedTurn] = []
    for turn in reversed(merged(ask.body["messages"])):
        if turn.role == "user" and not any(block["type"] == "tool_result" for _, block in turn.blocks):
            break
        if turn.role == "assistant":
            loop.insert(0, turn)
    for number, turn in enumerate(loop):
        calls = [block["id"] for _, block in turn.blocks if block["type"] == "tool_use"]
        ours = OUR_TOOL_ID.search(calls[0]) if calls else None
        due = ours.group(1) == "T" if ours else bool(calls) and number == 0
        if due and turn.blocks[0][1]["type"] not in THINKING:
            found = f"Expected `thinking` or `redacted_thinking`, but found `{turn.blocks[0][1]['type']}`."
            rule = "When `thinking` is enabled, a final `assistant` message must start with a thinking block"
            where = "preceding the lastmost set of `tool_use` and `tool_result` blocks"
            yield Complaint(f"{turn.blocks[0][0]}.type: {found} {rule} ({where}).")


MESSAGE_RULES: tuple[Rule, ...] = (
    some_message,
    roles_of_blocks,
    empty_text,
    markers,
    images,
    citations,
    tool_ids,
    pairing,
    signatures,
    thinking_kept,
    ending,
)
