"""What the service's errors mean where their words alone do not tell (codex.md §10)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence

from addons.providers.api import Answer
from addons.providers.quota import Quota
from translators.canonical import waits
from translators.canonical.errors import ErrorInfo, ErrorKind

SPENT = "usage_limit_reached"
_CLOUDFLARE = (
    "Cloudflare, in front of chatgpt.com, refused the request with a page for browsers (HTTP 403). That is neither the "
    "account's limit nor a ban: it is about the network that this machine is in. It is not worked around; try another "
    "network, or wait"
)


def judged(error: ErrorInfo, answer: Answer | None, quotas: Sequence[Quota], now: float) -> ErrorInfo:
    """`quotas` are what the answer's headers told, `now` is in seconds since 1970."""
    if answer is not None and answer.status == 403 and _is_page(answer):
        error.kind, error.message, error.status = ErrorKind.SERVER, _CLOUDFLARE, 502
    elif answer is not None and answer.status == 401:
        error.message = _told_beside(answer) or error.message
    elif SPENT in (error.code, error.type):
        error.kind, error.scope = ErrorKind.RATE_LIMIT, "account"
        spent = [quota for quota in quotas if quota.remaining <= 0]
        if spent and all(quota.model for quota in spent):
            error.scope = "model"  # one with a limit of its own
        if error.retry_after is None:
            error.retry_after = waits.between(now, error.details.get("resets_at"))
    return error


def _is_page(answer: Answer) -> bool:
    kind = answer.headers.get("content-type", "").lower()
    return "html" in kind or answer.body.lstrip()[:1] == b"<"


def _told_beside(answer: Answer) -> str:
    """What a 401 says in its headers: `x-error-json` is base64 of an error."""
    try:
        told = json.loads(base64.b64decode(answer.headers.get("x-error-json", ""), validate=True))
    except (ValueError, binascii.Error):
        told = None
    error = told.get("error") if isinstance(told, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return message if isinstance(message, str) else answer.headers.get("x-openai-authorization-error", "")
