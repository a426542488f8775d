"""A pipe for endpoints that are only passed through (files, embeddings, audio …): bytes in, the same bytes out."""

from __future__ import annotations

from translators.canonical.errors import ErrorInfo


class BytesPipe:
    """Its first byte is content: there is nothing in it to look for."""

    def __init__(self) -> None:
        self.content_seen = False
        self.finished = False
        self.error: ErrorInfo | None = None
        self.events = 0

    def feed(self, data: bytes) -> bytes:
        self.content_seen = True
        self.events += 1
        return data

    def end(self) -> bytes:
        self.finished = True
        return b""

    def keepalive(self) -> bytes:
        return b""

    def fail(self, info: ErrorInfo) -> bytes:
        self.finished, self.error = True, info
        return b""
