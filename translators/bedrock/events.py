"""The events of a Bedrock stream: framed messages to names and JSON payloads; every trouble to an error.

Shared by Converse and by the wires that send another protocol's events in `chunk` payloads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from translators import jsonio
from translators.bedrock import errors
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.framing.aws_eventstream import EventStreamParser, Message

Json = dict[str, Any]

CUT = "The backend's stream ended before its answer was complete"


class Event(NamedTuple):
    kind: str
    payload: Json


class EventReader:
    """Never raises. An error is the last thing that is returned; what comes behind it is not looked at."""

    def __init__(self) -> None:
        self._parser = EventStreamParser()
        self._failed = False

    def feed(self, data: bytes) -> list[Event | ErrorInfo]:
        out: list[Event | ErrorInfo] = []
        for message in self._parser.feed(data):
            if self._failed:
                return out
            found = _read(message)
            if found is not None:
                self._failed = isinstance(found, ErrorInfo)
                out.append(found)
        if self._parser.error is not None and not self._failed:
            self._failed = True
            out.append(ErrorInfo(ErrorKind.SERVER, f"The backend's event stream is corrupt: {self._parser.error}"))
        return out


def _read(message: Message) -> Event | ErrorInfo | None:
    """None for what is no event of a service: an initial response, or a payload that is no object."""
    payload = jsonio.object_in(message.payload)
    match message.text(":message-type"):
        case "event":
            return Event(message.text(":event-type"), payload) if payload is not None else None
        case "exception":
            told = payload.get("message") if payload is not None else None
            text = told if isinstance(told, str) else message.payload[:500].decode("utf-8", "replace")
            return errors.exception(message.text(":exception-type"), text, payload)
        case "error":
            return errors.exception(message.text(":error-code"), message.text(":error-message"))
        case _:
            return None
