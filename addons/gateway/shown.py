"""What mitmweb, the console and files of `-w` get to see of a flow: its whole content, but no secret.

They show `flow.request` as it is. So its secrets are hidden as soon as they have been read, and what really goes
upstream is a request of its own (`Exchange.outgoing`), put in its place when it is sent (stream_events.py).
"""

from __future__ import annotations

from functools import lru_cache

from mitmproxy import http

from addons.audit.safe_headers import is_safe

MARK = b"[hidden]"


@lru_cache(maxsize=4_096)
def _may_show(name: bytes) -> bool:
    return is_safe(name.decode("latin-1").lower())


def hide(message: http.Request | http.Response) -> None:
    """Hide the values of all headers but those that are known to hold no secret (safe_headers.py)."""
    fields = message.headers.fields
    if not all(_may_show(name) for name, _ in fields):
        message.headers = http.Headers([(name, value if _may_show(name) else MARK) for name, value in fields])


def outgoing(request: http.Request) -> http.Request:
    """The same request, to be sent; headers are taken over, so that `request` must be given others."""
    data = request.data
    return http.Request(
        *(data.host, data.port, data.method, data.scheme, data.authority, data.path, data.http_version),
        *(data.headers, data.content, data.trailers, data.timestamp_start, data.timestamp_end),
    )
