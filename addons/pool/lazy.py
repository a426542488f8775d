"""An iterable that is worked out only as far as somebody looks, and remembers what it found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class Lazy[T]:
    """Whoever iterates sees all from the start. Of a thousand candidates a request usually needs the first."""

    def __init__(self, source: Iterable[T]) -> None:
        self._source = iter(source)
        self._found: list[T] = []

    def __iter__(self) -> Iterator[T]:
        place = 0
        while True:
            if place == len(self._found):
                try:
                    self._found.append(next(self._source))
                except StopIteration:
                    return
            yield self._found[place]
            place += 1

    def __bool__(self) -> bool:
        return bool(self._found) or next(iter(self), None) is not None
