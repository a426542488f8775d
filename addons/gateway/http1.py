"""Keeps HTTP/1 chunked trailers from crashing mitmproxy's reader, which leaves the client hanging (its sheet,
traps)."""

from __future__ import annotations

from typing import Any

import h11
from mitmproxy.proxy.layers.http import _http1


class _NoTrailers(_http1.ChunkedReader):
    """Trailers are dropped: no protocol of ours has any."""

    def __call__(self, buf: Any) -> Any:
        event = super().__call__(buf)
        return h11.EndOfMessage() if isinstance(event, h11.EndOfMessage) else event


class Http1Trailers:
    def load(self, _: object) -> None:
        setattr(_http1, "ChunkedReader", _NoTrailers)  # noqa: B010 - mypy knows it as a type
