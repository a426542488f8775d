"""How the pieces of an upstream's stream are handed to a plugin: as bytes, as lines, or as server-sent events."""

from __future__ import annotations

import base64
from typing import Any, Protocol

from translators.framing.sse import SseEvent, SseParser

Json = dict[str, Any]
#: Bytes of a line; a longer one is handed over in pieces.
LONGEST = 8 << 20


class Framer(Protocol):
    """`feed` and `end` give the parameters that carry what is complete; {} when nothing is."""

    def feed(self, data: bytes) -> Json: ...
    def end(self) -> Json: ...


class Raw:
    def feed(self, data: bytes) -> Json:
        return {"data_base64": base64.b64encode(data).decode()} if data else {}

    def end(self) -> Json:
        return {}


class LineFramer:
    """Without their ends; empty ones are left out."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Json:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST:
            lines, self._rest = [*lines, self._rest], b""
        return _lines(lines)

    def end(self) -> Json:
        rest, self._rest = self._rest, b""
        return _lines([rest])


def _lines(lines: list[bytes]) -> Json:
    texts = [text for line in lines if (text := line.rstrip(b"\r").decode("utf-8", "replace"))]
    return {"lines": texts} if texts else {}


class SseFramer:
    def __init__(self) -> None:
        self._parser = SseParser(LONGEST)

    def feed(self, data: bytes) -> Json:
        return _events(self._parser.feed(data))

    def end(self) -> Json:
        return _events(self._parser.end())


def _events(events: list[SseEvent]) -> Json:
    told = [{"event": event.event, "data": event.data.decode("utf-8", "replace")} for event in events]
    return {"events": told} if told else {}


FRAMERS: dict[str, type[Framer]] = {"raw": Raw, "lines": LineFramer, "sse": SseFramer}
