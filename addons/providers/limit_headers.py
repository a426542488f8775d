"""What an answer's headers say of its credential's limits, read as a table says (`Manifest.limits`). Pure.

Times are seconds since 1970, passed in. Sources: anthropic.md §9, openai_chat.md §1, apikey_backends.md §1 and §2,
field.md cases 43 to 50.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from addons.providers.quota import Quota
from translators.canonical import waits


@dataclass(frozen=True, slots=True)
class LimitHeaders:
    """The headers of an answer that tell one limit of its credential; names in lower case.

    `counts`: what is limited, for people: requests, tokens. `format`: how `reset` is written: "duration" (6m0s, or bare
    seconds), "seconds", "rfc3339" or "epoch". `scope`: "model" where each model, or family of them, has a limit of its
    own, "account" where all share it."""

    counts: str
    remaining: str
    limit: str = ""
    reset: str = ""
    format: str = "duration"
    scope: str = "model"


def read(rows: Sequence[LimitHeaders], headers: Mapping[str, str], model: str, now: float) -> list[Quota]:
    """The limits that an answer tells; `headers` by lower-case name. What makes no sense is left out."""
    found = []
    for row in rows:
        remaining = number(headers.get(row.remaining))
        if remaining is None:
            continue
        limit = number(headers.get(row.limit)) if row.limit else None
        if limit == 0:
            continue  # some services say "0 of 0" where they limit nothing
        resets = _resets(row.format, headers.get(row.reset, ""), headers.get("date", ""), now) if row.reset else 0.0
        whose = None if row.scope == "account" else model
        found.append(Quota(row.counts, remaining, limit, resets, whose, row.remaining, now))
    return found


def number(value: object) -> float | None:
    """A figure of a header or out of JSON, also one written as text; None for what is none, or negative."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and found >= 0 else None


# -- forms of a reset; each gives the seconds until then


def _duration(text: str, _: float) -> float | None:
    return waits.duration(text)


def _moment(text: str, clock: float) -> float | None:
    """RFC 3339; without an offset it is UTC."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - clock


def _epoch(text: str, clock: float) -> float | None:
    """Seconds since 1970, or milliseconds where seconds would be past the year 5000."""
    found = number(text)
    if found is None:
        return None
    return (found / 1000 if found > 1e11 else found) - clock


FORMATS: dict[str, Callable[[str, float], float | None]] = {
    "duration": _duration,
    "seconds": _duration,
    "rfc3339": _moment,
    "epoch": _epoch,
}


def _resets(form: str, text: str, date: str, now: float) -> float:
    """When a limit is whole again, by our clock: the answer's own `date` tells how far theirs is off. 0 = unknown."""
    if not text:
        return 0.0
    clock = now
    if date and form in ("rfc3339", "epoch"):
        theirs = waits.http_date(date)
        clock = now if theirs is None else theirs
    seconds = FORMATS[form](text, clock)
    return 0.0 if seconds is None or not 0 <= seconds <= waits.LONGEST else now + seconds
