"""What the service tells of a plan's windows, in headers and when asked (claude_oauth.md §2, §4, §5). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from addons.providers.limit_headers import number
from addons.providers.quota import Quota
from addons.vault.tokens import seconds

Json = dict[str, Any]

PREFIX = "anthropic-ratelimit-unified-"
#: The part of a header's name → what people call the window; the last is that of one group of models.
WINDOWS = {"5h": "5-hour", "7d": "weekly", "7d_oi": "weekly Fable"}
GROUP = "7d_oi"
GROUP_MODEL = "claude-fable"
REJECTED = frozenset(("rejected", "rate_limited", "blocked"))
USAGE = "/api/oauth/usage"
#: Windows of the usage answer's older form, by field → (name, group of models).
_FLAT = {
    "five_hour": ("5-hour", None),
    "seven_day": ("weekly", None),
    "seven_day_opus": ("weekly Opus", "claude-opus"),
    "seven_day_sonnet": ("weekly Sonnet", "claude-sonnet"),
}
_KINDS = {"session": "5-hour", "weekly_all": "weekly"}


def group(model: str) -> str:
    """The name that limits of `model` are kept under: models of one family share theirs."""
    family = "-".join(model.split("-")[:2])
    return family if model.startswith("claude-") and not family[-1:].isdecimal() else model


def status(headers: Mapping[str, str], window: str = "") -> str:
    """What the headers say of a window, "" for all of them together."""
    return headers.get(f"{PREFIX}{window}{'-' if window else ''}status", "").lower()


def rejected(headers: Mapping[str, str], *windows: str) -> bool:
    return any(status(headers, window) in REJECTED for window in windows)


def from_headers(headers: Mapping[str, str], model: str, now: float) -> list[Quota]:
    """Of every answer, good or refused; names in lower case. A window that is full while the service goes on serving
    (the owner pays for extra usage) keeps nobody from being asked."""
    found = []
    for window, name in WINDOWS.items():
        used = number(headers.get(f"{PREFIX}{window}-utilization"))
        full = rejected(headers, window)
        if used is None and not full:
            continue
        left = 0.0 if full else max(100.0 * (1.0 - (used or 0.0)), 0.0)
        resets = seconds(headers.get(f"{PREFIX}{window}-reset")) or 0.0
        if not left and not full:
            resets = 0.0
        whose = None if window != GROUP else _whose(headers, model)
        source = f"{PREFIX}{window}-{'status' if full else 'utilization'}"
        found.append(Quota(f"% of the {name} window", left, 100.0, resets, whose, source, now))
    return found


def _whose(headers: Mapping[str, str], model: str) -> str:
    """The group that its own window is about: the one that was asked, where nothing else can have refused it."""
    refused_for_it = rejected(headers, "") and not rejected(headers, "5h", "7d")
    return group(model) if refused_for_it else GROUP_MODEL


def from_usage(answer: Json, now: float) -> list[Quota]:
    """Of the usage endpoint, in its form of 2026 or the older one. With extra usage a full window keeps nobody away."""
    listed = answer.get("limits")
    rows = [_row(one) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    if not rows:
        flat = [(name, whose, answer.get(field)) for field, (name, whose) in _FLAT.items()]
        rows = [(n, w, one.get("utilization"), one.get("resets_at")) for n, w, one in flat if isinstance(one, dict)]
    paid = [answer.get(name) for name in ("spend", "extra_usage")]
    goes_on = any(isinstance(one, dict) and (one.get("enabled") or one.get("is_enabled")) for one in paid)
    found = []
    for name, whose, percent, resets in rows:
        used = number(percent)
        if used is not None and not (goes_on and used >= 100):
            left, moment = max(100.0 - used, 0.0), seconds(resets) or 0.0
            found.append(Quota(f"% of the {name} window", left, 100.0, moment, whose, USAGE, now))
    return found


def _row(one: Json) -> tuple[str, str | None, Any, Any]:
    scope = one.get("scope")
    model = scope.get("model") if isinstance(scope, dict) else None
    identity = model.get("id") if isinstance(model, dict) else None
    name = _KINDS.get(str(one.get("kind")), "weekly")
    if not isinstance(identity, str):
        return name, None, one.get("percent"), one.get("resets_at")
    shown = model.get("display_name") if isinstance(model, dict) else None
    return f"{name} {shown or identity}", group(identity), one.get("percent"), one.get("resets_at")
