"""How long a service asks to wait, in whatever way it says so: a header, a duration, words (field.md cases 43 to 50).

Everything is in seconds. What no service can mean (negative, endless, further away than `LONGEST`) says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

#: A wait longer than this is not believed: the longest limits are those of a month.
LONGEST = 32 * 86400.0

_PIECE = r"(\d+(?:\.\d+)?)\s*(ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z])"
_PIECES = re.compile(_PIECE, re.IGNORECASE | re.ASCII)
_SPAN = re.compile(rf"(?:{_PIECE}\s*)+", re.IGNORECASE | re.ASCII)
_SPOKEN = re.compile(rf"\b(?:try again|retry) (?:in|after)\s+((?:{_PIECE}\s*)+)", re.IGNORECASE | re.ASCII)

#: Unit, by its beginning, → seconds; the first that fits.
_UNITS = (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86400.0))


def believed(number: object, unit: float = 1.0) -> float | None:
    """A number out of JSON, in units of so many seconds; None for what is none."""
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= LONGEST / unit:
        return None
    return number * unit


def duration(text: str, unit: float = 1.0) -> float | None:
    """`6m0s`, `20ms`, `1h16m0.667s`, `2 hours`, or a bare number in units of so many seconds."""
    try:
        return believed(float(text), unit)
    except ValueError:
        return _sum(text) if _SPAN.fullmatch(text.strip()) else None


def in_words(message: str) -> float | None:
    """From a message that says "Please try again in 1m3.5s." or "retry after 12 seconds"."""
    found = _SPOKEN.search(message)
    return None if found is None else _sum(found[1])


def from_headers(headers: Mapping[str, str]) -> float | None:
    """From `retry-after-ms` or `retry-after`, which holds seconds, a duration or a date; names in lower case."""
    told = headers.get("retry-after", "")
    for seconds in (duration(headers.get("retry-after-ms", ""), 0.001), duration(told)):
        if seconds is not None:
            return seconds
    return until(http_date(told), headers)


def until(moment: object, headers: Mapping[str, str]) -> float | None:
    """To `moment` (seconds since 1970) from the answer's own `date`: there is no clock here, and theirs may be off."""
    now = http_date(headers.get("date", ""))
    return None if now is None else between(now, moment)


def between(now: float, moment: object) -> float | None:
    """From `now` to a `moment` out of JSON, both in seconds since 1970; 0 for one that is past."""
    if isinstance(moment, bool) or not isinstance(moment, int | float) or not moment <= now + LONGEST:
        return None
    return moment - now if moment > now else 0.0


def http_date(text: str) -> float | None:
    """The moment that an HTTP date means, in seconds since 1970; one without a zone is in GMT."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):  # the last: a year or a zone of twenty digits
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _sum(text: str) -> float | None:
    total = 0.0
    for number, unit in _PIECES.findall(text):
        total += float(number) * next(scale for start, scale in _UNITS if unit.lower().startswith(start))
    return believed(total)
