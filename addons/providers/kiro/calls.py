"""Puts tool calls together out of their fragments; half of one is none (kiro.md §7.3). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from translators import jsonio

Json = dict[str, Any]


@dataclass(slots=True)
class _Pending:
    name: str = ""
    pieces: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Call:
    """A whole call; `arguments` is the JSON of an object."""

    id: str
    name: str
    arguments: str


class Calls:
    """One answer's. `broken`: a call that ended makes no sense."""

    def __init__(self) -> None:
        self._pending: dict[str, _Pending] = {}
        self._done: set[str] = set()
        self.broken = False

    @property
    def cut(self) -> bool:
        """Whether a call was begun that is not whole: it must not be run."""
        return self.broken or bool(self._pending)

    def add(self, payload: Json) -> Call | None:
        """A `toolUseEvent`; the call once it is whole."""
        identifier = payload.get("toolUseId")
        if not isinstance(identifier, str) or not identifier or identifier in self._done:
            return None
        pending = self._pending.setdefault(identifier, _Pending())
        name, piece = payload.get("name"), payload.get("input")
        if isinstance(name, str) and name:
            pending.name = name
        if isinstance(piece, str):
            pending.pieces.append(piece)
        elif isinstance(piece, dict):  # older servers send the object itself
            pending.pieces = [jsonio.dumps_str(piece)]
        if payload.get("stop") is not True:
            return None
        del self._pending[identifier]
        self._done.add(identifier)
        arguments = "".join(pending.pieces).strip() or "{}"
        if not pending.name or jsonio.object_in(arguments) is None:
            self.broken = True
            return None
        return Call(identifier, pending.name, arguments)
