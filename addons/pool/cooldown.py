"""Credentials that asked to be left alone for a while, per model or as a whole, and why (design.md, decision 3).

No wait is invented for a whole account: without a word from the provider only this credential and model rest, and
only briefly. A cause once noted is not prolonged by attempts that were skipped (field.md, case 46).
"""

from __future__ import annotations

from dataclasses import dataclass

#: Seconds that a credential and model rest after the n-th 429 in a row without a `retry-after`.
BACKOFF = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


@dataclass(frozen=True, slots=True)
class Rest:
    """`until` is on the caller's monotonic clock; `model` None = the whole credential."""

    until: float
    cause: str
    model: str | None


class Cooldown:
    def __init__(self) -> None:
        self._rests: dict[tuple[str, str | None], Rest] = {}
        self._headerless: dict[tuple[str, str], int] = {}

    def limited(self, credential: str, model: str, now: float, *, retry_after: float | None, cause: str) -> Rest:
        """A 429: rest as long as the provider said, else a short growing while for this model."""
        if retry_after is None:
            count = self._headerless.get((credential, model), 0)
            self._headerless[credential, model] = count + 1
            retry_after = BACKOFF[min(count, len(BACKOFF) - 1)]
        rest = Rest(now + retry_after, cause, model)
        known = self._rests.get((credential, model))
        if known is None or known.until <= now or rest.until > known.until:
            self._rests[credential, model] = rest
        return rest

    def rest(self, credential: str, until: float, cause: str) -> None:
        """The whole credential rests, because the provider said so."""
        self._rests[credential, None] = Rest(until, cause, None)

    def succeeded(self, credential: str, model: str) -> None:
        self._headerless.pop((credential, model), None)
        self._rests.pop((credential, model), None)

    def resting(self, credential: str, model: str, now: float) -> Rest | None:
        """What keeps this credential from being asked for this model now; None = nothing."""
        for key in ((credential, None), (credential, model)):
            rest = self._rests.get(key)
            if rest is not None:
                if rest.until > now:
                    return rest
                del self._rests[key]
        return None
