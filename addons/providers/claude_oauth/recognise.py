"""Whether a request is Claude Code's own, by its marks (claude_oauth.md §3.1, §3.3). Pure.

A heuristic, to tell who may be served: nothing here, or elsewhere, puts such a mark on a request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

ATTRIBUTION = "x-anthropic-billing-header:"
#: How the identity sentences begin, of the command and of its SDK.
IDENTITIES = (
    "You are Claude Code, Anthropic's official CLI for Claude",
    "You are a Claude agent, built on Anthropic's Claude Agent SDK",
)
_LEGACY_USER = re.compile(r"user_[0-9a-f]{64}_account_[0-9a-f-]*_session_[0-9a-f-]{36}")


def is_claude_code(headers: Mapping[str, str], body: Json | None) -> bool:
    """`headers` by lower-case name; `body` is that of a generation, None for any other call, which has no marks (a
    count of tokens has not even metadata). Helper calls may lack the system text, but say whose they are."""
    if not headers.get("user-agent", "").startswith("claude-cli/") or not headers.get("x-app", "").startswith("cli"):
        return False
    return body is None or _has_its_system(body.get("system")) or _is_its_user(body.get("metadata"))


def _has_its_system(system: object) -> bool:
    return any(text.startswith((ATTRIBUTION, *IDENTITIES)) for text in _texts(system))


def _texts(system: object) -> Iterator[str]:
    """The first two blocks: the attribution, where there is one, and the identity."""
    if isinstance(system, str):
        yield system
    elif isinstance(system, list):
        for block in system[:2]:
            if isinstance(block, dict) and isinstance(block.get("text"), str):
                yield block["text"]


def _is_its_user(metadata: object) -> bool:
    """The device and session ids that only Claude Code writes so: JSON within a text, formerly one long name."""
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    if not isinstance(user, str):
        return False
    if _LEGACY_USER.fullmatch(user):
        return True
    try:
        known = json.loads(user) if user.startswith("{") else None
    except ValueError:
        return False
    return isinstance(known, dict) and {"device_id", "session_id"} <= known.keys()
