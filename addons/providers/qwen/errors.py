"""What Qwen's errors mean (qwen.md §5), and when its days end. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from translators.canonical.errors import ErrorInfo, ErrorKind

#: Codes of a quota that is used up, and the one message that says so without a code.
QUOTA_CODES = ("insufficient_quota", "quota_exceeded")
QUOTA_TEXT = "free allocated quota exceeded"
#: The service's days end at midnight there.
_CHINA = timezone(timedelta(hours=8))
#: The free tier ended: a quota that is used up does not come back.
ENDED = datetime(2026, 4, 16, tzinfo=_CHINA)
INSTEAD = (
    "the free tier of this login ended on 2026-04-15; use an API key: `proxycast credentials add dashscope`, "
    "alibaba-coding-plan or alibaba-token-plan"
)


def judged(error: ErrorInfo, now: float) -> ErrorInfo:
    """`now` in seconds since 1970."""
    if not _is_quota(error):
        return error
    error.scope = "account"
    moment = datetime.fromtimestamp(now, UTC).astimezone(_CHINA)
    if moment >= ENDED:
        error.kind, error.out_of_service = ErrorKind.BILLING, True
        error.message = f"{error.message} ({INSTEAD})"
    else:
        error.kind = ErrorKind.RATE_LIMIT
        midnight = (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        error.retry_after = error.retry_after or round((midnight - moment).total_seconds())
    return error


def _is_quota(error: ErrorInfo) -> bool:
    """By code, or by how the message begins: what a client may have written is never at its beginning."""
    if error.status not in (403, 429, None):
        return False
    return error.code in QUOTA_CODES or error.message.strip().lower().startswith(QUOTA_TEXT)
