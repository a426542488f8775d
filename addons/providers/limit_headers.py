"""What an answer's headers say of its credential's limits, read as a table says (`Manifest.limits`). Pure.

Times are seconds since 1970, passed in. Sources: anthropic.md §9, openai_chat.md §1, apikey_backends.md §1 and §2,
field.md cases 43 to 50.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from addons.providers.quota import Quota

#: A reset further away than this many seconds is not believed.
LONGEST = 32 * 86400.0

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_SCALES = (86400.0, 3600.0, 60.0, 1.0, 0.001)


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
        remaining = _number(headers.get(row.remaining, ""))
        if remaining is None:
            continue
        limit = _number(headers.get(row.limit, "")) if row.limit else None
        if limit == 0:
            continue  # some services say "0 of 0" where they limit nothing
        resets = _resets(row.format, headers.get(row.reset, ""), headers.get("date", ""), now) if row.reset else 0.0
        whose = None if row.scope == "account" else model
        found.append(Quota(row.counts, remaining, limit, resets, whose, row.remaining, now))
    return found


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


# -- forms of a reset; each gives the seconds until then


def _duration(text: str, _: float) -> float | None:
    """`6m0s`, `1s`, `20ms`, `2h`, or a bare number of seconds."""
    seconds = _number(text)
    if seconds is not None:
        return seconds
    parts = _DURATION.fullmatch(text.strip())
    if parts is None or not text.strip():
        return None
    return sum(float(part or 0) * scale for part, scale in zip(parts.groups(), _SCALES, strict=True))


def _moment(text: str, clock: float) -> float | None:
    """RFC 3339; without an offset it is UTC."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - clock


def _epoch(text: str, clock: float) -> float | None:
    """Seconds since 1970, or milliseconds where seconds would be past the year 5000."""
    number = _number(text)
    if number is None:
        return None
    return (number / 1000 if number > 1e11 else number) - clock


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
        try:
            clock = parsedate_to_datetime(date).timestamp()
        except ValueError:
            clock = now
    seconds = FORMATS[form](text, clock)
    return 0.0 if seconds is None or not 0 <= seconds <= LONGEST else now + seconds
