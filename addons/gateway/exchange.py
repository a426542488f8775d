"""What the steps know about a flow: one typed object on `flow.exchange`, from the request's arrival to the audit's
row."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from addons.audit.record import Origin, Side
from addons.gateway.makers import Strip
from addons.providers.api import Operation
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import Usage

if TYPE_CHECKING:
    from mitmproxy import http

    from addons.config.settings import Profile
    from addons.gateway.codings import Decoding
    from addons.gateway.recognise import Recognised
    from addons.pool.candidates import Candidate
    from addons.pool.lazy import Lazy
    from addons.providers.api import Provider
    from addons.providers.quota import Quota
    from addons.vault.keys import ClientKey
    from translators.canonical.names import NameMap
    from translators.canonical.request import Request
    from translators.canonical.response import Response

Json = dict[str, Any]


class Cause(StrEnum):
    """Why an attempt ended, as the audit's `outcome` says it."""

    OK = "ok"
    CONNECT = "connect"
    TLS = "tls"
    CONNECTION = "connection"  # reset, closed early, cut
    TIMEOUT = "timeout"
    RATE_LIMIT = "rate_limit"
    AUTHENTICATION = "authentication"
    BILLING = "billing"
    NOT_FOUND = "not_found"
    SERVER = "server"
    CLIENT_FAULT = "client_fault"
    SIGNATURE = "signature"
    HANG_UP = "hang_up"
    PACED = "paced"  # by its owner's limits
    INTERNAL = "internal"


@dataclass(slots=True)
class Failure:
    """Why an attempt failed. `response` is the upstream's own answer where there was one (status, headers, body)."""

    cause: Cause
    error: ErrorInfo
    response: tuple[int, list[tuple[str, str]], bytes] | None = None
    reused: bool = False  # on a kept-alive connection, before a byte of the answer

    @property
    def status(self) -> int | None:
        return self.response[0] if self.response else None


class Pipe(Protocol):
    """What an answer flows through: translators/pipeline.py, or bytes as they are."""

    content_seen: bool
    finished: bool
    error: ErrorInfo | None
    events: int

    def feed(self, data: bytes) -> bytes: ...
    def end(self) -> bytes: ...
    def keepalive(self) -> bytes: ...
    def fail(self, info: ErrorInfo) -> bytes: ...


@dataclass(slots=True)
class Attempt:
    """One try at one credential. Times are seconds since 1970."""

    number: int
    candidate: Candidate
    provider: Provider
    protocol: str
    model: str
    names: NameMap
    translated: bool  # the request was
    started: float
    answer_translated: bool = False
    url: str = ""
    request: Side = field(default_factory=Side)
    stream: bool = False  # the upstream was asked to stream
    pipe: Pipe | None = None
    status: int | None = None
    response: Side | None = None
    decoding: Decoding | None = None  # of a streamed answer's content coding
    received: list[bytes] = field(default_factory=list)
    received_size: int = 0
    first_byte: float | None = None
    ended: float | None = None
    cause: Cause | None = None
    failure: Failure | None = None
    stripped: Strip = Strip.NOTHING  # of the history's reasoning
    answer: Response | None = None  # what the upstream said, once it is known
    counted: bool = False  # the pool knows that it is under way
    quotas: list[Quota] = field(default_factory=list)  # what the answer's headers told


@dataclass(slots=True)
class Delivery:
    """What went to the client, for the audit: a capped copy and the rhythm of it."""

    cap: int = 8 << 20
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    last: float | None = None
    first_content: float | None = None
    max_gap: float | None = None
    stalls: int = 0
    chunks: int = 0

    def add(self, data: bytes, now: float) -> None:
        self.chunks += 1
        if self.size < self.cap:
            self.pieces.append(data)
        self.size += len(data)
        if self.last is not None:
            gap = now - self.last
            if self.max_gap is None or gap > self.max_gap:
                self.max_gap = gap
            if gap > 5:
                self.stalls += 1
        self.last = now


@dataclass(slots=True)
class Exchange:
    """One client request and all that became of it.

    `cleared` is the mark without which nothing goes upstream: dispatch sets it for each attempt, the layer takes it
    away."""

    origin: Origin
    started: float = field(default_factory=time.time)
    id: str = field(default_factory=lambda: os.urandom(16).hex())
    recognised: Recognised | None = None
    client_request: Side = field(default_factory=Side)
    method: str = "POST"
    path: str = ""
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    json: Json | None = None
    request: Request | None = None
    key: ClientKey | None = None
    profile_name: str = ""
    profile: Profile | None = None
    protocol: str = ""  # of the client
    output: str = ""  # protocol of the answer
    requested_model: str = ""
    stream: bool = False
    conversation: str = ""
    session: str = ""
    agent: str = ""
    parent_agent: str = ""
    client: str = ""
    client_addr: str = ""
    candidates: Lazy[Candidate] | list[Candidate] = field(default_factory=list)
    home: str = ""  # the credential that served this conversation before
    attempts: list[Attempt] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cleared: bool = False
    outgoing: http.Request | None = None  # what the current attempt sends; `flow.request` has its secrets hidden
    operation: Operation = Operation.GENERATE
    added: list[tuple[str, str]] = field(default_factory=list)  # headers for its answer, whatever that will be
    http10: bool = False  # the client knows no chunks
    rejected: bool = False  # refused before it was routed
    answered: bool = False  # `flow.response` is final: ours, or already in the client's form
    head_sent: bool = False
    content_sent: bool = False
    head: http.Response | None = None
    held: list[bytes] = field(default_factory=list)
    repaired: bool = False
    delivery: Delivery = field(default_factory=Delivery)
    error: ErrorInfo | None = None
    usage: Usage = field(default_factory=Usage)
    usage_estimated: bool = False
    served_model: str = ""
    stop_reason: str = ""
    reported: bool = False

    @property
    def current(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    @property
    def observed(self) -> bool:
        """Forwarded with the client's own credential; no failover, nothing changed."""
        return self.origin is Origin.OBSERVED

    def refuse(self, kind: ErrorKind, message: str, *, status: int | None = None, code: str | None = None) -> ErrorInfo:
        """Note that this exchange ends in an error of ours."""
        self.error = ErrorInfo(kind, message, status=status, code=code)
        return self.error


def id_of(flow: http.HTTPFlow) -> str:
    """The flow's own id: a capture of it, imported later, is known to be the same exchange."""
    return flow.id.replace("-", "")


def of(flow: http.HTTPFlow) -> Exchange | None:
    """The flow's exchange; None for a flow that is none of ours."""
    return getattr(flow, "exchange", None)


def attach(flow: http.HTTPFlow, exchange: Exchange) -> None:
    """A plain attribute: `flow.metadata` must stay serialisable (mitmproxy.md §14)."""
    flow.exchange = exchange  # type: ignore[attr-defined]
