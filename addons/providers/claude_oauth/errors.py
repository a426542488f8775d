"""Whom a refusal is about (claude_oauth.md §5, §6): the windows in its headers first, then its words."""

from __future__ import annotations

import re

from addons.providers.api import Answer
from addons.providers.claude_oauth import limits
from translators.canonical.errors import ErrorInfo, ErrorKind

#: What only this request wanted.
_FAST_MODE = ("usage credits are required for fast mode", "fast request rejected")
_EXTRA_USAGE = "extra usage"
#: How the API's own complaints about a body begin, which may repeat what was in it: `messages.0.content: …`.
_ABOUT_A_FIELD = re.compile(r"[a-z_]+(?:\.[\w-]+)*: ")


def judged(error: ErrorInfo, answer: Answer | None) -> ErrorInfo:
    """`answer` is None for an error inside a stream, which says nothing of windows."""
    if error.kind is ErrorKind.RATE_LIMIT and answer is not None:
        error.scope = _scope(error, answer)
    elif error.status == 400 and _EXTRA_USAGE in error.message.lower() and not _ABOUT_A_FIELD.match(error.message):
        error.kind = ErrorKind.BILLING
    return error


def _scope(error: ErrorInfo, answer: Answer) -> str:
    """In the order of §5's table; a spent window sets `x-should-retry` too, so it goes first."""
    headers = answer.headers
    if limits.rejected(headers, "5h", "7d"):
        return "account"
    if any(words in error.message.lower() for words in _FAST_MODE):
        return "request"
    told = any(name.startswith("anthropic-ratelimit-") or name == "retry-after" for name in headers)
    if not told and headers.get("x-should-retry", "").lower() == "true":
        return "request"
    return "model"
