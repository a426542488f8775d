"""Cloudflare's cookies, which Codex CLI keeps between calls as any browser does (codex.md §5). In memory alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

#: Names of those that Cloudflare sets itself; none of them says who the user is.
_OURS = re.compile(r"(?:__cf|_cf|cf_)[\w-]{1,60}")
#: RFC 6265 §4.1.1, cookie-octet.
_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,4096}")
#: Cookies of one credential, and seconds that one without an end of its own is kept.
MOST, SESSION = 20, 1800.0


@dataclass(frozen=True, slots=True)
class _Cookie:
    value: str
    until: float


class Cookies:
    """By credential and host: what one host said goes to no other. Times are seconds since 1970."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], dict[str, _Cookie]] = {}

    def note(self, credential: str, host: str, lines: Iterable[str], now: float) -> None:
        """`lines` are the values of an answer's `set-cookie`."""
        for line in lines:
            pair, *attributes = line.split(";")
            name, _, value = (part.strip() for part in pair.partition("="))
            if not _OURS.fullmatch(name) or not _VALUE.fullmatch(value):
                continue
            kept = self._kept.setdefault((credential, host), {})
            kept.pop(name, None)
            until = _until(attributes, now)
            if until > now and len(kept) < MOST:
                kept[name] = _Cookie(value, until)

    def header(self, credential: str, host: str, now: float) -> str:
        """What goes into `cookie`, "" where there is nothing."""
        kept = self._kept.get((credential, host), {})
        return "; ".join(f"{name}={cookie.value}" for name, cookie in kept.items() if cookie.until > now)


def _until(attributes: Iterable[str], now: float) -> float:
    """`Max-Age` goes before `Expires` (RFC 6265 §5.3)."""
    known = {name.strip().lower(): value.strip() for name, _, value in (one.partition("=") for one in attributes)}
    age = known.get("max-age", "")
    if re.fullmatch(r"-?\d{1,10}", age):
        return now + int(age)
    try:
        return parsedate_to_datetime(known["expires"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return now + SESSION
