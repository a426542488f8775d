"""What is left of an account's credits, out of an answer of GetUsageLimits (kiro.md §9). Pure."""

from __future__ import annotations

from typing import Any

from addons.providers.kiro.usage import number
from addons.providers.quota import Quota

Json = dict[str, Any]

SOURCE = "getUsageLimits"


def quotas(told: Json, now: float) -> list[Quota]:
    """One for each resource that is limited; `now` in seconds since 1970. Where the owner lets the service charge for
    more, what may be charged for counts as left, and without a cap nothing is short."""
    rows = told.get("usageBreakdownList") or told.get("usageBreakdown")
    charged = _object(told.get("overageConfiguration")).get("overageStatus") == "ENABLED"
    found = []
    for row in rows if isinstance(rows, list) else ():
        quota = _quota(row, told, charged, now) if isinstance(row, dict) else None
        if quota is not None:
            found.append(quota)
    return found


def account(told: Json) -> dict[str, str]:
    """Settings that tell people whose account it is: its e-mail address and plan."""
    email = _object(told.get("userInfo")).get("email")
    plan = _object(told.get("subscriptionInfo")).get("subscriptionTitle")
    return {name: value for name, value in (("account", email), ("plan", plan)) if isinstance(value, str) and value}


def _quota(row: Json, told: Json, charged: bool, now: float) -> Quota | None:
    """Plan, an active trial and active bonuses together."""
    parts = [row]
    trial = _object(row.get("freeTrialInfo"))
    if trial.get("freeTrialStatus") == "ACTIVE":
        parts.append(trial)
    bonuses = row.get("bonuses")
    parts += [b for b in (bonuses if isinstance(bonuses, list) else ()) if _object(b).get("status") == "ACTIVE"]
    limits = [_precise(part, "usageLimit") for part in parts]
    used = [_precise(part, "currentUsage") or 0.0 for part in parts]
    if limits[0] is None:
        return None
    limit = sum(found or 0.0 for found in limits)
    remaining = limit - sum(used)
    if charged:
        cap = number(row.get("overageCap"))
        if cap is None:
            return None
        limit, remaining = limit + cap, remaining + cap - (_precise(row, "currentOverages") or 0.0)
    resets = number(row.get("nextDateReset")) or number(told.get("nextDateReset")) or 0.0
    counts = row.get("displayNamePlural") or row.get("displayName") or row.get("resourceType") or "credits"
    return Quota(str(counts).lower(), max(remaining, 0.0), limit, resets, None, SOURCE, now)


def _precise(part: Json, name: str) -> float | None:
    exact = number(part.get(f"{name}WithPrecision"))
    return number(part.get(name)) if exact is None else exact


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}
