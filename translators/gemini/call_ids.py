"""Which result answers which call, where ids are missing, rewritten by the client, or there (mapping.md §4)."""

from __future__ import annotations

from dataclasses import dataclass

from translators.canonical import ids


@dataclass(slots=True, eq=False)
class _Call:
    id: str
    name: str
    turn: int


class CallIds:
    """Gives every call of a history its id, and finds the call of every result.

    Ids that were missing are made up from (turn, position, name), so that the next request makes the same. Gemini CLI
    sends an id back as `NAME__ID`: the prefix is taken off again, so that a backend sees the id that it gave.
    """

    def __init__(self) -> None:
        self._waiting: list[_Call] = []
        self._by_raw: dict[str, str] = {}
        self._names: dict[str, str] = {}  # of every id so far

    def of_call(self, raw: str | None, name: str, turn: int, position: int) -> str:
        if not raw:
            found = ids.derive("gemini", turn, position, name, prefix="call_")
        elif raw in self._by_raw:
            found = self._by_raw[raw]
        else:
            short = _bare(raw, name)
            found = raw if short in self._names else short
            self._by_raw[raw] = found
        self._names[found] = name
        self._waiting.append(_Call(found, name, turn))
        return found

    def of_result(self, raw: str | None, name: str, turn: int, position: int) -> str:
        """The id of the call it answers; a made-up one if there is none (it is then an orphan)."""
        if raw:
            known = self._by_raw.get(raw)
            if known is None and _bare(raw, name) in self._names:
                known = _bare(raw, name)
            if known is not None:
                self._answer(next((call for call in self._waiting if call.id == known), None))
                return known
        call = self._first(name)
        self._answer(call)
        if call is not None:
            return call.id
        return raw or ids.derive("gemini", "result", turn, position, name, prefix="call_")

    def name_of(self, identifier: str) -> str:
        return self._names.get(identifier, "")

    def _answer(self, call: _Call | None) -> None:
        if call is not None:
            self._waiting.remove(call)

    def _first(self, name: str) -> _Call | None:
        """The first unanswered call of that name (of any, if the result has none) in the latest turn that has one."""
        waiting = [call for call in self._waiting if name in ("", call.name)]
        return next((call for call in waiting if call.turn == waiting[-1].turn), None)


def _bare(raw: str, name: str) -> str:
    return (raw.removeprefix(f"{name}__") or raw) if name else raw
