"""What the stand-in takes down of each request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .ask import Protocol, Refusal
from .failures import Failure


@dataclass
class Recorded:
    """One request as it arrived, and what became of it.

    ``endpoint``: "generate", "count" or the path of anything else; ``headers`` by lower-case name (repeated ones joined
    with ", "); ``raw`` as sent (still compressed), ``json`` None if it was none. ``turn`` is the index of the scripted
    turn that answered (``len(turns)`` for the final one), None for side calls and errors. ``aborted``: the client hung
    up before the end.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes
    json: Any = None
    protocol: Protocol | None = None
    endpoint: str = ""
    status: int = 0
    refusal: Refusal | None = None
    failure: Failure | None = None
    turn: int | None = None
    aborted: bool = False

    @property
    def is_main(self) -> bool:
        """Whether a scripted turn answered, as opposed to a side call, an error or another endpoint."""
        return self.turn is not None
