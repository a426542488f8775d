"""What the services tell of an account's limits, as quotas. Pure.

Sources: gemini_code_assist.md §4 (buckets), antigravity.md §7 (models and groups). A share is told as a percentage.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from addons.providers.quota import Quota
from addons.vault.tokens import seconds

Json = dict[str, Any]

PERCENT = 100.0


def of_share(row: Json, counts: str, model: str | None, source: str, now: float) -> Quota | None:
    """A row with `remainingFraction` and `resetTime`; without a fraction beside a reset nothing is left (§7). None for
    what tells nothing."""
    share = row.get("remainingFraction")
    resets = seconds(row.get("resetTime")) or 0.0
    if isinstance(share, bool) or not isinstance(share, int | float):
        if not resets:
            return None
        share = 0.0
    share = min(max(float(share), 0.0), 1.0)
    amount = _amount(row.get("remainingAmount"))
    if amount is not None and share > 0:
        return Quota(counts, amount, round(amount / share), resets, model, source, now)
    return Quota(f"% of {counts}", round(share * PERCENT, 1), PERCENT, resets, model, source, now)


def of_buckets(answer: Json, source: str, now: float) -> list[Quota]:
    """`retrieveUserQuota` of Code Assist."""
    found = []
    for row in _rows(answer.get("buckets")):
        model = row.get("modelId")
        kind = row.get("tokenType")
        counts = kind.lower() if isinstance(kind, str) and kind else "quota"
        quota = of_share(row, counts, model if isinstance(model, str) and model else None, source, now)
        if quota is not None:
            found.append(quota)
    return found


def _amount(value: Any) -> float | None:
    """An int64, which is a text in Google's JSON."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return float(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def _rows(value: Any) -> Iterable[Json]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
