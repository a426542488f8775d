"""Which headers travel: a client's towards the upstream, an upstream's towards the client, ours on what we write."""

from __future__ import annotations

from collections.abc import Iterable

Headers = list[tuple[str, str]]

#: Only between two neighbours (RFC 9110 §7.6.1), or set anew by whoever writes the message.
HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
        "expect",
        "http2-settings",
    ]
)
#: What carries a client's credential: never forwarded through the gateway (design.md, decision 6).
CREDENTIALS = frozenset(["authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie", "x-proxycast-key"])
#: About the client's way to us, which is none of the upstream's business.
_PRIVATE = frozenset(
    [
        "accept-encoding",
        "content-encoding",
        "origin",
        "referer",
        "forwarded",
        "x-real-ip",
        "via",
    ]
)
_TO_UPSTREAM = HOP_BY_HOP | CREDENTIALS | _PRIVATE
_TO_CLIENT = HOP_BY_HOP | {
    "content-encoding",
    "set-cookie",
    "alt-svc",
    "strict-transport-security",
    "x-proxycast-relay",  # of a plugin's relay, for us alone
}
#: The headers that name a request, by protocol: one of ours is added where the upstream sent none (decision 12).
REQUEST_ID = {"anthropic": "request-id", "openai_chat": "x-request-id", "openai_responses": "x-request-id"}


_PRIVATE_FAMILIES = ("x-proxycast-", "x-forwarded-", "sec-fetch-", "sec-ch-", "sec-websocket-")


def connection_names(headers: Iterable[tuple[str, str]]) -> frozenset[str]:
    """What the `connection` header lists: "close", or headers that are for the neighbour alone."""
    values = [value for name, value in headers if name.lower() == "connection"]
    return frozenset(part.strip().lower() for value in values for part in value.split(","))


def to_upstream(headers: Headers) -> Headers:
    """A client's headers as they may be forwarded when nothing is translated: order and spelling kept."""
    dropped = _TO_UPSTREAM | connection_names(headers)
    return [
        (name, value)
        for name, value in headers
        if (lowered := name.lower()) not in dropped and not lowered.startswith(_PRIVATE_FAMILIES)
    ]


def folded(fields: Headers) -> dict[str, str]:
    """Lower-case name → value; the values of one that comes several times joined by commas (RFC 9110 §5.3)."""
    found: dict[str, str] = {}
    for name, value in fields:
        lowered = name.lower()
        found[lowered] = f"{found[lowered]}, {value}" if lowered in found else value
    return found


def to_client(headers: Iterable[tuple[str, str]]) -> Headers:
    """An upstream's headers as they go on when its answer is passed through."""
    headers = list(headers)
    dropped = _TO_CLIENT | connection_names(headers)
    return [
        (name, value)
        for name, value in headers
        if (lowered := name.lower()) not in dropped and not lowered.startswith("access-control-")
    ]


def with_request_id(headers: Headers, protocol: str, request_id: str) -> Headers:
    wanted = REQUEST_ID.get(protocol, "request-id")
    if any(name.lower() in (wanted, "request-id", "x-request-id") for name, _ in headers):
        return headers
    return [*headers, (wanted, request_id)]


def for_stream(headers: Headers) -> Headers:
    """Streams must not be buffered or cached on their way (field.md, case 18)."""
    present = {name.lower() for name, _ in headers}
    extra = [(n, v) for n, v in (("cache-control", "no-cache"), ("x-accel-buffering", "no")) if n not in present]
    return headers + extra
