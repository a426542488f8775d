"""Cache markers: the client's kept, else some placed, and never more than four (anthropic.md §3, mapping.md §2).

Works on the finished body: what is dropped or merged on the way cannot leave a marker where Anthropic refuses it.
"""

from __future__ import annotations

from collections.abc import Iterator

from translators.anthropic.wire import Json

LIMIT = 4
MARK: Json = {"type": "ephemeral"}
_NEVER = frozenset({"thinking", "redacted_thinking"})


def marker(cache: Json | None) -> Json | None:
    """`cache` if it is a marker in Anthropic's form (OpenAI-compatible clients send the same), else None."""
    return cache if cache is not None and cache.get("type") == "ephemeral" else None


def mark(block: Json, cache: Json | None) -> Json:
    """`block` with the client's marker, where one may stand."""
    kept = marker(cache)
    if kept is not None and markable(block):
        block["cache_control"] = kept
    return block


def markable(block: Json) -> bool:
    """False for thinking, for empty text and for deferred tools: a marker there is a 400."""
    if block.get("type") in _NEVER or block.get("defer_loading"):
        return False
    return block.get("type") != "text" or bool(block.get("text"))


def place(body: Json) -> None:
    """Mark the last tool, the last system block, and the last two user turns (mapping.md §2, Cache control)."""
    tools: list[Json] = body.get("tools") or []
    system: list[Json] = body.get("system") or []
    users = [message["content"] for message in body["messages"] if message["role"] == "user"]
    for blocks in (tools, system, *users[-2:]):
        last = next((block for block in reversed(blocks) if markable(block)), None)
        if last is not None:
            last["cache_control"] = dict(MARK)


def limit(body: Json, notes: list[str]) -> None:
    """Take away all but the last four markers; the latest cover the longest prefixes."""
    marked = list(_marked(body))
    top_level = 1 if body.get("cache_control") is not None else 0
    excess = len(marked) + top_level - LIMIT
    for block in marked[: max(excess, 0)]:
        del block["cache_control"]
    if excess > 0:
        notes.append(f"{excess} cache markers were dropped: Anthropic takes {LIMIT}.")


def any_marked(body: Json) -> bool:
    return body.get("cache_control") is not None or next(_marked(body), None) is not None


def _marked(body: Json) -> Iterator[Json]:
    """Blocks with a marker, in prompt order; a tool result's inner blocks come before itself."""
    for block in (*(body.get("tools") or ()), *(body.get("system") or ())):
        if block.get("cache_control") is not None:
            yield block
    for message in body["messages"]:
        for block in message["content"]:
            inner = block.get("content") if block.get("type") == "tool_result" else None
            for part in inner if isinstance(inner, list) else ():
                if part.get("cache_control") is not None:
                    yield part
            if block.get("cache_control") is not None:
                yield block
