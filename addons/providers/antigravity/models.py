"""Antigravity's models: what other names stand for, which family answers, and whose limits they share (antigravity.md
§7)."""

from __future__ import annotations

import fnmatch
import re

#: Pattern of a client's name → the live model; the first that matches. There is no Haiku: Claude Code's small and fast
#: model is the smallest Claude that there is; the setting `models` may name a Gemini flash instead.
ALIASES: tuple[tuple[str, str], ...] = (
    ("claude-opus-4*", "claude-opus-4-6-thinking"),
    ("claude-sonnet-4*", "claude-sonnet-4-6"),
    ("claude-3-*sonnet*", "claude-sonnet-4-6"),
    ("claude-*haiku*", "claude-sonnet-4-6"),
    ("gemini-3.1-pro-high", "gemini-pro-agent"),
    ("gemini-3-pro-high", "gemini-pro-agent"),
)
#: Patterns of models that use up one allowance. Sources: the groups in which NoeFabris/opencode-antigravity-auth
#: (src/plugin/quota.ts) and other quota displays count them; `retrieveUserQuotaSummary` speaks of groups as well.
GROUPS: tuple[tuple[str, str], ...] = (
    ("claude-*", "claude"),
    ("gpt-oss-*", "claude"),
    ("gemini-*-image*", ""),
    ("gemini-*pro*", "gemini-pro"),
    ("gemini-*flash*", "gemini-flash"),
)
#: Models that make pictures have a type of request of their own (§5).
IMAGES = "gemini-*-image*"

_DATE = re.compile(r"-20\d{6}$")


def live(model: str) -> str:
    """The name that the service knows; a date behind it says nothing there."""
    name = _DATE.sub("", model.removeprefix("models/"))
    lowered = name.lower()
    return next((known for pattern, known in ALIASES if fnmatch.fnmatchcase(lowered, pattern)), name)


def is_claude(model: str) -> bool:
    return live(model).startswith("claude")


def makes_images(model: str) -> bool:
    return fnmatch.fnmatchcase(live(model), IMAGES)


def group(model: str) -> str:
    """The name of the allowance that `model` uses up: the model's own where it shares none."""
    name = live(model)
    return next((shared for pattern, shared in GROUPS if fnmatch.fnmatchcase(name, pattern)), "") or name
