"""What remains of one limit of a credential, as its provider told it in an answer's headers or when asked. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit of a credential as its provider last told it.

    `counts`: what is limited (requests, tokens, input tokens, credits, USD …). `limit` None = not told. `resets` in
    seconds since 1970, 0 = not told. `model` None = it holds for the whole account. `source`: the header or the
    endpoint that said what remains. `seen` in seconds since 1970."""

    counts: str
    remaining: float
    limit: float | None = None
    resets: float = 0.0
    model: str | None = None
    source: str = ""
    seen: float = 0.0

    @property
    def share(self) -> float | None:
        """What remains of the limit, 0 to 1; None where the limit is not known."""
        return self.remaining / self.limit if self.limit else None

    @property
    def cause(self) -> str:
        """For people: what is short, and who says so."""
        of = f" of {figure(self.limit)}" if self.limit else ""
        return f"{figure(self.remaining)}{of} {self.counts} left ({self.source})"


def figure(value: float) -> str:
    """As people read it: cents of a balance matter, parts of a token do not."""
    return f"{value:.2f}" if value % 1 and value < 1000 else f"{value:.0f}"
