"""What the service tells of a plan's windows: in headers, in a stream and when asked (codex.md §9). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from addons.providers.limit_headers import number
from addons.providers.quota import Quota
from translators import jsonio

Json = dict[str, Any]

_USED = re.compile(r"x-codex-(?:(?P<name>[a-z0-9][a-z0-9-]*?)-)?(?P<which>primary|secondary)-used-percent")
#: Minutes of a window → what people call it. It is told by its length, not by being the first or the second.
_WINDOWS = {300: "5-hour", 1440: "daily", 10_080: "weekly", 43_200: "monthly"}
USAGE = "wham/usage"
#: The event of a stream, and the name of the limit that is the plan's own.
EVENT, PLAN = "codex.rate_limits", "codex"


def from_headers(headers: Mapping[str, str], model: str, now: float) -> list[Quota]:
    """Of every answer, good or refused; names in lower case."""
    found = []
    goes_on = any(headers.get(f"x-codex-credits-{name}", "").lower() == "true" for name in ("has-credits", "unlimited"))
    for header in headers:
        told = _USED.fullmatch(header)
        if told is None:
            continue
        base = header.removesuffix("used-percent")
        after = number(headers.get(base + "reset-after-seconds"))
        resets = number(headers.get(base + "reset-at")) or (now + after if after else 0.0)
        quota = _quota(
            number(headers.get(header)), number(headers.get(base + "window-minutes")), resets, header, goes_on, now
        )
        if quota is not None:
            found.append(_of_model(quota, told["name"], headers, model))
    return found


def from_stream(body: bytes, now: float) -> list[Quota]:
    """Of a stream's own events, each limit as the last one told it. A text that speaks of such events is none."""
    found: dict[tuple[str, str | None], Quota] = {}
    place = body.find(EVENT.encode())
    while place >= 0:
        start, end = body.rfind(b"\n", 0, place) + 1, body.find(b"\n", place)
        end = len(body) if end < 0 else end
        if body.startswith(b"data:", start):
            found |= {(quota.counts, quota.model): quota for quota in _from_event(body[start + 5 : end], now)}
        place = body.find(EVENT.encode(), end)
    return list(found.values())


def _from_event(data: bytes, now: float) -> list[Quota]:
    try:
        told = jsonio.loads(data)
    except ValueError:
        return []
    if not isinstance(told, dict) or told.get("type") != EVENT:
        return []
    name = told.get("limit_name") or told.get("metered_limit_name")
    whose = name.lower() if isinstance(name, str) and name.lower() != PLAN else None
    limits, goes_on = told.get("rate_limits"), _goes_on(told)
    found = []
    for window in (limits.get(which) for which in ("primary", "secondary")) if isinstance(limits, dict) else ():
        if isinstance(window, dict):
            used, minutes = number(window.get("used_percent")), number(window.get("window_minutes"))
            quota = _quota(used, minutes, number(window.get("reset_at")) or 0.0, EVENT, goes_on, now)
            found += [replace(quota, model=whose)] if quota is not None else []
    return found


def _goes_on(told: Json) -> bool:
    """Whether credits pay for what the plan does not hold."""
    credits = told.get("credits")
    return isinstance(credits, dict) and bool(credits.get("has_credits") or credits.get("unlimited"))


def from_usage(answer: Json, now: float) -> list[Quota]:
    """Of the usage endpoint. A spent window says nothing of who has credits."""
    goes_on = _goes_on(answer)
    found = _windows(answer.get("rate_limit"), None, goes_on, now)
    extra = answer.get("additional_rate_limits")
    for one in extra if isinstance(extra, list) else []:
        if isinstance(one, dict) and isinstance(one.get("limit_name"), str):
            found += _windows(one.get("rate_limit", one), one["limit_name"].lower(), goes_on, now)
    return found


def _windows(limit: object, model: str | None, goes_on: bool, now: float) -> list[Quota]:
    found = []
    for name in ("primary_window", "secondary_window"):
        window = limit.get(name) if isinstance(limit, dict) else None
        if not isinstance(window, dict):
            continue
        seconds, after = number(window.get("limit_window_seconds")), number(window.get("reset_after_seconds"))
        resets = number(window.get("reset_at")) or (now + after if after else 0.0)
        minutes = None if seconds is None else seconds / 60
        quota = _quota(number(window.get("used_percent")), minutes, resets, USAGE, goes_on, now)
        if quota is not None and (quota.remaining or not goes_on):
            found.append(Quota(quota.counts, quota.remaining, quota.limit, quota.resets, model, USAGE, now))
    return found


def _quota(
    used: float | None, minutes: float | None, resets: float, source: str, goes_on: bool, now: float
) -> Quota | None:
    """`goes_on`: credits pay for what the window does not hold, so that a spent one keeps nobody from being asked."""
    if used is None or not (used or minutes or resets):
        return None  # a window that the plan does not have is all zeros
    left = max(100.0 - used, 0.0)
    if goes_on and not left:
        resets = 0.0
    return Quota(f"% of the {_named(minutes)} window", left, 100.0, resets, None, source, now)


def _of_model(quota: Quota, name: str | None, headers: Mapping[str, str], model: str) -> Quota:
    """A limit with a name of its own is that of some models: of the one that was asked, if it is the active limit, else
    of the one that it is named after."""
    if name is None:
        return quota
    called = headers.get(f"x-codex-{name}-limit-name", "").lower() or name
    whose = model if headers.get("x-codex-active-limit", "").lower() in (name, called) else called
    return Quota(quota.counts, quota.remaining, quota.limit, quota.resets, whose, quota.source, quota.seen)


def _named(minutes: float | None) -> str:
    if not minutes:
        return "plan's"
    for length, unit in ((1440, "day"), (60, "hour")):
        if minutes not in _WINDOWS and minutes % length == 0:
            return f"{minutes / length:g}-{unit}"
    return _WINDOWS.get(round(minutes), f"{minutes:g}-minute")
