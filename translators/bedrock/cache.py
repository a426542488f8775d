"""Cache points: blocks of their own behind what is to be cached (apikey_backends.md §6; AWS allows four a request)."""

from __future__ import annotations

from typing import Any

from translators.canonical.target import Target

Json = dict[str, Any]

LIMIT = 4
_POINT = "cachePoint"


def point(cache: Json | None, target: Target) -> Json | None:
    """The cache point for a client's marker, None where there is none or the model takes none.

    The hour's lifetime is asked for only where the model has it; elsewhere the default serves better than a 400.
    """
    if cache is None or cache.get("type") != "ephemeral" or not target.cache_markers.startswith("cache_point"):
        return None
    result: Json = {"type": "default"}
    if cache.get("ttl") == "1h" and target.cache_markers == "cache_point_1h":
        result["ttl"] = "1h"
    return {_POINT: result}


def place(body: Json) -> None:
    """Points behind the tools, the system text and the last two user turns, where the client's protocol has none."""
    users = [message["content"] for message in body["messages"] if message["role"] == "user"]
    for blocks in ((body.get("toolConfig") or {}).get("tools"), body.get("system"), *users[-2:]):
        if blocks:
            blocks.append({_POINT: {"type": "default"}})


def any_placed(body: Json) -> bool:
    return any(_POINT in block for blocks in _lists(body) for block in blocks)


def limit(body: Json, notes: list[str]) -> None:
    """Take away all but the last four: the latest cover the longest prefixes. Two in a row are one."""
    for blocks in _lists(body):
        blocks[:] = [b for at, b in enumerate(blocks) if not (_POINT in b and (at == 0 or _POINT in blocks[at - 1]))]
    excess = sum(_POINT in block for blocks in _lists(body) for block in blocks) - LIMIT
    if excess > 0:
        notes.append(f"{excess} cache points were dropped: Bedrock takes {LIMIT}.")
    for blocks in _lists(body):
        for block in [block for block in blocks if _POINT in block]:
            if excess > 0:
                blocks.remove(block)
                excess -= 1


def _lists(body: Json) -> list[list[Json]]:
    """Every list that may hold points, in prompt order."""
    tools = (body.get("toolConfig") or {}).get("tools")
    found = [tools, body.get("system"), *(message["content"] for message in body["messages"])]
    return [blocks for blocks in found if blocks]
