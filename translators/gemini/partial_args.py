"""Arguments that arrive piece by piece: Vertex's `partialArgs` (gemini.md §2), put together to one object."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from translators.gemini.wire import get

Json = dict[str, Any]

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d+)\]|\[["']([^"']*)["']\]""")

#: Places in one array that a path may reach; a hostile index must not make a list of that length.
_MAX_INDEX = 10_000


class PartialCall:
    """One call in the making. `args` is the object so far."""

    def __init__(self, call: Json) -> None:
        self.id = ""
        self.name = ""
        self.args: Json = {}
        self.signature: str | None = None
        self.feed(call)

    def feed(self, call: Json) -> bool:
        """Take one more `functionCall`; → whether it was the last."""
        for field in ("id", "name"):
            value = call.get(field)
            if isinstance(value, str) and value:
                setattr(self, field, value)
        whole = call.get("args")
        if isinstance(whole, dict):
            self.args.update(whole)
        pieces = get(call, "partialArgs")
        for piece in pieces if isinstance(pieces, list) else ():
            if isinstance(piece, dict):
                self._take(piece)
        return get(call, "willContinue") is not True

    def _take(self, piece: Json) -> None:
        path = get(piece, "jsonPath")
        steps = _steps(path) if isinstance(path, str) else []
        if not steps or not isinstance(steps[0], str):
            return
        text = get(piece, "stringValue")
        value: Any = text
        if text is None:
            value = get(piece, "numberValue")
        if value is None:
            value = get(piece, "boolValue")
        at: Any = self.args
        for step, following in pairwise(steps):
            at = _enter(at, step, [] if isinstance(following, int) else {})
            if at is None:
                return
        last = steps[-1]
        if isinstance(text, str):  # strings grow
            before = _read(at, last)
            value = before + text if isinstance(before, str) else text
        _write(at, last, value)


def _steps(path: str) -> list[str | int]:
    return [int(index) if index else name or quoted for name, index, quoted in _STEP.findall(path)]


def _read(at: Any, step: str | int) -> Any:
    if isinstance(at, dict) and isinstance(step, str):
        return at.get(step)
    if isinstance(at, list) and isinstance(step, int) and step < len(at):
        return at[step]
    return None


def _write(at: Any, step: str | int, value: Any) -> None:
    if isinstance(at, dict) and isinstance(step, str):
        at[step] = value
    elif isinstance(at, list) and isinstance(step, int) and step < _MAX_INDEX:
        at.extend([None] * (step + 1 - len(at)))
        at[step] = value


def _enter(at: Any, step: str | int, fresh: Any) -> Any:
    """The container at `step`, made where there is none; None where a path contradicts what is there."""
    found = _read(at, step)
    if found is None:
        _write(at, step, fresh)
        return _read(at, step)
    return found if isinstance(found, dict | list) else None
